use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcreplay_engine::{Content, Dealer, Packets};
use vpcreplay_flow::{Cause, Decoded, PacketFacts, Protocol, Timestamp, Transport};

use super::{Batch, Layout, Place};

const PARTS: usize = 3;

/// Packets of many flows of both families, and some of none.
fn decoded(number: u64) -> Decoded {
    let last = number.to_le_bytes()[0] % 16;
    let (src, dst): (IpAddr, IpAddr) = match number % 5 {
        0 => return Decoded::Unjudged(Cause::NotIp, None),
        1 => (Ipv6Addr::from(u128::from(last)).into(), Ipv6Addr::LOCALHOST.into()),
        _ => (Ipv4Addr::new(10, 0, 0, last).into(), Ipv4Addr::new(198, 51, 100, 7).into()),
    };
    let transport = Transport::Ports { src_port: 1000 + u16::from(last), dst_port: 53 };
    let length = u32::from(last) + 28;
    Decoded::Packet(PacketFacts { src, dst, protocol: Protocol::UDP, transport, length })
}

fn fill(batch: &mut Batch) {
    for number in 1_u64..200 {
        let now = Timestamp::from_nanos(number.cast_signed() * 10);
        batch.push(Place { number, file: 0, frame: number, time: now, now, copy: 0 }, None, decoded(number));
    }
}

fn told(batch: &Batch) -> Vec<String> {
    batch.items().map(|item| format!("{item:?}")).collect()
}

// S1.4: however packets are laid out, they are the same, in replay order.
#[test]
fn packets_are_the_same_however_they_are_laid_out() {
    let mut plain = Batch::default();
    fill(&mut plain);
    let expected = told(&plain);
    assert_eq!(expected.len(), 199);
    let mut batch = Batch::of_parts(PARTS);
    for layout in [Layout::ByPart, Layout::InOrder, Layout::ByPart] {
        batch.lay_out(layout);
        assert!(batch.is_empty() && batch.layout() == layout);
        fill(&mut batch);
        assert_eq!((batch.len(), batch.last_number(), batch.times()), (199, 199, plain.times()));
        assert_eq!(told(&batch), expected, "{layout:?}, searched for");
        batch.put_in_order();
        assert_eq!(told(&batch), expected, "{layout:?}, in order");
        let run = batch.run(7..20);
        let numbers: Vec<u64> = (0..run.count()).map(|at| run.packet(at).number).collect();
        assert_eq!(numbers, (8..=20).collect::<Vec<_>>());
        // Packets in brief are those that packets are told of.
        let is_brief = |content| matches!(content, Content::Brief(_));
        let brief: Vec<u64> =
            (0..run.count()).filter_map(|at| run.in_brief(at)).map(|packet| packet.number).collect();
        let expected = (0..run.count()).map(|at| run.packet(at)).filter(|packet| is_brief(packet.content));
        assert_eq!(brief, expected.map(|packet| packet.number).collect::<Vec<_>>(), "{layout:?}");
        assert!(!brief.is_empty() && brief.len() < run.count());
    }
}

#[test]
fn every_packet_is_dealt_to_its_part() {
    let mut batch = Batch::of_parts(PARTS);
    fill(&mut batch);
    let dealer = Dealer::new(PARTS);
    let range = 10..150;
    let mut dealt = Vec::new();
    for part in 0..PARTS {
        let hand = batch.hand(part, &range);
        assert!(hand.places().is_sorted() && hand.count() > 20);
        for (at, place) in hand.places().iter().enumerate() {
            let packet = hand.packet(at);
            assert_eq!(packet.number, u64::from(*place) + 1);
            assert_eq!(dealer.of_packet(packet.number, packet.content), part);
            dealt.push(*place as usize);
        }
    }
    dealt.sort_unstable();
    assert_eq!(dealt, range.collect::<Vec<_>>());
}
