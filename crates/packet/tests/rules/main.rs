//! The rules on decoding, clause by clause, with frames made by hand.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod build;
mod fragments;
mod ip;
mod link;
mod transport;
mod tunnel;

use vpcreplay_flow::{Cause, Decap, Decoded, IpHeader, LinkType, PacketFacts, Transport};
use vpcreplay_packet::{DecodedFrame, decode};

/// Decodes a frame captured whole.
fn whole(link_type: LinkType, frame: &[u8]) -> Decoded {
    cut(link_type, frame, frame.len())
}

/// Decodes the first bytes of a frame whose record tells the whole length.
fn cut(link_type: LinkType, frame: &[u8], captured: usize) -> Decoded {
    let length = u32::try_from(frame.len()).unwrap();
    decode(link_type, &frame[..captured], length, Decap::None).decoded
}

/// Decodes a raw IP packet captured whole.
fn raw(packet: &[u8]) -> Decoded {
    whole(LinkType::RAW, packet)
}

fn facts(decoded: Decoded) -> PacketFacts {
    match decoded {
        Decoded::Packet(facts) => facts,
        Decoded::Unjudged(..) => panic!("expected facts, found {decoded:?}"),
    }
}

fn unjudged(decoded: Decoded) -> (Cause, Option<IpHeader>) {
    match decoded {
        Decoded::Unjudged(cause, header) => (cause, header),
        Decoded::Packet(_) => panic!("expected a cause, found {decoded:?}"),
    }
}

/// A cause without any fact.
const fn nothing(cause: Cause) -> Decoded {
    Decoded::Unjudged(cause, None)
}

fn transport(decoded: Decoded) -> Transport {
    facts(decoded).transport
}

fn tunnelled(frame: &[u8], captured: usize, decap: Decap) -> DecodedFrame {
    decode(LinkType::RAW, &frame[..captured], u32::try_from(frame.len()).unwrap(), decap)
}
