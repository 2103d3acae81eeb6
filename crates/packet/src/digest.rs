//! The usual frame straight to its digest: the hot path of a replay.
//!
//! It knows the shapes that nearly every frame has and leaves all others to [`decode`](crate::decode()), which alone
//! says what is right: where this gives a digest, it is the digest of what `decode` gives.

use vpcreplay_flow::{
    Brief, Decap, Digest, End, FlowKey, IcmpType, LinkType, PacketKind, Protocol, QueryKind, QueryRole,
    Shape, ShortKey, TcpFlags, Tunnel,
};

use crate::link::Payload;
use crate::tunnel;
use crate::window::Window;

const ETHERNET_HEADER: usize = 14;
const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;
/// How many bytes of each transport header are needed (S2.5).
const TCP_NEEDED: usize = 14;
const PORTS_NEEDED: usize = 4;
const QUERY_NEEDED: usize = 6;

/// The digest of a frame of a usual shape; `None` means that [`decode`](crate::decode()) must be asked.
///
/// The usual shapes: Ethernet with at most two VLAN tags, Linux cooked or raw IP; IPv4 with or without options, or
/// IPv6 without extension headers, in one piece, with a length field that fits the frame; TCP, UDP, UDP-Lite, SCTP,
/// DCCP, ICMP queries. The digest is the whole of the facts ([`Digest::is_whole`]), as they are with [`Decap::None`].
#[inline]
pub fn digest(link_type: LinkType, captured: &[u8], original_length: u32) -> Option<Digest> {
    if link_type == LinkType::ETHERNET {
        // The most usual, at constant places: IPv6, and IPv4 without options, both without tags.
        let word = u32::from_be_bytes(part(captured, 12)?);
        if says_v6(word) {
            return Packet::v6(captured, ETHERNET_HEADER)?.digest(captured, original_length);
        }
        if says_v4(word) {
            return Packet::v4(captured, (ETHERNET_HEADER, V4_HEADER))?.digest(captured, original_length);
        }
    }
    digest_anywhere(link_type, captured, original_length)
}

/// The same of a frame whose packet begins at any place. Apart, so that frames of the most usual shapes do not pay for the many.
#[inline(never)]
fn digest_anywhere(link_type: LinkType, captured: &[u8], original_length: u32) -> Option<Digest> {
    let (payload, at) = network(link_type, captured)?;
    match (payload, captured.get(at)? >> 4) {
        (Payload::V4 | Payload::Ip, 4) => any_v4(captured, at, original_length),
        (Payload::V6 | Payload::Ip, 6) => any_v6(captured, at, original_length),
        _ => None,
    }
}

/// The same in brief, of the most usual shape only: Ethernet, IPv4 without options, TCP or UDP; and the tunnel that the packet
/// is, as [`tunnel_port_of`] says it. `None` means that [`digest`] must be asked.
#[expect(clippy::inline_always, reason = "the loop over frames")]
#[inline(always)]
pub fn brief(link_type: LinkType, captured: &[u8], original_length: u32) -> Option<(Brief, Option<Decap>)> {
    if link_type != LinkType::ETHERNET {
        return None;
    }
    // One look at the length for all bytes up to TCP's flags. Only UDP that brings less than six bytes may be shorter.
    let head = captured.first_chunk::<{ ETHERNET_HEADER + V4_HEADER + TCP_NEEDED }>()?;
    // The type of the frame, IP version and header length: all in one word.
    if !says_v4(u32::from_be_bytes(part(head, 12)?)) {
        return None;
    }
    Packet::v4(captured, (ETHERNET_HEADER, V4_HEADER))?.brief(captured, original_length)
}

/// As [`brief`], which is asked before, wherever in the frame the packet begins, with IP options or without.
#[inline]
pub fn brief_anywhere(
    link_type: LinkType,
    captured: &[u8],
    original_length: u32,
) -> Option<(Brief, Option<Decap>)> {
    let (payload, at) = network(link_type, captured)?;
    let first = *captured.get(at)?;
    let header_length = usize::from(first & 0x0f) * 4;
    if payload == Payload::V6 || first >> 4 != 4 || header_length < V4_HEADER {
        return None;
    }
    if (link_type, at, header_length) == (LinkType::ETHERNET, ETHERNET_HEADER, V4_HEADER) {
        return None;
    }
    Packet::v4(captured, (at, header_length))?.brief(captured, original_length)
}

/// The digest of the most usual shape over IPv6: Ethernet, no extension headers, TCP or UDP; and the tunnel that the packet is, as
/// [`tunnel_port_of`] says it. `None` means that [`digest`] must be asked.
#[expect(
    clippy::inline_always,
    reason = "called once, for each packet over IPv6; as a call it would copy the digest"
)]
#[inline(always)]
pub fn digest_v6(captured: &[u8], original_length: u32) -> Option<(Digest, Option<Decap>)> {
    // One look at the length for all bytes up to the ports.
    let head = captured.first_chunk::<{ ETHERNET_HEADER + V6_HEADER + PORTS_NEEDED }>()?;
    if !says_v6(u32::from_be_bytes(part(head, 12)?)) {
        return None;
    }
    let packet = Packet::v6(captured, ETHERNET_HEADER)?;
    if packet.end > original_length {
        return None;
    }
    let digest = packet.tcp_or_udp(captured)?;
    Some((digest, if packet.is_to_tunnel() { tunnel_port_of(digest.brief()) } else { None }))
}

/// What is inside a tunnel, as a frame of its own.
#[derive(Clone, Copy, Debug)]
pub struct Inside<'a> {
    /// The tunnel that was taken off.
    pub tunnel: Tunnel,
    /// Link type of what is inside.
    pub link_type: LinkType,
    /// What was captured of it.
    pub captured: &'a [u8],
    /// Its length on the wire.
    pub original_length: u32,
}

/// What is inside a tunnel of the most usual outer shape: Ethernet, IPv4 without options, in one piece. Decoded alone, without
/// tunnels, it is what [`decode`](crate::decode()) finds in the whole frame, which must be asked where this is `None`.
#[inline]
pub fn inside(
    decap: Decap,
    link_type: LinkType,
    captured: &[u8],
    original_length: u32,
) -> Option<Inside<'_>> {
    if link_type != LinkType::ETHERNET || !says_v4(u32::from_be_bytes(part(captured, 12)?)) {
        return None;
    }
    let packet = Packet::v4(captured, (ETHERNET_HEADER, V4_HEADER))?;
    if !packet.has(PORTS_NEEDED) || !tunnel::is_of(packet.protocol, packet.dst_port(), decap) {
        return None;
    }
    let outer = Window::of_frame(captured, original_length).bounded(usize::try_from(packet.end).ok()?);
    let (tunnel, inner) = tunnel::open(outer.behind(packet.behind).ok()?, decap).ok()?;
    let (link_type, inner) = inner.frame()?;
    let original_length = u32::try_from(inner.wire).ok()?;
    Some(Inside { tunnel, link_type, captured: inner.bytes, original_length })
}

/// The tunnel that a packet is, by its UDP destination port: as [`tunnel_port`](crate::tunnel_port) says it of its
/// facts, for the hint that names the option (S2.6).
#[inline]
pub fn tunnel_port_of(Brief { short, kind, .. }: Brief) -> Option<Decap> {
    // The shape first: it tells TCP, the most of all packets, without a look into the key.
    if kind.shape() != Shape::Udp {
        return None;
    }
    tunnel::of_port(short.port(kind.sender().other())?)
}

/// Whether the word behind the addresses of an Ethernet frame, its type and what follows, says IPv4 without options.
#[inline]
const fn says_v4(word: u32) -> bool {
    word & 0xffff_ff00 == 0x0800_4500
}

/// The same for IPv6.
#[inline]
const fn says_v6(word: u32) -> bool {
    word & 0xffff_f000 == 0x86dd_6000
}

/// An IPv4 packet at this place of the frame.
#[inline(never)]
fn any_v4(captured: &[u8], at: usize, original_length: u32) -> Option<Digest> {
    let header_length = usize::from(captured.get(at)? & 0x0f) * 4;
    if header_length < V4_HEADER {
        return None;
    }
    Packet::v4(captured, (at, header_length))?.digest(captured, original_length)
}

/// An IPv6 packet at this place of the frame.
#[inline(never)]
fn any_v6(captured: &[u8], at: usize, original_length: u32) -> Option<Digest> {
    Packet::v6(captured, at)?.digest(captured, original_length)
}

/// What a frame carries, and where that begins.
#[inline]
fn network(link_type: LinkType, captured: &[u8]) -> Option<(Payload, usize)> {
    // Where the type of the payload is said, and where what it speaks of begins.
    let (mut said_at, mut at) = match link_type {
        LinkType::ETHERNET => (12, ETHERNET_HEADER),
        LinkType::LINUX_SLL => (14, 16),
        LinkType::LINUX_SLL2 => (0, 20),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => return Some((Payload::Ip, 0)),
        LinkType::IPV4 => return Some((Payload::V4, 0)),
        LinkType::IPV6 => return Some((Payload::V6, 0)),
        _ => return None,
    };
    // Itself or behind one or two tags.
    for _ in 0..3 {
        match u16::from_be_bytes(part(captured, said_at)?) {
            0x0800 => return Some((Payload::V4, at)),
            0x86dd => return Some((Payload::V6, at)),
            0x8100 | 0x88a8 | 0x9100 => (said_at, at) = (at + 2, at + 4),
            _ => return None,
        }
    }
    None
}

/// Source and destination of a packet, as the words of its header.
trait Addresses: Copy {
    /// The ICMP of this IP version; that of the other one is "any other protocol" (S2.4).
    const ICMP: Protocol;

    /// The key of a flow between two ports.
    fn key(self, protocol: Protocol, ports: u32) -> (FlowKey, End);

    /// The key of an ICMP query of a kind with an identifier, or of the answer to it.
    fn query(self, id: u16, query: (QueryKind, QueryRole)) -> (FlowKey, End);
}

#[derive(Clone, Copy)]
struct V4([u8; 8]);

impl Addresses for V4 {
    const ICMP: Protocol = Protocol::ICMP;

    #[inline]
    fn key(self, protocol: Protocol, ports: u32) -> (FlowKey, End) {
        FlowKey::ports_of_v4_words(protocol, u64::from_be_bytes(self.0), ports)
    }

    #[inline]
    fn query(self, id: u16, query: (QueryKind, QueryRole)) -> (FlowKey, End) {
        FlowKey::query_of_v4_words(Self::ICMP, u64::from_be_bytes(self.0), id, query)
    }
}

#[derive(Clone, Copy)]
struct V6<'a>(&'a [u8; 32]);

impl Addresses for V6<'_> {
    const ICMP: Protocol = Protocol::ICMPV6;

    #[inline]
    fn key(self, protocol: Protocol, ports: u32) -> (FlowKey, End) {
        let words = self.0.as_chunks::<8>().0;
        let &[s0, s1, d0, d1] = words else { return FlowKey::ports_of_v6_words(protocol, [0; 4], ports) };
        FlowKey::ports_of_v6_words(protocol, [s0, s1, d0, d1].map(u64::from_be_bytes), ports)
    }

    fn query(self, id: u16, query: (QueryKind, QueryRole)) -> (FlowKey, End) {
        FlowKey::query(Self::ICMP, crate::ip::Addresses::V6(self.0).pair(), id, query)
    }
}

/// A packet in one piece: what its IP header says, and the first bytes behind that.
#[derive(Clone, Copy)]
struct Packet<A> {
    addresses: A,
    protocol: Protocol,
    /// By the length field of the header, which may be untrue.
    length: u32,
    /// The two ports, if the protocol has any.
    ports: u32,
    /// Where in the frame the transport header begins.
    behind: usize,
    /// Where in the frame the packet ends, by its length.
    end: u32,
}

impl Packet<V4> {
    /// An IPv4 packet at this place of the frame, with a header of this length, at least 20.
    #[expect(clippy::inline_always, reason = "place and header length are constants on the hot path")]
    #[inline(always)]
    fn v4(captured: &[u8], (at, header_length): (usize, usize)) -> Option<Self> {
        let behind = at + header_length;
        // The farthest bytes first: then those before them need no look at the length.
        let ports = u32::from_be_bytes(part(captured, behind)?);
        let header: [u8; V4_HEADER] = part(captured, at)?;
        // More fragments, and the offset.
        if u16::from_be_bytes(part(&header, 6)?) & 0x3fff != 0 {
            return None;
        }
        let length = u32::from(u16::from_be_bytes(part(&header, 2)?));
        let end = u32::try_from(at).ok()? + length;
        let addresses = V4(part(&header, 12)?);
        Some(Self { addresses, protocol: Protocol(header[9]), length, ports, behind, end })
    }

    /// The packet in brief, if it is TCP or UDP, and the tunnel that it is.
    #[expect(clippy::inline_always, reason = "as Packet::v4")]
    #[inline(always)]
    fn brief(&self, captured: &[u8], original_length: u32) -> Option<(Brief, Option<Decap>)> {
        if self.end > original_length {
            return None;
        }
        let V4(addresses) = self.addresses;
        let (short, sender) =
            ShortKey::ports_of_v4_words(self.protocol, u64::from_be_bytes(addresses), self.ports);
        let brief = Brief { short, length: self.length, kind: self.tcp_or_udp_kind(captured, sender)? };
        Some((brief, if self.is_to_tunnel() { tunnel_port_of(brief) } else { None }))
    }
}

impl<'a> Packet<V6<'a>> {
    /// An IPv6 packet at this place of the frame.
    #[inline]
    fn v6(captured: &'a [u8], at: usize) -> Option<Self> {
        let behind = at + V6_HEADER;
        let ports = u32::from_be_bytes(part(captured, behind)?);
        let header: &[u8; V6_HEADER] = captured.get(at..behind)?.first_chunk()?;
        // A payload length of 0 leaves no room for any of the protocols; an extension header is none of them.
        let length = u32::from(u16::from_be_bytes(part(header, 4)?)) + 40;
        let end = u32::try_from(at).ok()? + length;
        let addresses = V6(header.last_chunk()?);
        Some(Self { addresses, protocol: Protocol(header[6]), length, ports, behind, end })
    }
}

impl<A: Addresses> Packet<A> {
    /// The digest, if the packet lies within what was on the wire (S2.3) and its transport is one of the usual.
    #[inline]
    fn digest(&self, captured: &[u8], original_length: u32) -> Option<Digest> {
        // "Original frame length" is the larger of that field and the captured length (S12.3).
        if self.end > original_length && usize::try_from(self.end).ok()? > captured.len() {
            return None;
        }
        self.tcp_or_udp(captured).or_else(|| self.other_transport(captured))
    }

    /// The digest of TCP or UDP, where the bytes needed lie within the packet, whose end must be true.
    #[expect(clippy::inline_always, reason = "the places are constants on the hot path")]
    #[inline(always)]
    fn tcp_or_udp(&self, captured: &[u8]) -> Option<Digest> {
        let (key, sender) = self.key();
        Some(Digest { key, length: self.length, kind: self.tcp_or_udp_kind(captured, sender)? })
    }

    /// What such a packet is beside its flow and its length.
    #[expect(clippy::inline_always, reason = "as Packet::tcp_or_udp")]
    #[inline(always)]
    fn tcp_or_udp_kind(&self, captured: &[u8], sender: End) -> Option<PacketKind> {
        if !self.has(needed(self.protocol)) {
            return None;
        }
        // Of UDP whatever there is, or nothing.
        let flags = match captured.get(self.behind + TCP_NEEDED - 1) {
            Some(flags) => TcpFlags(*flags),
            None if self.protocol == Protocol::UDP => TcpFlags(0),
            None => return None,
        };
        Some(PacketKind::tcp_or_udp(self.protocol, sender, flags))
    }

    /// The destination port, if the protocol has any.
    #[inline]
    const fn dst_port(&self) -> u16 {
        let [_, _, high, low] = self.ports.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// Whether that is the port of a tunnel, if the packet is UDP. Of few packets, so that it is asked first.
    #[inline]
    const fn is_to_tunnel(&self) -> bool {
        tunnel::of_port(self.dst_port()).is_some()
    }

    /// The digest of the other protocols with ports, and of ICMP queries and their answers.
    #[inline]
    fn other_transport(&self, captured: &[u8]) -> Option<Digest> {
        let Self { protocol, length, .. } = *self;
        if protocol != Protocol::TCP && protocol.has_ports() {
            return self.has(PORTS_NEEDED).then(|| self.ports());
        }
        if protocol != A::ICMP || !self.has(QUERY_NEEDED) {
            return None;
        }
        let [icmp_type, code, _, _, id0, id1]: [u8; QUERY_NEEDED] = part(captured, self.behind)?;
        let IcmpType::Query(kind, role) = IcmpType::of(protocol, icmp_type) else { return None };
        let id = u16::from_be_bytes([id0, id1]);
        let (key, sender) = self.addresses.query(id, (kind, role));
        Some(Digest { key, length, kind: PacketKind::query((role, sender), (icmp_type, code)) })
    }

    /// The digest of a protocol of which only the ports are looked at.
    #[inline]
    fn ports(&self) -> Digest {
        let (key, sender) = self.key();
        Digest { key, length: self.length, kind: PacketKind::ports(self.protocol, sender) }
    }

    /// Whether the packet has so many bytes behind its IP header.
    #[inline]
    fn has(&self, needed: usize) -> bool {
        usize::try_from(self.end).is_ok_and(|end| end >= self.behind + needed)
    }

    #[inline]
    fn key(&self) -> (FlowKey, End) {
        self.addresses.key(self.protocol, self.ports)
    }
}

/// How many bytes behind the IP header TCP and UDP need; of any other protocol more than a packet can have. A look-up, since which of
/// the two comes next cannot be foretold.
#[expect(clippy::indexing_slicing, reason = "every byte has its entry")]
#[inline]
const fn needed(protocol: Protocol) -> usize {
    const NEEDED: [usize; 256] = {
        let mut needed = [usize::MAX / 2; 256];
        needed[Protocol::TCP.0 as usize] = TCP_NEEDED;
        needed[Protocol::UDP.0 as usize] = PORTS_NEEDED;
        needed
    };
    NEEDED[protocol.0 as usize]
}

/// The `N` bytes at a place, if there are so many.
#[inline]
fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.first_chunk().copied()
}
