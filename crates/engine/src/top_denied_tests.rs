use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcreplay_flow::{
    Checkpoint, Digest, PacketFacts, Protocol, QueryKind, QueryRole, Reason, TcpFlags, Transport,
};
use vpcreplay_policy::{EniId, RuleId};

use super::{EXACT_KEYS, Key, Keys, Listed, TopDenied};
use crate::denied::{Denials, Denied};
use crate::{Denial, DenialKey, Tally};

/// The naive form: what the list says it counts.
struct Model {
    exact: BTreeMap<(Denial, DenialKey), Tally>,
    bound: usize,
    others: Tally,
}

impl Model {
    fn count(&mut self, key: (Denial, DenialKey), length: u32) {
        let is_full = self.exact.len() >= self.bound;
        let tally = match self.exact.get_mut(&key) {
            Some(tally) => tally,
            None if is_full => &mut self.others,
            None => self.exact.entry(key).or_default(),
        };
        tally.packets += 1;
        tally.bytes += u64::from(length);
    }
}

/// Numbers that look random, the same for one seed (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// Denials of which each differs from the first in one field.
fn all_denials() -> Vec<Denial> {
    let first = Denial {
        reason: Reason::SgNoRule,
        checkpoint: Some(Checkpoint::SgIngress),
        eni: Some(EniId(0)),
        rule: Some(RuleId(0)),
    };
    vec![
        first,
        Denial { reason: Reason::TcpNotSyn, ..first },
        Denial { checkpoint: Some(Checkpoint::NaclIngress), ..first },
        Denial { checkpoint: None, ..first },
        Denial { eni: Some(EniId(1)), ..first },
        Denial { eni: None, ..first },
        Denial { rule: Some(RuleId(1)), ..first },
        Denial { rule: None, ..first },
    ]
}

/// Peers that are close to each other, in one family and over both.
fn all_peers(spread: u32) -> Vec<IpAddr> {
    let edges = [0, 1, u32::MAX, 1 << 16, 1 << 17, 1 << 31];
    let v4 = edges.into_iter().chain(0x0a00_0000..0x0a00_0000 + spread).map(Ipv4Addr::from_bits);
    let v6 = v4.clone().flat_map(|address| {
        let low = u128::from(address.to_bits());
        [low, low << 32, low << 96, u128::MAX - low].map(Ipv6Addr::from_bits)
    });
    let mapped = v4.clone().map(|address| address.to_ipv6_mapped());
    v4.map(IpAddr::V4).chain(v6.chain(mapped).map(IpAddr::V6)).collect()
}

fn all_services(spread: u16) -> Vec<(Protocol, Option<u16>)> {
    let ports = [None, Some(0), Some(u16::MAX)].into_iter().chain((1..spread).map(Some));
    let of_port = |port| [0, 1, 6, 17, 128, 255].map(|protocol| (Protocol(protocol), port));
    ports.flat_map(of_port).collect()
}

// A list tells what the naive form tells, after every batch: with room left and none, for keys that differ in one
// field only, for denials that come up later; with packets that are counted at once and without.
#[test]
fn counts_what_the_naive_form_counts() {
    let denials = all_denials();
    let mut at_once = 0;
    for seed in 0..90 {
        let mut random = Random(seed);
        let few = random.pick(&[1, 2, denials.len()]);
        let bound = random.pick(&[0, 1, 2, 7, 8, 100, 700, EXACT_KEYS]);
        let (peers, services) = (all_peers(random.pick(&[0, 5, 60])), all_services(random.pick(&[1, 5, 60])));
        let mut lists = [Listed::Peers, Listed::Services].map(|listed| TopDenied::new(listed, bound));
        let mut models = [(); 2].map(|()| Model { exact: BTreeMap::new(), bound, others: Tally::default() });
        let mut numbers = Denials::default();
        for _ in 0..random.below(40) {
            let mut batch = Vec::new();
            for number in 0..random.below(130) {
                let denial = random.pick(&denials[..few]);
                let (peer, service) = (random.pick(&peers), random.pick(&services));
                let length = random.pick(&[0, 40, 1500, u32::MAX]);
                let packet = Denied { number, denial: numbers.number(denial), length, peer, service };
                let [peers, services] = &mut lists;
                let keys = match Key::peer(&packet) {
                    Key::Narrow(peer) if seed % 3 > 0 => Some(Keys { peer, service: Key::service(&packet) }),
                    _ => None,
                };
                if keys.is_some_and(|keys| TopDenied::count_at_once((peers, services), keys, length)) {
                    at_once += 1;
                } else {
                    batch.push(packet);
                }
                let [of_peers, of_services] = &mut models;
                of_peers.count((denial, DenialKey::Peer(peer)), length);
                of_services.count((denial, DenialKey::Service(service.0, service.1)), length);
            }
            for (list, model) in lists.iter_mut().zip(&models) {
                list.enter(&batch, numbers.all());
                assert_eq!(list.exact().collect::<BTreeMap<_, _>>(), model.exact, "seed {seed}");
                assert_eq!(list.others(), model.others, "seed {seed}");
            }
        }
    }
    assert!(at_once > 200, "{at_once} packets were counted at once");
}

#[test]
fn the_keys_of_a_packet_in_brief_are_those_of_the_packet() {
    let query = |role| {
        let transport = Transport::IcmpQuery { icmp_type: 8, code: 0, id: 7, kind: QueryKind::Echo, role };
        (Protocol::ICMP, transport)
    };
    let transports = [
        (Protocol::TCP, Transport::Tcp { src_port: 40_000, dst_port: 443, flags: TcpFlags(2) }),
        (Protocol::UDP, Transport::Ports { src_port: 53, dst_port: 40_000 }),
        (Protocol::UDP, Transport::Ports { src_port: 40_000, dst_port: 0 }),
        query(QueryRole::Requester),
        query(QueryRole::Responder),
    ];
    let ends: [IpAddr; 2] = [Ipv4Addr::new(203, 0, 113, 9), Ipv4Addr::new(10, 0, 0, 7)].map(IpAddr::V4);
    for ([src, dst], (protocol, transport)) in
        [ends, [ends[1], ends[0]]].into_iter().flat_map(|ends| transports.map(|of| (ends, of)))
    {
        let digest = Digest::of(&PacketFacts { src, dst, protocol, transport, length: 100 }).unwrap();
        for is_egress in [false, true] {
            let whole = Denied::of_digest(1, &digest, (5, is_egress));
            let Key::Narrow(peer) = Key::peer(&whole) else { panic!("an IPv4 peer") };
            let in_brief = TopDenied::keys_in_brief(digest.brief(), (5, is_egress));
            assert_eq!(in_brief, Keys { peer, service: Key::service(&whole) }, "{transport:?}");
        }
    }
}

// One bound is over both families, and reached in the order of packets: what comes behind it is told together.
#[test]
fn the_first_65_536_keys_are_exact() {
    let mut numbers = Denials::default();
    let mut list = TopDenied::peers();
    let denial = numbers.number(all_denials()[0]);
    let packet = |bits: u32| Denied {
        number: u64::from(bits),
        denial,
        length: 100,
        peer: match bits % 3 {
            0 => IpAddr::V6(Ipv6Addr::from_bits(u128::from(bits))),
            _ => IpAddr::V4(Ipv4Addr::from_bits(bits)),
        },
        service: (Protocol::TCP, None),
    };
    let packets: Vec<Denied> = (0..70_000).map(packet).collect();
    list.enter(&packets, numbers.all());
    list.enter(&packets, numbers.all());
    let late = 2 * (70_000 - EXACT_KEYS as u64);
    assert_eq!(list.others(), Tally { packets: late, bytes: 100 * late });
    let exact: BTreeMap<_, _> = list.exact().collect();
    assert_eq!(exact.len(), EXACT_KEYS);
    assert!(exact.iter().all(|(_, tally)| *tally == Tally { packets: 2, bytes: 200 }));
    let mut early: Vec<_> = packets[..EXACT_KEYS].iter().map(|packet| DenialKey::Peer(packet.peer)).collect();
    early.sort();
    assert!(exact.iter().map(|((_, key), _)| *key).eq(early));
}
