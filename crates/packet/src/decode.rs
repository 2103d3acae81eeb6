//! One frame, from the link layer to the facts (S2.3).

use vpcreplay_flow::{Cause, Decap, Decoded, IpHeader, LinkType, PacketFacts, Protocol, Transport, Tunnel};

use crate::fragment::{FragmentMark, FragmentRole, Fragments, OuterFirst};
use crate::ip::{self, Datagram};
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
    let (decoded, datagram) = packet_facts(payload, packet);
    if let (true, Some(datagram)) = (decap != Decap::None && tunnel_port(&decoded) == Some(decap), &datagram) {
        return inside(datagram, &decoded, decap);
    }
    let judged = match datagram {
        Some(datagram) => datagram.fragment,
        None => None,
    };
    DecodedFrame { tunnel: None, decoded, fragments: Fragments { judged, outer: None } }
}

/// The facts of an IP packet as it is, and the packet where its transport header could be read.
#[inline]
fn packet_facts(payload: Payload, packet: Window<'_>) -> (Decoded, Option<Datagram<'_>>) {
    let datagram = match ip::read(payload, packet) {
        Ok(datagram) => datagram,
        Err((cause, header)) => return (Decoded::Unjudged(cause, header), None),
    };
    let transport = if datagram.is_later_fragment() {
        Transport::Unknown
    } else {
        match transport::read(&datagram) {
            Ok(transport) => transport,
            Err(cause) => return (Decoded::Unjudged(cause, Some(datagram.header())), None),
        }
    };
    let Datagram { src, dst, protocol, length, .. } = datagram;
    (Decoded::Packet(PacketFacts { src, dst, protocol, transport, length }), Some(datagram))
}

/// Decodes what is inside a tunnel datagram; one level is taken off (S2.6).
#[inline(never)]
fn inside(outer: &Datagram<'_>, decoded: &Decoded, decap: Decap) -> DecodedFrame {
    let opened = match decap {
        Decap::Geneve => tunnel::geneve(outer.payload),
        Decap::Vxlan | Decap::None => tunnel::vxlan(outer.payload),
    };
    let outer_first = outer.fragment.and_then(|mark| outer_first(outer, decoded, mark));
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
    frame.fragments.outer = outer_first;
    frame
}

/// What later fragments of a tunnel datagram inherit: they are judged as outer packets (S12.4).
fn outer_first(outer: &Datagram<'_>, decoded: &Decoded, mark: FragmentMark) -> Option<OuterFirst> {
    let Decoded::Packet(facts) = decoded else { return None };
    let (src_port, dst_port) = facts.transport.ports()?;
    let Datagram { src, dst, protocol, .. } = *outer;
    (mark.role == FragmentRole::First).then_some(OuterFirst { src, dst, mark, protocol, src_port, dst_port })
}
