//! The short way to a digest against the decoder: where it answers, it must be right, and the usual frame it must answer.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "../conformance/captures.rs"]
mod captures;
mod real;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vpcreplay_flow::{Decap, Decoded, Digest, LinkType};
use vpcreplay_packet::{
    Fragments, Inside, brief, brief_anywhere, decode, digest, digest_v6, inside, tunnel_port, tunnel_port_of,
};

/// What must hold for any bytes; whether the short way answered.
fn check(link_type: LinkType, captured: &[u8], original_length: u32) -> Result<bool, String> {
    let slow = decode(link_type, captured, original_length, Decap::None);
    let whole = match slow.decoded {
        Decoded::Packet(facts) => Digest::of(&facts).map(|digest| (facts, digest)),
        Decoded::Unjudged(..) => None,
    };
    // The hint of any digest is that of its facts (S2.6).
    if let Some((_, digest)) = &whole
        && tunnel_port_of(digest.brief()) != tunnel_port(&Decoded::Packet(digest.facts()))
    {
        return Err(format!("hint {:?} for {digest:?}", tunnel_port_of(digest.brief())));
    }
    let in_brief = brief(link_type, captured, original_length);
    let in_brief = in_brief.or_else(|| brief_anywhere(link_type, captured, original_length));
    let over_v6 = if link_type == LinkType::ETHERNET { digest_v6(captured, original_length) } else { None };
    let Some(fast) = digest(link_type, captured, original_length) else {
        return match (in_brief, over_v6) {
            (None, None) => Ok(false),
            shorter => Err(format!("{shorter:?}, but no digest")),
        };
    };
    let is_right = whole
        .is_some_and(|(facts, digest)| fast == digest && fast.facts() == facts && Digest::is_whole(&facts));
    if !is_right || slow.tunnel.is_some() || slow.fragments != Fragments::NONE {
        let length = captured.len();
        return Err(format!(
            "{link_type:?} {length} of {original_length}: {fast:?}, but {slow:?}: {captured:02x?}"
        ));
    }
    // A packet in brief is the same, with its hint.
    if let Some((brief, tunnel)) = in_brief
        && (brief.whole(), tunnel) != (fast, tunnel_port_of(brief))
    {
        return Err(format!("{brief:?} with the hint {tunnel:?}, but {fast:?}"));
    }
    if over_v6.is_some_and(|found| found != (fast, tunnel_port_of(fast.brief()))) {
        return Err(format!("{over_v6:?}, but {fast:?}"));
    }
    Ok(true)
}

/// What must hold for any bytes where tunnels are taken off: what is inside is what the decoder finds, and taken for a tunnel is
/// nothing else. Whether there is one.
fn check_inside(
    decap: Decap,
    link_type: LinkType,
    captured: &[u8],
    original_length: u32,
) -> Result<bool, String> {
    let slow = decode(link_type, captured, original_length, decap);
    let Some(Inside { tunnel, link_type, captured, original_length }) =
        inside(decap, link_type, captured, original_length)
    else {
        return Ok(false);
    };
    let within = decode(link_type, captured, original_length, Decap::None);
    if slow.tunnel == Some(tunnel) && (slow.decoded, slow.fragments) == (within.decoded, within.fragments) {
        return Ok(true);
    }
    Err(format!("{decap:?} {tunnel:?} with {within:?}, but {slow:?}: {captured:02x?}"))
}

/// A packet's transport: protocol and payload.
type Transport = (u8, Vec<u8>);

/// Few ports, so that they are often equal, and those of tunnels.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![select(vec![0_u16, 1, 443, 4_789, 6_081, 40_000, u16::MAX]), any::<u16>()]
}

/// TCP or UDP, whole.
fn tcp_or_udp() -> impl Strategy<Value = Transport> {
    (select(vec![(6_u8, 20_usize), (17, 8)]), port(), port(), any::<u8>(), vec(any::<u8>(), 0..40)).prop_map(
        |((protocol, header), src, dst, flags, data)| {
            let mut bytes = [&src.to_be_bytes()[..], &dst.to_be_bytes(), &[0; 16]].concat();
            bytes[13] = flags;
            bytes.truncate(header);
            (protocol, [bytes, data].concat())
        },
    )
}

/// Everything that may follow an IP header: what is usual, and what is not.
fn any_transport() -> impl Strategy<Value = Transport> {
    let icmp = (select(vec![1_u8, 58]), select(vec![0_u8, 3, 5, 8, 13, 14, 15, 16, 17, 18, 128, 129, 135]));
    prop_oneof![
        3 => tcp_or_udp(),
        1 => (icmp, vec(any::<u8>(), 0..40)).prop_map(|((protocol, kind), rest)| (protocol, [vec![kind], rest].concat())),
        1 => (select(vec![0_u8, 6, 17, 33, 43, 44, 47, 50, 51, 58, 59, 60, 132, 136, 139]), vec(any::<u8>(), 0..24)),
    ]
}

/// The two addresses: any, or so near to each other that the order hangs on any of their bytes, or equal.
fn addresses() -> impl Strategy<Value = [[u8; 16]; 2]> {
    (any::<[u8; 16]>(), any::<[u8; 16]>(), 0..20_usize, any::<u8>(), any::<bool>()).prop_map(
        |(one, other, at, byte, is_near)| {
            let mut near = one;
            if let Some(place) = near.get_mut(at) {
                *place = byte;
            }
            [one, if is_near { near } else { other }]
        },
    )
}

fn v4([src, dst]: [[u8; 16]; 2], options: usize, fragment: u16, (protocol, payload): &Transport) -> Vec<u8> {
    let length = u16::try_from(20 + options * 4 + payload.len()).unwrap().to_be_bytes();
    let field = fragment.to_be_bytes();
    let words = 0x45 + u8::try_from(options).unwrap();
    let fixed = [words, 0, length[0], length[1], 0, 7, field[0], field[1], 64, *protocol, 0, 0];
    [&fixed[..], &src[12..], &dst[12..], &vec![1; options * 4], payload].concat()
}

fn v6([src, dst]: [[u8; 16]; 2], (protocol, payload): &Transport) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0x60, 0, 0, 0, length[0], length[1], *protocol, 64][..], &src, &dst, payload].concat()
}

/// Link types whose header, with these tags, says which version follows.
const LINKS: [u16; 9] = [1, 1, 1, 113, 276, 12, 14, 101, 228];

/// A packet behind a link header; raw IP has no tags.
fn framed(link_type: u16, tags: &[u16], packet: &[u8]) -> (LinkType, Vec<u8>) {
    let is_v4 = packet[0] >> 4 == 4;
    let mut types: Vec<[u8; 2]> = tags.iter().map(|tag| tag.to_be_bytes()).collect();
    types.push(if is_v4 { [8, 0] } else { [0x86, 0xdd] });
    let behind: Vec<u8> = types[1..].iter().flat_map(|kind| [&[0, 5], &kind[..]].concat()).collect();
    let header = match link_type {
        1 => [&[2; 12], &types[0][..], &behind].concat(),
        113 => [&[0; 14], &types[0][..], &behind].concat(),
        276 => [&types[0][..], &[0; 18], &behind].concat(),
        _ => Vec::new(),
    };
    let link_type = if link_type == 228 && !is_v4 { 229 } else { link_type };
    (LinkType(link_type), [&header, packet].concat())
}

fn tags(most: usize) -> impl Strategy<Value = Vec<u16>> {
    vec(select(vec![0x8100_u16, 0x88a8, 0x9100]), 0..=most)
}

/// Link types of what is inside tunnels: Ethernet, or a bare packet of either version.
const INNER: [u16; 3] = [1, 1, 228];

/// Whole frames of the usual shapes, in one piece.
fn usual(
    links: &[u16],
    transport: impl Strategy<Value = Transport>,
) -> impl Strategy<Value = (LinkType, Vec<u8>)> {
    let packet = (addresses(), transport, 0..=10_usize, any::<[bool; 2]>()).prop_map(
        |(addresses, transport, options, [is_v4, is_plain])| match (is_v4, is_plain) {
            (true, true) => v4(addresses, 0, 0x4000, &transport),
            (true, false) => v4(addresses, options, 0, &transport),
            (false, _) => v6(addresses, &transport),
        },
    );
    (select(links.to_vec()), tags(2), packet).prop_map(|(link, tags, packet)| framed(link, &tags, &packet))
}

/// Frames of all shapes, with fragments, a third tag and bytes overwritten, mostly within the headers.
fn odd(links: &[u16]) -> impl Strategy<Value = (LinkType, Vec<u8>)> {
    let fragment = select(vec![0_u16, 0x4000, 0x8000, 0x2000, 0x2001, 0x0001, 0x1fff]);
    let packet = (addresses(), any_transport(), 0..=10_usize, fragment, any::<bool>()).prop_map(
        |(addresses, transport, options, fragment, is_v4)| {
            if is_v4 { v4(addresses, options, fragment, &transport) } else { v6(addresses, &transport) }
        },
    );
    let byte = prop_oneof![any::<u8>(), 0..0x48_u8];
    (select(links.to_vec()), tags(3), packet, vec((0..80_usize, byte), 0..3)).prop_map(
        |(link, tags, packet, changes)| {
            let (link_type, mut frame) = framed(link, &tags, &packet);
            for (at, byte) in changes {
                if let Some(place) = frame.get_mut(at) {
                    *place = byte;
                }
            }
            (link_type, frame)
        },
    )
}

/// A UDP datagram to the port of a tunnel, around what is inside: an Ethernet frame, or in GENEVE a bare packet too.
fn tunnelled(decap: Decap, options: &[u8], (link_type, inner): &(LinkType, Vec<u8>)) -> Vec<u8> {
    let kind = match *link_type {
        LinkType::IPV4 => [8, 0],
        LinkType::IPV6 => [0x86, 0xdd],
        _ => [0x65, 0x58],
    };
    let words = u8::try_from(options.len() / 4).unwrap();
    let (port, header) = match decap {
        Decap::Geneve => (6_081_u16, [&[words, 0, kind[0], kind[1], 1, 2, 3, 0], options].concat()),
        _ => (4_789, vec![8, 0, 0, 0, 1, 2, 3, 0]),
    };
    let length = u16::try_from(8 + header.len() + inner.len()).unwrap();
    [&[0xc0, 1], &port.to_be_bytes()[..], &length.to_be_bytes(), &[0; 2], &header, inner].concat()
}

/// Frames with a tunnel in them, plain outside or with IP options, IPv6, a tag or fragmented; with the tunnel.
fn around(
    inner: impl Strategy<Value = (LinkType, Vec<u8>)>,
) -> impl Strategy<Value = (Decap, LinkType, Vec<u8>)> {
    let decap = select(vec![Decap::Vxlan, Decap::Geneve]);
    let endpoint = vec![1, 8, 1, 2, 0, 0, 0, 0, 0, 0, 0, 5];
    let options = select(vec![vec![], endpoint, vec![0; 4]]);
    let outer = (addresses(), prop_oneof![8 => Just(0_u8), 1 => 1..5_u8]);
    (decap, options, inner, outer).prop_map(|(decap, options, inner, (addresses, shape))| {
        let udp = (17, tunnelled(decap, &options, &inner));
        let (tags, packet): (&[u16], _) = match shape {
            1 => (&[], v4(addresses, 3, 0, &udp)),
            2 => (&[], v4(addresses, 0, 0x2000, &udp)),
            3 => (&[], v6(addresses, &udp)),
            4 => (&[0x8100], v4(addresses, 0, 0, &udp)),
            _ => (&[], v4(addresses, 0, 0x4000, &udp)),
        };
        let (link_type, frame) = framed(1, tags, &packet);
        (decap, link_type, frame)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    // Not one of the usual frames goes the long way, padded or cut behind the bytes needed (S2.3, S2.5).
    #[test]
    fn usual_frames_are_answered((link_type, frame) in usual(&LINKS, tcp_or_udp()), padding in 0..20_usize, cut in 0..20_usize) {
        let length = u32::try_from(frame.len()).unwrap();
        prop_assert_eq!(check(link_type, &frame, length), Ok(true));
        prop_assert_eq!(check(link_type, &frame, 0), Ok(true));
        prop_assert_eq!(check(link_type, &[&frame[..], &vec![0; padding]].concat(), length), Ok(true));
        let data = frame.len().saturating_sub(cut);
        let is_answered = check(link_type, &frame[..data], length).map_err(TestCaseError::fail)?;
        let is_packet = matches!(decode(link_type, &frame[..data], length, Decap::None).decoded, Decoded::Packet(_));
        prop_assert_eq!(is_answered, is_packet);
    }

    #[test]
    fn odd_frames((link_type, frame) in odd(&[&LINKS[..], &[0, 9, 108, 147, 229]].concat()), captured in 0..200_usize, padding in 0..20_usize, original in 0..200_u32) {
        let length = u32::try_from(frame.len()).unwrap();
        let padded = [&frame[..], &vec![0; padding]].concat();
        for original in [length, original, length + original, u32::MAX] {
            check(link_type, &frame, original).map_err(TestCaseError::fail)?;
            check(link_type, &padded, original).map_err(TestCaseError::fail)?;
            check(link_type, &frame[..captured.min(frame.len())], original).map_err(TestCaseError::fail)?;
        }
    }

    // S2.6: a tunnel in the most usual outer shape is looked into, whole or cut inside.
    #[test]
    fn tunnels_are_looked_into((decap, link_type, frame) in around(usual(&INNER, tcp_or_udp())), cut in 0..20_usize) {
        let length = u32::try_from(frame.len()).unwrap();
        let data = &frame[..frame.len() - cut];
        let is_usual = frame[12..15] == [8, 0, 0x45] && frame[20] & 0x20 == 0;
        let is_tunnel = decode(link_type, data, length, decap).tunnel.is_some();
        prop_assert_eq!(check_inside(decap, link_type, data, length), Ok(is_usual && is_tunnel));
    }

    #[test]
    fn odd_tunnels(
        (decap, link_type, frame) in around(odd(&INNER)),
        changes in vec((12..70_usize, any::<u8>()), 0..3),
        captured in 0..200_usize,
        original in 0..200_u32,
    ) {
        let mut frame = frame;
        for (at, byte) in changes {
            if let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
        }
        let length = u32::try_from(frame.len()).unwrap();
        let padded = [&frame[..], &[0; 9]].concat();
        for decap in [decap, Decap::Vxlan, Decap::Geneve] {
            for original in [length, original, length + original, u32::MAX] {
                for data in [&frame[..], &padded, &frame[..captured.min(frame.len())]] {
                    check_inside(decap, link_type, data, original).map_err(TestCaseError::fail)?;
                }
            }
        }
    }

    #[test]
    fn any_bytes(link in select(vec![0_u16, 1, 9, 12, 14, 101, 108, 113, 228, 229, 276, 147]), bytes in vec(any::<u8>(), 0..120), original in any::<u32>()) {
        check(LinkType(link), &bytes, original).map_err(TestCaseError::fail)?;
    }
}

/// One frame of every shape that is answered.
fn shapes() -> Vec<(LinkType, Vec<u8>)> {
    let ends = [[10; 16], [9; 16]];
    let header = |first: [u8; 4]| [&first[..], &[0, 1, 0, 2], &[0x18; 12]].concat();
    let ports = header([0x9c, 0x40, 0x12, 0xb5]);
    let mut packets = Vec::new();
    for protocol in [6, 17, 33, 132, 136] {
        packets.push(v4(ends, 0, 0x4000, &(protocol, ports.clone())));
        packets.push(v6(ends, &(protocol, ports.clone())));
    }
    packets.push(v4(ends, 3, 0, &(6, ports)));
    packets.extend([8, 0, 13, 14, 15, 16, 17, 18].map(|kind| v4(ends, 0, 0, &(1, header([kind, 0, 0, 0])))));
    packets.extend([128, 129].map(|kind| v6(ends, &(58, header([kind, 0, 0, 0])))));
    let mut shapes: Vec<_> = packets.iter().map(|packet| framed(1, &[], packet)).collect();
    for packet in &packets[..2] {
        shapes.extend([12, 14, 101, 228, 113, 276].map(|link| framed(link, &[], packet)));
        shapes.extend([1, 113, 276].map(|link| framed(link, &[0x8100], packet)));
        shapes.push(framed(1, &[0x88a8, 0x8100], packet));
        shapes.push(framed(1, &[0x9100, 0x8100], packet));
    }
    shapes
}

// Every value of every header byte, every cut, every original length: no edge is left to chance (S2.3, S2.5).
#[test]
fn every_edge_of_every_shape() {
    for (link_type, frame) in shapes() {
        let length = u32::try_from(frame.len()).unwrap();
        assert_eq!(check(link_type, &frame, length), Ok(true), "{link_type:?} {frame:02x?}");
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            for byte in 0..=u8::MAX {
                changed[at] = byte;
                check(link_type, &changed, length).unwrap();
            }
        }
        for cut in 0..=frame.len() {
            for original in 0..length + 2 {
                check(link_type, &frame[..cut], original).unwrap();
            }
        }
        // Every pair of header bytes as a number, the length field among them.
        for at in 0..frame.len() - 1 {
            for value in (0..160_u16).chain([u16::MAX]) {
                let mut changed = frame.clone();
                changed[at..at + 2].copy_from_slice(&value.to_be_bytes());
                check(link_type, &changed, length).unwrap();
                check(link_type, &changed, length + 50).unwrap();
                check(link_type, &changed[..frame.len() - 4], 0).unwrap();
            }
        }
    }
}

// The shortest ways answer all that they are made for, cut behind the bytes needed (S2.5).
#[test]
fn tcp_and_udp_over_plain_ethernet_take_the_shortest_ways() {
    let ends = [[10; 16], [9; 16]];
    for (protocol, header, needed) in [(6, 20, 14), (17, 8, 4)] {
        let transport = (protocol, [&[0x9c, 0x40, 0x12, 0xb5][..], &vec![0; header - 4]].concat());
        let (_, wide) = framed(1, &[], &v6(ends, &transport));
        let length = u32::try_from(wide.len()).unwrap();
        for captured in 54 + needed..=wide.len() {
            let found = digest_v6(&wide[..captured], length).map(|(digest, _)| digest);
            assert!(found.is_some() && found == digest(LinkType::ETHERNET, &wide[..captured], length));
        }
        assert_eq!(digest_v6(&wide[..54 + needed - 1], length), None);
        // Of IPv4 as much as there is at least in a frame that holds TCP.
        let (_, narrow) = framed(1, &[], &v4(ends, 0, 0, &transport));
        let padded = [&narrow[..], &[0; 18]].concat();
        assert!(brief(LinkType::ETHERNET, &padded, u32::try_from(narrow.len()).unwrap()).is_some());
        assert!(brief(LinkType::ETHERNET, &padded[..48], 60).is_some());
        // And behind any other header, or with options.
        for (link, tags, options) in [
            (1, &[0x8100_u16][..], 0),
            (1, &[], 3),
            (1, &[], 10),
            (113, &[], 0),
            (276, &[], 1),
            (101, &[], 0),
        ] {
            let (link_type, frame) = framed(link, tags, &v4(ends, options, 0, &transport));
            let padded = [&frame[..], &[0; 6]].concat();
            let found = brief_anywhere(link_type, &padded, u32::try_from(frame.len()).unwrap());
            assert!(found.is_some(), "{link_type:?} {tags:?} {options}");
        }
    }
}

// S2.6: both ways of a tunnel, and what only looks like one.
#[test]
fn the_hint_of_a_digest_is_that_of_its_facts() {
    let cases = [
        (17, 5_000, 4_789, Some(Decap::Vxlan)),
        (17, 5_000, 6_081, Some(Decap::Geneve)),
        (17, 4_789, 5_000, None),
        (17, 6_081, 4_789, Some(Decap::Vxlan)),
        (6, 5_000, 4_789, None),
        (136, 5_000, 6_081, None),
    ];
    for (protocol, src, dst, expected) in cases {
        for ends in [[[1; 16], [2; 16]], [[2; 16], [1; 16]], [[1; 16], [1; 16]]] {
            let header = [&u16::to_be_bytes(src)[..], &u16::to_be_bytes(dst), &[0; 16]].concat();
            let packet = v4(ends, 0, 0, &(protocol, header));
            let found = digest(LinkType::RAW, &packet, 0).unwrap();
            assert_eq!(tunnel_port_of(found.brief()), expected, "{found:?}");
            assert_eq!(tunnel_port(&Decoded::Packet(found.facts())), expected);
        }
    }
}
