//! IP headers: addresses, length, the chain of IPv6 extension headers, fragments (S2.3, S2.4, S12.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcreplay_flow::{Cause, IpHeader, Protocol};

use crate::fragment::{FragmentMark, FragmentRole};
use crate::link::Payload;
use crate::window::Window;

/// Source and destination, still in the header: copying addresses about is what costs most on the hot path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Addresses<'a> {
    /// Two IPv4 addresses.
    V4(&'a [u8; 8]),
    /// Two IPv6 addresses.
    V6(&'a [u8; 32]),
}

impl Addresses<'_> {
    /// Source and destination.
    #[inline]
    pub(crate) fn pair(self) -> (IpAddr, IpAddr) {
        match self {
            Self::V4(bytes) => {
                let (halves, _) = bytes.as_chunks::<4>();
                let &[src, dst] = halves else { return (UNSPECIFIED, UNSPECIFIED) };
                (IpAddr::V4(Ipv4Addr::from(src)), IpAddr::V4(Ipv4Addr::from(dst)))
            }
            Self::V6(bytes) => {
                let (halves, _) = bytes.as_chunks::<16>();
                let &[src, dst] = halves else { return (UNSPECIFIED, UNSPECIFIED) };
                (IpAddr::V6(Ipv6Addr::from(src)), IpAddr::V6(Ipv6Addr::from(dst)))
            }
        }
    }

    /// Whether they are IPv4 addresses.
    pub(crate) const fn is_v4(self) -> bool {
        matches!(self, Self::V4(_))
    }
}

/// Never seen: the chunks are always two.
const UNSPECIFIED: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// An IP packet whose header (and chain of extension headers) is whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram<'a> {
    /// Source and destination address.
    pub(crate) addresses: Addresses<'a>,
    /// Protocol after IPv6 extension headers; in a later fragment what the fragment header says.
    pub(crate) protocol: Protocol,
    /// IP total length in bytes (S2.3).
    pub(crate) length: u32,
    /// What it is of a fragmented packet; `None` for a packet in one piece.
    pub(crate) fragment: Option<FragmentMark>,
    /// What follows the IP headers.
    pub(crate) payload: Window<'a>,
}

impl Datagram<'_> {
    /// The header as a frame without facts reports it.
    pub(crate) fn header(&self) -> IpHeader {
        let (src, dst) = self.addresses.pair();
        IpHeader { src, dst, protocol: Some(self.protocol), length: self.length }
    }

    /// Whether it is a fragment without a transport header.
    #[inline]
    pub(crate) fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|mark| mark.role == FragmentRole::Later)
    }
}

/// Why a packet has no facts, and its header where that is whole.
pub(crate) type Fault = (Cause, Option<IpHeader>);

/// The IP version of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;

/// The version of an IP packet: its first nibble, which must be what the link layer announced (S2.2).
#[inline]
pub(crate) fn version(payload: Payload, packet: Window<'_>) -> Result<Version, Cause> {
    let nibble = packet.bytes.first().map(|byte| byte >> 4);
    match (payload, nibble) {
        (Payload::V4 | Payload::Ip | Payload::ByNibble, Some(4)) => Ok(Version::V4),
        (Payload::V6 | Payload::Ip | Payload::ByNibble, Some(6)) => Ok(Version::V6),
        (Payload::V6, None) => Err(packet.missing(V6_HEADER)),
        (_, None) => Err(packet.missing(V4_HEADER)),
        (Payload::ByNibble, Some(_)) => Err(Cause::NotIp),
        _ => Err(Cause::Malformed),
    }
}

/// The packet as its length field bounds it, and its length; a field that is 0 (`None`) or beyond what was on the
/// wire comes from segmentation offload: what was on the wire counts (S2.3).
#[inline]
fn bounded(packet: Window<'_>, field: Option<usize>) -> (Window<'_>, u32) {
    let packet = match field {
        Some(length) if length <= packet.wire => packet.bounded(length),
        _ => packet,
    };
    (packet, u32::try_from(packet.wire).unwrap_or(u32::MAX))
}

/// Reads an IPv4 packet.
#[inline]
pub(crate) fn read_v4(packet: Window<'_>) -> Result<Datagram<'_>, Cause> {
    let Some(header) = packet.bytes.first_chunk::<V4_HEADER>() else {
        return Err(cut_v4(packet));
    };
    let header_length = usize::from(header[0] & 0x0f) * 4;
    let total_length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header_length < V4_HEADER || (total_length != 0 && total_length < header_length) {
        return Err(Cause::Malformed);
    }
    let (packet, length) = bounded(packet, (total_length != 0).then_some(total_length));
    let payload = packet.behind(header_length)?;
    let protocol = Protocol(header[9]);
    let fragment_field = u16::from_be_bytes([header[6], header[7]]);
    let fragment = FragmentRole::of(fragment_field & 0x1fff, fragment_field & 0x2000).map(|role| {
        let identification = u32::from(u16::from_be_bytes([header[4], header[5]]));
        FragmentMark { role, protocol, identification }
    });
    let Some(addresses) = header.last_chunk() else {
        return Err(Cause::Truncated); // Never: 20 bytes have a last 8.
    };
    Ok(Datagram { addresses: Addresses::V4(addresses), protocol, length, fragment, payload })
}

/// The cause for fewer than 20 bytes of an IPv4 header: a bad field among them comes first (S12.3).
#[cold]
fn cut_v4(packet: Window<'_>) -> Cause {
    let header_length = packet.bytes.first().map_or(V4_HEADER, |byte| usize::from(byte & 0x0f) * 4);
    let total_length = match packet.bytes {
        [_, _, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let is_contradiction = header_length < V4_HEADER || (total_length != 0 && total_length < header_length);
    if is_contradiction { Cause::Malformed } else { packet.missing(header_length) }
}

/// Reads an IPv6 packet and follows its extension headers.
pub(crate) fn read_v6(packet: Window<'_>) -> Result<Datagram<'_>, Fault> {
    let header: &[u8; V6_HEADER] = packet.array().map_err(|cause| (cause, None))?;
    let payload_length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let next_header = header[6];
    // Nothing at all behind the header is what "no next header" means; else 0 is a jumbogram or an offload (S12.3).
    let is_known = payload_length != 0 || next_header == NO_NEXT_HEADER;
    let (packet, length) = bounded(packet, is_known.then_some(V6_HEADER + payload_length));
    let Some(addresses) = header.last_chunk() else {
        return Err((Cause::Truncated, None)); // Never: 40 bytes have a last 32.
    };
    let addresses = Addresses::V6(addresses);
    match packet.behind(V6_HEADER).and_then(|rest| Chain::follow(next_header, rest)) {
        Ok(Chain { protocol, fragment, payload }) => {
            Ok(Datagram { addresses, protocol, length, fragment, payload })
        }
        Err(cause) => {
            let (src, dst) = addresses.pair();
            Err((cause, Some(IpHeader { src, dst, protocol: None, length })))
        }
    }
}

const NO_NEXT_HEADER: u8 = 59;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;

/// Where a chain of IPv6 extension headers leads.
struct Chain<'a> {
    protocol: Protocol,
    fragment: Option<FragmentMark>,
    payload: Window<'a>,
}

impl<'a> Chain<'a> {
    /// Skips hop-by-hop options, routing, fragment, authentication and destination options headers; every other
    /// number is the protocol (S2.4). A later fragment ends the chain: what its fragment header names as the next
    /// header, even an extension header, is in the first fragment only, so that number is its protocol.
    #[inline]
    fn follow(mut next_header: u8, mut rest: Window<'a>) -> Result<Self, Cause> {
        let mut fragment = None;
        while matches!(next_header, 0 | 43 | FRAGMENT | AUTHENTICATION | 60) {
            let header = extension(next_header, rest)?;
            let is_fragment_header = next_header == FRAGMENT;
            next_header = header.next_header;
            rest = rest.behind(header.size)?;
            if is_fragment_header && let Some(mark) = header.fragment {
                fragment = Some(mark);
                if mark.role == FragmentRole::Later {
                    break;
                }
            }
        }
        Ok(Self { protocol: Protocol(next_header), fragment, payload: rest })
    }
}

/// One extension header.
struct Extension {
    next_header: u8,
    size: usize,
    fragment: Option<FragmentMark>,
}

fn extension(kind: u8, rest: Window<'_>) -> Result<Extension, Cause> {
    // Every extension header has 8 bytes or more.
    let size = match (kind, rest.bytes) {
        (FRAGMENT, _) | (_, [] | [_]) => 8,
        (AUTHENTICATION, [_, words, ..]) => (usize::from(*words) + 2) * 4,
        (_, [_, units, ..]) => (usize::from(*units) + 1) * 8,
    };
    let Some(header) = rest.bytes.first_chunk::<8>() else {
        return Err(rest.missing(size));
    };
    let field = u16::from_be_bytes([header[2], header[3]]);
    let fragment = FragmentRole::of(field >> 3, field & 1).map(|role| FragmentMark {
        role,
        protocol: Protocol(header[0]),
        identification: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
    });
    Ok(Extension { next_header: header[0], size, fragment })
}
