//! Capacity: every figure is that of a replay of its own, or of a list of entries that is looked through again and again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "capacity/oracle.rs"]
mod oracle;
#[path = "capacity/replays.rs"]
mod replays;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use vpcreplay_capacity::{
    Contributor, Gaps, Growth, KeepChanges, Meter, Phases, Visit, needs_steps, phase, shifted_growth,
    visit_of, visits_of,
};
use vpcreplay_engine::{Content, Engine, FlowRecords, Packet, ScopeId, Step, Timeline};
use vpcreplay_flow::{Clock, Decoded, End, PacketFacts, Protocol, Reason, Span, TimeoutName, Transport};
use vpcreplay_testkit::reference::{self, IcmpErrors, Mode, Scenario};
use vpcreplay_testkit::strategies::scenario;
use vpcreplay_tests::engine::{in_copy, timeline};

use oracle::Table;

fn runner(cases: u32) -> TestRunner {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    TestRunner::new(Config { cases, failure_persistence: None, ..default })
}

fn failed(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// An engine and a meter after all packets of a scenario; verdicts tell of packets that pass one ENI at most.
fn measured(scenario: &Scenario) -> Result<(Engine, Meter, Timeline), String> {
    let (timeline, _) = timeline(scenario, FlowRecords::Off)?;
    let mut meter = Meter::new(&timeline, KeepChanges::Yes);
    let engine = watched(scenario, |packet, visits| meter.packet(packet, visits.iter().copied()))?;
    meter.finish();
    Ok((engine, meter, timeline))
}

/// An engine after all packets of a scenario; `watch` is told of each.
fn watched(scenario: &Scenario, mut watch: impl FnMut(&Packet<'_>, &[Visit])) -> Result<Engine, String> {
    let (timeline, settings) = timeline(scenario, FlowRecords::Off)?;
    let mut engine = Engine::new(timeline.clone(), settings);
    let mut clock = Clock::default();
    let policies = std::iter::once(&timeline.first).chain(timeline.later.iter().map(|(_, policy)| policy));
    let policies: Vec<_> = policies.cloned().collect();
    for (number, packet) in (1..).zip(&scenario.packets) {
        let (now, _) = clock.observe(packet.time);
        let packet = Packet { number, now, content: Content::Decoded(&packet.decoded) };
        let icmp_errors = engine.settings().icmp_errors;
        let visits: Vec<Visit> = if needs_steps(&packet, &policies, icmp_errors) {
            let mut steps: Vec<Step> = Vec::new();
            engine.judge_traced(packet, &mut steps);
            visits_of(&steps).collect()
        } else {
            visit_of(&engine.judge(packet)).into_iter().collect()
        };
        watch(&packet, &visits);
    }
    engine.finish();
    Ok(engine)
}

fn scopes(engine: &Engine) -> impl Iterator<Item = ScopeId> + use<> {
    (0..u32::try_from(engine.registry().scope_count()).unwrap()).map(ScopeId)
}

// S7.2, S7.8, S10.1: occupancy, peak, its time and denials are the engine's own, under timelines too.
#[test]
fn the_meter_has_the_occupancy_of_the_engine() {
    runner(600)
        .run(&scenario(60), |scenario| {
            let (engine, meter, _) = measured(&scenario).map_err(failed)?;
            for scope in scopes(&engine) {
                let Some(books) = meter.scope(scope) else { continue };
                let name = engine.registry().scope_name(scope);
                prop_assert_eq!(books.occupancy(), engine.occupancy(scope), "occupancy of {}", name);
                prop_assert_eq!(books.peak(), engine.peak(scope), "peak of {}", name);
                prop_assert_eq!(books.exceeded().0, engine.scope_exceeded(scope), "denied at {}", name);
                prop_assert_eq!(books.limit(), engine.limit(scope), "limit of {}", name);
            }
            Ok(())
        })
        .unwrap();
}

// S7.10: times and shares of the table, against a list of entries.
#[test]
fn shares_of_the_table_are_those_of_a_list_of_entries() {
    runner(400)
        .run(&scenario(40), |mut scenario| {
            scenario.later.clear();
            let (engine, meter, timeline) = measured(&scenario).map_err(failed)?;
            let fresh = Engine::new(timeline.clone(), engine.settings().clone());
            let table = Table::of(&scenario, (fresh, &timeline));
            for scope in scopes(&engine) {
                check_scope(&table, (&meter, scope))?;
            }
            Ok(())
        })
        .unwrap();
}

fn check_scope(table: &Table, (meter, scope): (&Meter, ScopeId)) -> Result<(), TestCaseError> {
    let Some(books) = meter.scope(scope) else { return Ok(()) };
    let entries = || table.entries.iter().filter(move |entry| entry.scope == scope.0);
    for (percent, above) in [50, 80, 95].into_iter().zip(books.above_ns()) {
        let limit = u128::from(books.limit());
        let is_above = |occupancy| u128::from(occupancy) * 100 > limit * percent;
        prop_assert_eq!(above, table.time_with(scope.0, is_above), "above {} %", percent);
    }
    prop_assert_eq!(books.span_ns(), table.time_with(scope.0, |_| true));
    let lives = |is_its: &dyn Fn(&oracle::Entry) -> bool| -> (u64, u128, u128) {
        let its_own = || entries().filter(|entry| is_its(entry));
        let span = |entry: &oracle::Entry| u128::from(entry.end.since(entry.created).nanos());
        let idle = |entry: &oracle::Entry| u128::from(entry.end.since(entry.last).nanos());
        (its_own().count() as u64, its_own().map(span).sum(), its_own().map(idle).sum())
    };
    let total = books.total();
    let all = lives(&|_| true);
    prop_assert_eq!((total.connections, total.entry_ns, total.idle_ns), all);
    prop_assert_eq!(total.at_peak, books.peak().occupancy);
    let mut sums = [0_u128; 6];
    let mut at_peaks = [0_u64; 6];
    for contribution in books.contributions() {
        let class = contribution.class.expect("few classes");
        let tally = contribution.tally;
        let (kind, expected) = match class {
            Contributor::Peer(peer) => {
                let has = |entry: &oracle::Entry| {
                    [End::A, End::B].map(|end| entry.key.address(end)).contains(&peer)
                };
                // An address of the scope itself may be at either end.
                let upper = lives(&has);
                prop_assert!(tally.entry_ns <= upper.1 && tally.connections <= upper.0);
                (0, None)
            }
            Contributor::Service(_) => (1, None),
            Contributor::Rule(_) => (2, None),
            Contributor::Protocol(protocol) => (3, Some(lives(&|entry| entry.key.protocol() == protocol))),
            Contributor::State(state) => {
                let in_state = |entry: &oracle::Entry| -> u128 {
                    let ends = entry.states.iter().skip(1).map(|(at, _)| *at).chain([entry.end]);
                    let pieces = entry.states.iter().zip(ends).filter(|((_, name), _)| *name == state.code());
                    pieces.map(|((from, _), to)| u128::from(to.since(*from).nanos())).sum()
                };
                prop_assert_eq!(tally.entry_ns, entries().map(in_state).sum::<u128>(), "{}", state.code());
                (4, None)
            }
            Contributor::Fate(fate) => {
                let last_state =
                    |entry: &oracle::Entry| entry.states.last().map(|(_, state)| *state).unwrap();
                (5, Some(lives(&|entry| fate_of(last_state(entry)) == fate.code())))
            }
        };
        sums[kind] += tally.entry_ns;
        at_peaks[kind] += tally.at_peak;
        if let Some(expected) = expected {
            prop_assert_eq!((tally.connections, tally.entry_ns, tally.idle_ns), expected);
        }
    }
    // Every kind shares out the whole table, and the whole peak.
    prop_assert_eq!(sums, [total.entry_ns; 6]);
    prop_assert_eq!(at_peaks, [books.peak().occupancy; 6]);
    Ok(())
}

fn fate_of(state: &str) -> &'static str {
    match state {
        "syn-sent" | "syn-received" => "half-open",
        "established" => "never-closed",
        "unreplied" => "udp-one-way",
        "replied" | "stream" => "udp-answered",
        "active" => "other",
        _ => "closed",
    }
}

// Copies: the peak of any number of them, and the numbers at which a limit is reached and passed.
#[test]
fn growth_is_that_of_copies_laid_side_by_side() {
    let phases = (any::<u64>(), 1_u64..20_000_000_000);
    runner(300)
        .run(&(scenario(30), phases, 1_u64..12), |(mut scenario, (seed, most), limit)| {
            scenario.later.clear();
            scenario.command.limit = Some(1 << 40);
            let (engine, meter, timeline) = measured(&scenario).map_err(failed)?;
            let fresh = Engine::new(timeline.clone(), engine.settings().clone());
            let table = Table::of(&scenario, (fresh, &timeline));
            let most = Span::from_nanos(most);
            for scope in scopes(&engine) {
                let Some(books) = meter.scope(scope) else { continue };
                let together = vec![Span::from_nanos(0); 12];
                let apart: Vec<Span> = (0..12).map(|copy| phase(seed, copy, most)).collect();
                for copies in 1..=12 {
                    let slow = table.peak_of_copies(scope.0, &together[..copies]);
                    prop_assert_eq!(
                        books.increase().peak(copies as u64),
                        u128::from(slow),
                        "{} copies",
                        copies
                    );
                }
                let first = |phases: &[Span], enough: &dyn Fn(u64) -> bool| {
                    (1..=12)
                        .find(|copies| enough(table.peak_of_copies(scope.0, &phases[..*copies])))
                        .map(|copies| copies as u64)
                };
                let few = |copies: Option<u64>| copies.filter(|copies| *copies <= 12);
                let growth = Growth::of(books.increase(), limit);
                prop_assert_eq!(few(growth.reaches), first(&together, &|peak| peak >= limit));
                prop_assert_eq!(few(growth.denies), first(&together, &|peak| peak > limit));
                let phases = Phases { seed, most, patience: 100_000 };
                let least = (first(&apart, &|peak| peak >= limit), first(&apart, &|peak| peak > limit));
                match shifted_growth(books.changes().unwrap(), phases, limit) {
                    Ok(growth) => prop_assert_eq!((few(growth.reaches), few(growth.denies)), least, "apart"),
                    Err(more) => prop_assert!(least.1.is_none_or(|least| least > more), "more than {}", more),
                }
            }
            Ok(())
        })
        .unwrap();
}

/// Whether a replay of copies, each late by its phase, brings a scope to its limit, and whether it denies a packet.
fn copies_reach(scenario: &Scenario, phases: &[Span]) -> Result<(bool, bool), String> {
    let (timeline, settings) = timeline(scenario, FlowRecords::Off)?;
    let mut engine = Engine::new(timeline, settings);
    let mut clock = Clock::default();
    let mut all = Vec::new();
    for packet in &scenario.packets {
        let (now, _) = clock.observe(packet.time);
        all.extend((0_u16..).zip(phases).map(|(copy, phase)| (now.after(*phase), copy, packet.decoded)));
    }
    // Packet by packet where nobody is later; else at one instant copies follow each other.
    if phases.iter().any(|phase| phase.nanos() > 0) {
        all.sort_by_key(|(now, copy, _)| (*now, *copy));
    }
    for (number, (now, copy, decoded)) in (1..).zip(all) {
        let decoded = in_copy(decoded, copy);
        engine.judge(Packet { number, now, content: Content::of_copy(&decoded, copy) });
    }
    let is_full = |scope| engine.limit(scope) > 0 && engine.peak(scope).occupancy >= engine.limit(scope);
    Ok((scopes(&engine).any(is_full), scopes(&engine).any(|scope| engine.scope_exceeded(scope) > 0)))
}

// The growth factor is that of replays of copies: with so many the limit is first reached, and a packet first denied.
#[test]
fn growth_is_that_of_replays_of_copies() {
    let shifts = prop_oneof![Just(0), 1_u64..20_000_000_000];
    runner(300)
        .run(&(scenario(30), 1_u64..10, shifts, any::<u64>()), |(mut scenario, limit, most, seed)| {
            scenario.later.clear();
            scenario.command.max_flows = None;
            scenario.command.limit = Some(1 << 40);
            let (engine, meter, _) = measured(&scenario).map_err(failed)?;
            let most = Span::from_nanos(most);
            let phases = Phases { seed, most, patience: 1_000_000 };
            let of = |scope| {
                let books = meter.scope(scope)?;
                if most.nanos() == 0 {
                    return Some(Growth::of(books.increase(), limit));
                }
                Some(shifted_growth(books.changes().unwrap(), phases, limit).expect("a short search"))
            };
            let growth: Vec<Growth> = scopes(&engine).filter_map(of).collect();
            let reaches = growth.iter().filter_map(|growth| growth.reaches).min();
            let denies = growth.iter().filter_map(|growth| growth.denies).min();
            scenario.command.limit = Some(limit);
            for copies in 1..=6_u64 {
                let told = [reaches, denies].map(|least| least.is_some_and(|least| least <= copies));
                let phases: Vec<Span> = (0..copies).map(|copy| phase(seed, copy, most)).collect();
                let (is_full, is_denied) = copies_reach(&scenario, &phases).map_err(failed)?;
                prop_assert_eq!([is_full, is_denied], told, "{} copies", copies);
            }
            Ok(())
        })
        .unwrap();
}

/// Has each end of UDP flows tell errors about them, at once and much later, which a network ACL denies after a security group
/// has admitted the first of them for the flow that it quotes (S4.3, S6.3.1).
fn quote_flows(scenario: &mut Scenario) {
    scenario.command.icmp_errors = Some(IcmpErrors::Related);
    scenario.command.mode = Some(Mode::Literal);
    scenario.model.nacls.iter_mut().for_each(|nacl| nacl.egress.clear());
    let error = |packet: &reference::Packet| {
        let Decoded::Packet(facts) = packet.decoded else { return None };
        let quoted = facts.flow().filter(|_| facts.protocol == Protocol::UDP && facts.src.is_ipv4());
        let transport = Transport::IcmpError { icmp_type: 3, code: 3, quoted: Some(quoted?.0) };
        let facts = PacketFacts { protocol: Protocol::ICMP, transport, length: 56, ..facts };
        Some(reference::Packet { decoded: Decoded::Packet(facts), ..*packet })
    };
    let end = scenario.packets.iter().map(|packet| packet.time).max().unwrap_or_default();
    let late = |packet: &reference::Packet| {
        let time = end.after(Span::from_secs(200));
        error(packet).map(|error| reference::Packet { time, ..error })
    };
    let later: Vec<_> = scenario.packets.iter().filter_map(late).collect();
    let packets = std::mem::take(&mut scenario.packets);
    scenario.packets = packets
        .into_iter()
        .flat_map(|packet| [error(&packet), Some(packet)].into_iter().rev().flatten())
        .collect();
    scenario.packets.extend(later);
}

// Connections cut short: each entry that its timeout ended, and the first later packet of its flow.
#[test]
fn connections_cut_short_are_those_whose_flow_goes_on() {
    let names =
        prop_oneof![Just(TimeoutName::TcpEstablished), Just(TimeoutName::Udp), Just(TimeoutName::UdpStream)];
    let seconds = prop_oneof![Just(1_u64), Just(10), Just(60)];
    let closed = proptest::bool::weighted(0.3);
    runner(600)
        .run(&(scenario(60), names, seconds, closed), |(mut scenario, name, seconds, closed)| {
            scenario.later.clear();
            if closed {
                quote_flows(&mut scenario);
            }
            scenario.command.timeouts.push((name, Span::from_secs(seconds)));
            let (timeline, settings) = timeline(&scenario, FlowRecords::Off).map_err(failed)?;
            let mut gaps = Gaps::new(&timeline, name, u64::MAX);
            let watch = |packet: &Packet<'_>, visits: &[Visit]| gaps.packet(packet, visits.iter().copied());
            let engine = watched(&scenario, watch).map_err(failed)?;
            let table = Table::of(&scenario, (Engine::new(timeline.clone(), settings), &timeline));
            for scope in scopes(&engine) {
                let its_own = table.entries.iter().filter(|entry| entry.scope == scope.0 && entry.is_expired);
                let (mut broken, mut recreated) = (0, 0);
                for entry in its_own {
                    let (_, state) = entry.states.last().unwrap();
                    if oracle::timeout_of(state, &entry.key) != name {
                        continue;
                    }
                    match cut_short(&table, entry) {
                        Some(Reason::SgNoRule | Reason::TcpNotSyn) => broken += 1,
                        Some(Reason::Untracked) | None => {}
                        Some(_) => recreated += 1,
                    }
                }
                let counts = gaps.counts(scope);
                prop_assert_eq!((counts.broken, counts.recreated), (broken, recreated));
            }
            Ok(())
        })
        .unwrap();
}

/// What the first packet of a flow says that finds its entry gone, if it belongs to the same connection.
fn cut_short(table: &Table, entry: &oracle::Entry) -> Option<Reason> {
    let later = table.seen.iter().filter(|seen| {
        seen.key == entry.key
            && seen.eni == entry.eni
            && seen.at >= entry.end
            && seen.reason != Reason::Related
    });
    for seen in later {
        if seen.is_bare_syn {
            return None;
        }
        if seen.reason != Reason::ConntrackAllowanceExceeded {
            return Some(seen.reason);
        }
    }
    None
}
