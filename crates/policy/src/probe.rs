//! What the rules ask of a packet.

use std::net::IpAddr;

use vpcreplay_flow::{Direction, PacketFacts, Protocol, Transport};

/// What a rule looks at in a packet: the peer's address, the protocol, and a port or an ICMP type (S5.2, S6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The source of an ingress packet, the destination of an egress packet.
    pub peer: IpAddr,
    /// IP protocol.
    pub protocol: Protocol,
    /// What is known beyond the protocol.
    pub selector: Selector,
}

/// What is known of a packet beyond its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The destination port.
    Port(u16),
    /// ICMP or ICMPv6 type and code.
    Icmp {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
    },
    /// The protocol is known by its number only.
    Number,
    /// Ports or type are unknown: only rules that cover all of them match (S2.7, S12.4).
    Unknown,
}

impl Probe {
    /// The question that a packet asks of the rules of a direction.
    #[expect(clippy::inline_always, reason = "callers that know the shape of the packet are compiled for it")]
    #[inline(always)]
    pub const fn of(facts: &PacketFacts, direction: Direction) -> Self {
        let selector = match facts.transport {
            Transport::Tcp { dst_port, .. } | Transport::Ports { dst_port, .. } => Selector::Port(dst_port),
            Transport::IcmpQuery { icmp_type, code, .. }
            | Transport::IcmpError { icmp_type, code, .. }
            | Transport::IcmpOneWay { icmp_type, code } => Selector::Icmp { icmp_type, code },
            Transport::Other => Selector::Number,
            Transport::Unknown => Selector::Unknown,
        };
        Self { peer: peer(facts, direction), protocol: facts.protocol, selector }
    }

    /// The question that the reversed flow asks of the rules of the *opposite* direction: the same peer, and
    /// the packet's own source port as destination port (S7.5). `direction` is the packet's own.
    /// `None` where the packet has no ports or they are unknown (S12.16).
    pub const fn reversed(facts: &PacketFacts, direction: Direction) -> Option<Self> {
        match facts.transport.ports() {
            Some((src_port, _)) => Some(Self {
                peer: peer(facts, direction),
                protocol: facts.protocol,
                selector: Selector::Port(src_port),
            }),
            None => None,
        }
    }
}

/// The address that the rules of a direction look at (S5.2, S6.2).
#[inline]
const fn peer(facts: &PacketFacts, direction: Direction) -> IpAddr {
    match direction {
        Direction::Ingress => facts.src,
        Direction::Egress => facts.dst,
    }
}
