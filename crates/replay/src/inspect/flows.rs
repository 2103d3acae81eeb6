//! Flows: which begin in the middle, which go one way, which services they ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use vpcreplay_flow::{End, FlowKey, PacketFacts, Protocol, TcpKind, Transport};

/// Flows that are looked at one by one.
const ROOM: usize = 262_144;
/// Services that are kept.
const SERVICES: usize = 65_536;
/// From this port on, the port of an end that did not answer to a SYN is taken for an ephemeral one.
const EPHEMERAL: u16 = 32_768;

/// A service that an address offers: protocol and port, no port for echo requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// The protocol.
    pub protocol: Protocol,
    /// The port; `None` for ICMP echo requests.
    pub port: Option<u16>,
}

/// Flows by what is seen of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowKinds {
    /// Flows looked at.
    pub flows: u64,
    /// Packets of flows beyond the room of the table.
    pub beyond: u64,
    /// TCP flows.
    pub tcp: u64,
    /// TCP flows whose first packet here is no bare SYN: they began before the capture, or out of its sight.
    pub tcp_midstream: u64,
    /// TCP flows of which only one end is seen, though that end sends more than SYN and RST.
    pub tcp_one_way: u64,
    /// UDP flows.
    pub udp: u64,
    /// UDP flows of which only one end is seen.
    pub udp_one_way: u64,
}

/// What is known of a flow.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The end that opened it, as far as can be told.
    opener: End,
    /// Whether its first packet was a bare SYN.
    is_from_start: bool,
    /// The end that sent its first packet.
    first: End,
    /// Whether the other end sent one too.
    is_answered: bool,
    /// Whether a packet was neither SYN nor RST.
    is_going: bool,
}

/// The flows of a capture.
#[derive(Clone, Debug, Default)]
pub(super) struct Flows {
    seen: HashMap<FlowKey, Seen>,
    beyond: u64,
}

/// Services by the address that offers them.
pub(super) type Services = BTreeMap<IpAddr, BTreeSet<Service>>;

impl Flows {
    pub(super) fn packet(&mut self, facts: &PacketFacts) {
        let Some((key, sender)) = facts.flow() else { return };
        let kind = facts.transport.tcp_flags().map(vpcreplay_flow::TcpFlags::kind);
        let is_full = self.seen.len() >= ROOM;
        if is_full && !self.seen.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let seen = self.seen.entry(key).or_insert_with(|| Seen {
            opener: first_opener(facts, sender, kind),
            is_from_start: kind == Some(TcpKind::Syn),
            first: sender,
            is_answered: false,
            is_going: false,
        });
        seen.is_answered |= sender != seen.first;
        match kind {
            Some(TcpKind::Syn) => seen.opener = sender,
            Some(TcpKind::SynAck | TcpKind::Rst) | None => {}
            Some(TcpKind::Fin | TcpKind::Ack) => seen.is_going = true,
        }
    }

    /// The sums, and who offers what.
    pub(super) fn finish(self) -> (FlowKinds, Services) {
        let mut kinds =
            FlowKinds { flows: self.seen.len() as u64, beyond: self.beyond, ..FlowKinds::default() };
        let mut services = Services::new();
        let mut count = 0;
        for (key, seen) in self.seen {
            let is_one_way = u64::from(!seen.is_answered);
            match key.protocol() {
                Protocol::TCP => {
                    kinds.tcp += 1;
                    kinds.tcp_midstream += u64::from(!seen.is_from_start);
                    kinds.tcp_one_way += is_one_way * u64::from(seen.is_going);
                }
                Protocol::UDP => {
                    kinds.udp += 1;
                    kinds.udp_one_way += is_one_way;
                }
                _ => {}
            }
            let server = seen.opener.other();
            let service = Service { protocol: key.protocol(), port: key.port(server) };
            let is_service = service.port.is_some() || key.icmp_id().is_some();
            if is_service
                && count < SERVICES
                && services.entry(key.address(server)).or_default().insert(service)
            {
                count += 1;
            }
        }
        (kinds, services)
    }
}

/// Who opened a flow, by its first packet: the sender of a SYN, the receiver of a SYN+ACK, the requester; else the end
/// with the ephemeral port, else the sender.
fn first_opener(facts: &PacketFacts, sender: End, kind: Option<TcpKind>) -> End {
    match (facts.transport, kind) {
        (Transport::IcmpQuery { .. }, _) => End::A,
        (_, Some(TcpKind::Syn)) => sender,
        (_, Some(TcpKind::SynAck)) => sender.other(),
        _ => match facts.transport.ports() {
            Some((src, dst)) if src < EPHEMERAL && dst >= EPHEMERAL => sender.other(),
            Some((src, dst)) if kind.is_some() && src < dst => sender.other(),
            _ => sender,
        },
    }
}
