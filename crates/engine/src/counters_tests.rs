use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcreplay_flow::{Digest, Direction, PacketFacts, Protocol, Reason, Transport};
use vpcreplay_policy::{EniId, RuleId};

use super::Counters;
use crate::refused::Refusal;
use crate::route::{Hop, Routes};

/// More than a flow remembers the number of.
const RULES: u32 = 70_000;

fn digest(src: IpAddr, dst: IpAddr) -> Digest {
    let transport = Transport::Ports { src_port: 40_000, dst_port: 53 };
    Digest::of(&PacketFacts { src, dst, protocol: Protocol::UDP, transport, length: 100 }).unwrap()
}

// S9.4: refused packets are put down by route and refusal, and at once where a rule has too great a number for that.
#[test]
fn every_refused_packet_is_counted_where_it_was_refused() {
    let v4 = digest(Ipv4Addr::new(203, 0, 113, 9).into(), Ipv4Addr::new(10, 0, 0, 7).into());
    let v6 = digest(Ipv6Addr::from_bits(1).into(), Ipv6Addr::from_bits(2).into());
    let refusals = [0, 1, 0xfffc, 0xfffd, 0xfffe, RULES - 1].map(|rule| Refusal::NoRoom(RuleId(rule)));
    let refusals: Vec<_> = refusals.into_iter().chain([Refusal::NoRule, Refusal::Reversible]).collect();
    let (eni, nacl) = (EniId(1), Some(RuleId(7)));
    for direction in [Direction::Ingress, Direction::Egress] {
        let hop = Hop { eni, direction, nacl };
        let mut counters = Counters::of_sizes(3, RULES as usize);
        let mut number = 0;
        for _ in 0..3 {
            for refusal in &refusals {
                for digest in [&v4, &v6] {
                    number += 1;
                    counters.count_refused((number, digest), (1, hop, *refusal));
                }
            }
            counters.enter_counted(&Routes::default());
        }
        counters.enter_denied();
        let of_reason = |reason| counters.tally(Some(eni), reason).packets;
        assert_eq!(of_reason(Reason::ConntrackAllowanceExceeded), 36);
        assert_eq!(counters.exceeded(eni), 36);
        assert_eq!(of_reason(Reason::SgNoRule), 12);
        let hits = |rule| counters.rule_hits(RuleId(rule));
        assert!([0, 1, 0xfffc, 0xfffd, 0xfffe, RULES - 1].into_iter().all(|rule| hits(rule) == 6));
        // The network ACL behind a security group is not asked.
        assert_eq!(hits(7), if direction == Direction::Ingress { 48 } else { 0 });
        let listed: u64 = counters.denied_peers.exact().map(|(_, tally)| tally.packets).sum();
        assert_eq!(listed, 48);
    }
}
