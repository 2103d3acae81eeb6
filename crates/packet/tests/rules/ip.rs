//! S2.3, S12.3: IP headers, lengths, truncated and malformed.

use std::net::IpAddr;

use vpcreplay_flow::{Cause, Decap, IpHeader, LinkType, Protocol, Transport};
use vpcreplay_packet::decode;

use crate::build::*;
use crate::{cut, facts, nothing, raw, transport, unjudged, whole};

fn header(protocol: u8, length: u32) -> IpHeader {
    let protocol = Some(Protocol(protocol));
    IpHeader { src: IpAddr::V4(SRC), dst: IpAddr::V4(DST), protocol, length }
}

fn header6(protocol: Option<u8>, length: u32) -> IpHeader {
    let protocol = protocol.map(Protocol);
    IpHeader { src: IpAddr::V6(SRC6), dst: IpAddr::V6(DST6), protocol, length }
}

#[test]
fn addresses_protocol_and_length() {
    let found = facts(raw(&v4(6, &tcp(1, 2, 0x02))));
    assert_eq!((found.src, found.dst), (IpAddr::V4(SRC), IpAddr::V4(DST)));
    assert_eq!((found.protocol, found.length), (Protocol::TCP, 40));
    let found = facts(raw(&v6(17, &udp(1, 2, &[]))));
    assert_eq!((found.src, found.dst), (IpAddr::V6(SRC6), IpAddr::V6(DST6)));
    assert_eq!((found.protocol, found.length), (Protocol::UDP, 48));
}

#[test]
fn padding_is_no_payload() {
    // 20 bytes of IP and 6 of TCP, padded to the Ethernet minimum: the bytes are there, but not of the packet.
    let frame = join(&[&ethernet(0x0800, &v4(6, &[0; 6])), &[0; 20]]);
    assert_eq!(unjudged(whole(LinkType::ETHERNET, &frame)), (Cause::Malformed, Some(header(6, 26))));
}

#[test]
fn a_header_that_contradicts_itself_has_no_facts() {
    let tcp = tcp(1, 2, 2);
    let mut short = v4(6, &tcp);
    short[0] = 0x44;
    assert_eq!(raw(&short), nothing(Cause::Malformed));
    // S12.3: total length below the header, options counted.
    for packet in [with_total_length(v4(6, &tcp), 19), with_total_length(v4_options(6, &[1; 8], &tcp), 27)] {
        assert_eq!(raw(&packet), nothing(Cause::Malformed));
    }
}

// S12.3: both faults are malformed, already with the byte that shows it.
#[test]
fn a_cut_header_with_a_bad_field_is_malformed() {
    let packet = with_total_length(v4(6, &tcp(1, 2, 2)), 19);
    let causes: Vec<Cause> =
        (0..20).map(|captured| unjudged(cut(LinkType::RAW, &packet, captured)).0).collect();
    assert_eq!(causes[..4], [Cause::Truncated; 4]);
    assert_eq!(causes[4..], [Cause::Malformed; 16]);
    assert_eq!(cut(LinkType::RAW, &[0x43; 40], 1), nothing(Cause::Malformed));
    assert_eq!(cut(LinkType::IPV4, &[0x60; 40], 1), nothing(Cause::Malformed));
}

#[test]
fn the_header_is_whole_with_its_options() {
    let packet = v4_options(6, &[1; 8], &tcp(1, 2, 2));
    for captured in 20..28 {
        assert_eq!(cut(LinkType::RAW, &packet, captured), nothing(Cause::Truncated));
    }
    assert_eq!(unjudged(cut(LinkType::RAW, &packet, 28)), (Cause::Truncated, Some(header(6, 48))));
    assert_eq!(transport(cut(LinkType::RAW, &packet, 42)).ports(), Some((1, 2)));
}

#[test]
fn length_0_or_beyond_the_frame_is_what_was_on_the_wire() {
    let tcp = tcp(1, 2, 2);
    for field in [0, 9_000] {
        // The link header is all that comes before IP: 14 of Ethernet, 4 of a tag.
        let frame = ethernet(0x8100, &join(&[&[0, 1, 8, 0], &with_total_length(v4(6, &tcp), field)]));
        assert_eq!(facts(whole(LinkType::ETHERNET, &frame)).length, 40);
        let captured = &frame[..52];
        assert_eq!(facts(decode(LinkType::ETHERNET, captured, 5_018, Decap::None).decoded).length, 5_000);
        // S12.3: the larger of the field and the captured length.
        assert_eq!(facts(decode(LinkType::ETHERNET, &frame, 10, Decap::None).decoded).length, 40);
        // Nothing excludes the bytes needed then: truncated.
        let short = &frame[..44];
        let found = decode(LinkType::ETHERNET, short, 44, Decap::None).decoded;
        assert_eq!(unjudged(found), (Cause::Truncated, Some(header(6, 26))));
    }
}

#[test]
fn ipv6_payload_length_0() {
    let tcp = tcp(1, 2, 2);
    let found = facts(raw(&with_payload_length(v6(6, &tcp), 0)));
    assert_eq!((found.length, found.transport.ports()), (60, Some((1, 2))));
    // S12.3: with next header 59 it means what it says.
    let found = facts(raw(&with_payload_length(v6(59, &tcp), 0)));
    assert_eq!((found.length, found.protocol, found.transport), (40, Protocol(59), Transport::Other));
    assert_eq!(facts(raw(&with_payload_length(v6(6, &tcp), 21))).length, 60);
}

#[test]
fn truncated_or_malformed_by_what_excludes_the_bytes() {
    let packet = v4(17, &udp(1, 2, b"data"));
    assert_eq!(unjudged(cut(LinkType::RAW, &packet, 23)), (Cause::Truncated, Some(header(17, 32))));
    let packet = with_total_length(packet, 23);
    assert_eq!(unjudged(raw(&packet)), (Cause::Malformed, Some(header(17, 23))));
    // Both faults.
    assert_eq!(unjudged(cut(LinkType::RAW, &packet, 21)), (Cause::Malformed, Some(header(17, 23))));
}

#[test]
fn ipv6_extension_headers_are_skipped() {
    let payload = udp(1, 2, &[]);
    let chain = join(&[
        &[43, 0, 0, 0, 0, 0, 0, 0],                         // hop-by-hop
        &[44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], // routing, 16 bytes
        &fragment_header(51, (0, 0), 7),                    // atomic
        &[60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],             // AH: (1 + 2) × 4 bytes
        &[17, 0, 0, 0, 0, 0, 0, 0],                         // destination options
    ]);
    let packet = v6(0, &join(&[&chain, &payload]));
    let found = decode(LinkType::RAW, &packet, 0, Decap::None);
    assert_eq!(facts(found.decoded).transport.ports(), Some((1, 2)));
    assert_eq!(facts(found.decoded).protocol, Protocol::UDP);
    assert!(!found.is_fragment(), "S2.7: an atomic fragment is none");
    // S12.3: cut anywhere in the chain the protocol is unknown; behind it it is known.
    for captured in 40..40 + chain.len() {
        assert_eq!(
            unjudged(cut(LinkType::RAW, &packet, captured)),
            (Cause::Truncated, Some(header6(None, 100)))
        );
        let field = u16::try_from(captured - 40).unwrap();
        if field > 0 {
            let short = with_payload_length(packet.clone(), field);
            assert_eq!(unjudged(raw(&short)), (Cause::Malformed, Some(header6(None, u32::from(field) + 40))));
        }
    }
    let captured = 40 + chain.len();
    assert_eq!(
        unjudged(cut(LinkType::RAW, &packet, captured)),
        (Cause::Truncated, Some(header6(Some(17), 100)))
    );
}

#[test]
fn what_ends_the_chain_is_the_protocol() {
    for protocol in [4, 41, 47, 50, 59, 89, 135, 139, 140, 253, 254, 255] {
        let found = facts(raw(&v6(60, &[protocol, 0, 0, 0, 0, 0, 0, 0])));
        assert_eq!((found.protocol, found.transport), (Protocol(protocol), Transport::Other));
    }
}

// S12.3: 40 bytes make the IPv6 header whole.
#[test]
fn a_cut_ipv6_header_has_no_facts() {
    let packet = v6(6, &tcp(1, 2, 2));
    for captured in 0..40 {
        assert_eq!(cut(LinkType::RAW, &packet, captured), nothing(Cause::Truncated));
    }
    assert_eq!(unjudged(cut(LinkType::RAW, &packet, 53)), (Cause::Truncated, Some(header6(Some(6), 60))));
}

// An extension header of which two bytes tell a size beyond the payload: both faults (S12.3).
#[test]
fn an_extension_header_beyond_the_payload_is_malformed() {
    let packet = v6(0, &[6, 9, 0, 0, 0, 0, 0, 0]);
    for captured in 42..=48 {
        assert_eq!(
            unjudged(cut(LinkType::RAW, &packet, captured)),
            (Cause::Malformed, Some(header6(None, 48)))
        );
    }
    assert_eq!(unjudged(cut(LinkType::RAW, &packet, 41)).0, Cause::Truncated);
}
