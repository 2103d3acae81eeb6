//! What the builders build decodes to what was asked for, and what the writers write is read back.
#![expect(clippy::unwrap_used, clippy::panic, reason = "bytes that cannot be read are a failed test")]

use proptest::prelude::*;
use proptest::test_runner::Config;
use vpcreplay_capture::CaptureSet;
use vpcreplay_flow::{Cause, Decap, Decoded, LinkType, PacketFacts, Timestamp, Transport};
use vpcreplay_packet::decode;
use vpcreplay_testkit::build::{
    self, Fragment, Frame, GeneveOption, Ip, PortsHeader, TcpHeader, ethernet, frame, geneve, loopback, mpls,
    ppp, pppoe, sll, sll2, snap, vlan, vxlan,
};
use vpcreplay_testkit::strategies::scenario;
use vpcreplay_testkit::write::{
    BlockKind, Endian, Interface, Magic, Pcapng, Resolution, TimedFrame, cut, gzip, lz4, pcap, xz, zstd,
};

fn decoded(frame: &Frame, decap: Decap) -> Decoded {
    decode(frame.link_type, &frame.bytes, frame.original_length, decap).decoded
}

fn syn(ip: &Ip) -> Vec<u8> {
    ip.carry(6, &TcpHeader { src_port: 40_000, dst_port: 443, flags: 2 }.bytes(b"hello"))
}

fn facts(link_type: u16, bytes: Vec<u8>) -> PacketFacts {
    match decoded(&Frame::whole(LinkType(link_type), bytes), Decap::None) {
        Decoded::Packet(facts) => facts,
        Decoded::Unjudged(cause, header) => panic!("{cause:?} {header:?}"),
    }
}

/// S2.2: the same packet in every link layer.
#[test]
fn every_link_layer_carries_the_packet() {
    for (packet, raw) in
        [(syn(&Ip::new("10.0.0.1", "10.0.0.2")), 228), (syn(&Ip::new("2001:db8::1", "2001:db8::2")), 229)]
    {
        let wanted = facts(101, packet.clone());
        assert_eq!(wanted.length as usize, packet.len());
        assert_eq!(wanted.transport.ports(), Some((40_000, 443)));
        for (link_type, bytes) in [
            (1, ethernet(&packet)),
            (1, vlan(&[(0x8100, 7)], &packet)),
            (1, vlan(&[(0x88a8, 7), (0x9100, 8), (0x8100, 9)], &packet)),
            (1, snap(&packet)),
            (1, mpls(&[16, 17], &packet)),
            (1, pppoe(&packet)),
            (9, ppp(&packet)),
            (113, sll(&packet)),
            (276, sll2(&packet)),
            (0, loopback(&packet)),
            (108, loopback(&packet)),
            (raw, packet.clone()),
        ] {
            assert_eq!(facts(link_type, bytes), wanted, "link type {link_type}");
        }
    }
}

/// S2.4, S2.7: options, extension headers, first and later fragments.
#[test]
fn headers_between_ip_and_transport() {
    let with_options = facts(101, syn(&Ip::new("10.0.0.1", "10.0.0.2").options(&[1; 5])));
    assert_eq!((with_options.length, with_options.transport.ports()), (28 + 20 + 5, Some((40_000, 443))));
    let six = Ip::new("2001:db8::1", "2001:db8::2");
    let chain =
        six.clone().extension(0, &[]).extension(51, &[0; 22]).extension(60, &[0; 9]).extension(43, &[]);
    assert_eq!(facts(101, syn(&chain)).transport.ports(), Some((40_000, 443)));
    for ip in [Ip::new("10.0.0.1", "10.0.0.2"), six] {
        let part = |offset, more| ip.clone().fragment(Fragment { identification: 7, offset, more });
        assert_eq!(facts(101, syn(&part(0, true))).transport.ports(), Some((40_000, 443)));
        assert_eq!(facts(101, syn(&part(1, false))).transport, Transport::Unknown);
    }
}

/// S2.6: tunnels and what is known of them.
#[test]
fn tunnels_are_taken_off() {
    let inner = syn(&Ip::new("10.0.0.1", "10.0.0.2"));
    let outer = Ip::new("192.0.2.1", "192.0.2.2");
    let wanted = facts(101, inner.clone());
    let options = [
        GeneveOption::gwlb_attachment(1),
        GeneveOption::gwlb_endpoint(0x0123_4567_89ab_cdef),
        GeneveOption::gwlb_cookie(2),
    ];
    let cases = [
        (Decap::Vxlan, vxlan(77, &ethernet(&inner)), None),
        (Decap::Geneve, geneve(77, &options, 0x0800, &inner), Some(0x0123_4567_89ab_cdef)),
        (Decap::Geneve, geneve(77, &[], 0x6558, &ethernet(&inner)), None),
    ];
    for (decap, datagram, endpoint) in cases {
        let bytes = ethernet(&outer.carry(17, &datagram));
        let length = u32::try_from(bytes.len()).unwrap();
        let frame = decode(LinkType::ETHERNET, &bytes, length, decap);
        assert_eq!(frame.decoded, Decoded::Packet(wanted));
        assert_eq!(frame.tunnel.map(|tunnel| (tunnel.vni, tunnel.gwlb_endpoint)), Some((77, endpoint)));
    }
}

/// The facts of a decoded packet, but for what bytes cannot say.
fn comparable(decoded: Decoded) -> Decoded {
    match decoded {
        Decoded::Unjudged(cause, _) => Decoded::Unjudged(cause, None),
        packet @ Decoded::Packet(_) => packet,
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    /// Whole scenarios survive as bytes, so that the real program can be given them.
    #[test]
    fn frames_decode_to_the_facts_they_were_built_from(scenario in scenario(30)) {
        for packet in &scenario.packets {
            prop_assert_eq!(comparable(decoded(&frame(&packet.decoded), Decap::None)), packet.decoded);
        }
    }
}

/// Frames at odd times, with all their bytes or a part.
fn some_frames() -> Vec<TimedFrame> {
    let packet = PortsHeader { src_port: 1, dst_port: 2 }.bytes(17, b"odd");
    let packet = Ip::new("10.0.0.1", "10.0.0.2").carry(17, &packet);
    let times = [1_700_000_000_123_456_000, 1_700_000_000_123_456_000, 1_700_000_001_000_000_000];
    times
        .into_iter()
        .enumerate()
        .map(|(index, time)| {
            let mut frame = Frame::whole(LinkType::ETHERNET, ethernet(&packet));
            frame.original_length += u32::try_from(index).unwrap();
            TimedFrame { time: Timestamp::from_nanos(time), frame }
        })
        .collect()
}

/// What the capture crate reads from files.
fn read(files: Vec<Vec<u8>>) -> Vec<TimedFrame> {
    let readers = files.into_iter().enumerate().map(|(index, bytes)| {
        let reader: Box<dyn std::io::Read + Send> = Box::new(std::io::Cursor::new(bytes));
        (index.to_string(), reader)
    });
    let mut set = CaptureSet::from_readers(readers.collect()).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = set.next_frame().unwrap() {
        let (link_type, bytes) = (frame.link_type, frame.captured.to_vec());
        frames.push(TimedFrame {
            time: frame.time,
            frame: Frame { link_type, bytes, original_length: frame.original_length },
        });
    }
    frames
}

/// S2.1: every classic kind, plain and compressed; S1.5: in pieces.
#[test]
fn classic_files_are_read_back() {
    let frames = some_frames();
    for endian in [Endian::Little, Endian::Big] {
        for magic in [Magic::Micros, Magic::Nanos, Magic::Modified] {
            let whole = pcap(magic, endian, LinkType::ETHERNET, &frames);
            for file in [whole.clone(), gzip(&whole), zstd(&whole), lz4(&whole), xz(&whole)] {
                assert_eq!(read(vec![file]), frames, "{magic:?} {endian:?}");
            }
            let pieces = cut(&frames, &[1, 2]);
            let files = pieces.iter().map(|piece| pcap(magic, endian, LinkType::ETHERNET, piece)).collect();
            assert_eq!(read(files), frames, "{magic:?} {endian:?} in pieces");
        }
    }
}

/// S2.1, S12.1: sections, interfaces, resolutions, offsets and all kinds of packet blocks.
#[test]
fn pcapng_files_are_read_back() {
    let frames = some_frames();
    let mut capture = Pcapng::new(Endian::Little);
    let fine =
        Interface { resolution: Some(Resolution::PowerOfTwo(33)), ..Interface::nanos(LinkType::ETHERNET) };
    let coarse = Interface { snaplen: 262_144, resolution: None, offset: Some(1_600_000_000), ..fine };
    capture.interface(coarse).interface(Interface::nanos(LinkType::ETHERNET));
    capture.packet(BlockKind::Enhanced, 0, &frames[0]).packet(BlockKind::Simple, 0, &frames[0]);
    capture.packet(BlockKind::Obsolete, 1, &frames[1]).block(0x0bad, b"unknown");
    capture.section(Endian::Big).interface(fine).packet(BlockKind::Enhanced, 0, &frames[2]);
    // A simple packet block takes the time of the frame before it.
    let wanted = [&frames[0], &frames[0], &frames[1], &frames[2]].map(TimedFrame::clone).to_vec();
    assert_eq!(read(vec![capture.finish()]), wanted);
}

/// A frame of each cause has that cause (S2.3).
#[test]
fn frames_without_facts_have_their_cause() {
    for cause in [Cause::NotIp, Cause::Truncated, Cause::Malformed, Cause::UnsupportedLinkType] {
        let built = build::frame(&Decoded::Unjudged(cause, None));
        assert_eq!(comparable(decoded(&built, Decap::None)), Decoded::Unjudged(cause, None));
    }
}
