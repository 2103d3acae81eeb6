//! Flows: one record for both directions and all ENIs (S7.0, S9.3).

use vpcreplay_flow::{Disposition, End, FlowKey, KeyClass, PacketFacts, Protocol, TcpKind, Timestamp};

use super::connection::Connection;
use super::records::{ConnectionRecord, FlowRecord};

/// What became of the newest packet of a kind (S12.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// There was none.
    #[default]
    None,
    /// It was denied; the number of the packet.
    Denied(u64),
    /// It passed.
    Passed,
}

/// The packets of one end of a flow.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    packets: u64,
    bytes: u64,
    allowed: u64,
    denied: u64,
    unsent: u64,
    /// Those allowed that bear RST.
    allowed_resets: u64,
}

/// A remembered flow, or one that is over.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// Number, from 1, in the order of the first packets.
    pub(super) number: u64,
    /// Flow key.
    pub(super) key: FlowKey,
    /// The sender of its first packet.
    first_sender: End,
    /// The opener (S7.0).
    pub(super) opener: Option<End>,
    /// TCP: what became of the newest bare SYN (S12.9).
    pub(super) syn: Fate,
    /// TCP: what became of the other end's SYN+ACK (S12.9).
    pub(super) syn_ack: Fate,
    /// Other protocols: what became of the opener's packets; `Passed` stays (S8.3).
    pub(super) opened: Fate,
    /// Engine time of the first packet.
    first: Timestamp,
    /// Engine time of the last packet.
    pub(super) last: Timestamp,
    /// Packets by end.
    tallies: [Tally; 2],
    /// When it was over; `None` while it is remembered.
    pub(super) over: Option<Timestamp>,
}

impl Flow {
    /// The flow whose first packet this is.
    pub(super) fn begun_by((key, sender): (FlowKey, End), number: u64, now: Timestamp) -> Self {
        let opener = match key.class() {
            _ if key.protocol() == Protocol::TCP => None, // S7.0: none before the first bare SYN
            KeyClass::Query(_) => Some(End::A),           // S7.0: the requester
            _ => Some(sender),                            // S7.0: the sender of the first packet
        };
        Self {
            number,
            key,
            first_sender: sender,
            opener,
            syn: Fate::None,
            syn_ack: Fate::None,
            opened: Fate::None,
            first: now,
            last: now,
            tallies: [Tally::default(); 2],
            over: None,
        }
    }

    /// Counts a packet (S9.3; S12.18: by end).
    pub(super) fn count(
        &mut self,
        sender: End,
        facts: &PacketFacts,
        disposition: Disposition,
        now: Timestamp,
    ) {
        let tally = &mut self.tallies[sender as usize];
        tally.packets += 1;
        tally.bytes += u64::from(facts.length);
        match disposition {
            Disposition::Allow => {
                tally.allowed += 1;
                let is_reset = facts.transport.tcp_flags().is_some_and(|flags| flags.kind() == TcpKind::Rst);
                tally.allowed_resets += u64::from(is_reset);
            }
            Disposition::Deny => tally.denied += 1,
            Disposition::Unsent => tally.unsent += 1,
            Disposition::Unjudged => {}
        }
        self.last = now;
    }

    /// S9.3: one outcome, the first that applies.
    fn outcome(&self, opener: End) -> &'static str {
        let (ours, theirs) = (&self.tallies[opener as usize], &self.tallies[opener.other() as usize]);
        let saw_bare_syn = self.key.protocol() == Protocol::TCP && self.opener.is_some();
        if ours.allowed == 0 {
            "blocked"
        } else if theirs.denied > 0 && theirs.allowed == 0 {
            "half-open-blocked"
        } else if saw_bare_syn && theirs.allowed > 0 && theirs.allowed == theirs.allowed_resets {
            "refused"
        } else if theirs.allowed > 0 {
            "open"
        } else {
            "one-way"
        }
    }

    /// The record of the flow (S9.3), given all its connections in the order of their numbers.
    pub(super) fn record(&self, connections: &[&Connection]) -> FlowRecord {
        // Where no opener is known, the sender of the first packet stands in.
        let src = self.opener.unwrap_or(self.first_sender);
        let (forward, reverse) = (&self.tallies[src as usize], &self.tallies[src.other() as usize]);
        let newest = connections.len().saturating_sub(16);
        FlowRecord {
            flow: self.number,
            protocol: self.key.protocol().0,
            src: self.key.address(src),
            src_port: self.key.port(src),
            dst: self.key.address(src.other()),
            dst_port: self.key.port(src.other()),
            icmp_id: self.key.icmp_id(),
            first_ns: self.first.nanos(),
            last_ns: self.last.nanos(),
            packets_forward: forward.packets,
            packets_reverse: reverse.packets,
            bytes_forward: forward.bytes,
            bytes_reverse: reverse.bytes,
            allowed_forward: forward.allowed,
            allowed_reverse: reverse.allowed,
            denied_forward: forward.denied,
            denied_reverse: reverse.denied,
            unsent_forward: forward.unsent,
            unsent_reverse: reverse.unsent,
            connection_count: connections.len() as u64,
            connections: connections[newest..]
                .iter()
                .map(|connection| ConnectionRecord {
                    connection: connection.number,
                    eni: connection.eni.clone(),
                    state: connection.state.name(),
                    end: connection.ended.map_or("live", |(_, ending)| ending.name()),
                })
                .collect(),
            outcome: self.outcome(src),
        }
    }
}
