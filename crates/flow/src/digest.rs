//! A packet in the few words that batches hold of it.

use crate::{End, FlowKey, PacketFacts, QueryRole, TcpFlags, TcpKind, Transport};

/// Which transport facts a packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Shape {
    /// TCP.
    Tcp,
    /// UDP, UDP-Lite, SCTP or DCCP.
    Ports,
    /// An ICMP query.
    Request,
    /// The answer to an ICMP query.
    Answer,
    /// An ICMP error; what it quotes is not in the digest.
    IcmpError,
    /// Other ICMP.
    IcmpOneWay,
    /// Any other protocol.
    Other,
}

/// A packet with a flow key, packed: what the judge needs of the usual packet, without its capture.
///
/// It holds everything that [`PacketFacts`] do but the flow that an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The key of its flow.
    pub key: FlowKey,
    /// IP total length in bytes (S2.3).
    pub length: u32,
    /// The end that sent it.
    pub sender: End,
    shape: Shape,
    /// TCP flags, or ICMP type.
    first: u8,
    /// ICMP code.
    second: u8,
}

impl Digest {
    /// Of no packet.
    pub const NONE: Self =
        Self { key: FlowKey::NONE, length: 0, sender: End::A, shape: Shape::Other, first: 0, second: 0 };

    /// The digest of a packet; `None` where it has no flow key (S2.7).
    pub fn of(facts: &PacketFacts) -> Option<Self> {
        let (key, sender) = FlowKey::of(facts)?;
        let (shape, first, second) = match facts.transport {
            Transport::Tcp { flags, .. } => (Shape::Tcp, flags.0, 0),
            Transport::Ports { .. } => (Shape::Ports, 0, 0),
            Transport::IcmpQuery { icmp_type, code, role: QueryRole::Requester, .. } => {
                (Shape::Request, icmp_type, code)
            }
            Transport::IcmpQuery { icmp_type, code, .. } => (Shape::Answer, icmp_type, code),
            Transport::IcmpError { icmp_type, code, .. } => (Shape::IcmpError, icmp_type, code),
            Transport::IcmpOneWay { icmp_type, code } => (Shape::IcmpOneWay, icmp_type, code),
            Transport::Other | Transport::Unknown => (Shape::Other, 0, 0),
        };
        Some(Self { key, length: facts.length, sender, shape, first, second })
    }

    /// The digest of a TCP packet.
    #[inline]
    pub const fn tcp((key, sender): (FlowKey, End), flags: TcpFlags, length: u32) -> Self {
        Self { key, length, sender, shape: Shape::Tcp, first: flags.0, second: 0 }
    }

    /// The digest of a packet of another protocol with ports.
    #[inline]
    pub const fn ports((key, sender): (FlowKey, End), length: u32) -> Self {
        Self { key, length, sender, shape: Shape::Ports, first: 0, second: 0 }
    }

    /// The digest of the same packet in a copy of the captures.
    #[inline]
    #[must_use]
    pub const fn with_copy(self, copy: u16) -> Self {
        Self { key: self.key.with_copy(copy), ..self }
    }

    /// Whether [`Digest::facts`] gives back all of a packet's facts.
    pub const fn is_whole(facts: &PacketFacts) -> bool {
        !matches!(facts.transport, Transport::IcmpError { quoted: Some(_), .. } | Transport::Unknown)
    }

    /// The facts of the packet; an ICMP error quotes nothing, and which copy the packet belongs to is not said.
    pub fn facts(&self) -> PacketFacts {
        let Self { key, first, second, .. } = *self;
        let (icmp_type, code) = (first, second);
        let (sender, receiver) = (self.sender, self.sender.other());
        let port = |end| key.port(end).unwrap_or(0);
        let (src_port, dst_port) = (port(sender), port(receiver));
        let query = |role| match key.class() {
            crate::KeyClass::Query(kind) => {
                Transport::IcmpQuery { icmp_type, code, id: key.icmp_id().unwrap_or(0), kind, role }
            }
            _ => Transport::Other, // Never: a query has the key of one.
        };
        let transport = match self.shape {
            Shape::Tcp => Transport::Tcp { src_port, dst_port, flags: TcpFlags(first) },
            Shape::Ports => Transport::Ports { src_port, dst_port },
            Shape::Request => query(QueryRole::Requester),
            Shape::Answer => query(QueryRole::Responder),
            Shape::IcmpError => Transport::IcmpError { icmp_type, code, quoted: None },
            Shape::IcmpOneWay => Transport::IcmpOneWay { icmp_type, code },
            Shape::Other => Transport::Other,
        };
        let (src, dst) = (key.address(sender), key.address(receiver));
        PacketFacts { src, dst, protocol: key.protocol(), transport, length: self.length }
    }

    /// Whether the flow key and the sender tell all that stateless rules look at: a protocol with ports, or an ICMP
    /// query of code 0.
    #[inline]
    pub const fn is_told_by_key(&self) -> bool {
        match self.shape {
            Shape::Tcp | Shape::Ports => true,
            Shape::Request | Shape::Answer => self.second == 0,
            Shape::IcmpError | Shape::IcmpOneWay | Shape::Other => false,
        }
    }

    /// Which transport facts it has.
    #[inline]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether it is a TCP packet that opens or closes: FIN, SYN or RST is set.
    #[inline]
    pub const fn turns_connection(&self) -> bool {
        matches!(self.shape, Shape::Tcp) && self.first & TcpFlags::TURNS != 0
    }

    /// What the packet counts as, for TCP (S2.4).
    #[inline]
    pub const fn tcp_kind(&self) -> Option<TcpKind> {
        match self.shape {
            Shape::Tcp => Some(TcpFlags(self.first).kind()),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
