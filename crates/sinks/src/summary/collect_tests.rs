use std::sync::Arc;

use vpcreplay_engine::{Content, Packet, Settings, Timeline};
use vpcreplay_flow::{Cause, Decoded, PacketFacts, Protocol, TcpFlags, Transport};
use vpcreplay_policy::Options;

use super::*;
use crate::test_model;

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const WEB: &str = "10.0.1.10";

fn tcp((src, src_port): (&str, u16), (dst, dst_port): (&str, u16), flags: u8) -> Decoded {
    Decoded::Packet(PacketFacts {
        src: src.parse().unwrap(),
        dst: dst.parse().unwrap(),
        protocol: Protocol::TCP,
        transport: Transport::Tcp { src_port, dst_port, flags: TcpFlags(flags) },
        length: 40,
    })
}

/// An engine of the test model after these packets, one a second.
fn replayed(options: &Options, packets: &[Decoded]) -> Engine {
    let (policy, registry) = test_model::compiled(options);
    let timeline = Timeline { first: Arc::new(policy), later: Vec::new(), registry: Arc::new(registry) };
    let mut engine = Engine::new(timeline, Settings::default());
    for (number, decoded) in (1..).zip(packets) {
        let now = Timestamp::from_nanos(i64::try_from(number).unwrap() * 1_000_000_000);
        engine.judge(Packet { number, now, content: Content::Decoded(decoded) });
    }
    engine
}

/// A client's handshake whose SYN+ACK dies at the network ACL, a port scan, a frame without IP, and a stranger.
fn pitfall() -> Vec<Decoded> {
    let client = ("198.51.100.7", 40_000);
    vec![
        tcp(client, (WEB, 443), SYN),
        tcp((WEB, 443), client, SYN_ACK),
        tcp(client, (WEB, 443), ACK),
        tcp(("203.0.113.9", 999), (WEB, 22), SYN),
        tcp(("203.0.113.9", 998), (WEB, 22), SYN),
        Decoded::Unjudged(Cause::NotIp, None),
        tcp(("192.0.2.1", 1), ("192.0.2.2", 2), SYN),
    ]
}

#[test]
fn every_packet_is_counted_once() {
    // S4.4
    let engine = replayed(&Options::default(), &pitfall());
    let summary = Summary::collect(&engine, SummaryContext::default());
    assert_eq!(summary.total, Amount { packets: 7, bytes: 240 });
    let counts: Vec<(&str, u64)> =
        summary.dispositions.0.iter().map(|(code, amount)| (*code, amount.packets)).collect();
    assert_eq!(counts, [("allow", 1), ("deny", 3), ("unsent", 1), ("unjudged", 2)]);
    assert_eq!(summary.reasons.0.len(), Reason::ALL.len(), "every reason is named, counted or not");
    assert_eq!(summary.reasons.get("nacl-default").packets, 1);
    assert_eq!(summary.reasons.get("handshake-denied").packets, 1);
    let of_enis: u64 = summary.enis.iter().map(|eni| eni.total.packets).sum();
    assert_eq!(of_enis + sum(&summary.no_eni).packets, 7);
}

#[test]
fn who_denied_whom() {
    let engine = replayed(&Options::default(), &pitfall());
    let denied = Summary::collect(&engine, SummaryContext::default()).denied;
    let [scan, pitfall] = denied.by.as_slice() else { panic!("{denied:?}") };
    assert_eq!((scan.reason, scan.checkpoint, scan.total.packets), ("sg-no-rule", Some("sg-ingress"), 2));
    assert_eq!((scan.enis.as_slice(), scan.rules.len()), (&["eni-z".to_owned()][..], 0));
    assert_eq!(scan.peers.top[0].address.to_string(), "203.0.113.9");
    assert_eq!((scan.services.top[0].protocol, scan.services.top[0].port), (6, Some(22)));
    assert_eq!((pitfall.reason, pitfall.checkpoint), ("nacl-default", Some("nacl-egress")));
    assert_eq!(pitfall.rules, ["acl-web#*"]);
    assert_eq!(pitfall.peers.top[0].address.to_string(), "198.51.100.7");
    assert_eq!((denied.peers.distinct, denied.services.distinct), (2, 2));
}

#[test]
fn tracking_and_rules() {
    let engine = replayed(&Options::default(), &pitfall());
    let summary = Summary::collect(&engine, SummaryContext::default());
    let scopes: Vec<(&str, u64, u64)> = summary
        .scopes
        .iter()
        .map(|scope| (scope.scope.as_str(), scope.peak_occupancy, scope.headroom))
        .collect();
    assert_eq!(scopes, [("eni-y", 0, 65_535), ("eni-z", 1, 65_534)], "by name");
    assert_eq!(summary.scopes[1].peak_at.as_deref(), Some("1970-01-01T00:00:01.000000000Z"));
    assert_eq!(summary.scopes[1].peak_at_ns, Some(1_000_000_000));
    assert_eq!(summary.scopes[0].peak_at, None);
    assert_eq!(summary.connections, 1);
    let never: Vec<(&str, &str)> = summary
        .rules
        .iter()
        .filter(|rule| rule.in_force && rule.hits == 0)
        .map(|rule| (rule.rule.as_str(), rule.direction))
        .collect();
    assert_eq!(never, [("acl-web#100", "egress"), ("sg-web#egress.1", "egress")]);
    assert_eq!(summary.rules_never_hit, 2);
}

#[test]
fn a_full_table_is_counted_per_eni_scope_and_rule() {
    // S7.8
    let options = Options { limit: Some(1), ..Options::default() };
    let syn = |port| tcp(("198.51.100.7", port), (WEB, 443), SYN);
    let engine = replayed(&options, &[syn(1), syn(2), syn(3)]);
    let summary = Summary::collect(&engine, SummaryContext::default());
    assert_eq!(summary.conntrack_allowance_exceeded, 2);
    let eni = summary.enis.iter().find(|eni| eni.eni == "eni-z").unwrap();
    assert_eq!((eni.conntrack_allowance_exceeded, eni.scope.as_deref()), (2, Some("eni-z")));
    let scope = summary.scopes.iter().find(|scope| scope.scope == "eni-z").unwrap();
    assert_eq!((scope.conntrack_allowance_exceeded, scope.limit, scope.headroom), (2, 1, 0));
    assert_eq!(summary.denied.by[0].rules, ["sg-web#ingress.1"]);
    let rules: Vec<&str> = summary.assumptions.iter().map(|assumption| assumption.rule).collect();
    assert_eq!(rules, ["S6.3", "S7.3"]);
}

#[test]
fn only_assumptions_that_mattered_are_named() {
    let engine = replayed(&Options::default(), &[tcp(("192.0.2.1", 1), ("192.0.2.2", 2), SYN)]);
    assert!(Summary::collect(&engine, SummaryContext::default()).assumptions.is_empty());

    let midstream = tcp(("198.51.100.7", 1), (WEB, 443), ACK);
    let engine = replayed(&Options::default(), &[midstream, midstream]);
    let summary = Summary::collect(&engine, SummaryContext { fragments: 3, ..SummaryContext::default() });
    let counts: Vec<(&str, u64)> =
        summary.assumptions.iter().map(|assumption| (assumption.rule, assumption.count)).collect();
    assert_eq!(counts, [("S2.7", 3), ("S7.3", 1), ("S7.4", 1), ("S7.5", 1)]);
}

/// S1.5: the same replay, the same bytes; and a document that a reader can rely on.
#[test]
fn json_is_stable_and_whole() {
    let json = || {
        let engine = replayed(&Options::default(), &pitfall());
        let span = Some((Timestamp::from_nanos(-1), Timestamp::from_nanos(7_000_000_000)));
        Summary::collect(&engine, SummaryContext { span, ..SummaryContext::default() }).to_json().unwrap()
    };
    assert_eq!(json(), json());
    let value: serde_json::Value = serde_json::from_str(&json()).unwrap();
    assert_eq!(value["partial"], false);
    assert_eq!(value["packets"], 7);
    assert_eq!(value["dispositions"]["deny"]["packets"], 3);
    assert_eq!(value["span"]["first"], "1969-12-31T23:59:59.999999999Z");
    assert_eq!(value["denied"]["by"][1]["services"]["top"][0]["port"], 40_000);
    assert_eq!(value["counters"]["first_clock_jump"], serde_json::Value::Null);
}

#[test]
fn context_is_handed_on() {
    let engine = replayed(&Options::default(), &[]);
    let context =
        SummaryContext { completion: Completion::Partial, passed_over: 5, ..SummaryContext::default() };
    let summary = Summary::collect(&engine, context);
    assert!(summary.partial);
    assert_eq!((summary.passed_over, summary.span, summary.total.packets), (5, None, 0));
}
