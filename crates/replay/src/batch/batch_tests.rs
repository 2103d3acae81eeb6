use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcreplay_engine::{Content, Dealer, Packet, Packets};
use vpcreplay_flow::{Cause, Decoded, PacketFacts, Protocol, Timestamp, Transport, Tunnel};

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

/// Some are taken out of one tunnel or another, one by one or several in a row.
fn tunnel(number: u64) -> Option<Tunnel> {
    let vni = [0, 0, 7, 0, 8, 8, 9, 9, 9, 0][usize::from(number.to_le_bytes()[0] % 10)];
    (vni > 0).then_some(Tunnel { vni, gwlb_endpoint: None })
}

fn fill(batch: &mut Batch) {
    for number in 1_u64..200 {
        let now = Timestamp::from_nanos(number.cast_signed() * 10);
        batch.push(
            Place { number, file: 0, frame: number, time: now, now, copy: 0 },
            tunnel(number),
            decoded(number),
        );
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
    for item in plain.items() {
        assert_eq!((item.tunnel, item.decoded), (tunnel(item.number), decoded(item.number)), "{item:?}");
    }
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
        told_in_brief(&batch.run(0..batch.len()));
        told_in_brief(&run);
        if layout == Layout::ByPart {
            (0..PARTS).for_each(|part| told_in_brief(&batch.hand(part, &(3..190))));
        }
    }
}

/// Packets in brief, and those with a digest, are the ones that packets are told of, with the same content.
fn told_in_brief(packets: &impl Packets) {
    let (mut briefs, mut digests) = (0, 0);
    for at in 0..packets.count() {
        let Packet { number, now, content } = packets.packet(at);
        let in_brief = packets.in_brief(at).map(|packet| (packet.number, packet.now, packet.brief));
        let beside = packets
            .with_digest(at)
            .map(|(packet, digest)| (packet.number, packet.now, packet.brief, *digest));
        let expected = match content {
            Content::Brief(brief) => (Some((number, now, brief)), None),
            Content::Digest(digest) => (None, Some((number, now, digest.brief(), *digest))),
            _ => (None, None),
        };
        assert_eq!((in_brief, beside), expected, "{number}");
        briefs += usize::from(in_brief.is_some());
        digests += usize::from(beside.is_some());
    }
    assert!(briefs > 0 && digests > 0 && briefs + digests < packets.count());
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
