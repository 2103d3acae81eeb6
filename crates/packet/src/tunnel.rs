//! VXLAN and GENEVE: the header that is taken off, and what is inside (S2.6, S12.3, S12.13).

use vpcreplay_flow::{Cause, Decap, LinkType, Protocol, Tunnel};

use crate::link::{self, Payload};
use crate::window::Window;

/// UDP destination port of VXLAN.
const VXLAN_PORT: u16 = 4789;
/// UDP destination port of GENEVE.
const GENEVE_PORT: u16 = 6081;
const UDP_HEADER: usize = 8;

/// The tunnel that a UDP destination port stands for.
pub(crate) const fn of_port(dst_port: u16) -> Option<Decap> {
    match dst_port {
        VXLAN_PORT => Some(Decap::Vxlan),
        GENEVE_PORT => Some(Decap::Geneve),
        _ => None,
    }
}

/// Whether a packet of a protocol with ports is in the tunnel that is taken off, if any is.
#[inline]
pub(crate) fn is_of(protocol: Protocol, dst_port: u16, decap: Decap) -> bool {
    decap != Decap::None && protocol == Protocol::UDP && of_port(dst_port) == Some(decap)
}

/// What is inside a tunnel, told apart by how its start is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Inner<'a> {
    /// An Ethernet frame.
    Ethernet(Window<'a>),
    /// An IP packet.
    Bare(Payload, Window<'a>),
    /// Another protocol.
    NotIp,
}

impl<'a> Inner<'a> {
    /// As a frame of its own, with its link type, if it has that of one.
    pub(crate) const fn frame(self) -> Option<(LinkType, Window<'a>)> {
        match self {
            Self::Ethernet(window) => Some((LinkType::ETHERNET, window)),
            Self::Bare(Payload::V4, window) => Some((LinkType::IPV4, window)),
            Self::Bare(Payload::V6, window) => Some((LinkType::IPV6, window)),
            Self::Bare(..) | Self::NotIp => None,
        }
    }

    /// The network layer inside.
    pub(crate) fn payload(self) -> Result<(Payload, Window<'a>), Cause> {
        match self {
            Self::Ethernet(frame) => link::ethernet(frame),
            Self::Bare(payload, packet) => Ok((payload, packet)),
            Self::NotIp => Err(Cause::NotIp),
        }
    }
}

/// Takes the header of a tunnel off a UDP datagram.
pub(crate) fn open(udp: Window<'_>, decap: Decap) -> Result<(Tunnel, Inner<'_>), Cause> {
    match decap {
        Decap::Geneve => geneve(udp),
        Decap::Vxlan | Decap::None => vxlan(udp),
    }
}

/// Takes the header of VXLAN off a UDP datagram.
fn vxlan(udp: Window<'_>) -> Result<(Tunnel, Inner<'_>), Cause> {
    const IS_VNI_VALID: u8 = 0x08;
    const HEADERS: usize = UDP_HEADER + 8;
    // A wrong flag comes before a cut header: both faults are malformed (S12.3).
    if udp.bytes.get(UDP_HEADER).is_some_and(|flags| flags & IS_VNI_VALID == 0) {
        return Err(Cause::Malformed);
    }
    let header: &[u8; HEADERS] = udp.array()?;
    let vni = u32::from_be_bytes([0, header[12], header[13], header[14]]);
    Ok((Tunnel { vni, gwlb_endpoint: None }, Inner::Ethernet(udp.behind(HEADERS)?.as_inner_frame())))
}

/// Takes the header of GENEVE, with its options, off a UDP datagram.
fn geneve(udp: Window<'_>) -> Result<(Tunnel, Inner<'_>), Cause> {
    const FIXED: usize = UDP_HEADER + 8;
    let first = udp.bytes.get(UDP_HEADER).copied().unwrap_or_default();
    if first >> 6 != 0 {
        return Err(Cause::Malformed);
    }
    let options_size = usize::from(first & 0x3f) * 4;
    let Some(header) = udp.bytes.first_chunk::<FIXED>() else {
        return Err(udp.missing(FIXED + options_size));
    };
    let inner = udp.behind(FIXED + options_size)?.as_inner_frame();
    let options = udp.bytes.get(FIXED..FIXED + options_size).unwrap_or_default();
    let vni = u32::from_be_bytes([0, header[12], header[13], header[14]]);
    let inner = match u16::from_be_bytes([header[10], header[11]]) {
        0x6558 => Inner::Ethernet(inner),
        0x0800 => Inner::Bare(Payload::V4, inner),
        0x86dd => Inner::Bare(Payload::V6, inner),
        _ => Inner::NotIp,
    };
    Ok((Tunnel { vni, gwlb_endpoint: gwlb_endpoint(options) }, inner))
}

/// The Gateway Load Balancer endpoint among GENEVE options: the first of AWS's class with type exactly 1 (the
/// critical bit off) and 8 bytes (S12.13). An option that runs beyond the options ends the search.
fn gwlb_endpoint(mut options: &[u8]) -> Option<u64> {
    const AWS_CLASS: [u8; 2] = [0x01, 0x08];
    const ENDPOINT_TYPE: u8 = 1;
    while let Some((&[class_high, class_low, kind, words], rest)) = options.split_first_chunk::<4>() {
        let (data, rest) = rest.split_at_checked(usize::from(words & 0x1f) * 4)?;
        if [class_high, class_low] == AWS_CLASS
            && kind == ENDPOINT_TYPE
            && let Ok(endpoint) = <[u8; 8]>::try_from(data)
        {
            return Some(u64::from_be_bytes(endpoint));
        }
        options = rest;
    }
    None
}
