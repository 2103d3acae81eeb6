//! Rules of the fine print that few captures meet, each on a scenario small enough to follow by hand.
#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a record that is not there is a failed test"
)]

use vpcreplay_flow::{Decoded, FlowKey, PacketFacts, Protocol, Reason, Span, TcpFlags, Timestamp, Transport};
use vpcreplay_testkit::reference::{
    Action, Cidr, Eni, Group, IcmpErrors, Model, Nacl, NaclEntry, Outcome, Packet, Peer, Scenario, Service,
    Settings, SgRule, Subnet, Vpc, replay,
};

const SECOND: i64 = 1_000_000_000;
/// The first instant of a period of 60 s.
const START: i64 = 1_700_000_040 * SECOND;
const LOCAL: &str = "10.0.1.10";
const REMOTE: &str = "198.51.100.7";
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;

fn cidr(text: &str) -> Cidr {
    text.parse().expect("a CIDR")
}

fn rule(service: Service, peer: &str) -> SgRule {
    SgRule { id: None, service, peer: Peer::Cidr(cidr(peer)) }
}

/// One ENI whose rules admit everything, tracked; its network ACL allows all.
fn model() -> Model {
    let open = vec![rule(Service::ALL, "0.0.0.0/1"), rule(Service::ALL, "128.0.0.0/1")];
    let all =
        NaclEntry { number: 100, action: Action::Allow, service: Service::ALL, cidr: cidr("0.0.0.0/0") };
    Model {
        vpcs: vec![Vpc { id: "vpc".into(), cidrs: vec![cidr("10.0.0.0/16")] }],
        subnets: vec![Subnet {
            id: "subnet".into(),
            vpc: "vpc".into(),
            cidrs: vec![cidr("10.0.1.0/24")],
            nacl: Some("acl".into()),
        }],
        enis: vec![Eni {
            id: "eni".into(),
            subnet: "subnet".into(),
            addresses: vec![LOCAL.parse().expect("an address")],
            prefixes: Vec::new(),
            groups: vec!["sg".into()],
            instance: Some("i-1".into()),
            interface_type: None,
            limit: None,
            timeouts: Vec::new(),
        }],
        groups: vec![Group { id: "sg".into(), ingress: open.clone(), egress: open, members: Vec::new() }],
        nacls: vec![Nacl { id: "acl".into(), ingress: vec![all.clone()], egress: vec![all] }],
        ..Model::default()
    }
}

/// A packet at a time after the start; the flags make it TCP, else it is UDP.
fn packet(
    after: i64,
    (src, src_port): (&str, u16),
    (dst, dst_port): (&str, u16),
    flags: Option<u8>,
) -> Packet {
    let (protocol, transport) = match flags {
        Some(flags) => (Protocol::TCP, Transport::Tcp { src_port, dst_port, flags: TcpFlags(flags) }),
        None => (Protocol::UDP, Transport::Ports { src_port, dst_port }),
    };
    let address = |text: &str| text.parse().expect("an address");
    let facts = PacketFacts { src: address(src), dst: address(dst), protocol, transport, length: 100 };
    Packet {
        time: Timestamp::from_nanos(START + after),
        decoded: Decoded::Packet(facts),
        tunnel: None,
        copy: 0,
    }
}

/// UDP from outside to port 53, and back.
fn query(after: i64) -> Packet {
    packet(after, (REMOTE, 40_000), (LOCAL, 53), None)
}

fn play(model: Model, later: Vec<(i64, Model)>, command: Settings, packets: Vec<Packet>) -> Outcome {
    let later =
        later.into_iter().map(|(after, model)| (Timestamp::from_nanos(START + after), model)).collect();
    replay(&Scenario { model, later, command, packets })
}

fn reasons(outcome: &Outcome) -> Vec<Reason> {
    outcome.records.iter().map(|record| record.reason).collect()
}

/// A model whose ENI bears another id.
fn renamed(id: &str) -> Model {
    let mut model = model();
    model.enis[0].id = id.into();
    model
}

// S7.9: the maximum counts the carry-over after the expiries of the period's first instant; S1.6, S7.2.
#[test]
fn an_expiry_at_the_first_instant_of_a_period_is_not_in_its_maximum() {
    let outcome = play(
        model(),
        vec![],
        Settings::default(),
        vec![query(0), packet(180 * SECOND, (LOCAL, 1), (REMOTE, 1), None)],
    );
    let row = &outcome.series[3];
    assert_eq!((row.period_start_ns, row.expired, row.created), (START + 180 * SECOND, 1, 1));
    assert_eq!((outcome.series[2].occupancy_max, row.occupancy_max, row.occupancy_last), (1, 1, 1));
    let idle = play(model(), vec![], Settings::default(), vec![query(0), query(239 * SECOND)]);
    assert_eq!(reasons(&idle), [Reason::New, Reason::New]);
    assert_eq!(idle.series[3].expired, 1);
}

// S12.8: `removed` at a period's first instant is booked after the carry-over; a scope that vanishes keeps its
// rows, one that a later model brings has rows from its period on.
#[test]
fn a_removal_at_the_first_instant_of_a_period_is_in_its_maximum() {
    let later = vec![(60 * SECOND, renamed("eni-2"))];
    let outcome = play(model(), later, Settings::default(), vec![query(0), query(120 * SECOND)]);
    let rows: Vec<_> = outcome
        .series
        .iter()
        .map(|row| (row.scope.as_str(), row.occupancy_max, row.occupancy_last, row.removed))
        .collect();
    assert_eq!(
        rows,
        [("eni", 1, 1, 0), ("eni", 1, 0, 1), ("eni-2", 0, 0, 0), ("eni", 0, 0, 0), ("eni-2", 1, 1, 0)]
    );
    assert_eq!(outcome.flows[0].connections[0].end, "removed");
}

// S10.1: entries whose deadline is ≤ T expire first.
#[test]
fn an_entry_due_at_the_change_of_models_expires() {
    let later = vec![(180 * SECOND, renamed("eni-2"))];
    let outcome = play(model(), later, Settings::default(), vec![query(0), query(200 * SECOND)]);
    assert_eq!(outcome.flows[0].connections[0].end, "expired");
    assert_eq!(outcome.flows[0].connections[1].eni, "eni-2");
}

// S7.9, S12.8: a gap of exactly 10,000 periods is not run-length coded, one more is.
#[test]
fn only_gaps_of_more_than_ten_thousand_periods_are_coded() {
    for (gap, coded) in [(10_000, 0), (10_001, 1)] {
        let outcome =
            play(model(), vec![], Settings::default(), vec![query(0), query((gap + 1) * 60 * SECOND)]);
        let rows: Vec<_> = outcome.series.iter().filter(|row| row.periods > 1).collect();
        assert_eq!(rows.len(), coded * 2, "the expiry after 180 s cuts the run in two");
        let periods: u64 = outcome.series.iter().map(|row| row.periods).sum();
        assert_eq!(periods, gap.unsigned_abs() + 2);
    }
}

// S7.0, S12.18: a flow is over at the later of last packet + flow memory and the end of its last connection.
#[test]
fn a_flow_is_over_at_that_instant() {
    for (after, flows) in [(300 * SECOND - 1, 1), (300 * SECOND, 2)] {
        let outcome = play(model(), vec![], Settings::default(), vec![query(0), query(after)]);
        assert_eq!(outcome.flows.len(), flows, "after {after} ns");
    }
    // The connection outlives the memory.
    let command = Settings { flow_memory: Some(Span::from_secs(1)), ..Settings::default() };
    for (after, flows) in [(180 * SECOND - 1, 1), (180 * SECOND, 2)] {
        let outcome = play(model(), vec![], command.clone(), vec![query(0), query(after)]);
        assert_eq!(outcome.flows.len(), flows, "after {after} ns");
    }
}

/// A handshake from outside, its SYN+ACK sent again while the network ACL denies it, and what follows.
fn handshake(again: i64) -> Vec<Packet> {
    let (opener, answerer) = ((REMOTE, 40_000), (LOCAL, 443));
    vec![
        packet(0, opener, answerer, Some(SYN)),
        packet(10, answerer, opener, Some(SYN_ACK)),
        packet(again, answerer, opener, Some(SYN_ACK)),
        packet(again + 10, opener, answerer, Some(ACK)),
    ]
}

fn closed_egress() -> Model {
    let mut model = model();
    model.nacls[0].egress.clear();
    model
}

// S8.2: after a SYN+ACK has passed, a later denied one of the same handshake changes nothing.
#[test]
fn a_denied_repeat_of_a_passed_syn_ack_changes_nothing() {
    let outcome = play(model(), vec![(15, closed_egress())], Settings::default(), handshake(20));
    assert_eq!(
        reasons(&outcome),
        [Reason::New, Reason::Established, Reason::NaclDefault, Reason::Established]
    );
    // While none has passed, the opener's ACK would never have been sent; the newest denial is the cause.
    let outcome = play(closed_egress(), vec![], Settings::default(), handshake(20));
    assert_eq!(
        reasons(&outcome),
        [Reason::New, Reason::NaclDefault, Reason::NaclDefault, Reason::HandshakeDenied]
    );
    assert_eq!(outcome.records[3].cause_packet, Some(3));
}

// S6.4, S7.0: untracked is judged from the opener; where none is remembered, from either end.
#[test]
fn without_an_opener_a_flow_is_untracked_from_either_end() {
    let mut half_open = model();
    half_open.groups[0].ingress = vec![rule(Service::ports(17, 53, 53), "0.0.0.0/0")];
    half_open.groups[0].egress = vec![rule(Service::ALL, "0.0.0.0/0")];
    let answer = || vec![packet(0, (LOCAL, 53), (REMOTE, 40_000), None)];
    let remembered = play(half_open.clone(), vec![], Settings::default(), answer());
    assert_eq!(reasons(&remembered), [Reason::New]);
    let command = Settings { max_flows: Some(0), ..Settings::default() };
    let forgotten = play(half_open, vec![], command, answer());
    assert_eq!((reasons(&forgotten), forgotten.flows_forgotten), (vec![Reason::Untracked], 1));
}

// S12.15: an ENI id in `always_tracked` says nothing about that ENI's own side.
#[test]
fn always_tracked_names_peers_only() {
    let mut open = model();
    open.groups[0].ingress = vec![rule(Service::ALL, "0.0.0.0/0")];
    open.groups[0].egress = open.groups[0].ingress.clone();
    for (entry, reason) in [("eni", Reason::Untracked), ("198.51.100.0/24", Reason::New)] {
        let command = Settings { always_tracked: vec![entry.into()], ..Settings::default() };
        assert_eq!(reasons(&play(open.clone(), vec![], command, vec![query(0)])), [reason], "{entry}");
    }
}

// S10.1: an ENI that moves to another instance takes its entries along, at T.
#[test]
fn entries_move_with_their_eni() {
    let mut moved = model();
    moved.enis[0].instance = Some("i-2".into());
    let command =
        Settings { scope: Some(vpcreplay_testkit::reference::Scope::Instance), ..Settings::default() };
    let outcome = play(model(), vec![(90 * SECOND, moved)], command, vec![query(0), query(100 * SECOND)]);
    let rows: Vec<_> = outcome
        .series
        .iter()
        .map(|row| (row.scope.as_str(), row.occupancy_max, row.occupancy_last, row.created))
        .collect();
    assert_eq!(rows, [("i-1", 1, 1, 1), ("i-1", 1, 0, 0), ("i-2", 1, 1, 0)]);
}

// S6.3.1: a related ICMP error does not refresh the connection that it quotes; S9.2: it shows it, and no rule.
#[test]
fn related_errors_do_not_refresh() {
    let end = |text: &str, port| (text.parse().expect("an address"), port);
    let quoted = FlowKey::ports(Protocol::UDP, end(REMOTE, 40_000), end(LOCAL, 53)).0;
    let facts = PacketFacts {
        src: end("203.0.113.1", 0).0,
        dst: end(LOCAL, 0).0,
        protocol: Protocol::ICMP,
        transport: Transport::IcmpError { icmp_type: 3, code: 3, quoted: Some(quoted) },
        length: 56,
    };
    let error = |after| Packet {
        time: Timestamp::from_nanos(START + after),
        decoded: Decoded::Packet(facts),
        tunnel: None,
        copy: 0,
    };
    let command = Settings { icmp_errors: Some(IcmpErrors::Related), ..Settings::default() };
    let packets = vec![query(0), error(100 * SECOND), error(180 * SECOND)];
    let outcome = play(model(), vec![], command, packets);
    assert_eq!(reasons(&outcome), [Reason::New, Reason::Related, Reason::New]);
    let related = &outcome.records[1];
    assert_eq!((related.connection, related.state, &related.rule), (Some(1), Some("unreplied"), &None));
    assert_eq!(outcome.flows[0].last_ns, START, "the error is of a flow of its own");
}
