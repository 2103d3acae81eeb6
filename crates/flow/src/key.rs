//! Flow keys: which packets belong together (S7.1).

use std::net::IpAddr;

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

/// The key of a flow, equal for both directions of one flow (S7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    a: IpAddr,
    b: IpAddr,
    x: u16,
    y: u16,
    protocol: Protocol,
    class: KeyClass,
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
    pub fn ports(protocol: Protocol, src: (IpAddr, u16), dst: (IpAddr, u16)) -> (Self, End) {
        let (a, b, end) = if src <= dst { (src, dst, End::A) } else { (dst, src, End::B) };
        (Self { a: a.0, b: b.0, x: a.1, y: b.1, protocol, class: KeyClass::Ports }, end)
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
        (Self { a, b, x: id, y: 0, protocol, class: KeyClass::Query(kind) }, end)
    }

    /// The key of one-way ICMP from the first address to the second, with its type and code.
    pub fn one_way(protocol: Protocol, (src, dst): (IpAddr, IpAddr), (icmp_type, code): (u8, u8)) -> Self {
        let (x, y) = (u16::from(icmp_type), u16::from(code));
        Self { a: src, b: dst, x, y, protocol, class: KeyClass::OneWay }
    }

    /// The key of a protocol without ports, and which end `src` is.
    pub fn addresses(protocol: Protocol, src: IpAddr, dst: IpAddr) -> (Self, End) {
        let (a, b, end) = if src <= dst { (src, dst, End::A) } else { (dst, src, End::B) };
        (Self { a, b, x: 0, y: 0, protocol, class: KeyClass::Addresses }, end)
    }

    /// The IP protocol.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// How the key tells its ends apart.
    pub const fn class(&self) -> KeyClass {
        self.class
    }

    /// The address of an end.
    pub const fn address(&self, end: End) -> IpAddr {
        match end {
            End::A => self.a,
            End::B => self.b,
        }
    }

    /// The port of an end, where the protocol has ports.
    pub const fn port(&self, end: End) -> Option<u16> {
        match (self.class, end) {
            (KeyClass::Ports, End::A) => Some(self.x),
            (KeyClass::Ports, End::B) => Some(self.y),
            _ => None,
        }
    }

    /// The identifier of an ICMP query.
    pub const fn icmp_id(&self) -> Option<u16> {
        match self.class {
            KeyClass::Query(_) => Some(self.x),
            _ => None,
        }
    }

    /// A well-mixed, deterministic hash of the key: equal for both directions of one flow.
    pub fn hash64(&self) -> u64 {
        let class = match self.class {
            KeyClass::Ports => 0_u64,
            KeyClass::Query(kind) => 1 + kind as u64,
            KeyClass::OneWay => 8,
            KeyClass::Addresses => 9,
        };
        let tail =
            u64::from(self.x) << 48 | u64::from(self.y) << 32 | u64::from(self.protocol.0) << 8 | class;
        match (self.a, self.b) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                mix(u64::from(a.to_bits()) << 32 | u64::from(b.to_bits()), tail)
            }
            (a, b) => {
                let (a, b) = (wide(a), wide(b));
                let inner = mix(a.0 ^ tail, a.1);
                mix(inner ^ b.0, b.1 ^ tail.rotate_left(23))
            }
        }
    }
}

/// An address as two words.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a 128-bit address")]
fn wide(address: IpAddr) -> (u64, u64) {
    let bits = match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    ((bits >> 64) as u64, bits as u64)
}

/// Multiplies two words with odd constants folded in and folds the product: every input bit reaches every output bit.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are what is wanted")]
const fn mix(a: u64, b: u64) -> u64 {
    let product = (a ^ 0x9e37_79b9_7f4a_7c15) as u128 * (b ^ 0xd6e8_feb8_6659_fd93) as u128;
    let folded = (product >> 64) as u64 ^ product as u64;
    (folded ^ folded >> 32).wrapping_mul(0x9fb2_1c65_1e98_df25)
}
