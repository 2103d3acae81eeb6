//! The generated scenarios reach what they are meant to reach, and the reference keeps its own books straight.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a scenario that cannot be made is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use vpcreplay_flow::{Disposition, Reason};
use vpcreplay_testkit::reference::{Outcome, Scenario, replay};
use vpcreplay_testkit::strategies::scenario;

/// Scenarios from a fixed seed.
fn some_scenarios(count: usize, most: usize) -> Vec<Scenario> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| scenario(most).new_tree(&mut runner).unwrap().current()).collect()
}

/// How often each reason, state, outcome, end and counter is met.
fn tally(scenarios: &[Scenario]) -> BTreeMap<String, u64> {
    let mut seen = BTreeMap::<String, u64>::new();
    let mut count = |name: &str, count: u64| *seen.entry(name.to_owned()).or_default() += count;
    for outcome in scenarios.iter().map(replay) {
        for record in &outcome.records {
            count(record.reason.code(), 1);
            count(record.state.unwrap_or("stateless"), 1);
        }
        for flow in &outcome.flows {
            count(flow.outcome, 1);
            flow.connections.iter().for_each(|entry| count(entry.end, 1));
            count("more than 16", u64::from(flow.connection_count > 16));
        }
        count("flows_forgotten", outcome.flows_forgotten);
        count("midstream_doubtful", outcome.midstream_doubtful);
        count("clock_regressions", outcome.clock_regressions);
        count("clock_jumps", outcome.clock_jumps);
        count("run of periods", outcome.series.iter().filter(|row| row.periods > 1).count() as u64);
    }
    seen
}

/// Without this the comparisons with the engine could pass by never meeting a rule.
#[test]
fn scenarios_reach_every_reason_state_outcome_and_end() {
    let seen = tally(&some_scenarios(1_000, 60));
    eprintln!("{seen:#?}");
    // Malformed frames are the decoder's affair.
    let reasons = Reason::ALL.into_iter().filter(|reason| *reason != Reason::Malformed).map(Reason::code);
    let others = "syn-sent syn-received established fin-wait close-wait last-ack time-wait close unreplied \
        replied stream active blocked half-open-blocked refused open one-way live expired reopened removed \
        flows_forgotten midstream_doubtful clock_regressions clock_jumps";
    let rare =
        reasons.chain(others.split_whitespace()).filter(|name| seen.get(*name).is_none_or(|n| *n < 20));
    let rare: BTreeSet<_> = rare.collect();
    assert!(rare.is_empty(), "hardly ever met: {rare:?}");
    assert!(seen["more than 16"] > 0 && seen["run of periods"] > 0, "S9.3, S7.9");
}

/// S4.4, S9.2, S9.3: numbers and sums that must hold whatever the packets are.
fn check_books(scenario: &Scenario, outcome: &Outcome) {
    assert_eq!(outcome.records.len(), scenario.packets.len(), "S4.4: exactly one verdict a packet");
    let created = outcome.records.iter().filter(|r| matches!(r.reason, Reason::New | Reason::Midstream));
    let numbers: Vec<_> = created.map(|record| record.connection.expect("S9.2")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "S9.2: connections are numbered in order of creation");
    for record in &outcome.records {
        let is_unsent = record.disposition == Disposition::Unsent;
        assert_eq!(record.cause_packet.is_some(), is_unsent, "S8.1");
        assert!(record.cause_packet.is_none_or(|cause| cause < record.packet), "S8.1: a cause comes before");
    }
    let exceeded: u64 = outcome.exceeded.values().sum();
    let denied = outcome.records.iter().filter(|r| r.reason == Reason::ConntrackAllowanceExceeded).count();
    assert_eq!(exceeded, denied as u64, "S7.8");
    let by_scope: u64 = outcome.series.iter().map(|row| row.conntrack_allowance_exceeded).sum();
    assert_eq!(exceeded, by_scope, "S7.9");
    let in_flows: u64 = outcome.flows.iter().map(|flow| flow.packets_forward + flow.packets_reverse).sum();
    let judged = outcome
        .records
        .iter()
        .filter(|record| record.disposition != Disposition::Unjudged && record.reason != Reason::Exempt);
    assert!(in_flows + outcome.flows_forgotten <= judged.count() as u64, "S7.0");
}

/// S7.9: what is created and ends adds up to what is there, scope by scope, unless ENIs move.
fn check_series(outcome: &Outcome) {
    let mut standing = BTreeMap::<&str, i128>::new();
    let signed = i128::from;
    for row in &outcome.series {
        let occupancy = standing.entry(&row.scope).or_default();
        *occupancy += signed(row.created) - signed(row.expired) - signed(row.reopened) - signed(row.removed);
        assert_eq!(*occupancy, signed(row.occupancy_last), "{row:?}");
        assert!(row.occupancy_max >= row.occupancy_last, "{row:?}");
    }
}

proptest! {
    #![proptest_config(Config::with_cases(300))]

    #[test]
    fn the_reference_keeps_its_books(scenario in scenario(60)) {
        let outcome = replay(&scenario);
        check_books(&scenario, &outcome);
        if scenario.later.is_empty() {
            check_series(&outcome);
        }
    }
}
