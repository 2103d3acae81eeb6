//! However packets come, in which format, behind which link header, in a tunnel or not, the feed gives what the decoder finds in
//! each frame, and counts what was seen on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vpcreplay_flow::{
    Clock, ClockStep, Decap, Decoded, LinkType, PacketFacts, Protocol, QueryKind, QueryRole, TcpFlags,
    Timestamp, Transport,
};
use vpcreplay_packet::{decode, tunnel_port};
use vpcreplay_replay::{Batch, CaptureSet, Feed, FeedStats, Item, Selection};
use vpcreplay_testkit::build::{Frame, GeneveOption, Ip, ethernet, geneve, packet, sll, sll2, vlan, vxlan};
use vpcreplay_testkit::write::{BlockKind, Endian, Interface, Magic, Pcapng, TimedFrame, pcap};

/// How a packet may come: its frame, the link type of that, and the tunnel that it is in.
type Form = (LinkType, Decap, fn(&[u8]) -> Vec<u8>);

/// A packet in a frame behind which there is another one.
fn outer(datagram: &[u8]) -> Vec<u8> {
    ethernet(&Ip::new("10.0.9.1", "10.0.9.2").carry(17, datagram))
}

fn bare_type(packet: &[u8]) -> u16 {
    if packet.first().is_some_and(|first| first >> 4 == 6) { 0x86dd } else { 0x0800 }
}

const FORMS: [Form; 11] = [
    (LinkType::ETHERNET, Decap::None, ethernet),
    (LinkType::ETHERNET, Decap::None, |packet| vlan(&[(0x8100, 7)], packet)),
    (LinkType::LINUX_SLL, Decap::None, sll),
    (LinkType::LINUX_SLL2, Decap::None, sll2),
    (LinkType::RAW, Decap::None, <[u8]>::to_vec),
    (LinkType::ETHERNET, Decap::Vxlan, |packet| outer(&vxlan(5, &ethernet(packet)))),
    (LinkType::ETHERNET, Decap::Geneve, |packet| outer(&geneve(6, &[], 0x6558, &ethernet(packet)))),
    (LinkType::ETHERNET, Decap::Geneve, |packet| {
        outer(&geneve(7, &[GeneveOption::gwlb_endpoint(9)], bare_type(packet), packet))
    }),
    // In no tunnel, or in another one than is taken off.
    (LinkType::ETHERNET, Decap::Vxlan, ethernet),
    (LinkType::LINUX_SLL2, Decap::Geneve, sll2),
    (LinkType::ETHERNET, Decap::None, |packet| outer(&vxlan(5, &ethernet(packet)))),
];

/// TCP, UDP, another protocol with ports, and pings, over IPv4 and IPv6, also to the ports of tunnels.
fn facts() -> impl Strategy<Value = PacketFacts> {
    let port = || select(vec![53_u16, 443, 4789, 6081, 40_000]);
    let ends = (any::<bool>(), 1..4_u8, 1..4_u8);
    (ends, 0..5_u8, port(), port(), any::<u8>()).prop_map(
        |((is_v6, src, dst), kind, src_port, dst_port, flags)| {
            let address = |last: u8| -> IpAddr {
                if is_v6 {
                    Ipv6Addr::from(u128::from(last)).into()
                } else {
                    Ipv4Addr::new(10, 0, 0, last).into()
                }
            };
            let ping = if is_v6 { (Protocol::ICMPV6, 128) } else { (Protocol::ICMP, 8) };
            let (protocol, transport) = match kind {
                0 | 1 => (Protocol::TCP, Transport::Tcp { src_port, dst_port, flags: TcpFlags(flags) }),
                2 | 3 => (
                    if kind == 2 { Protocol::UDP } else { Protocol(132) },
                    Transport::Ports { src_port, dst_port },
                ),
                _ => (
                    ping.0,
                    Transport::IcmpQuery {
                        icmp_type: ping.1,
                        code: 0,
                        id: src_port,
                        kind: QueryKind::Echo,
                        role: QueryRole::Requester,
                    },
                ),
            };
            PacketFacts { src: address(src), dst: address(dst), protocol, transport, length: 0 }
        },
    )
}

/// Packets with the time since the one before, in microseconds: most a little, some back, some more than a day.
fn packets() -> impl Strategy<Value = Vec<(i64, Vec<u8>)>> {
    let step = prop_oneof![8 => 0..50_i64, 1 => -50..0_i64, 1 => Just(100_000_000_000)];
    vec((step, facts().prop_map(|facts| packet(&facts))), 0..40)
}

/// A capture, as pcap or as pcapng of either byte order.
fn capture(format: usize, link_type: LinkType, frames: &[TimedFrame]) -> Vec<u8> {
    let endian = match format {
        0 => return pcap(Magic::Nanos, Endian::Little, link_type, frames),
        1 => Endian::Little,
        _ => Endian::Big,
    };
    let mut file = Pcapng::new(endian);
    file.interface(Interface::nanos(link_type));
    for frame in frames {
        file.packet(BlockKind::Enhanced, 0, frame);
    }
    file.finish()
}

fn open(capture: &[u8]) -> CaptureSet {
    CaptureSet::from_readers(vec![("capture".to_owned(), Box::new(Cursor::new(capture.to_vec())))]).unwrap()
}

/// What the decoder finds, frame by frame.
fn naive(capture: &[u8], decap: Decap) -> (Vec<Item>, FeedStats) {
    let (mut set, mut clock) = (open(capture), Clock::default());
    let (mut items, mut stats) = (Vec::new(), FeedStats::default());
    while let Some(frame) = set.next_frame().unwrap() {
        let found = decode(frame.link_type, frame.captured, frame.original_length, decap);
        let (now, step) = clock.observe(frame.time);
        let item = Item {
            number: frame.number,
            file: 0,
            frame: frame.number,
            time: frame.time,
            now,
            copy: 0,
            tunnel: found.tunnel,
            decoded: found.decoded,
        };
        stats.packets += 1;
        stats.clock_regressions += u64::from(step == ClockStep::Regression);
        if step == ClockStep::Jump {
            stats.clock_jumps += 1;
            stats.first_clock_jump.get_or_insert((item.number, 0, item.frame));
        }
        let hint = if decap == Decap::None { tunnel_port(&found.decoded) } else { None };
        stats.vxlan_packets += u64::from(hint == Some(Decap::Vxlan));
        stats.geneve_packets += u64::from(hint == Some(Decap::Geneve));
        stats.first_time = stats.first_time.or(Some(now));
        stats.last_time = Some(now);
        items.push(item);
    }
    (items, stats)
}

/// What the feed gives.
fn fed(capture: &[u8], decap: Decap, size: usize) -> (Vec<Item>, FeedStats) {
    let mut feed = Feed::new(open(capture), decap, Selection::default());
    let (mut items, mut batch) = (Vec::new(), Batch::default());
    loop {
        feed.fill(&mut batch, size).unwrap();
        if batch.is_empty() {
            return (items, feed.stats().clone());
        }
        items.extend(batch.items());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // S1.2, S1.4, S2.2 to S2.6.
    #[test]
    fn however_packets_come_the_feed_is_the_same(packets in packets(), size in select(vec![1_usize, 7, 1_000])) {
        for (form, (link_type, decap, frame)) in FORMS.into_iter().enumerate() {
            let mut micros = 1_700_000_000_000_000;
            let frames: Vec<_> = packets.iter().map(|(step, packet)| {
                micros += step;
                let time = Timestamp::from_nanos(micros * 1_000);
                TimedFrame { time, frame: Frame::whole(link_type, frame(packet)) }
            }).collect();
            for format in 0..3 {
                let capture = capture(format, link_type, &frames);
                let expected = naive(&capture, decap);
                let (items, stats) = fed(&capture, decap, size);
                prop_assert_eq!(&stats, &expected.1, "form {}, format {}", form, format);
                prop_assert_eq!(format!("{items:?}"), format!("{:?}", expected.0), "form {}, format {}", form, format);
                // Each of them is a packet: not one is lost on its way in.
                let is_inside = (5..8).contains(&form);
                let are_packets = items.iter().all(|item| {
                    matches!(item.decoded, Decoded::Packet(_)) && item.tunnel.is_some() == is_inside
                });
                prop_assert!(are_packets || (8..10).contains(&form), "form {}", form);
            }
        }
    }
}
