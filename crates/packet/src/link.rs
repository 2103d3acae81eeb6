//! Link layers: where the IP header of a frame begins and which version it must have (S2.2, S12.2).

use vpcreplay_flow::{Cause, LinkType};

use crate::window::Window;

/// What the link layer says of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// IPv4; another version contradicts it.
    V4,
    /// IPv6; another version contradicts it.
    V6,
    /// IP of either version; anything else contradicts it.
    Ip,
    /// Unknown: IP where the first nibble is 4 or 6, else something else (MPLS names no type).
    ByNibble,
}

/// A link layer's verdict: the kind of payload and the payload itself.
type Found<'a> = Result<(Payload, Window<'a>), Cause>;

const ETHER_IPV4: u16 = 0x0800;
const ETHER_IPV6: u16 = 0x86dd;
/// Below this an `EtherType` field is none: up to 1500 it is the length of an 802.3 frame.
const ETHER_TYPE_MIN: u16 = 0x0600;
const LENGTH_802_3_MAX: u16 = 1500;

/// The payload of a plain Ethernet frame with IP, which nearly every frame is; `None` sends it to [`payload`].
#[inline]
pub(crate) fn plain_ethernet(link_type: LinkType, frame: Window<'_>) -> Option<(Payload, Window<'_>)> {
    if link_type != LinkType::ETHERNET {
        return None;
    }
    let header = frame.bytes.first_chunk::<14>()?;
    let payload = match u16::from_be_bytes([header[12], header[13]]) {
        ETHER_IPV4 => Payload::V4,
        ETHER_IPV6 => Payload::V6,
        _ => return None,
    };
    Some((payload, frame.behind(14).ok()?))
}

/// Finds the payload of a frame.
pub(crate) fn payload(link_type: LinkType, frame: Window<'_>) -> Found<'_> {
    match link_type {
        LinkType::ETHERNET => ethernet(frame),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => Ok((Payload::Ip, frame)),
        LinkType::IPV4 => Ok((Payload::V4, frame)),
        LinkType::IPV6 => Ok((Payload::V6, frame)),
        LinkType::LINUX_SLL => {
            let header: &[u8; 16] = frame.array()?;
            cooked(u16::from_be_bytes([header[14], header[15]]), frame.behind(16)?)
        }
        LinkType::LINUX_SLL2 => {
            let header: &[u8; 20] = frame.array()?;
            cooked(u16::from_be_bytes([header[0], header[1]]), frame.behind(20)?)
        }
        LinkType::NULL | LinkType::LOOP => loopback(frame),
        LinkType::PPP => ppp(frame),
        _ => Err(Cause::UnsupportedLinkType),
    }
}

/// An Ethernet frame.
pub(crate) fn ethernet(frame: Window<'_>) -> Found<'_> {
    let header: &[u8; 14] = frame.array()?;
    by_ether_type(u16::from_be_bytes([header[12], header[13]]), frame.behind(14)?)
}

/// What an `EtherType` field announces: IP, tags and labels before IP, or an 802.3 length.
fn by_ether_type(mut ether_type: u16, mut payload: Window<'_>) -> Found<'_> {
    loop {
        match ether_type {
            ETHER_IPV4 => return Ok((Payload::V4, payload)),
            ETHER_IPV6 => return Ok((Payload::V6, payload)),
            // 802.1Q, 802.1ad and the older stacking tag.
            0x8100 | 0x88a8 | 0x9100 => {
                let tag: &[u8; 4] = payload.array()?;
                ether_type = u16::from_be_bytes([tag[2], tag[3]]);
                payload = payload.behind(4)?;
            }
            0x8847 | 0x8848 => return mpls(payload),
            0x8864 => return pppoe_session(payload),
            ..=LENGTH_802_3_MAX => match llc(payload)? {
                Llc::Ip(payload) => return Ok((Payload::Ip, payload)),
                Llc::EtherType(inner, rest) => (ether_type, payload) = (inner, rest),
            },
            _ => return Err(Cause::NotIp),
        }
    }
}

/// What an LLC header announces.
enum Llc<'a> {
    /// IP itself: service access point 6.
    Ip(Window<'a>),
    /// An `EtherType` behind a SNAP header.
    EtherType(u16, Window<'a>),
}

/// An 802.2 LLC header: SNAP with OUI 0, or the access point of IP (S12.2).
fn llc(payload: Window<'_>) -> Result<Llc<'_>, Cause> {
    match *payload.array::<3>()? {
        [0xaa, 0xaa, 0x03] => {
            let snap: &[u8; 8] = payload.array()?;
            let ether_type = u16::from_be_bytes([snap[6], snap[7]]);
            if snap[3..6] != [0, 0, 0] || ether_type < ETHER_TYPE_MIN {
                return Err(Cause::NotIp);
            }
            Ok(Llc::EtherType(ether_type, payload.behind(8)?))
        }
        [0x06, 0x06, 0x03] => Ok(Llc::Ip(payload.behind(3)?)),
        _ => Err(Cause::NotIp),
    }
}

/// The protocol field of a Linux cooked header; below 0x600 only 802.2 is looked into (S12.2).
fn cooked(protocol: u16, payload: Window<'_>) -> Found<'_> {
    const PROTOCOL_802_2: u16 = 0x0004;
    match protocol {
        PROTOCOL_802_2 => match llc(payload)? {
            Llc::Ip(payload) => Ok((Payload::Ip, payload)),
            Llc::EtherType(ether_type, payload) => by_ether_type(ether_type, payload),
        },
        ..ETHER_TYPE_MIN => Err(Cause::NotIp),
        _ => by_ether_type(protocol, payload),
    }
}

/// An MPLS label stack: its payload has no type but its first nibble.
fn mpls(mut payload: Window<'_>) -> Found<'_> {
    loop {
        let label: &[u8; 4] = payload.array()?;
        payload = payload.behind(4)?;
        if label[2] & 0x01 != 0 {
            return Ok((Payload::ByNibble, payload));
        }
    }
}

/// A `PPPoE` session frame; codes other than 0 carry no data.
fn pppoe_session(payload: Window<'_>) -> Found<'_> {
    let header: &[u8; 6] = payload.array()?;
    if header[1] != 0 {
        return Err(Cause::NotIp);
    }
    ppp(payload.behind(6)?)
}

/// A PPP frame: address and control bytes optional, protocol of one byte (odd) or two (S12.2).
fn ppp(mut frame: Window<'_>) -> Found<'_> {
    if frame.bytes.starts_with(&[0xff, 0x03]) {
        frame = frame.behind(2)?;
    }
    let &[first] = frame.array()?;
    let (protocol, payload) = if first & 1 == 1 {
        (u16::from(first), frame.behind(1)?)
    } else {
        (u16::from_be_bytes(*frame.array()?), frame.behind(2)?)
    };
    match protocol {
        0x0021 => Ok((Payload::V4, payload)),
        0x0057 => Ok((Payload::V6, payload)),
        0x0281 | 0x0283 => mpls(payload),
        _ => Err(Cause::NotIp),
    }
}

/// A BSD loopback header: an address family in either byte order.
fn loopback(frame: Window<'_>) -> Found<'_> {
    let header: &[u8; 4] = frame.array()?;
    let payload = frame.behind(4)?;
    let family = u32::from_be_bytes(*header);
    match family.min(family.swap_bytes()) {
        2 => Ok((Payload::V4, payload)),
        // The number of IPv6 differs between Linux, the BSDs and macOS.
        10 | 24 | 28 | 30 => Ok((Payload::V6, payload)),
        _ => Err(Cause::NotIp),
    }
}
