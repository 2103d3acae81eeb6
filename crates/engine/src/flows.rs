//! Flow records: what became of a flow, told when it is over (S9.3, S12.18).

use std::collections::VecDeque;

use vpcreplay_conntrack::{Departed, Ending, Entry, State};
use vpcreplay_flow::{Disposition, End, FlowKey, Protocol, TcpKind, Timestamp};
use vpcreplay_policy::EniId;

use crate::memory::{Aside, Memory};
use crate::{Shard, Verdict};

/// A record names at most this many connections, the newest (S9.3).
const NEWEST_CONNECTIONS: usize = 16;

/// Packets and bytes of one end of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndCounts {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP.
    pub bytes: u64,
    /// Packets allowed.
    pub allowed: u64,
    /// Packets denied.
    pub denied: u64,
    /// Packets that would never have been sent.
    pub unsent: u64,
    /// Of the allowed ones, those that count as RST.
    pub(crate) allowed_resets: u64,
}

/// One connection of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// Its number.
    pub number: u64,
    /// The ENI that tracks it.
    pub eni: EniId,
    /// Its state, the last one when it has ended.
    pub state: State,
    /// How it ended.
    pub ending: Ending,
}

/// What became of a flow: the first that applies (S9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// No packet of the opener passed.
    Blocked,
    /// The opener passed, packets of the other end were judged and none passed: the ephemeral-port pitfall.
    HalfOpenBlocked,
    /// TCP whose SYN was answered by RST and nothing else.
    Refused,
    /// Packets of both ends passed.
    Open,
    /// Only the opener spoke.
    OneWay,
}

impl Outcome {
    /// The code used in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::HalfOpenBlocked => "half-open-blocked",
            Self::Refused => "refused",
            Self::Open => "open",
            Self::OneWay => "one-way",
        }
    }
}

/// The record of a flow (S9.3). Times are engine time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRecord {
    /// Its number, from 1, in order of first packets.
    pub number: u64,
    /// Its key.
    pub key: FlowKey,
    /// The end that `forward` starts from: the opener, or else the sender of the first packet.
    pub source: End,
    /// First packet.
    pub first: Timestamp,
    /// Last packet.
    pub last: Timestamp,
    /// Packets from the source.
    pub forward: EndCounts,
    /// Packets from the other end.
    pub reverse: EndCounts,
    /// How many connections the flow had.
    pub connection_count: u64,
    /// The newest 16 of them, ascending.
    pub connections: Vec<ConnectionRecord>,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was over; [`Timestamp::MAX`] while it lives.
    pub over: Timestamp,
}

/// What a flow record needs while the flow is remembered.
#[derive(Clone, Debug)]
pub(crate) struct Detail {
    number: u64,
    first: Timestamp,
    first_sender: End,
    ends: [EndCounts; 2],
    connection_count: u64,
    newest: VecDeque<ConnectionRecord>,
}

impl Detail {
    /// The detail of a flow from its first packet on; connections that live already are taken along (S12.18).
    pub(crate) fn begin<'a>(
        (number, first_sender): (u64, End),
        now: Timestamp,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Self {
        let mut detail = Self {
            number,
            first: now,
            first_sender,
            ends: [EndCounts::default(); 2],
            connection_count: 0,
            newest: VecDeque::new(),
        };
        let mut entries: Vec<Entry> = entries.copied().collect();
        entries.sort_by_key(|entry| entry.number);
        for entry in &entries {
            detail.opened(entry);
        }
        detail
    }

    /// Notes a new connection.
    pub(crate) fn opened(&mut self, entry: &Entry) {
        self.connection_count += 1;
        if self.newest.len() == NEWEST_CONNECTIONS {
            self.newest.pop_front();
        }
        self.newest.push_back(record_of(entry, Ending::Live));
    }

    /// Notes the end of a connection.
    pub(crate) fn ended(&mut self, entry: &Entry, ending: Ending) {
        if let Some(record) = self.newest.iter_mut().find(|record| record.number == entry.number) {
            *record = record_of(entry, ending);
        }
    }

    /// Gives connections and the flow the numbers that they have by now.
    pub(crate) fn renumber(&mut self, connection: impl Fn(u64) -> u64, flow: impl FnOnce(u64) -> u64) {
        self.number = flow(self.number);
        for record in &mut self.newest {
            record.number = connection(record.number);
        }
    }

    /// Counts a packet.
    pub(crate) fn count(&mut self, sender: End, (length, tcp): (u32, Option<TcpKind>), verdict: &Verdict) {
        let [a, b] = &mut self.ends;
        let end = if sender == End::A { a } else { b };
        end.packets += 1;
        end.bytes += u64::from(length);
        match verdict.disposition() {
            Disposition::Allow => {
                end.allowed += 1;
                end.allowed_resets += u64::from(tcp == Some(TcpKind::Rst));
            }
            Disposition::Deny => end.denied += 1,
            Disposition::Unsent => end.unsent += 1,
            Disposition::Unjudged => {}
        }
    }
}

fn record_of(entry: &Entry, ending: Ending) -> ConnectionRecord {
    let Entry { number, eni, tracking, .. } = *entry;
    ConnectionRecord { number, eni: EniId(eni), state: tracking.state(), ending }
}

/// The record of a flow that is over; `None` where none was asked for.
pub(crate) fn record(flow: &Departed<Memory, Aside>, over: Timestamp) -> Option<FlowRecord> {
    let detail = flow.aside.detail.as_deref()?;
    let opener = flow.memory.handshake().opener;
    let source = opener.unwrap_or(detail.first_sender);
    let [a, b] = detail.ends;
    let (forward, reverse) = if source == End::A { (a, b) } else { (b, a) };
    let mut connections: Vec<ConnectionRecord> = detail.newest.iter().copied().collect();
    connections.sort_by_key(|record| record.number);
    let has_syn = flow.key.protocol() == Protocol::TCP && opener.is_some();
    Some(FlowRecord {
        number: detail.number,
        key: flow.key,
        source,
        first: detail.first,
        last: flow.last_packet,
        forward,
        reverse,
        connection_count: detail.connection_count,
        connections,
        outcome: outcome(&forward, &reverse, has_syn.then_some(&SynSeen)),
        over,
    })
}

/// The record of a flow that lives, with its live connections; `None` where none was asked for.
pub(crate) fn record_of_live(shard: &Shard, at: u32) -> Option<FlowRecord> {
    let flow = shard.flow(at).filter(|flow| flow.is_remembered())?;
    let aside = Aside::for_record(shard.aside(at)?.detail.clone());
    let departed =
        Departed { key: shard.key(at)?, last_packet: flow.last_packet(), memory: flow.memory, aside };
    let mut record = record(&departed, Timestamp::MAX)?;
    for entry in shard.entries(at) {
        if let Some(live) = record.connections.iter_mut().find(|record| record.number == entry.number) {
            let tracking = entry.tracking;
            live.state = tracking.state();
        }
    }
    Some(record)
}

/// A bare SYN of the flow was seen.
struct SynSeen;

fn outcome(forward: &EndCounts, reverse: &EndCounts, syn: Option<&SynSeen>) -> Outcome {
    let is_judged = reverse.allowed + reverse.denied > 0;
    if forward.allowed == 0 {
        Outcome::Blocked
    } else if is_judged && reverse.allowed == 0 {
        Outcome::HalfOpenBlocked
    } else if syn.is_some() && reverse.allowed > 0 && reverse.allowed == reverse.allowed_resets {
        Outcome::Refused
    } else if reverse.allowed > 0 {
        Outcome::Open
    } else {
        Outcome::OneWay
    }
}
