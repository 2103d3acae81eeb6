//! Later models (S10.1) as the series shows them.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up fails")]

use std::sync::Arc;

use vpcreplay_engine::{Content, Engine, Packet, ScopeId, Settings, Timeline, When};
use vpcreplay_flow::{Decoded, PacketFacts, Protocol, Reason, Span, TcpFlags, Timestamp, Transport};
use vpcreplay_policy::{Document, Options, Policy, Registry, Selection, load};

const MODEL: &str = r#"
    [options]
    scope = "instance"
    [[subnet]]
    id = "subnet-web"
    [[eni]]
    id = "eni-a"
    subnet = "subnet-web"
    addresses = ["10.0.1.1"]
    instance = "i-a"
    security_groups = ["sg-web"]
    [[eni]]
    id = "eni-b"
    subnet = "subnet-web"
    addresses = ["10.0.1.2"]
    instance = "i-b"
    security_groups = ["sg-web"]
    [[security_group]]
    id = "sg-web"
    ingress = [{ protocol = "tcp", peer = "198.51.100.0/24" }]
"#;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos(seconds * 1_000_000_000)
}

/// Rows of a scope as `(first period, periods, occupancy at the end)`, with periods of a second: a packet of an open
/// connection to `address` at second 0 and one at second 20,000; the later model comes at second 5,000.
fn rows(later: &str, address: &str, scope: &str) -> Vec<(i64, u64, u64)> {
    let mut registry = Registry::new();
    let mut compile = |toml: &str, first: Option<&Policy>| {
        let document = Document { name: "model.toml".to_owned(), bytes: toml.as_bytes().to_vec() };
        let network = load(&[document], &Selection::default()).expect("loads").network;
        let (policy, _) =
            Policy::compile(&network, &Options::default(), first, &mut registry).expect("compiles");
        Arc::new(policy)
    };
    let first = compile(MODEL, None);
    let later = vec![(When::At(at(5_000)), compile(later, Some(&first)))];
    let settings = Settings { series_period: Some(Span::SECOND), ..Settings::default() };
    let mut engine = Engine::new(Timeline { first, later, registry: Arc::new(registry) }, settings);
    let decoded = Decoded::Packet(PacketFacts {
        src: "198.51.100.7".parse().unwrap(),
        dst: address.parse().unwrap(),
        protocol: Protocol::TCP,
        transport: Transport::Tcp { src_port: 5000, dst_port: 80, flags: TcpFlags(16) },
        length: 60,
    });
    for (number, seconds, reason) in [(1, 0, Reason::Midstream), (2, 20_000, Reason::Established)] {
        let verdict = engine.judge(Packet { number, now: at(seconds), content: Content::Decoded(&decoded) });
        assert_eq!(verdict.reason, reason, "5 days are not over");
    }
    engine.finish();
    let series = engine.take_series();
    let registry = engine.registry();
    let of_scope = series.iter().filter(|row| registry.scope_name(ScopeId(row.scope)) == scope);
    of_scope.map(|row| (row.start / 1_000_000_000, row.periods, row.occupancy_last)).collect()
}

// S7.9, S10.1: a later model under which the entries of a scope stay where they are is nothing that happens to it.
#[test]
fn a_model_that_moves_nothing_breaks_no_run() {
    let quiet = |occupancy| vec![(0, 1, occupancy), (1, 19_999, occupancy), (20_000, 1, occupancy)];
    for (scope, occupancy) in [("i-a", 1), ("i-b", 0)] {
        assert_eq!(rows(MODEL, "10.0.1.1", scope), quiet(occupancy), "{scope}");
    }
    // An ENI without entries has none to take along.
    let moved = MODEL.replace(r#"instance = "i-a""#, r#"instance = "i-b""#);
    for (scope, occupancy) in [("i-a", 0), ("i-b", 1)] {
        assert_eq!(rows(&moved, "10.0.1.2", scope), quiet(occupancy), "{scope}");
    }
}

// S7.9, S10.1: an ENI that moves takes its entries along, and the period in which it does has a row of its own.
#[test]
fn entries_that_move_break_the_run() {
    let moved = MODEL.replace(r#"instance = "i-a""#, r#"instance = "i-b""#);
    let split = |before, after| {
        vec![
            (0, 1, before),
            (1, 4_999, before),
            (5_000, 1, after),
            (5_001, 14_999, after),
            (20_000, 1, after),
        ]
    };
    assert_eq!(rows(&moved, "10.0.1.1", "i-a"), split(1, 0));
    assert_eq!(rows(&moved, "10.0.1.1", "i-b"), split(0, 1));
}
