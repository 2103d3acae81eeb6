//! A packet in the few words that batches hold of it.

use std::net::IpAddr;

use crate::{End, Event, FlowKey, PacketFacts, Protocol, QueryRole, ShortKey, TcpFlags, Transport};

/// Which transport facts a packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Shape {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite, SCTP or DCCP.
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

/// What a packet is to the judge beside its flow and its length, in three bytes: which transport facts it has, what it means to
/// its connection, which end sent it, and TCP flags or ICMP type and code. Packed, so that it stays three bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed)]
pub struct PacketKind {
    /// From the lowest bit: the sender in one, the event in three, the shape in three, and whether the key tells all. What is
    /// asked of every packet is told once, here. Above it TCP flags, or ICMP type.
    sort: u16,
    /// ICMP code.
    code: u8,
}

/// Where the event is in [`PacketKind::sort`].
const EVENT: u32 = 1;
/// Where the shape is.
const SHAPE: u32 = 4;
/// The flow key and the sender tell all that stateless rules look at.
const TOLD: u16 = 1 << 7;
/// Where TCP flags or ICMP type are.
const FIRST: u32 = 8;

/// A packet with a flow key, packed: what the judge needs of the usual packet, without its capture.
///
/// It holds everything that [`PacketFacts`] do but the flow that an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// The key of its flow.
    pub key: FlowKey,
    /// IP total length in bytes (S2.3).
    pub length: u32,
    /// What it is beside.
    pub kind: PacketKind,
}

/// The digest of an IPv4 packet in half as many bytes. Of an IPv6 packet everything but its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The key of its flow in two words.
    pub short: ShortKey,
    /// IP total length in bytes (S2.3).
    pub length: u32,
    /// What it is beside.
    pub kind: PacketKind,
}

impl PacketKind {
    /// Of no packet.
    pub const NONE: Self = Self::new((Shape::Other, Event::Other), End::A, (0, 0));

    #[inline]
    const fn new((shape, event): (Shape, Event), sender: End, (first, code): (u8, u8)) -> Self {
        let is_told = match shape {
            Shape::Tcp | Shape::Udp | Shape::Ports => true,
            Shape::Request | Shape::Answer => code == 0,
            Shape::IcmpError | Shape::IcmpOneWay | Shape::Other => false,
        };
        let told = if is_told { TOLD } else { 0 };
        let what = (event as u16) << EVENT | (shape as u16) << SHAPE | (first as u16) << FIRST;
        Self { sort: sender as u16 | what | told, code }
    }

    /// Of a TCP packet.
    #[inline]
    pub const fn tcp(sender: End, flags: TcpFlags) -> Self {
        Self::tcp_or_udp(Protocol::TCP, sender, flags)
    }

    /// Of a packet of TCP or UDP; of UDP the flags say nothing. A look-up: which protocol and which flags come next cannot be
    /// foretold, and a wrong guess costs more than all the rest.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "a bit, a byte and 512 entries"
    )]
    pub const fn tcp_or_udp(protocol: Protocol, sender: End, flags: TcpFlags) -> Self {
        const SORTS: [u16; 512] = {
            let mut sorts = [PacketKind::ports(Protocol::UDP, End::A).sort; 512];
            let mut flags = 0;
            while flags < 256 {
                let event = Event::of_tcp(TcpFlags(flags as u8).kind());
                sorts[flags] = PacketKind::new((Shape::Tcp, event), End::A, (flags as u8, 0)).sort;
                flags += 1;
            }
            sorts
        };
        let sort = SORTS[((protocol.0 == Protocol::UDP.0) as usize) << 8 | flags.0 as usize];
        Self { sort: sort | sender as u16, code: 0 }
    }

    /// Of a packet of a protocol with ports, other than TCP.
    #[inline]
    pub const fn ports(protocol: Protocol, sender: End) -> Self {
        let is_udp = protocol.0 == Protocol::UDP.0;
        let what = if is_udp { (Shape::Udp, Event::Udp) } else { (Shape::Ports, Event::Other) };
        Self::new(what, sender, (0, 0))
    }

    /// Of an ICMP query or the answer to one, with its type and code.
    #[inline]
    pub const fn query((role, sender): (QueryRole, End), type_and_code: (u8, u8)) -> Self {
        let shape = match role {
            QueryRole::Requester => Shape::Request,
            QueryRole::Responder => Shape::Answer,
        };
        Self::new((shape, Event::Icmp), sender, type_and_code)
    }

    /// What it means to the state of its connection.
    #[inline]
    pub const fn event(self) -> Event {
        Event::of_bits(self.sort >> EVENT)
    }

    /// The end that sent the packet.
    #[inline]
    pub const fn sender(self) -> End {
        if self.sort & 1 == 0 { End::A } else { End::B }
    }

    /// The end that opens a flow whose first packet this is: the sender; of the answer to an ICMP query, the requester (S7.0).
    #[inline]
    pub const fn opener(self) -> End {
        match self.shape() {
            Shape::Answer => self.sender().other(),
            _ => self.sender(),
        }
    }

    /// Which transport facts it has.
    #[inline]
    pub const fn shape(self) -> Shape {
        match self.sort >> SHAPE & 7 {
            0 => Shape::Tcp,
            1 => Shape::Udp,
            2 => Shape::Ports,
            3 => Shape::Request,
            4 => Shape::Answer,
            5 => Shape::IcmpError,
            6 => Shape::IcmpOneWay,
            _ => Shape::Other,
        }
    }

    /// TCP flags, or ICMP type.
    #[inline]
    const fn first(self) -> u8 {
        (self.sort >> FIRST) as u8
    }

    /// Whether the flow key and the sender tell all that stateless rules look at: a protocol with ports, or an ICMP
    /// query of code 0.
    #[inline]
    pub const fn is_told_by_key(self) -> bool {
        self.sort & TOLD != 0
    }
}

impl Digest {
    /// The digest of a packet; `None` where it has no flow key (S2.7).
    pub fn of(facts: &PacketFacts) -> Option<Self> {
        let (key, sender) = FlowKey::of(facts)?;
        let icmp = |shape, icmp_type, code| PacketKind::new((shape, Event::Icmp), sender, (icmp_type, code));
        let kind = match facts.transport {
            Transport::Tcp { flags, .. } => PacketKind::tcp(sender, flags),
            Transport::Ports { .. } => PacketKind::ports(facts.protocol, sender),
            Transport::IcmpQuery { icmp_type, code, role, .. } => {
                PacketKind::query((role, sender), (icmp_type, code))
            }
            Transport::IcmpError { icmp_type, code, .. } => icmp(Shape::IcmpError, icmp_type, code),
            Transport::IcmpOneWay { icmp_type, code } => icmp(Shape::IcmpOneWay, icmp_type, code),
            Transport::Other | Transport::Unknown => {
                PacketKind::new((Shape::Other, Event::Other), sender, (0, 0))
            }
        };
        Some(Self { key, length: facts.length, kind })
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

    /// Source and destination.
    pub const fn addresses(&self) -> (IpAddr, IpAddr) {
        let sender = self.kind.sender();
        (self.key.address(sender), self.key.address(sender.other()))
    }

    /// The facts of the packet; an ICMP error quotes nothing, and which copy the packet belongs to is not said.
    pub fn facts(&self) -> PacketFacts {
        let Self { key, kind, length } = *self;
        let (first, code) = (kind.first(), kind.code);
        let (sender, receiver) = (kind.sender(), kind.sender().other());
        let port = |end| key.port(end).unwrap_or(0);
        let (src_port, dst_port) = (port(sender), port(receiver));
        let query = |role| match key.class() {
            crate::KeyClass::Query(kind) => {
                Transport::IcmpQuery { icmp_type: first, code, id: key.icmp_id().unwrap_or(0), kind, role }
            }
            _ => Transport::Other, // Never: a query has the key of one.
        };
        let transport = match kind.shape() {
            Shape::Tcp => Transport::Tcp { src_port, dst_port, flags: TcpFlags(first) },
            Shape::Udp | Shape::Ports => Transport::Ports { src_port, dst_port },
            Shape::Request => query(QueryRole::Requester),
            Shape::Answer => query(QueryRole::Responder),
            Shape::IcmpError => Transport::IcmpError { icmp_type: first, code, quoted: None },
            Shape::IcmpOneWay => Transport::IcmpOneWay { icmp_type: first, code },
            Shape::Other => Transport::Other,
        };
        let (src, dst) = self.addresses();
        PacketFacts { src, dst, protocol: key.protocol(), transport, length }
    }

    /// The facts that rules look at, of a packet of a protocol with ports over IPv4: TCP flags are left out. `None` of any
    /// other packet. Inlined, so that whoever looks at them is compiled for this shape alone.
    #[expect(clippy::inline_always, reason = "as a call it would give facts of any shape")]
    #[inline(always)]
    pub const fn ports_v4(&self) -> Option<PacketFacts> {
        let Self { key, kind, length } = *self;
        let (sender, receiver) = (kind.sender(), kind.sender().other());
        let ((Some(src), Some(dst)), (Some(src_port), Some(dst_port))) =
            ((key.address_v4(sender), key.address_v4(receiver)), (key.port(sender), key.port(receiver)))
        else {
            return None;
        };
        let (src, dst) = (IpAddr::V4(src), IpAddr::V4(dst));
        Some(PacketFacts {
            src,
            dst,
            protocol: key.protocol(),
            transport: Transport::Ports { src_port, dst_port },
            length,
        })
    }

    /// The same in brief.
    #[inline]
    pub const fn brief(&self) -> Brief {
        Brief { short: self.key.short(), length: self.length, kind: self.kind }
    }
}

impl Brief {
    /// The digest of an IPv4 packet.
    #[inline]
    pub const fn whole(&self) -> Digest {
        Digest { key: self.short.whole(None), length: self.length, kind: self.kind }
    }
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
