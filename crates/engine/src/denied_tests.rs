use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use vpcreplay_flow::{Checkpoint, PacketFacts, Protocol, Reason, Transport};
use vpcreplay_policy::{EniId, RuleId};

use super::{Denial, Denials, Waiting};
use crate::{DenialKey, TopDenied, Verdict};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));

fn denial(eni: u32) -> Denial {
    let checkpoint = Some(Checkpoint::SgIngress);
    Denial { reason: Reason::SgNoRule, checkpoint, eni: Some(EniId(eni)), rule: None }
}

fn push(waiting: &mut Waiting, number: u32, denial: Denial, transport: Transport) {
    let facts =
        PacketFacts { src: REMOTE, dst: LOCAL, protocol: Protocol::TCP, transport, length: 40 + number };
    let Denial { reason, checkpoint, eni, rule } = denial;
    waiting.push(number.into(), &facts, &Verdict { checkpoint, eni, rule, ..Verdict::bare(reason) });
}

fn entered(mut waiting: Waiting) -> [TopDenied; 2] {
    let [mut peers, mut services] = [TopDenied::peers(), TopDenied::services()];
    waiting.enter([&mut peers, &mut services]);
    [peers, services]
}

#[test]
fn denials_are_numbered_as_they_come() {
    let mut denials = Denials::default();
    let other = Denial { rule: Some(RuleId(0)), ..denial(0) };
    let asked = [denial(0), denial(0), other, denial(0), denial(1), other];
    assert_eq!(asked.map(|denial| denials.number(denial)), [1, 1, 2, 1, 3, 2]);
    assert_eq!(denials.all(), [denial(0), other, denial(1)]);
}

#[test]
fn no_two_denials_are_packed_alike() {
    let checkpoints =
        [Checkpoint::SgEgress, Checkpoint::NaclEgress, Checkpoint::NaclIngress, Checkpoint::SgIngress];
    let checkpoints = [None].into_iter().chain(checkpoints.map(Some));
    let numbers =
        [None, Some(0), Some(1), Some(254), Some(255), Some(256), Some(u32::MAX - 1), Some(u32::MAX)];
    let mut packed = BTreeSet::new();
    for (reason, checkpoint) in
        Reason::ALL.iter().flat_map(|reason| checkpoints.clone().map(|it| (*reason, it)))
    {
        for (eni, rule) in
            numbers.iter().flat_map(|eni| numbers.map(|rule| (eni.map(EniId), rule.map(RuleId))))
        {
            let denial = Denial { reason, checkpoint, eni, rule };
            assert!(packed.insert(denial.packed()), "{denial:?}");
        }
    }
}

// The peer is the other end, whichever way the packet goes.
#[test]
fn the_peer_is_the_source_of_ingress_and_the_destination_of_egress() {
    let checkpoints = [
        (None, REMOTE),
        (Some(Checkpoint::SgIngress), REMOTE),
        (Some(Checkpoint::NaclIngress), REMOTE),
        (Some(Checkpoint::SgEgress), LOCAL),
        (Some(Checkpoint::NaclEgress), LOCAL),
    ];
    for (checkpoint, peer) in checkpoints {
        let mut waiting = Waiting::default();
        let denial = Denial { checkpoint, ..denial(3) };
        push(&mut waiting, 1, denial, Transport::Ports { src_port: 7, dst_port: 9 });
        let [peers, services] = entered(waiting);
        let keys = [peers, services].map(|list| list.exact().map(|(key, _)| key).collect::<Vec<_>>());
        let service = DenialKey::Service(Protocol::TCP, Some(9));
        assert_eq!(keys, [vec![(denial, DenialKey::Peer(peer))], vec![(denial, service)]]);
    }
}

// Parts number denials for themselves, and what they denied is put in order of the packets, batch by batch.
#[test]
fn parts_tell_what_the_whole_would() {
    let (mut whole, mut alone) = (Waiting::default(), Waiting::default());
    let mut parts = [Waiting::default(), Waiting::default(), Waiting::default()];
    for batch in 0..4 {
        for number in batch * 100..batch * 100 + 90 {
            // Each part comes upon denials in an order of its own.
            let denial = denial(number * number % (3 + 2 * batch));
            let transport = Transport::Ports { src_port: 1, dst_port: u16::try_from(number).unwrap() };
            push(&mut parts[number as usize / 7 % 3], number, denial, transport);
            push(&mut alone, number, denial, transport);
        }
        whole.take_over(parts.iter_mut());
        assert!(parts.iter().all(|part| part.packets.is_empty()));
        // The whole denies packets of its own in between, for reasons that parts come upon later.
        for waiting in [&mut whole, &mut alone] {
            let transport = Transport::Ports { src_port: 1, dst_port: 2 };
            push(waiting, batch * 100 + 95, denial(8 - batch), transport);
        }
        let told = |waiting: &Waiting| {
            let denial = |number| super::numbered(waiting.denials.all(), number).unwrap();
            let packets = waiting.packets.iter();
            packets.map(|it| (it.number, denial(it.denial), it.length, it.service)).collect::<Vec<_>>()
        };
        assert_eq!(told(&whole), told(&alone));
    }
    let [of_parts, of_one] =
        [whole, alone].map(|waiting| entered(waiting).map(|list| list.exact().collect::<BTreeMap<_, _>>()));
    assert_eq!(of_parts, of_one);
}
