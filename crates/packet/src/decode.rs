//! One frame, from the link layer to the facts (S2.3).

use vpcreplay_flow::{Cause, Decap, Decoded, IpHeader, LinkType, PacketFacts, Protocol, Transport, Tunnel};

use crate::fragment::{Fragments, OuterFirst};
use crate::ip::{self, Datagram, Version};
use crate::link::{self, Payload};
use crate::window::Window;
use crate::{transport, tunnel};

/// What one frame says, taken alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodedFrame {
    /// The tunnel that was taken off, as soon as its header is whole and valid (S12.13).
    pub tunnel: Option<Tunnel>,
    /// The judged packet (inside a tunnel: the inner one), or why there is none.
    pub decoded: Decoded,
    /// What a [`FragmentTable`](crate::FragmentTable) needs to know.
    pub fragments: Fragments,
}

impl DecodedFrame {
    /// Whether a [`FragmentTable`](crate::FragmentTable) has anything to do with the frame.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.fragments.is_any()
    }

    #[inline]
    const fn unjudged(cause: Cause, header: Option<IpHeader>) -> Self {
        Self { tunnel: None, decoded: Decoded::Unjudged(cause, header), fragments: Fragments::NONE }
    }
}

/// Decodes a frame: its captured bytes, and its length on the wire as the capture's record says.
///
/// Never fails: what cannot be decoded ends as [`Decoded::Unjudged`] (S2.3). A later IP fragment ends with
/// [`Transport::Unknown`] until a [`FragmentTable`](crate::FragmentTable) resolves it.
#[inline]
pub fn decode(link_type: LinkType, captured: &[u8], original_length: u32, decap: Decap) -> DecodedFrame {
    let frame = Window::of_frame(captured, original_length);
    match link::plain_ethernet(link_type, frame) {
        Some((payload, packet)) => network(payload, packet, decap),
        None => any_link(link_type, frame, decap),
    }
}

/// Apart from the hot path, so that the results of the many link layers do not meet there in memory.
#[inline(never)]
fn any_link(link_type: LinkType, frame: Window<'_>, decap: Decap) -> DecodedFrame {
    match link::payload(link_type, frame) {
        Ok((payload, packet)) => network(payload, packet, decap),
        Err(cause) => DecodedFrame::unjudged(cause, None),
    }
}

/// The tunnel that a packet is, by its UDP destination port: for the hint that names the option (S2.6).
pub const fn tunnel_port(decoded: &Decoded) -> Option<Decap> {
    match decoded {
        Decoded::Packet(PacketFacts {
            protocol: Protocol::UDP,
            transport: Transport::Ports { dst_port, .. },
            ..
        }) => tunnel::of_port(*dst_port),
        _ => None,
    }
}

/// Decodes an IP packet and takes off the tunnel that it is, if that is wanted.
#[inline]
fn network(payload: Payload, packet: Window<'_>, decap: Decap) -> DecodedFrame {
    match ip::version(payload, packet) {
        Ok(Version::V4) => match ip::read_v4(packet) {
            Ok(datagram) => packet_or_tunnel(&datagram, decap),
            Err(cause) => DecodedFrame::unjudged(cause, None),
        },
        Ok(Version::V6) => match ip::read_v6(packet) {
            Ok(datagram) => packet_or_tunnel(&datagram, decap),
            Err((cause, header)) => DecodedFrame::unjudged(cause, header),
        },
        Err(cause) => DecodedFrame::unjudged(cause, None),
    }
}

#[expect(
    clippy::inline_always,
    reason = "else the parts of the result are copied about, at three times the cost"
)]
#[inline(always)]
fn packet_or_tunnel(datagram: &Datagram<'_>, decap: Decap) -> DecodedFrame {
    if datagram.is_later_fragment() {
        return judged(datagram, Transport::Unknown);
    }
    match datagram.protocol {
        Protocol::TCP => match transport::tcp(datagram.payload) {
            Ok(transport) => judged(datagram, transport),
            Err(cause) => DecodedFrame::unjudged(cause, Some(datagram.header())),
        },
        protocol if protocol.has_ports() => match transport::ports(datagram.payload) {
            Ok((src_port, dst_port)) if tunnel::is_of(protocol, dst_port, decap) => {
                inside(datagram, (src_port, dst_port), decap)
            }
            Ok((src_port, dst_port)) => judged(datagram, Transport::Ports { src_port, dst_port }),
            Err(cause) => DecodedFrame::unjudged(cause, Some(datagram.header())),
        },
        _ => without_ports(datagram),
    }
}

#[inline(never)]
fn without_ports(datagram: &Datagram<'_>) -> DecodedFrame {
    match transport::without_ports(datagram) {
        Ok(transport) => judged(datagram, transport),
        Err(cause) => DecodedFrame::unjudged(cause, Some(datagram.header())),
    }
}

/// A packet with facts.
#[expect(
    clippy::inline_always,
    reason = "else the parts of the result are copied about, at three times the cost"
)]
#[inline(always)]
fn judged(datagram: &Datagram<'_>, transport: Transport) -> DecodedFrame {
    let &Datagram { protocol, length, fragment, .. } = datagram;
    let (src, dst) = datagram.addresses.pair();
    DecodedFrame {
        tunnel: None,
        decoded: Decoded::Packet(PacketFacts { src, dst, protocol, transport, length }),
        fragments: Fragments { judged: fragment, outer: None },
    }
}

/// Decodes what is inside a tunnel datagram; one level is taken off (S2.6).
#[inline(never)]
fn inside(outer: &Datagram<'_>, ports: (u16, u16), decap: Decap) -> DecodedFrame {
    let opened = tunnel::open(outer.payload, decap);
    let mut frame = match opened {
        // The inner packet is the one to report, and there is none.
        Err(cause) => DecodedFrame::unjudged(cause, None),
        Ok((tunnel, inner)) => {
            let frame = match inner.payload() {
                Ok((payload, packet)) => network(payload, packet, Decap::None),
                Err(cause) => DecodedFrame::unjudged(cause, None),
            };
            DecodedFrame { tunnel: Some(tunnel), ..frame }
        }
    };
    // Its later fragments are judged as outer packets (S12.4, S12.13). Itself it can be but a first one here.
    frame.fragments.outer = outer.fragment.map(|mark| {
        let (src, dst) = outer.addresses.pair();
        OuterFirst { src, dst, mark, protocol: outer.protocol, src_port: ports.0, dst_port: ports.1 }
    });
    frame
}
