//! What is known of a packet once its frame is decoded (S2.3, S2.4).

use std::net::IpAddr;

use crate::{End, FlowKey, Protocol, QueryKind, QueryRole, TcpFlags};

/// The facts of a packet that the rules look at (S2.4). Both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketFacts {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol, after IPv6 extension headers.
    pub protocol: Protocol,
    /// What the transport header says.
    pub transport: Transport,
    /// IP total length in bytes (S2.3).
    pub length: u32,
}

/// What a transport header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// The flag byte.
        flags: TcpFlags,
    },
    /// UDP, UDP-Lite, SCTP or DCCP.
    Ports {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// An ICMP or ICMPv6 query or its answer (S7.1).
    IcmpQuery {
        /// ICMP type.
        icmp_type: u8,
        /// ICMP code.
        code: u8,
        /// Identifier.
        id: u16,
        /// Kind of query.
        kind: QueryKind,
        /// Whether it is the request or the reply.
        role: QueryRole,
    },
    /// An ICMP or ICMPv6 error (S6.3.1).
    IcmpError {
        /// ICMP type.
        icmp_type: u8,
        /// ICMP code.
        code: u8,
        /// The flow of the quoted packet; `None` when the quote is a later fragment or cut too short (S12.5).
        quoted: Option<FlowKey>,
    },
    /// Any other ICMP or ICMPv6.
    IcmpOneWay {
        /// ICMP type.
        icmp_type: u8,
        /// ICMP code.
        code: u8,
    },
    /// A protocol that the rules know by its number only.
    Other,
    /// A later fragment whose first fragment was not seen: *unknown ports* (S2.7).
    Unknown,
}

impl Transport {
    /// Source and destination port, where the protocol has them and they are known.
    pub const fn ports(&self) -> Option<(u16, u16)> {
        match *self {
            Self::Tcp { src_port, dst_port, .. } | Self::Ports { src_port, dst_port } => {
                Some((src_port, dst_port))
            }
            _ => None,
        }
    }

    /// ICMP type and code, where the packet is ICMP or ICMPv6 and they are known.
    pub const fn icmp(&self) -> Option<(u8, u8)> {
        match *self {
            Self::IcmpQuery { icmp_type, code, .. }
            | Self::IcmpError { icmp_type, code, .. }
            | Self::IcmpOneWay { icmp_type, code } => Some((icmp_type, code)),
            _ => None,
        }
    }

    /// The TCP flag byte, where the packet is TCP and it is known.
    pub const fn tcp_flags(&self) -> Option<TcpFlags> {
        match *self {
            Self::Tcp { flags, .. } => Some(flags),
            _ => None,
        }
    }
}

impl PacketFacts {
    /// The flow that the packet belongs to and the end that sent it (S7.1); `None` with unknown ports (S2.7).
    pub fn flow(&self) -> Option<(FlowKey, End)> {
        FlowKey::of(self)
    }
}

/// Why a frame ends without facts (S2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The frame carries something else than IP.
    NotIp,
    /// The bytes needed lie beyond the captured ones.
    Truncated,
    /// A field of the packet itself excludes the bytes needed.
    Malformed,
    /// The link type is none of S2.2.
    UnsupportedLinkType,
}

/// What an IP header says when the rest of the packet cannot be decoded (S2.3, S12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpHeader {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// IP protocol; `None` when a chain of IPv6 extension headers is cut.
    pub protocol: Option<Protocol>,
    /// IP total length in bytes.
    pub length: u32,
}

/// The header of a tunnel that was taken off (S2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// VXLAN or GENEVE network identifier.
    pub vni: u32,
    /// Gateway Load Balancer endpoint, where a GENEVE option names one.
    pub gwlb_endpoint: Option<u64>,
}

/// What becomes of a frame (S2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A packet with facts.
    Packet(PacketFacts),
    /// No facts, for this cause, and what is known all the same.
    Unjudged(Cause, Option<IpHeader>),
}
