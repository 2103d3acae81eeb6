//! Flow keys: which packets belong together (S7.1).

use std::fmt;
use std::hint::select_unpredictable;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{PacketFacts, Protocol, QueryKind, QueryRole, Transport};

/// One of the two ends of a flow, as its [`FlowKey`] orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The first end of the key: the lesser one, or the requester, or the sender of a one-way flow.
    A,
    /// The second end of the key.
    B,
}

impl End {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// How a key tells its ends apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyClass {
    /// Two (address, port) ends, direction-free.
    Ports,
    /// An ICMP query: requester, responder, identifier and kind.
    Query(QueryKind),
    /// Other ICMP: source, destination, type and code, one way.
    OneWay,
    /// Any other protocol: two addresses, direction-free.
    Addresses,
}

impl KeyClass {
    const fn code(self) -> u8 {
        match self {
            Self::Ports => 0,
            Self::Query(QueryKind::Echo) => 1,
            Self::Query(QueryKind::Timestamp) => 2,
            Self::Query(QueryKind::Information) => 3,
            Self::Query(QueryKind::AddressMask) => 4,
            Self::OneWay => 8,
            Self::Addresses => 9,
        }
    }

    const fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Ports,
            1 => Self::Query(QueryKind::Echo),
            2 => Self::Query(QueryKind::Timestamp),
            3 => Self::Query(QueryKind::Information),
            4 => Self::Query(QueryKind::AddressMask),
            8 => Self::OneWay,
            _ => Self::Addresses,
        }
    }
}

/// Two addresses of one family, in a form that is compared and hashed by whole words.
///
/// IPv4: both in the first word, the first address in the upper half. IPv6: two words each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Addresses([u64; 4]);

/// Marks a tail as that of an IPv6 key.
const WIDE: u64 = 1;
/// Where the class is in a tail.
const CLASS_SHIFT: u32 = 1;
/// The class in a tail; that of ports is 0.
const CLASS: u64 = 0xf << CLASS_SHIFT;
/// Where the protocol is in a tail.
const PROTOCOL_SHIFT: u32 = 8;
/// Where the copy is in a tail.
const COPY_SHIFT: u32 = 16;
/// The copy in a tail.
const COPY: u64 = 0xffff << COPY_SHIFT;

impl Addresses {
    /// The two addresses and the family mark of the tail.
    #[inline]
    fn of(a: IpAddr, b: IpAddr) -> (Self, u64) {
        match (a, b) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (Self([u64::from(a.to_bits()) << 32 | u64::from(b.to_bits()), 0, 0, 0]), 0)
            }
            (a, b) => {
                let ([a0, a1], [b0, b1]) = (wide(a), wide(b));
                (Self([a0, a1, b0, b1]), WIDE)
            }
        }
    }
}

/// The key of a flow, equal for both directions of one flow (S7.1).
///
/// Captures may be replayed several times over at once; then the copy is part of the key, and the flows of different copies
/// are different flows. The key of a packet is that of copy 0, the original, until [`FlowKey::with_copy`] says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// First, so that equal keys of different ports are told apart by one word. From the top: two ports (or what stands
    /// for them), copy, protocol, class, family; 16, 16, 16, 8, 4 and 1 bits, the other three are 0.
    tail: u64,
    addresses: Addresses,
}

/// A key in two words: all of an IPv4 key; in an IPv6 key a hash stands for the addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShortKey {
    addresses: u64,
    tail: u64,
}

impl FlowKey {
    /// The key of a packet's flow and the end that sent the packet; `None` with unknown ports (S2.7).
    pub fn of(facts: &PacketFacts) -> Option<(Self, End)> {
        let (src, dst, protocol) = (facts.src, facts.dst, facts.protocol);
        match facts.transport {
            Transport::Tcp { src_port, dst_port, .. } | Transport::Ports { src_port, dst_port } => {
                Some(Self::ports(protocol, (src, src_port), (dst, dst_port)))
            }
            Transport::IcmpQuery { id, kind, role, .. } => {
                Some(Self::query(protocol, (src, dst), id, (kind, role)))
            }
            Transport::IcmpError { icmp_type, code, .. } | Transport::IcmpOneWay { icmp_type, code } => {
                Some((Self::one_way(protocol, (src, dst), (icmp_type, code)), End::A))
            }
            Transport::Other => Some(Self::addresses(protocol, src, dst)),
            Transport::Unknown => None,
        }
    }

    /// The key of two (address, port) ends, and which end `src` is.
    #[inline]
    pub fn ports(protocol: Protocol, src: (IpAddr, u16), dst: (IpAddr, u16)) -> (Self, End) {
        let (a, b, end) = if src <= dst { (src, dst, End::A) } else { (dst, src, End::B) };
        (Self::new((a.0, b.0), (a.1, b.1), (protocol, KeyClass::Ports)), end)
    }

    /// As [`ShortKey::ports_of_v4_words`].
    #[inline]
    pub fn ports_of_v4_words(protocol: Protocol, addresses: u64, ports: u32) -> (Self, End) {
        let (short, end) = ShortKey::ports_of_v4_words(protocol, addresses, ports);
        (short.whole(None), end)
    }

    /// The key of two IPv6 (address, port) ends, as [`FlowKey::ports`] gives it, and which end the source is.
    ///
    /// Addresses and ports are the words of the headers: two of the source and two of the destination, the source
    /// port in the upper half.
    #[inline]
    pub fn ports_of_v6_words(protocol: Protocol, addresses: [u64; 4], ports: u32) -> (Self, End) {
        let [s0, s1, d0, d1] = addresses;
        let turned_ports = ports.rotate_left(16);
        let place = |high, low| u128::from(high) << 64 | u128::from(low);
        let (src, dst) = (place(s0, s1), place(d0, d1));
        // Which way a packet goes cannot be predicted: no branches.
        let is_turned = (dst, turned_ports) < (src, ports);
        let choose = |there: u64, back| select_unpredictable(is_turned, back, there);
        let addresses = [choose(s0, d0), choose(s1, d1), choose(d0, s0), choose(d1, s1)];
        let ports = select_unpredictable(is_turned, turned_ports, ports);
        let tail = tail_of_ports(protocol, ports, WIDE);
        (Self { tail, addresses: Addresses(addresses) }, if is_turned { End::B } else { End::A })
    }

    /// The key of an ICMP query whose packet goes from the first address to the second, and its sender's end.
    pub fn query(
        protocol: Protocol,
        (src, dst): (IpAddr, IpAddr),
        id: u16,
        (kind, role): (QueryKind, QueryRole),
    ) -> (Self, End) {
        let (a, b, end) = match role {
            QueryRole::Requester => (src, dst, End::A),
            QueryRole::Responder => (dst, src, End::B),
        };
        (Self::new((a, b), (id, 0), (protocol, KeyClass::Query(kind))), end)
    }

    /// The same for IPv4, with the addresses as the words of the header: the source in the upper half.
    #[inline]
    pub const fn query_of_v4_words(
        protocol: Protocol,
        addresses: u64,
        id: u16,
        (kind, role): (QueryKind, QueryRole),
    ) -> (Self, End) {
        let (addresses, end) = match role {
            QueryRole::Requester => (addresses, End::A),
            QueryRole::Responder => (addresses.rotate_left(32), End::B),
        };
        let tail = tail_of((id, 0), (protocol, KeyClass::Query(kind)), 0);
        (Self { tail, addresses: Addresses([addresses, 0, 0, 0]) }, end)
    }

    /// The key of one-way ICMP from the first address to the second, with its type and code.
    pub fn one_way(protocol: Protocol, (src, dst): (IpAddr, IpAddr), (icmp_type, code): (u8, u8)) -> Self {
        let ports = (u16::from(icmp_type), u16::from(code));
        Self::new((src, dst), ports, (protocol, KeyClass::OneWay))
    }

    /// The key of a protocol without ports, and which end `src` is.
    pub fn addresses(protocol: Protocol, src: IpAddr, dst: IpAddr) -> (Self, End) {
        let (a, b, end) = if src <= dst { (src, dst, End::A) } else { (dst, src, End::B) };
        (Self::new((a, b), (0, 0), (protocol, KeyClass::Addresses)), end)
    }

    #[inline]
    fn new((a, b): (IpAddr, IpAddr), numbers: (u16, u16), what: (Protocol, KeyClass)) -> Self {
        let (addresses, family) = Addresses::of(a, b);
        Self { tail: tail_of(numbers, what, family), addresses }
    }

    /// The IP protocol.
    pub const fn protocol(&self) -> Protocol {
        protocol(self.tail)
    }

    /// How the key tells its ends apart.
    pub const fn class(&self) -> KeyClass {
        class(self.tail)
    }

    /// The address of an end.
    pub const fn address(&self, end: End) -> IpAddr {
        if let Some(v4) = self.address_v4(end) {
            return IpAddr::V4(v4);
        }
        let Addresses([a0, a1, b0, b1]) = self.addresses;
        let (high, low) = match end {
            End::A => (a0, a1),
            End::B => (b0, b1),
        };
        IpAddr::V6(Ipv6Addr::from_bits((high as u128) << 64 | low as u128))
    }

    /// The address of an end, if it is an IPv4 one.
    #[inline]
    pub const fn address_v4(&self, end: End) -> Option<Ipv4Addr> {
        let Addresses([both, ..]) = self.addresses;
        if self.is_wide() { None } else { Some(half(both, end)) }
    }

    /// The two numbers beside the addresses, by end: ports, or identifier, or type and code.
    const fn numbers(&self) -> (u16, u16) {
        numbers(self.tail)
    }

    /// The port of an end, where the protocol has ports.
    #[inline]
    pub const fn port(&self, end: End) -> Option<u16> {
        port(self.tail, end)
    }

    /// The identifier of an ICMP query.
    pub const fn icmp_id(&self) -> Option<u16> {
        match self.class() {
            KeyClass::Query(_) => Some(self.numbers().0),
            _ => None,
        }
    }

    /// Whether the ends are IPv6 addresses.
    #[inline]
    pub const fn is_wide(&self) -> bool {
        self.tail & WIDE != 0
    }

    /// Which copy of the captures the flow belongs to; 0 is the original.
    #[inline]
    pub const fn copy(&self) -> u16 {
        let [.., high, low, _, _] = self.tail.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// The key of the same flow in a copy of the captures.
    #[inline]
    #[must_use]
    pub const fn with_copy(self, copy: u16) -> Self {
        Self { tail: self.tail & !COPY | (copy as u64) << COPY_SHIFT, ..self }
    }

    /// The key in two words.
    #[inline]
    pub const fn short(&self) -> ShortKey {
        let Addresses([a0, a1, b0, b1]) = self.addresses;
        let addresses = if self.is_wide() { mix(mix(a0, a1), mix(b0, b1)) } else { a0 };
        ShortKey { addresses, tail: self.tail }
    }

    /// The addresses of an IPv6 key, for [`ShortKey::whole`].
    pub const fn wide_addresses(&self) -> [u64; 4] {
        self.addresses.0
    }

    /// A well-mixed, deterministic hash of the key: equal for both directions of one flow.
    #[inline]
    pub const fn hash64(&self) -> u64 {
        self.short().hash64()
    }
}

impl ShortKey {
    /// The key of two IPv4 (address, port) ends, as [`FlowKey::ports`] gives it, and which end the source is.
    ///
    /// Addresses and ports are the words of the headers: the source in the upper half, the destination in the lower.
    #[inline]
    pub fn ports_of_v4_words(protocol: Protocol, addresses: u64, ports: u32) -> (Self, End) {
        let (turned, turned_ports) = (addresses.rotate_left(32), ports.rotate_left(16));
        // Addresses, then ports, as one number: no branch, although equal addresses are told apart by their ports.
        let place = |addresses, ports| u128::from(addresses) << 64 | u128::from(ports);
        let (addresses, ports, end) = if place(turned, turned_ports) < place(addresses, ports) {
            (turned, turned_ports, End::B)
        } else {
            (addresses, ports, End::A)
        };
        (Self { addresses, tail: tail_of_ports(protocol, ports, 0) }, end)
    }

    /// The hash of the key that it is short for.
    #[inline]
    pub const fn hash64(self) -> u64 {
        mix(self.addresses, self.tail)
    }

    /// The port of an end, where the protocol has ports.
    #[inline]
    pub const fn port(self, end: End) -> Option<u16> {
        port(self.tail, end)
    }

    /// The IP protocol.
    #[inline]
    pub const fn protocol(self) -> Protocol {
        protocol(self.tail)
    }

    /// The address of an end of an IPv4 key; of an IPv6 key it means nothing.
    #[inline]
    pub const fn address_v4(self, end: End) -> Ipv4Addr {
        half(self.addresses, end)
    }

    /// Whether the key that it is short for has IPv6 addresses.
    #[inline]
    pub const fn is_wide(self) -> bool {
        self.tail & WIDE != 0
    }

    /// The key that it is short for; of an IPv6 key the addresses must be told.
    pub const fn whole(self, wide: Option<[u64; 4]>) -> FlowKey {
        let addresses = match wide {
            Some(addresses) => addresses,
            None => [self.addresses, 0, 0, 0],
        };
        FlowKey { tail: self.tail, addresses: Addresses(addresses) }
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x, y) = self.numbers();
        let (a, b) = (self.address(End::A), self.address(End::B));
        write!(out, "FlowKey({:?} {a} {x} – {b} {y} {:?}", self.protocol(), self.class())?;
        match self.copy() {
            0 => write!(out, ")"),
            copy => write!(out, " copy {copy})"),
        }
    }
}

/// The IPv4 address of an end in a word of both.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a word")]
#[inline]
const fn half(both: u64, end: End) -> Ipv4Addr {
    Ipv4Addr::from_bits(match end {
        End::A => (both >> 32) as u32,
        End::B => both as u32,
    })
}

/// The protocol in a tail.
#[inline]
const fn protocol(tail: u64) -> Protocol {
    let [.., protocol, _] = tail.to_be_bytes();
    Protocol(protocol)
}

/// The class in a tail.
const fn class(tail: u64) -> KeyClass {
    let [.., class] = (tail & CLASS).to_be_bytes();
    KeyClass::of_code(class >> CLASS_SHIFT)
}

/// The two numbers in a tail.
const fn numbers(tail: u64) -> (u16, u16) {
    let [x0, x1, y0, y1, ..] = tail.to_be_bytes();
    (u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1]))
}

/// The port of an end in a tail, where the protocol has ports.
const fn port(tail: u64, end: End) -> Option<u16> {
    let (x, y) = numbers(tail);
    match (class(tail), end) {
        (KeyClass::Ports, End::A) => Some(x),
        (KeyClass::Ports, End::B) => Some(y),
        _ => None,
    }
}

/// The tail of a key of two numbers.
#[inline]
const fn tail_of((x, y): (u16, u16), (protocol, class): (Protocol, KeyClass), family: u64) -> u64 {
    (x as u64) << 48
        | (y as u64) << 32
        | (protocol.0 as u64) << PROTOCOL_SHIFT
        | (class.code() as u64) << CLASS_SHIFT
        | family
}

/// The tail of a key of two ports, which are given as one word.
#[inline]
fn tail_of_ports(protocol: Protocol, ports: u32, family: u64) -> u64 {
    let class = u64::from(KeyClass::Ports.code()) << CLASS_SHIFT;
    u64::from(ports) << 32 | u64::from(protocol.0) << PROTOCOL_SHIFT | class | family
}

/// An address as two words.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a 128-bit address")]
fn wide(address: IpAddr) -> [u64; 2] {
    let bits = match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    [(bits >> 64) as u64, bits as u64]
}

/// Multiplies two words with odd constants folded in and folds the product: every input bit reaches every output bit.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are what is wanted")]
#[inline]
const fn mix(a: u64, b: u64) -> u64 {
    let product = (a ^ 0x9e37_79b9_7f4a_7c15) as u128 * (b ^ 0xd6e8_feb8_6659_fd93) as u128;
    let folded = (product >> 64) as u64 ^ product as u64;
    (folded ^ folded >> 32).wrapping_mul(0x9fb2_1c65_1e98_df25)
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
