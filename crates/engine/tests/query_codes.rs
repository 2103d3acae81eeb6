//! S5, S2.4: network ACLs look at the code of an ICMP query, the key of its flow does not: no packet of a known flow is let through on
//! the strength of another code.
#![expect(clippy::expect_used, reason = "a test that cannot set up fails")]

use std::net::IpAddr;
use std::sync::Arc;

use vpcreplay_engine::{Content, Engine, Packet, Settings, Timeline};
use vpcreplay_flow::{Digest, PacketFacts, Protocol, QueryKind, QueryRole, Reason, Timestamp, Transport};
use vpcreplay_policy::{Document, Options, Policy, Registry, Selection, load};

/// Code 5 of an echo request is denied on the way in, in either IP version.
const MODEL: &str = r#"
[[nacl]]
id = "acl-a"
ingress = [{ rule = 1, protocol = "icmp", icmp = "8:5", peer = "0.0.0.0/0", action = "deny" },
           { rule = 2, protocol = "icmpv6", icmp = "128:5", peer = "::/0", action = "deny" },
           { rule = 3, protocol = "all", peer = "0.0.0.0/0", action = "allow" },
           { rule = 4, protocol = "all", peer = "::/0", action = "allow" }]
egress = [{ rule = 1, protocol = "all", peer = "0.0.0.0/0", action = "allow" },
          { rule = 2, protocol = "all", peer = "::/0", action = "allow" }]
[[security_group]]
id = "sg-a"
ingress = [{ protocol = "icmp", icmp = "8:-1", peer = "203.0.113.0/24" },
           { protocol = "icmpv6", icmp = "128:-1", peer = "2001:db8:1::/48" }]
[[subnet]]
id = "subnet-a"
nacl = "acl-a"
cidrs = ["10.0.1.0/24", "2001:db8::/64"]
[[eni]]
id = "eni-a"
subnet = "subnet-a"
security_groups = ["sg-a"]
addresses = ["10.0.1.1", "2001:db8::1"]
"#;

fn engine() -> Engine {
    let mut registry = Registry::new();
    let document = Document { name: "model.toml".to_owned(), bytes: MODEL.into() };
    let network = load(&[document], &Selection::default()).expect("loads").network;
    let compiled = Policy::compile(&network, &Options::default(), None, &mut registry).expect("compiles");
    let timeline = Timeline { first: Arc::new(compiled.0), later: Vec::new(), registry: Arc::new(registry) };
    Engine::new(timeline, Settings::default())
}

/// An echo request of a code from a peer.
fn request((src, dst): (IpAddr, IpAddr), code: u8) -> Digest {
    let (protocol, icmp_type) = if src.is_ipv4() { (Protocol::ICMP, 8) } else { (Protocol::ICMPV6, 128) };
    let (kind, role) = (QueryKind::Echo, QueryRole::Requester);
    let transport = Transport::IcmpQuery { icmp_type, code, id: 7, kind, role };
    Digest::of(&PacketFacts { src, dst, protocol, transport, length: 84 }).expect("a flow")
}

/// A packet with a number, a millisecond after the one before.
fn packet((number, digest): &(u64, Digest)) -> Packet<'_> {
    let now = Timestamp::from_nanos((*number * 1_000_000).cast_signed());
    Packet { number: *number, now, content: Content::of_digest(digest) }
}

#[test]
fn each_code_is_judged_for_itself() {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    for (src, dst) in [("203.0.113.9", "10.0.1.1"), ("2001:db8:1::9", "2001:db8::1")] {
        let ends = (address(src), address(dst));
        let mut engine = engine();
        let mut numbers = 1..;
        // Batches of their own, so that later ones find the flow where it is guessed.
        for codes in [&[0][..], &[0, 5, 0, 5], &[5], &[0]] {
            let packets: Vec<_> =
                numbers.by_ref().zip(codes.iter().map(|code| request(ends, *code))).collect();
            let mut reasons = Vec::new();
            engine.judge_batch(&(packets.as_slice(), packet), |_, verdict| reasons.push(verdict.reason));
            let expected = packets.iter().zip(codes).map(|((number, _), code)| match (code, number) {
                (5, _) => Reason::NaclRule,
                (_, 1) => Reason::New,
                _ => Reason::Established,
            });
            assert_eq!(reasons, expected.collect::<Vec<_>>(), "codes {codes:?} from {src}");
        }
    }
}
