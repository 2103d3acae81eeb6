//! Properties of decoding on bytes of every kind, and the library etherparse as a judge of our own decoder.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::net::IpAddr;

use etherparse::{LinkExtSlice, NetSlice, SlicedPacket, TransportSlice};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vpcreplay_flow::{Cause, Decap, Decoded, IpHeader, LinkType, PacketFacts, Timestamp, Transport};
use vpcreplay_packet::{FragmentTable, decode};

fn link_type() -> impl Strategy<Value = LinkType> {
    select(vec![0_u16, 1, 9, 12, 101, 108, 113, 228, 229, 276, 147]).prop_map(LinkType)
}

fn decap() -> impl Strategy<Value = Decap> {
    select(vec![Decap::None, Decap::Vxlan, Decap::Geneve])
}

/// Numbers that mean something: protocols, extension headers, and two that do not.
fn protocol() -> impl Strategy<Value = u8> {
    select(vec![1_u8, 6, 6, 17, 17, 33, 47, 58, 132, 136, 50, 59, 0, 43, 44, 51, 60, 254])
}

/// A payload that now and then is a tunnel header: destination port first, then flags of both tunnels.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let tunnel = (
        select(vec![4_789_u16, 6_081]),
        select(vec![[8_u8, 0, 8, 0], [0, 0, 0x65, 0x58]]),
        vec(any::<u8>(), 0..60),
    )
        .prop_map(|(port, head, rest)| {
            [&[0, 9][..], &port.to_be_bytes(), &[0; 4], &head, &[0; 4], &rest].concat()
        });
    prop_oneof![3 => vec(any::<u8>(), 0..48), 1 => tunnel]
}

/// Extension headers in any order, each naming the next.
fn extensions() -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((select(vec![0_u8, 43, 44, 51, 60]), 0..3_u8), 0..3)
}

fn ipv4() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![6 => Just(0_u16), 1 => Just(0x2000), 1 => Just(0x2005), 1 => Just(0x0005)];
    (protocol(), vec(Just(1_u8), 0..2), fragment, payload()).prop_map(
        |(protocol, options, fragment, payload)| {
            let options = vec![1; options.len() * 4];
            let length = u16::try_from(20 + options.len() + payload.len()).unwrap().to_be_bytes();
            let field = fragment.to_be_bytes();
            let words = 0x45 + u8::try_from(options.len() / 4).unwrap();
            let fixed = [words, 0, length[0], length[1], 0, 7, field[0], field[1], 64, protocol, 0, 0];
            [&fixed[..], &[10, 0, 0, 1, 10, 0, 0, 2], &options, &payload].concat()
        },
    )
}

fn ipv6() -> impl Strategy<Value = Vec<u8>> {
    (protocol(), extensions(), payload()).prop_map(|(protocol, extensions, payload)| {
        let mut chain = Vec::new();
        for (index, (kind, units)) in extensions.iter().enumerate() {
            let next = extensions.get(index + 1).map_or(protocol, |(kind, _)| *kind);
            let size = match kind {
                44 => 8,
                51 => (usize::from(*units) + 2) * 4,
                _ => (usize::from(*units) + 1) * 8,
            };
            // An atomic fragment header has no other bytes set.
            let header = [next, if *kind == 44 { 0 } else { *units }];
            chain.extend(header.iter().chain(&[0; 40]).take(size));
        }
        let length = u16::try_from(chain.len() + payload.len()).unwrap().to_be_bytes();
        let next = extensions.first().map_or(protocol, |(kind, _)| *kind);
        let addresses: Vec<u8> = (0..32).collect();
        [&[0x60, 0, 0, 0, length[0], length[1], next, 64][..], &addresses, &chain, &payload].concat()
    })
}

/// An Ethernet frame with up to three tags, an IP packet and padding.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let ip = prop_oneof![
        ipv4().prop_map(|packet| (0x0800_u16, packet)),
        ipv6().prop_map(|packet| (0x86dd, packet))
    ];
    (vec(select(vec![0x8100_u16, 0x88a8, 0x9100]), 0..3), ip, 0..12_usize).prop_map(|(tags, ip, padding)| {
        let mut frame = vec![2; 12];
        for tag in tags {
            frame.extend(tag.to_be_bytes());
            frame.extend([0, 5]);
        }
        frame.extend(ip.0.to_be_bytes());
        frame.extend(ip.1);
        frame.extend(vec![0; padding]);
        frame
    })
}

/// Frames with up to three bytes overwritten, mostly within the headers.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (frame(), vec((0..60_usize, any::<u8>()), 0..4)).prop_map(|(mut frame, changes)| {
        for (at, byte) in changes {
            if let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
        }
        frame
    })
}

/// What must hold for any bytes.
fn check_any(link_type: LinkType, bytes: &[u8], original: u32, decap: Decap) -> Result<(), TestCaseError> {
    let mut frame = decode(link_type, bytes, original, decap);
    prop_assert!(frame.tunnel.is_none() || decap != Decap::None);
    let wire = original.max(u32::try_from(bytes.len()).unwrap());
    match frame.decoded {
        Decoded::Packet(PacketFacts { src, dst, length, transport, .. }) => {
            prop_assert_eq!(src.is_ipv4(), dst.is_ipv4());
            prop_assert!(length <= wire);
            prop_assert!(transport != Transport::Unknown || frame.is_fragment());
        }
        Decoded::Unjudged(_, Some(IpHeader { src, dst, length, .. })) => {
            prop_assert_eq!(src.is_ipv4(), dst.is_ipv4());
            prop_assert!(length <= wire);
        }
        Decoded::Unjudged(..) => {}
    }
    let mut table = FragmentTable::new();
    let before = frame;
    table.resolve(&mut frame, Timestamp::MIN);
    table.resolve(&mut frame, Timestamp::MAX);
    // S2.7: a packet that is no later fragment is not touched.
    if !matches!(before.decoded, Decoded::Packet(PacketFacts { transport: Transport::Unknown, .. })) {
        prop_assert_eq!(frame, before);
    }
    Ok(())
}

/// Facts with the quote taken out: it alone may come with more captured bytes.
fn without_quote(mut facts: PacketFacts) -> PacketFacts {
    if let Transport::IcmpError { quoted, .. } = &mut facts.transport {
        *quoted = None;
    }
    facts
}

/// S2.3: fewer captured bytes make facts truncated, never wrong and never malformed.
fn check_cuts(bytes: &[u8], decap: Decap) -> Result<(), TestCaseError> {
    let original = u32::try_from(bytes.len()).unwrap();
    let mut last: Option<Decoded> = None;
    for captured in 0..=bytes.len() {
        let now = decode(LinkType::ETHERNET, &bytes[..captured], original, decap).decoded;
        match (last, now) {
            (Some(Decoded::Packet(before)), Decoded::Packet(now)) => {
                prop_assert_eq!(without_quote(before), without_quote(now));
            }
            // Once the bytes needed are there, more of them change nothing.
            (Some(before @ Decoded::Packet(_)), now) => prop_assert_eq!(before, now),
            (Some(before @ Decoded::Unjudged(Cause::Malformed | Cause::NotIp, _)), now) => {
                prop_assert_eq!(before, now);
            }
            (Some(Decoded::Unjudged(Cause::Truncated, Some(before))), Decoded::Packet(now)) => {
                prop_assert_eq!((before.src, before.dst, before.length), (now.src, now.dst, now.length));
                prop_assert!(before.protocol.is_none_or(|protocol| protocol == now.protocol));
            }
            _ => {}
        }
        last = Some(now);
    }
    Ok(())
}

/// What etherparse makes of a frame, where it takes it for a whole IP packet and by the same rules as ours.
struct Judge {
    addresses: (IpAddr, IpAddr),
    protocol: u8,
    is_later: bool,
    ports: Option<(u16, u16)>,
    flags: Option<u8>,
    icmp: Option<(u8, u8)>,
}

fn judge(bytes: &[u8]) -> Option<Judge> {
    let sliced = SlicedPacket::from_ethernet(bytes).ok()?;
    // We do not look into MACsec.
    if sliced.link_exts.iter().any(|ext| matches!(ext, LinkExtSlice::Macsec(_))) {
        return None;
    }
    let (addresses, payload, is_later) = match sliced.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            // It skips an authentication header in IPv4, which to us is a protocol (S2.4), and reads offload as an error.
            if header.protocol().0 == 51 || header.total_len() == 0 {
                return None;
            }
            let addresses = (header.source_addr().into(), header.destination_addr().into());
            (addresses, ip.payload(), header.fragments_offset().value() != 0)
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            let addresses = (header.source_addr().into(), header.destination_addr().into());
            // Inside a fragment it stops where we go on to the transport header of a first one.
            if ip.is_payload_fragmented() {
                return None;
            }
            (addresses, ip.payload(), false)
        }
        NetSlice::Arp(_) => return None,
    };
    let mut judge =
        Judge { addresses, protocol: payload.ip_number.0, is_later, ports: None, flags: None, icmp: None };
    match sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            judge.ports = Some((tcp.source_port(), tcp.destination_port()));
            judge.flags = tcp.slice().get(13).copied();
        }
        Some(TransportSlice::Udp(udp)) => judge.ports = Some((udp.source_port(), udp.destination_port())),
        Some(TransportSlice::Icmpv4(icmp)) => judge.icmp = Some((icmp.type_u8(), icmp.code_u8())),
        Some(TransportSlice::Icmpv6(icmp)) => judge.icmp = Some((icmp.type_u8(), icmp.code_u8())),
        _ => {}
    }
    Some(judge)
}

fn check_against_etherparse(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Some(judge) = judge(bytes) else { return Ok(()) };
    let frame = decode(LinkType::ETHERNET, bytes, 0, Decap::None).decoded;
    let (src, dst, protocol) = match frame {
        Decoded::Packet(facts) => (facts.src, facts.dst, Some(facts.protocol)),
        Decoded::Unjudged(_, Some(header)) => (header.src, header.dst, header.protocol),
        Decoded::Unjudged(..) => return Err(TestCaseError::fail(format!("no header: {frame:?}"))),
    };
    prop_assert_eq!((src, dst), judge.addresses);
    prop_assert_eq!(protocol.map(|protocol| protocol.0), Some(judge.protocol));
    if let Decoded::Packet(PacketFacts { transport, .. }) = frame {
        prop_assert_eq!(transport == Transport::Unknown, judge.is_later);
        if judge.ports.is_some() {
            prop_assert_eq!(transport.ports(), judge.ports);
            prop_assert_eq!(transport.tcp_flags().map(|flags| flags.0), judge.flags);
        }
        // ICMP of the other IP version is another protocol to us (S2.4).
        if judge.icmp.is_some() && transport != Transport::Other {
            prop_assert_eq!(transport.icmp(), judge.icmp);
        }
    } else {
        prop_assert!(judge.ports.is_none() && judge.icmp.is_none(), "it has a transport header: {:?}", frame);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    // S2.3: decoding never fails.
    #[test]
    fn any_bytes(link in link_type(), bytes in vec(any::<u8>(), 0..200), original in any::<u32>(), decap in decap()) {
        check_any(link, &bytes, original, decap)?;
    }

    #[test]
    fn mutated_frames(bytes in mutated(), link in link_type(), original in 0..200_u32, decap in decap()) {
        check_any(LinkType::ETHERNET, &bytes, original, decap)?;
        check_any(link, bytes.get(14..).unwrap_or_default(), original, decap)?;
    }

    #[test]
    fn cut_frames(bytes in mutated(), decap in decap()) {
        check_cuts(&bytes, decap)?;
    }

    #[test]
    fn etherparse_agrees(bytes in mutated()) {
        check_against_etherparse(&bytes)?;
    }

    // S2.3: what lies behind the IP total length is no part of the packet.
    #[test]
    fn padding_changes_nothing(bytes in frame(), padding in 1..60_usize) {
        // An IPv6 payload of 0 bytes reads as "no length" (S12.3): the frame's end is the packet's.
        let ip = (12..).step_by(4).find(|at| matches!(bytes[*at], 0x08 | 0x86)).unwrap() + 2;
        prop_assume!(bytes[ip] != 0x60 || bytes[ip + 4..ip + 6] != [0, 0]);
        let padded = [&bytes[..], &vec![0xff; padding]].concat();
        let [plain, padded] = [&bytes, &padded].map(|bytes| decode(LinkType::ETHERNET, bytes, 0, Decap::None));
        prop_assert_eq!(plain, padded);
    }
}
