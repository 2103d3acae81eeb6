//! Many values of a timeout in one pass against a replay for each value, on generated models and packets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestError, TestRunner};
use vpcreplay_engine::{
    Content, Engine, FlowRecords, Forks, Packet, ScopeId, State, Step, Swept, SweptScope, Timeline,
};
use vpcreplay_flow::{Clock, Decoded, Digest, FlowKey, Reason, Span, TcpKind, TimeoutName, Timestamp};
use vpcreplay_testkit::reference::{IcmpErrors, Scenario, Settings};
use vpcreplay_testkit::strategies::scenario;
use vpcreplay_tests::engine::timeline;

/// A sweep and what it is over.
#[derive(Clone, Debug)]
struct Case {
    scenario: Scenario,
    name: TimeoutName,
    values: Vec<Span>,
}

const NAMES: [TimeoutName; 3] = [TimeoutName::TcpEstablished, TimeoutName::Udp, TimeoutName::UdpStream];

/// Scenarios of one model without related errors and without bounds, and values on the edge of their gaps.
fn case(most: usize) -> impl Strategy<Value = Case> {
    let prepared = (scenario(most), select(NAMES.to_vec())).prop_map(|(scenario, name)| {
        let mut scenario = Scenario { later: Vec::new(), ..scenario };
        scenario.command.max_flows = None;
        scenario.command.icmp_errors = Some(IcmpErrors::ByRule);
        (scenario, name)
    });
    prepared.prop_flat_map(|(scenario, name)| {
        let values = edges(&scenario);
        let most = values.len().min(12);
        subsequence(values, 1..=most).prop_map(move |values| Case {
            scenario: scenario.clone(),
            name,
            values,
        })
    })
}

/// Values at, just below and just above the gaps between packets of one flow, and some others; ascending.
fn edges(scenario: &Scenario) -> Vec<Span> {
    let mut edges: Vec<u64> = [1_u64, 30, 180, 350, 432_000].map(|secs| secs * 1_000_000_000).to_vec();
    let mut last: HashMap<FlowKey, Vec<Timestamp>> = HashMap::new();
    let mut clock = Clock::default();
    for packet in &scenario.packets {
        let (now, _) = clock.observe(packet.time);
        let Decoded::Packet(facts) = &packet.decoded else { continue };
        let Some((key, _)) = facts.flow() else { continue };
        let times = last.entry(key).or_default();
        for time in times.iter().rev().take(3) {
            let gap = now.since(*time).nanos();
            edges.extend([gap.saturating_sub(1), gap, gap + 1]);
        }
        times.push(now);
    }
    edges.retain(|edge| *edge > 0);
    edges.sort_unstable();
    edges.dedup();
    edges.into_iter().map(Span::from_nanos).collect()
}

/// The models of a case with a value of the timeout.
fn with_value(case: &Case, value: Span, limit: Option<u64>) -> (Timeline, vpcreplay_engine::Settings) {
    let mut command =
        Settings { limit: limit.or(case.scenario.command.limit), ..case.scenario.command.clone() };
    command.timeouts.push((case.name, value));
    timeline(&Scenario { command, packets: Vec::new(), ..case.scenario.clone() }, FlowRecords::Off).unwrap()
}

/// A connection as its last packet left it, or one that the timeout ended and that no packet has found gone.
#[derive(Clone, Copy)]
struct Seen {
    state: State,
}

/// What a replay of its own tells with one value.
struct Slow {
    swept: Swept,
    exceeded: u64,
    flows_forgotten: u64,
}

fn timeout_of(state: State) -> Option<TimeoutName> {
    match state {
        State::Established => Some(TimeoutName::TcpEstablished),
        State::Unreplied | State::Replied => Some(TimeoutName::Udp),
        State::Stream => Some(TimeoutName::UdpStream),
        _ => None,
    }
}

/// The slow way: a replay of its own, in which every checkpoint is watched.
fn slow(case: &Case, value: Span, limit: Option<u64>) -> Slow {
    let (timeline, settings) = with_value(case, value, limit);
    let mut engine = Engine::new(timeline, settings);
    let mut clock = Clock::default();
    let mut last: HashMap<(FlowKey, u32), Seen> = HashMap::new();
    let mut counts: BTreeMap<u32, [u64; 3]> = BTreeMap::new();
    for (number, packet) in (1..).zip(&case.scenario.packets) {
        let (now, _) = clock.observe(packet.time);
        let mut steps = Vec::new();
        engine.judge_traced(Packet { number, now, content: Content::Decoded(&packet.decoded) }, &mut steps);
        let Decoded::Packet(facts) = &packet.decoded else { continue };
        let Some((key, _)) = facts.flow() else { continue };
        let is_syn = facts.transport.tcp_flags().is_some_and(|flags| flags.kind() == TcpKind::Syn);
        for step in &steps {
            let Step::SecurityGroup { eni, before, verdict, .. } = step else { continue };
            let scope = engine.policy().scope(*eni).unwrap();
            let count = counts.entry(scope.0).or_default();
            let is_created = matches!(verdict.reason, Reason::New | Reason::Midstream);
            count[0] += u64::from(is_created);
            let was = last.remove(&(key, eni.0));
            // Nothing but its timeout ends a connection that no packet reopens.
            let is_lost = before.is_none() && was.is_some_and(|was| timeout_of(was.state) == Some(case.name));
            if is_lost && !is_syn {
                count[1] += u64::from(!verdict.is_allowed());
                count[2] += u64::from(is_created);
            }
            if let Some(state) = verdict.state {
                last.insert((key, eni.0), Seen { state });
            }
        }
    }
    let scopes =
        counts.into_iter().filter(|(_, count)| count[0] > 0).map(|(scope, [created, broken, recreated])| {
            let scope = ScopeId(scope);
            SweptScope { scope, peak: engine.peak(scope), created, broken, recreated }
        });
    let exceeded = engine.counters().total(Reason::ConntrackAllowanceExceeded).packets;
    let swept = Swept { value, scopes: scopes.collect() };
    Slow { swept, exceeded, flows_forgotten: engine.counters().flows_forgotten }
}

/// A packet on its way to the engine.
struct Waiting<'a> {
    number: u64,
    now: Timestamp,
    decoded: &'a Decoded,
    digest: Option<Digest>,
}

impl Waiting<'_> {
    fn packet(&self) -> Packet<'_> {
        let content = self.digest.as_ref().map_or(Content::Decoded(self.decoded), Content::of_digest);
        Packet { number: self.number, now: self.now, content }
    }
}

/// All values in one pass, in batches of this size.
fn fast(case: &Case, size: usize) -> Forks {
    let values = case.values.iter().map(|value| (*value, with_value(case, *value, Some(u64::MAX)).0));
    let (_, settings) = timeline(&case.scenario, FlowRecords::Off).unwrap();
    let mut forks = Forks::new(case.name, values.collect(), settings).expect("nothing stands against it");
    let mut clock = Clock::default();
    let packets: Vec<Waiting<'_>> = (1..)
        .zip(&case.scenario.packets)
        .map(|(number, packet)| {
            let digest = match &packet.decoded {
                Decoded::Packet(facts) if Digest::is_whole(facts) => Digest::of(facts),
                _ => None,
            };
            Waiting { number, now: clock.observe(packet.time).0, decoded: &packet.decoded, digest }
        })
        .collect();
    for batch in packets.chunks(size) {
        forks.judge_batch(&(batch, Waiting::packet));
    }
    forks
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    for size in [1, 5, usize::MAX] {
        let mut forks = fast(case, size);
        prop_assert!(!forks.is_full());
        prop_assert_eq!(forks.forgotten(), 0);
        for swept in forks.swept() {
            let own = slow(case, swept.value, Some(u64::MAX));
            prop_assert_eq!(&swept, &own.swept, "batches of {}", size);
            // With the limits as they are: no more than they allow, or a connection is refused.
            let bound = slow(case, swept.value, None);
            let (timeline, _) = with_value(case, swept.value, None);
            let is_over =
                |scope: &SweptScope| scope.peak.occupancy > timeline.first.limit(scope.scope).unwrap();
            if swept.scopes.iter().any(is_over) {
                prop_assert!(bound.exceeded > 0);
            } else {
                prop_assert_eq!((bound.exceeded, bound.swept), (0, own.swept));
            }
        }
    }
    Ok(())
}

fn run(cases: u32, most: usize) {
    let cases = Config::default().cases.max(cases);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    match TestRunner::new(config).run(&case(most), |case| check(&case)) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => {
            let mut text = format!("{reason}\n{}", case.scenario.model.to_toml());
            for (number, packet) in (1..).zip(&case.scenario.packets) {
                let _ = writeln!(text, "{number} {} {:?}", packet.time.nanos(), packet.decoded);
            }
            panic!("{text}\n{:?} {:?} {:?}", case.name, case.values, case.scenario.command);
        }
        Err(error) => panic!("{error}"),
    }
}

// S7.0, S7.2, S7.8, S8: every value as a replay of its own.
#[test]
fn a_sweep_equals_a_replay_for_each_value() {
    run(600, 40);
}

#[test]
fn a_long_sweep_equals_a_replay_for_each_value() {
    run(100, 150);
}

// S7.0: where flows are forgotten with some value, the sweep says so.
#[test]
fn a_sweep_says_when_flows_reach_their_bound() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let check = |(case, max_flows): (Case, usize)| {
        let mut case = case;
        case.scenario.command.max_flows = Some(max_flows);
        let is_full = fast(&case, 7).is_full();
        let is_forgotten =
            case.values.iter().any(|value| slow(&case, *value, Some(u64::MAX)).flows_forgotten > 0);
        prop_assert!(is_full || !is_forgotten);
        Ok(())
    };
    TestRunner::new(config).run(&(case(30), 1_usize..5), check).unwrap();
}
