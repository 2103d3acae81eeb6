//! What the captures of the named profiles are: the same bytes each time, in order, decodable, with right checksums.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use vpcreplay_flow::{Decap, Decoded, LinkType, PacketFacts, Span, Transport};
use vpcreplay_synth::{Ending, NAMED, Named, Profile, Settings, Traffic, write};

/// A profile's capture under settings.
fn capture(profile: &Profile, settings: Settings) -> Vec<u8> {
    let mut traffic = Traffic::new(profile, &settings).unwrap();
    let mut bytes = Vec::new();
    write(&mut traffic, &mut bytes, |_, _| ControlFlow::Continue(())).unwrap();
    bytes
}

fn first(packets: u64) -> Settings {
    Settings { packets: Some(packets), ..Settings::default() }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// S1.5 for the maker: written down once. A change here is a change of every capture that anybody made.
#[test]
fn captures_are_the_same_bytes_as_ever() {
    let hashes: Vec<(&str, u64)> = NAMED
        .iter()
        .map(|named| (named.name, hash(&capture(&named.profile().unwrap(), first(20_000)))))
        .collect();
    let expected = [
        ("short-lived-http", 0x18a1_9a4b_dbc0_f110),
        ("long-lived-websocket", 0xab01_70a9_f111_eba1),
        ("dns-resolver", 0x2c77_0886_7384_ec85),
        ("syn-flood", 0x1cc7_6277_25e9_6194),
        ("nat-gateway", 0x662a_3833_eed0_526b),
        ("mixed", 0x3e77_05ca_8a3c_6047),
    ];
    assert_eq!(hashes, expected, "{hashes:#x?}");
}

#[test]
fn another_seed_is_another_capture_and_another_start_the_same_one_later() {
    let profile = Named::find("mixed").unwrap().profile().unwrap();
    let one = capture(&profile, first(2_000));
    assert_ne!(one, capture(&profile, Settings { seed: 2, ..first(2_000) }));
    let start = Settings::START.after(Span::from_secs(5));
    let later = capture(&profile, Settings { start, ..first(2_000) });
    let mut moved = one;
    let mut at = 24;
    while at < moved.len() {
        let word = |at: usize| u32::from_le_bytes(moved[at..at + 4].try_into().unwrap());
        let (seconds, length) = (word(at) + 5, word(at + 8));
        moved[at..at + 4].copy_from_slice(&seconds.to_le_bytes());
        at += 16 + length as usize;
    }
    assert!(moved == later);
}

/// Bounds cut a capture and change nothing before the cut.
#[test]
fn a_shorter_capture_is_the_begin_of_a_longer_one() {
    for named in NAMED {
        let profile = named.profile().unwrap();
        let long = capture(&profile, first(5_000));
        let by_packets = capture(&profile, first(1_234));
        assert!(long.starts_with(&by_packets), "{}", named.name);
        let settings = Settings { duration: Some(Span::from_secs(2)), ..first(5_000) };
        assert!(long.starts_with(&capture(&profile, settings)), "{}", named.name);
        // The first connections of a capture that opens no others are as they are with the others around them.
        let few = Settings { connections: Some(40), ..Settings::default() };
        let mut traffic = Traffic::new(&profile, &few).unwrap();
        while traffic.next_frame().is_some() {}
        assert_eq!(traffic.ending(), Some(Ending::Connections));
        assert_eq!((traffic.totals().connections, traffic.totals().open), (40, 0));
    }
}

/// What a class does does not depend on the classes around it.
#[test]
fn classes_are_independent_of_one_another() {
    let text = Named::find("mixed").unwrap().toml;
    let twice = text.replacen("rate = 30\n", "rate = 60\n", 1);
    assert_ne!(text, twice, "the class `names` asks at another rate");
    let of_visitors = |text: &str| {
        let profile = Profile::parse("mixed", text).unwrap();
        let settings = Settings { duration: Some(Span::from_secs(20)), ..Settings::default() };
        let mut traffic = Traffic::new(&profile, &settings).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = traffic.next_frame() {
            let facts = facts(frame.bytes, frame.length);
            if facts.transport.ports().is_some_and(|(src, dst)| src == 443 || dst == 443) {
                frames.push((frame.time, frame.bytes.to_vec()));
            }
        }
        frames
    };
    let frames = of_visitors(text);
    assert!(frames.len() > 1_000 && frames == of_visitors(&twice));
}

fn facts(bytes: &[u8], length: u32) -> PacketFacts {
    match vpcreplay_packet::decode(LinkType::ETHERNET, bytes, length, Decap::None).decoded {
        Decoded::Packet(facts) => facts,
        Decoded::Unjudged(cause, _) => panic!("{cause:?}: {bytes:02x?}"),
    }
}

/// Every packet of every profile: in order of time, decoded by the project's own decoder and by another one, cut at the
/// snapshot length and nowhere else.
#[test]
fn every_packet_decodes_and_comes_in_order() {
    for named in NAMED {
        let profile = named.profile().unwrap();
        let mut traffic = Traffic::new(&profile, &first(30_000)).unwrap();
        let mut last = Settings::START;
        while let Some(frame) = traffic.next_frame() {
            assert!(frame.time >= last, "{}", named.name);
            last = frame.time;
            assert_eq!(frame.bytes.len(), frame.length.min(128) as usize);
            let facts = facts(frame.bytes, frame.length);
            assert_eq!(facts.length, frame.length - 14);
            assert!(!matches!(facts.transport, Transport::Other | Transport::Unknown));
            etherparse::LaxSlicedPacket::from_ethernet(frame.bytes).unwrap();
        }
    }
}

/// With whole packets captured, every checksum is right.
#[test]
fn checksums_are_right() {
    let mut kinds = BTreeSet::new();
    for named in NAMED {
        let text = format!("snaplen = 65535\n{}", named.toml);
        let profile = Profile::parse(named.name, &text).unwrap();
        let mut traffic = Traffic::new(&profile, &first(10_000)).unwrap();
        while let Some(frame) = traffic.next_frame() {
            assert_eq!(frame.bytes.len(), frame.length as usize);
            kinds.insert(check(frame.bytes));
        }
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}

/// Checks a frame's checksums; what it is.
fn check(bytes: &[u8]) -> (&'static str, bool) {
    use etherparse::{NetSlice, TransportSlice as T};
    let packet = etherparse::SlicedPacket::from_ethernet(bytes).unwrap();
    let transport = packet.transport.as_ref().unwrap();
    let is_v6 = matches!(packet.net, Some(NetSlice::Ipv6(_)));
    let (name, found, expected) = match (packet.net.as_ref().unwrap(), transport) {
        (NetSlice::Ipv4(ip), transport) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            match transport {
                T::Tcp(tcp) => (
                    "tcp",
                    tcp.checksum(),
                    tcp.to_header().calc_checksum_ipv4(&header, tcp.payload()).unwrap(),
                ),
                T::Udp(udp) => (
                    "udp",
                    udp.checksum(),
                    udp.to_header().calc_checksum_ipv4(&header, udp.payload()).unwrap(),
                ),
                T::Icmpv4(icmp) => ("icmp", icmp.checksum(), icmp.icmp_type().calc_checksum(icmp.payload())),
                _ => panic!("{bytes:02x?}"),
            }
        }
        (NetSlice::Ipv6(ip), transport) => {
            let header = ip.header().to_header();
            let (source, destination) = (header.source, header.destination);
            match transport {
                T::Tcp(tcp) => (
                    "tcp",
                    tcp.checksum(),
                    tcp.to_header().calc_checksum_ipv6(&header, tcp.payload()).unwrap(),
                ),
                T::Udp(udp) => (
                    "udp",
                    udp.checksum(),
                    udp.to_header().calc_checksum_ipv6(&header, udp.payload()).unwrap(),
                ),
                T::Icmpv6(icmp) => {
                    let kind = icmp.icmp_type();
                    let expected = kind.calc_checksum(source, destination, icmp.payload()).unwrap();
                    ("icmp", icmp.checksum(), expected)
                }
                _ => panic!("{bytes:02x?}"),
            }
        }
        _ => panic!("{bytes:02x?}"),
    };
    assert_eq!(found, expected, "{name} {bytes:02x?}");
    (name, is_v6)
}

/// No two connections that are open have the same addresses and ports, and nobody is without a port.
#[test]
fn open_connections_share_nothing() {
    let text = r#"
        [[fleet]]
        name = "web"
        [[class]]
        name = "crowd"
        protocol = "tcp"
        from = "internet"
        to = "web"
        port = 443
        rate = 200
        arrivals = "regular"
        peers = 3
        client_ports = "40000-40099"
        lifetime = "1s"
        closed_by = "client"
    "#;
    let profile = Profile::parse("crowd", text).unwrap();
    let mut traffic = Traffic::new(&profile, &first(50_000)).unwrap();
    // From a SYN to the last ACK, the thirteenth packet: handshake, two exchanges with an ACK each, close.
    let mut open: BTreeMap<_, u32> = BTreeMap::new();
    while let Some(frame) = traffic.next_frame() {
        let facts = facts(frame.bytes, frame.length);
        let key = facts.flow().unwrap().0;
        if facts.transport.tcp_flags().unwrap().0 == 0x02 {
            assert_eq!(open.insert(key, 1), None, "opened twice");
            continue;
        }
        let packets = open.get_mut(&key).unwrap();
        *packets += 1;
        if *packets == 13 {
            open.remove(&key);
        }
    }
    let totals = traffic.totals();
    assert_eq!(totals.classes[0].without_port, 0);
    assert!(totals.connections > 3_000, "the 300 ports came round");
    // Twice as many at once as there are ports: half of them cannot be opened, and that is told.
    let settings = Settings { rate: Some(600.0), duration: Some(Span::from_secs(10)), ..Settings::default() };
    let mut traffic = Traffic::new(&profile, &settings).unwrap();
    while traffic.next_frame().is_some() {}
    let class = &traffic.totals().classes[0];
    assert_eq!(class.connections + class.without_port, 6_000);
    assert!(class.without_port.abs_diff(2_850) < 300, "{}", class.without_port);
}

/// Shares are met within four deviations.
#[test]
fn shares_are_met() {
    let text = r#"
        [[fleet]]
        name = "web"
        [[class]]
        name = "all"
        protocol = "tcp"
        from = "internet"
        to = "web"
        port = 443
        rate = 1000
        arrivals = "regular"
        peers = 100000
        ipv6 = 0.4
        half_open = 0.1
        unacknowledged = 0.05
        refused = 0.2
        reset = 0.15
        never_closed = 0.25
        port_reuse = 0.3
    "#;
    let profile = Profile::parse("shares", text).unwrap();
    let settings = Settings { duration: Some(Span::from_secs(100)), ..Settings::default() };
    let mut traffic = Traffic::new(&profile, &settings).unwrap();
    while traffic.next_frame().is_some() {}
    let class = &traffic.totals().classes[0];
    assert_eq!(class.connections, 100_000, "rate times time");
    let shares = [
        (class.half_open, 0.1),
        (class.unacknowledged, 0.05),
        (class.refused, 0.2),
        (class.reset, 0.15),
        (class.never_closed, 0.25),
        (class.reused, 0.3),
    ];
    for (count, share) in shares {
        let deviation = f64::sqrt(1e5 * share * (1.0 - share));
        assert!(
            (f64::from(u32::try_from(count).unwrap()) - 1e5 * share).abs() < 4.0 * deviation,
            "{count} for {share}"
        );
    }
    assert!(class.ipv6.abs_diff(40_000) < 700, "{}", class.ipv6);
}

#[test]
fn settings_without_sense_are_refused() {
    let profile = Named::find("mixed").unwrap().profile().unwrap();
    let refused = |settings: Settings| Traffic::new(&profile, &settings).unwrap_err().to_string();
    let default = Settings::default();
    assert!(refused(Settings { packets: Some(0), ..default }).contains("no packets"));
    assert!(refused(Settings { connections: Some(0), ..default }).contains("no connections"));
    assert!(refused(Settings { duration: Some(Span::default()), ..default }).contains("no time"));
    assert!(refused(Settings { rate: Some(f64::NAN), ..default }).contains("rate"));
    assert!(refused(Settings { rate: Some(0.0), ..default }).contains("rate"));
    let start = vpcreplay_flow::Timestamp::from_nanos(-1);
    assert!(refused(Settings { start, ..default }).contains("pcap"));
    let end = Settings { duration: Some(Span::from_secs(1 << 32)), ..default };
    assert!(refused(end).contains("2106"));
}
