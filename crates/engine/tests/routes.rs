//! Packets that go on with a connection, or that a security group refuses, are counted by their route at first, and entered in
//! the counters later; of routes with great numbers at once. Where flow records are kept, neither is done, nor are there short ways
//! for what a network ACL denies.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up fails")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use vpcreplay_engine::{
    Content, Denial, DenialKey, Engine, EniId, FlowRecords, Packet, SeriesRow, Settings, Tally, Timeline,
    TopDenied, Verdict, When,
};
use vpcreplay_flow::{Digest, PacketFacts, Protocol, Reason, Span, TcpFlags, Timestamp, Transport};
use vpcreplay_policy::{Document, Mode, Options, Policy, Registry, RuleId, Selection, TcpMidstream, load};

/// Peers, each allowed by rules of its own on the way in and on the way back: twice as many routes.
const PEERS: u32 = 300;

/// Packets in a batch at most: more than all turns of every peer take.
const BATCH: usize = 10_000;

/// Every fifth has an IPv6 address.
fn peer(number: u32) -> IpAddr {
    match number % 5 {
        0 => Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 80 | 9).into(),
        _ => Ipv4Addr::from_bits(0xcb00_0000 + number * 256 + 9).into(),
    }
}

/// The network around a peer.
fn network(number: u32) -> String {
    match peer(number) {
        IpAddr::V4(v4) => format!("{}/24", Ipv4Addr::from_bits(v4.to_bits() & !0xff)),
        IpAddr::V6(v6) => format!("{}/48", Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80)),
    }
}

/// Two interfaces in two subnets, so that what goes from one to the other takes two hops. Security groups admit a port, network ACLs
/// all peers that are not closed.
fn model(port: u16, is_closed: impl Fn(u32) -> bool) -> String {
    let entry = |(rule, peer, action): (u32, String, &str)| {
        format!(r#"{{ rule = {rule}, protocol = "all", peer = "{peer}", action = "{action}" }}"#)
    };
    let others = [(9000, "0.0.0.0/0".to_owned(), "allow"), (9001, "::/0".to_owned(), "allow")];
    let action = |number| if is_closed(number) { "deny" } else { "allow" };
    let of_peers = (0..PEERS).map(|number| (number + 1, network(number), action(number)));
    let rules = of_peers.chain(others).map(entry).collect::<Vec<_>>().join(",\n");
    let admit = ["0.0.0.0/0", "::/0"]
        .map(|peer| format!(r#"{{ protocol = "tcp", ports = "{port}", peer = "{peer}" }}"#))
        .join(", ");
    let mut text = format!(
        "[[nacl]]\nid = \"acl-a\"\ningress = [{rules}]\negress = [{rules}]\n\
         [[security_group]]\nid = \"sg-a\"\ningress = [{admit}]\negress = [{admit}]\n"
    );
    for number in [1, 2] {
        write!(
            text,
            "[[subnet]]\nid = \"subnet-{number}\"\nnacl = \"acl-a\"\n\
             cidrs = [\"10.0.{number}.0/24\", \"2001:db8:ffff:{number}::/64\"]\n\
             [[eni]]\nid = \"eni-{number}\"\nsubnet = \"subnet-{number}\"\nsecurity_groups = [\"sg-a\"]\n\
             addresses = [\"10.0.{number}.1\", \"2001:db8:ffff:{number}::1\"]\n"
        )
        .unwrap();
    }
    text
}

/// TCP flags, and whether the packet goes back.
type Turn = (u8, bool);

/// A handshake, and some packets more.
const HANDSHAKE: [Turn; 6] =
    [(0x02, false), (0x12, true), (0x10, false), (0x18, true), (0x18, false), (0x10, true)];
/// A connection that is asked for again and again, from both ends.
const KNOCKING: [Turn; 6] =
    [(0x02, false), (0x02, false), (0x02, true), (0x02, false), (0x02, false), (0x02, true)];

/// The middle of connections, whose servers speak first; then somebody asks for one.
const MIDDLE: [Turn; 6] =
    [(0x10, true), (0x18, true), (0x12, true), (0x10, false), (0x02, true), (0x10, true)];

/// For each turn a packet with each peer, the first of it from every other peer and to the rest, and one between the interfaces.
fn packets(turns: &[Turn]) -> Vec<Digest> {
    let [one, other] = [1, 2].map(|number| IpAddr::from(Ipv4Addr::new(10, 0, number, 1)));
    let wide_one = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 1, 0, 0, 0, 1));
    let pair = |number| {
        let (peer, one) = (peer(number), if peer(number).is_ipv4() { one } else { wide_one });
        if number % 2 == 0 { (peer, one) } else { (one, peer) }
    };
    let pairs: Vec<_> = (0..PEERS).map(pair).chain([(one, other)]).collect();
    let of_turn = |&(flags, is_back): &Turn| {
        pairs.iter().zip(1..).map(move |((from, to), length)| {
            let ((src, src_port), (dst, dst_port)) =
                if is_back { ((*to, 80), (*from, 5_000)) } else { ((*from, 5_000), (*to, 80)) };
            let transport = Transport::Tcp { src_port, dst_port, flags: TcpFlags(flags) };
            Digest::of(&PacketFacts { src, dst, protocol: Protocol::TCP, transport, length }).unwrap()
        })
    };
    turns.iter().flat_map(of_turn).collect()
}

/// What was counted.
#[derive(Debug, PartialEq)]
struct Counted {
    /// By interface and reason.
    tallies: Vec<Tally>,
    /// By rule.
    hits: Vec<u64>,
    /// By interface.
    exceeded: Vec<u64>,
    /// By peer and by service.
    denied: [BTreeMap<(Denial, DenialKey), Tally>; 2],
    /// Of those that the lists do not have.
    others: [Tally; 2],
    midstream_doubtful: u64,
    /// With periods shorter than the time between packets; of what fits a batch.
    series: Vec<SeriesRow>,
}

const PERIOD: Span = Span::from_nanos(250_000);

/// A packet with a number, a millisecond after the one before.
fn packet((number, digest): &(u64, Digest)) -> Packet<'_> {
    let now = Timestamp::from_nanos((*number * 1_000_000).cast_signed());
    Packet { number: *number, now, content: Content::of_digest(digest) }
}

/// Judges packets, a millisecond after each other, under a model; `later` says when another one comes into force, `limit` how many
/// connections an interface may have.
fn judge(
    records: FlowRecords,
    packets: &[Digest],
    models: (&str, Option<(Timestamp, &str)>, Option<u64>),
) -> (Vec<Verdict>, Counted) {
    let settings = Settings { flow_records: records, ..Settings::default() };
    judge_by(settings, packets, models)
}

/// The same with any settings.
fn judge_by(
    settings: Settings,
    packets: &[Digest],
    (text, later, limit): (&str, Option<(Timestamp, &str)>, Option<u64>),
) -> (Vec<Verdict>, Counted) {
    let mut registry = Registry::new();
    let mut compile = |text: &str, first: Option<&Policy>| {
        let document = Document { name: "model.toml".to_owned(), bytes: text.as_bytes().to_vec() };
        let network = load(&[document], &Selection::default()).expect("loads").network;
        Arc::new(
            Policy::compile(&network, &Options { limit, ..Options::default() }, first, &mut registry)
                .expect("compiles")
                .0,
        )
    };
    let first = compile(text, None);
    let later = later.map(|(time, text)| (When::At(time), compile(text, Some(&first)))).into_iter().collect();
    let timeline = Timeline { first, later, registry: Arc::new(registry) };
    let series_period = (packets.len() < BATCH).then_some(PERIOD);
    let mut engine = Engine::new(timeline, Settings { series_period, ..settings });
    let packets: Vec<_> = (1..).zip(packets.iter().copied()).collect();
    let mut verdicts = Vec::new();
    for batch in packets.chunks(BATCH) {
        engine.judge_batch(&(batch, packet), |_, verdict| verdicts.push(verdict));
    }
    engine.finish();
    let series = engine.take_series();
    let rules = u32::try_from(engine.registry().rule_count()).unwrap();
    let counters = engine.counters();
    let enis = [EniId(0), EniId(1)];
    let of_eni = |eni| Reason::ALL.map(|reason| counters.tally(Some(eni), reason));
    let counted = Counted {
        tallies: enis.into_iter().flat_map(of_eni).collect(),
        hits: (0..rules).map(|rule| counters.rule_hits(RuleId(rule))).collect(),
        exceeded: enis.map(|eni| counters.exceeded(eni)).to_vec(),
        denied: [&counters.denied_peers, &counters.denied_services].map(|list| list.exact().collect()),
        others: [&counters.denied_peers, &counters.denied_services].map(TopDenied::others),
        midstream_doubtful: counters.midstream_doubtful,
        series,
    };
    (verdicts, counted)
}

/// Half of the time that so many packets take.
fn half(packets: &[Digest]) -> Timestamp {
    Timestamp::from_nanos((packets.len() as u64 / 2 * 1_000_000).cast_signed())
}

#[test]
fn counters_of_many_routes_say_what_one_by_one_they_would() {
    let flows = u64::from(PEERS) + 1;
    let (open, packets) = (model(80, |_| false), packets(&HANDSHAKE));
    for later in [None, Some((half(&packets), open.as_str()))] {
        let (verdicts, counted) = judge(FlowRecords::Off, &packets, (&open, later, None));
        let (told, expected) = judge(FlowRecords::Kept, &packets, (&open, later, None));
        assert_eq!(verdicts, told);
        assert_eq!(counted, expected);
        let established = verdicts.iter().filter(|verdict| verdict.reason == Reason::Established).count();
        assert_eq!(established as u64, flows * 5, "all but the SYNs");
        // Each rule of a peer, of either network ACL: three packets in, three back.
        assert!(counted.hits.iter().filter(|hits| **hits == 3).count() >= 2 * PEERS as usize);
    }
}

/// More routes than are counted apart; with a limit that a third of the peers find room at, and with none for anybody.
#[test]
fn packets_turned_away_are_counted_as_one_by_one_they_would_be() {
    let (open, packets) = (model(80, |_| false), packets(&KNOCKING));
    for later in [None, Some((half(&packets), open.as_str()))] {
        for limit in [0, u64::from(PEERS) / 3] {
            let (verdicts, counted) = judge(FlowRecords::Off, &packets, (&open, later, Some(limit)));
            let (told, expected) = judge(FlowRecords::Kept, &packets, (&open, later, Some(limit)));
            assert_eq!(verdicts, told);
            assert_eq!(counted, expected);
            let is_exceeded = |verdict: &&Verdict| verdict.reason == Reason::ConntrackAllowanceExceeded;
            let exceeded = verdicts.iter().filter(is_exceeded).count() as u64;
            assert_eq!(counted.exceeded.iter().sum::<u64>(), exceeded);
            assert!(exceeded >= u64::from(PEERS) * 2, "{exceeded} turned away");
        }
    }
}

/// S5.3, S6.3.3, S10.1: what no rule admits, what a network ACL denies, and what a later model thinks of the same packets.
#[test]
fn packets_that_are_denied_are_counted_as_one_by_one_they_would_be() {
    let open = model(80, |_| false);
    let shut = model(81, |_| false);
    let partly = model(81, |number| number % 3 == 0);
    let other = model(80, |number| number % 3 == 1);
    for turns in [&KNOCKING, &HANDSHAKE] {
        let packets = packets(turns);
        let half = half(&packets);
        for first in [&open, &shut, &partly, &other] {
            for later in [None, Some(&open), Some(&shut), Some(&partly), Some(&other)] {
                for limit in [None, Some(40)] {
                    let later = later.map(|text| (half, text.as_str()));
                    let (verdicts, counted) = judge(FlowRecords::Off, &packets, (first, later, limit));
                    let (told, expected) = judge(FlowRecords::Kept, &packets, (first, later, limit));
                    assert_eq!(verdicts, told);
                    assert_eq!(counted, expected);
                    let has = |reason| verdicts.iter().any(|verdict| verdict.reason == reason);
                    assert!(has(Reason::SgNoRule) || ![&shut, &partly].contains(&first));
                    assert!(has(Reason::NaclRule) || ![&partly, &other].contains(&first));
                }
            }
        }
    }
}

/// More peers than a top list has, in many batches: one by one they are entered in it, here most are told beforehand not to be in it.
#[test]
fn peers_beyond_the_top_list_are_counted_as_one_by_one_they_would_be() {
    let dst = IpAddr::from(Ipv4Addr::new(10, 0, 1, 1));
    let from = |(number, flags): (u32, u8)| {
        let (src, dst_port) =
            (Ipv4Addr::from_bits(0x0b00_0000 + number).into(), 80 + u16::from(number % 7 == 0));
        let transport = Transport::Tcp { src_port: 5_000, dst_port, flags: TcpFlags(flags) };
        Digest::of(&PacketFacts { src, dst, protocol: Protocol::TCP, transport, length: 40 + number })
            .unwrap()
    };
    // Those that come late are beyond the list, then come some of it again, and last those beyond it alone.
    let turns = (0..70_000).chain(65_000..70_000).chain((0..70_000).step_by(9)).chain(66_000..70_000);
    let packets: Vec<_> = turns.map(|number| from((number, 0x02))).collect();
    let (shut, open) = (model(22, |_| false), model(80, |_| false));
    for later in [None, Some(&open), Some(&shut)] {
        for (text, limit) in [(&shut, None), (&open, Some(3))] {
            let is_denied_throughout = later != Some(&open) || limit.is_some();
            let later = later.map(|text| (half(&packets), text.as_str()));
            let (verdicts, counted) = judge(FlowRecords::Off, &packets, (text, later, limit));
            let (told, expected) = judge(FlowRecords::Kept, &packets, (text, later, limit));
            assert_eq!(verdicts, told);
            assert_eq!(counted, expected);
            assert_eq!(counted.others[0].packets > 10_000, is_denied_throughout);
        }
    }
}

/// S7.5, S12.16: whether a packet in the middle of a connection is denied for the same reason as the one before depends on a setting.
#[test]
fn packets_in_the_middle_are_denied_as_one_by_one_they_would_be() {
    let (open, shut) = (model(80, |_| false), model(81, |_| false));
    for turns in [&MIDDLE, &KNOCKING, &HANDSHAKE] {
        let packets = packets(turns);
        for tcp_midstream in [TcpMidstream::Allow, TcpMidstream::Deny, TcpMidstream::EitherEnd] {
            for mode in [Mode::Causal, Mode::Literal] {
                for (text, limit) in [(&open, None), (&open, Some(0)), (&open, Some(40)), (&shut, None)] {
                    let of = |flow_records| {
                        let settings = Settings { flow_records, tcp_midstream, mode, ..Settings::default() };
                        judge_by(settings, &packets, (text, None, limit))
                    };
                    let ((verdicts, counted), (told, expected)) =
                        (of(FlowRecords::Off), of(FlowRecords::Kept));
                    assert_eq!(verdicts, told);
                    assert_eq!(counted, expected);
                    let is_doubtful =
                        turns == &MIDDLE && text == &open && tcp_midstream == TcpMidstream::Allow;
                    assert!(counted.midstream_doubtful > 0 || !is_doubtful);
                }
            }
        }
    }
}
