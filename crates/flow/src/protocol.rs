//! IP protocols, TCP flags and ICMP types, in the terms that the rules use.

/// An IANA protocol number: of an IPv4 header, or after the extension headers of IPv6 (S2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// DCCP.
    pub const DCCP: Self = Self(33);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite.
    pub const UDP_LITE: Self = Self(136);

    /// Whether packets of this protocol bear ports (S2.4).
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::UDP_LITE | Self::SCTP | Self::DCCP)
    }
}

/// The flag byte of a TCP header: CWR, ECE, URG, ACK, PSH, RST, SYN, FIN from the top bit down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

/// What a TCP packet counts as: the first of these that fits (S2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpKind {
    /// Bears RST.
    Rst,
    /// Bears SYN and ACK.
    SynAck,
    /// A *bare SYN*: SYN without ACK.
    Syn,
    /// Bears FIN.
    Fin,
    /// An ACK, data, or anything else.
    Ack,
}

impl TcpFlags {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;

    /// What the packet counts as (S2.4).
    pub const fn kind(self) -> TcpKind {
        let Self(bits) = self;
        if bits & Self::RST != 0 {
            TcpKind::Rst
        } else if bits & Self::SYN != 0 && bits & Self::ACK != 0 {
            TcpKind::SynAck
        } else if bits & Self::SYN != 0 {
            TcpKind::Syn
        } else if bits & Self::FIN != 0 {
            TcpKind::Fin
        } else {
            TcpKind::Ack
        }
    }
}

/// The ICMP queries that have an identifier and an answer (S7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueryKind {
    /// Echo (ICMP 8 and 0, ICMPv6 128 and 129).
    Echo,
    /// Timestamp (ICMP 13 and 14).
    Timestamp,
    /// Information (ICMP 15 and 16).
    Information,
    /// Address mask (ICMP 17 and 18).
    AddressMask,
}

/// The part that the sender of an ICMP query packet plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryRole {
    /// The packet is a request: its sender is the requester.
    Requester,
    /// The packet is a reply: its receiver is the requester.
    Responder,
}

/// What a type of ICMP or ICMPv6 means for tracking (S2.4, S6.3, S7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpType {
    /// A query or its answer.
    Query(QueryKind, QueryRole),
    /// An error that quotes the packet it is about.
    Error,
    /// Anything else: one way, it opens nothing for an answer.
    OneWay,
}

impl IcmpType {
    /// Classifies a type of ICMP ([`Protocol::ICMP`]) or of ICMPv6 ([`Protocol::ICMPV6`], S12.7).
    pub const fn of(protocol: Protocol, icmp_type: u8) -> Self {
        use QueryKind::{AddressMask, Echo, Information, Timestamp};
        use QueryRole::{Requester, Responder};
        match (protocol, icmp_type) {
            (Protocol::ICMP, 8) | (Protocol::ICMPV6, 128) => Self::Query(Echo, Requester),
            (Protocol::ICMP, 0) | (Protocol::ICMPV6, 129) => Self::Query(Echo, Responder),
            (Protocol::ICMP, 13) => Self::Query(Timestamp, Requester),
            (Protocol::ICMP, 14) => Self::Query(Timestamp, Responder),
            (Protocol::ICMP, 15) => Self::Query(Information, Requester),
            (Protocol::ICMP, 16) => Self::Query(Information, Responder),
            (Protocol::ICMP, 17) => Self::Query(AddressMask, Requester),
            (Protocol::ICMP, 18) => Self::Query(AddressMask, Responder),
            (Protocol::ICMP, 3 | 4 | 5 | 11 | 12) | (Protocol::ICMPV6, 1..=4) => Self::Error,
            _ => Self::OneWay,
        }
    }
}
