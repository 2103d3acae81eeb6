use std::collections::HashSet;
use std::io::Cursor;

use vpcreplay_capture::CaptureSet;
use vpcreplay_flow::{Decap, Decoded, FlowKey, PacketFacts, Span, Timestamp};

use super::{Pace, Packaging, Workload, capture, capture_at};

const PACKETS: u32 = 20_000;

/// Every frame of a capture, decoded; each has to be a packet that is judged.
fn packets(bytes: Vec<u8>) -> Vec<(Timestamp, PacketFacts, usize)> {
    packets_in(bytes, Decap::None)
}

/// The same, taken out of tunnels.
fn packets_in(bytes: Vec<u8>, decap: Decap) -> Vec<(Timestamp, PacketFacts, usize)> {
    let mut set =
        CaptureSet::from_readers(vec![("memory".to_owned(), Box::new(Cursor::new(bytes)))]).unwrap();
    let mut packets = Vec::new();
    while let Some(frame) = set.next_frame().unwrap() {
        let found = vpcreplay_packet::decode(frame.link_type, frame.captured, frame.original_length, decap);
        let Decoded::Packet(facts) = found.decoded else { panic!("frame {}: {found:?}", frame.number) };
        packets.push((frame.time, facts, frame.captured.len()));
    }
    assert_eq!(set.damage_count(), 0);
    packets
}

#[test]
fn every_frame_is_a_packet_and_its_flow_is_as_described() {
    for workload in Workload::ALL {
        assert_eq!(Workload::of_name(workload.name()), Some(workload));
        let packets = packets(capture(workload, PACKETS));
        assert_eq!(packets.len(), PACKETS as usize, "{workload:?}");
        let flows: HashSet<_> =
            packets.iter().filter_map(|(_, facts, _)| Some(FlowKey::of(facts)?.0)).collect();
        let is_wide = packets.iter().filter(|(_, facts, _)| facts.src.is_ipv6()).count();
        let bytes: usize = packets.iter().map(|(_, _, length)| length).sum();
        let mean = bytes / packets.len();
        // Packets of a flow on average, share of IPv6 in percent, length of a frame.
        let (of_a_flow, wide, length) = match workload {
            Workload::Small => (10..25, 0..1, 54..55),
            Workload::Churn => (3..6, 0..1, 54..55),
            Workload::Imix => (10..25, 1..10, 180..300),
            Workload::Dns => (2..3, 7..13, 80..160),
            Workload::SynFlood => (1..2, 0..1, 54..55),
            Workload::TwoEni => (10..25, 1..10, 54..60),
            Workload::Ipv6 => (10..25, 100..101, 74..75),
        };
        assert!(of_a_flow.contains(&(packets.len() / flows.len())), "{workload:?}: {}", flows.len());
        assert!(wide.contains(&(is_wide * 100 / packets.len())), "{workload:?}: {is_wide}");
        assert!(length.contains(&mean), "{workload:?}: {mean}");
    }
}

#[test]
fn rounds_have_the_same_packets_later() {
    let pace = Pace { spacing: Span::from_nanos(3_000), rounds: 3, pause: Span::from_secs(7) };
    let packets = packets(capture_at(Workload::Imix, 1_000, pace));
    assert_eq!(packets.len(), 3_000);
    for (first, second) in packets[..2_000].iter().zip(&packets[1_000..]) {
        assert_eq!((first.1, first.2), (second.1, second.2));
        assert_eq!(second.0.since(first.0), Span::from_nanos(7_003_000_000));
    }
}

#[test]
fn packaged_packets_are_the_same() {
    let told = |packets: Vec<(Timestamp, PacketFacts, usize)>| -> Vec<_> {
        packets.into_iter().map(|(time, facts, _)| (time, facts)).collect()
    };
    for workload in [Workload::Imix, Workload::Ipv6] {
        let plain = capture(workload, 1_000);
        let expected = told(packets(plain.clone()));
        for packaging in Packaging::ALL {
            assert_eq!(Packaging::of_name(packaging.name()), Some(packaging));
            let decap = if packaging == Packaging::Mirrored { Decap::Vxlan } else { Decap::None };
            assert_eq!(told(packets_in(packaging.of(&plain), decap)), expected, "{packaging:?}");
        }
    }
}

#[test]
fn the_closed_model_lacks_the_two_rules_for_everybody() {
    let (open, closed) = (super::ONE_END.toml, super::closed());
    let missing: Vec<&str> = open.lines().filter(|line| !line.is_empty()).collect();
    let kept: Vec<&str> = closed.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(missing.len(), kept.len() + 2);
    let egress = |toml: &str| toml.split_once("egress = [").unwrap().1.to_owned();
    assert_eq!(egress(open), egress(&closed));
}
