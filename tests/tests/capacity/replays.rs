//! Worlds, sweeps and what-ifs against replays of their own, through files, as a user has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tempfile::TempDir;
use vpcreplay_capacity::Sweep;
use vpcreplay_engine::{Engine, ScopeId, Settings, When};
use vpcreplay_flow::{Cause, Decap, Decoded, LinkType, Span, TimeoutName, Timestamp};
use vpcreplay_policy::{Mode, Options, Scope};
use vpcreplay_replay::sinks::Format;
use vpcreplay_replay::sinks::capacity::CapacityReport;
use vpcreplay_replay::{
    Batch, CapacityPlan, Feed, Growth, Input, Limits, LinuxPlan, ModelPaths, OutputFiles, Plan, ReplayError,
    Selection, Target, Unobserved, Watcher, World, capacity, load_models, replay_worlds, run, run_worlds,
};
use vpcreplay_testkit::build::frame;
use vpcreplay_testkit::reference::Scenario;
use vpcreplay_testkit::strategies::scenario;
use vpcreplay_testkit::write::{Endian, Magic, TimedFrame, pcap};
use vpcreplay_tests::engine::options;

use super::{failed, runner};

/// Writes a scenario as files and plans its replay.
fn planned(scenario: &Scenario, folder: &Path) -> Plan {
    let frames: Vec<TimedFrame> = scenario
        .packets
        .iter()
        .map(|packet| TimedFrame { time: packet.time, frame: frame(&packet.decoded) })
        .filter(|timed| timed.frame.link_type == LinkType::ETHERNET)
        .collect();
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let capture = write("traffic.pcap", &pcap(Magic::Nanos, Endian::Little, LinkType::ETHERNET, &frames));
    let first = write("model.toml", scenario.model.to_toml().as_bytes());
    let later = scenario.later.iter().enumerate().map(|(number, (time, model))| {
        (When::At(*time), write(&format!("later-{number}.toml"), model.to_toml().as_bytes()))
    });
    let default = Limits::default();
    Plan {
        growth: Growth::default(),
        captures: vec![Input::Path(capture)],
        models: ModelPaths { first, later: later.collect(), vpc_id: None, region: None },
        options: options(&scenario.command),
        limits: Limits {
            flow_memory: scenario.command.flow_memory.unwrap_or(default.flow_memory),
            max_flows: scenario.command.max_flows.map_or(default.max_flows, |most| most as u64),
            threads: 2,
            batch: 16,
        },
        selection: Selection::default(),
        enis: Vec::new(),
        outputs: OutputFiles::default(),
    }
}

/// The engine of a replay of its own.
fn alone(plan: &Plan, change: impl FnOnce(&mut Options)) -> Result<Engine, TestCaseError> {
    let mut plan = plan.clone();
    change(&mut plan.options);
    Ok(run(&plan, &mut Unobserved).map_err(failed)?.engine)
}

/// Greatest occupancy and denied packets of a scope.
fn told(engine: &Engine, name: &str) -> (u64, Option<i64>, u64) {
    let scopes = u32::try_from(engine.registry().scope_count()).unwrap();
    let scope = (0..scopes).map(ScopeId).find(|scope| engine.registry().scope_name(*scope) == name).unwrap();
    let peak = engine.peak(scope);
    (peak.occupancy, peak.at.map(vpcreplay_flow::Timestamp::nanos), engine.scope_exceeded(scope))
}

fn without_limit(options: &mut Options) {
    options.limit = Some(1 << 40);
}

// S11.1: the outputs of a world in a set are those of a replay of its own, byte for byte.
#[test]
fn worlds_equal_replays_of_their_own() {
    let threads = prop_oneof![Just(1_usize), Just(2), Just(3)];
    let batch = prop_oneof![Just(1_usize), Just(7), Just(64)];
    runner(60)
        .run(&(scenario(60), threads, batch), |(scenario, threads, batch)| {
            let folder = TempDir::new().unwrap();
            let mut plan = planned(&scenario, folder.path());
            (plan.limits.threads, plan.limits.batch) = (threads, batch);
            let outputs = |name: &str| {
                let file = |kind: &str, format| {
                    Some((Target::File(folder.path().join(format!("{name}-{kind}"))), format))
                };
                OutputFiles {
                    verdicts: file("verdicts", Format::JsonLines),
                    connections: file("connections", Format::Csv),
                    series: file("series", Format::Csv),
                }
            };
            let changes: [fn(&mut Options); 4] = [
                |_| {},
                |options| options.limit = Some(1),
                |options| options.mode = Some(Mode::Literal),
                |options| options.timeouts.extend([(TimeoutName::TcpEstablished, Span::from_secs(10))]),
            ];
            let mut plans = Vec::new();
            for (number, change) in changes.iter().enumerate() {
                let mut own = plan.clone();
                change(&mut own.options);
                own.outputs = outputs(&format!("alone-{number}"));
                run(&own, &mut Unobserved).map_err(failed)?;
                own.outputs = outputs(&format!("world-{number}"));
                plans.push(own);
            }
            run_worlds(&plans, &mut Unobserved).map_err(failed)?;
            for number in 0..plans.len() {
                for kind in ["verdicts", "connections", "series"] {
                    let read = |who: &str| {
                        fs::read_to_string(folder.path().join(format!("{who}-{number}-{kind}"))).unwrap()
                    };
                    prop_assert_eq!(read("world"), read("alone"), "world {}: {}", number, kind);
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn worlds_of_different_captures_share_no_pass() {
    let folder = TempDir::new().unwrap();
    let plan = planned(&Scenario::default(), folder.path());
    let model = "[[vpc]]\nid = \"vpc-1\"\ncidrs = [\"10.0.0.0/16\"]\n";
    fs::write(folder.path().join("model.toml"), model).unwrap();
    let mut other = plan.clone();
    other.selection.first = Some(1);
    let error = run_worlds(&[plan, other], &mut Unobserved).err().unwrap().to_string();
    assert!(error.contains("plan 2 differs") && error.contains("share captures"), "{error}");
    assert!(run_worlds(&[], &mut Unobserved).is_err());
}

/// Counts packets.
struct Counting(Arc<AtomicUsize>);

impl Watcher for Counting {
    fn batch(&mut self, _: &mut Engine, batch: &Batch, _: &[String]) -> Result<(), ReplayError> {
        self.0.fetch_add(batch.len(), Ordering::Relaxed);
        Ok(())
    }

    fn finish(&mut self, _: &mut Engine) -> Result<(), ReplayError> {
        panic!("the pass has failed");
    }
}

#[test]
fn what_was_read_before_a_failure_is_judged_in_all_worlds() {
    let folder = TempDir::new().unwrap();
    let plan = planned(&Scenario::default(), folder.path());
    fs::write(folder.path().join("model.toml"), "[[vpc]]\nid = \"vpc-1\"\ncidrs = [\"10.0.0.0/16\"]\n")
        .unwrap();
    let frames = |first: i64, count: i64| -> Vec<TimedFrame> {
        let time = |second| Timestamp::from_nanos(second * 1_000_000_000);
        let packet = Decoded::Unjudged(Cause::NotIp, None);
        (first..first + count)
            .map(|second| TimedFrame { time: time(second), frame: frame(&packet) })
            .collect()
    };
    let write = |name: &str, frames: &[TimedFrame]| {
        let path = folder.path().join(name);
        fs::write(&path, pcap(Magic::Nanos, Endian::Little, LinkType::ETHERNET, frames)).unwrap();
        path
    };
    for threads in [1, 2] {
        let (here, gone) = (write("here.pcap", &frames(0, 40)), write("gone.pcap", &frames(100, 3)));
        let inputs = [Input::Path(here), Input::Path(gone.clone())];
        let feed = Feed::open(&inputs, (Decap::None, Selection::default()), &Growth::default()).unwrap();
        fs::remove_file(gone).unwrap();
        let counts: Vec<_> = (0..3).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        let worlds = counts.iter().map(|count| {
            let timeline = load_models(&plan.models, &plan.options).unwrap().timeline;
            World { engine: Engine::new(timeline, Settings::default()), watcher: Counting(Arc::clone(count)) }
        });
        let limits = Limits { threads, ..plan.limits };
        let error = replay_worlds(feed, worlds.collect(), limits, &mut Unobserved).err().unwrap();
        assert!(error.to_string().contains("gone.pcap"), "{error}");
        let judged: Vec<_> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(judged, [40; 3], "{threads} threads");
    }
}

fn asked(plan: &Plan) -> CapacityPlan {
    let sweep = |text: &str| Sweep::parse(text).unwrap();
    CapacityPlan {
        replay: plan.clone(),
        sweeps: vec![sweep("limit=1,2,3,5"), sweep("tcp-established=5s,60s"), sweep("udp=1s,10s,1h")],
        limits: vec![("small".to_owned(), 1), ("big".to_owned(), 100)],
        untracked: 2,
        linux: Some(LinuxPlan { max: 3, timeouts: [(TimeoutName::Udp, Span::from_secs(7))].into() }),
        shift: None,
    }
}

// Every figure of every sweep is that of a replay of its own, where limits bind and where they do not, in both modes.
#[test]
fn sweeps_equal_replays_of_their_own() {
    let modes = prop_oneof![Just(Mode::Causal), Just(Mode::Literal)];
    runner(80)
        .run(&(scenario(60), modes), |(scenario, mode)| {
            let folder = TempDir::new().unwrap();
            let mut plan = planned(&scenario, folder.path());
            plan.options.mode = Some(mode);
            let asked = asked(&plan);
            let report = match capacity(&asked, &mut Unobserved) {
                Ok(outcome) => outcome.report,
                Err(ReplayError::NothingTracked { .. }) => {
                    prop_assert_eq!(alone(&plan, without_limit)?.connections(), 0);
                    return Ok(());
                }
                Err(error) => return Err(failed(error)),
            };
            check_scopes(&report, &plan)?;
            check_sweeps(&report, &plan)?;
            check_linux(&report, &plan)
        })
        .unwrap();
}

fn check_scopes(report: &CapacityReport, plan: &Plan) -> Result<(), TestCaseError> {
    let (own, free) = (alone(plan, |_| {})?, alone(plan, without_limit)?);
    for scope in &report.scopes {
        let at = scope.peak_at.as_ref().map(|at| at.ns);
        prop_assert_eq!((scope.peak, at, scope.conntrack_allowance_exceeded), told(&own, &scope.scope));
        prop_assert_eq!(scope.demand.peak, told(&free, &scope.scope).0);
        prop_assert_eq!(scope.first_denied.is_some(), scope.conntrack_allowance_exceeded > 0);
        for fit in &scope.fits {
            prop_assert_eq!(fit.fits, scope.demand.peak <= fit.limit);
        }
    }
    Ok(())
}

fn check_sweeps(report: &CapacityReport, plan: &Plan) -> Result<(), TestCaseError> {
    prop_assert_eq!(report.sweeps.len(), 3);
    for sweep in &report.sweeps {
        for row in &sweep.rows {
            let change = |options: &mut Options| match TimeoutName::parse(sweep.sweep) {
                None => options.limit = Some(row.number),
                Some(name) => options.timeouts.extend([(name, Span::from_nanos(row.number))]),
            };
            let own = alone(plan, change)?;
            let expected = told(&own, &row.scope);
            let is = (row.peak, row.peak_at_ns, row.conntrack_allowance_exceeded);
            prop_assert_eq!(is, expected, "{}={} at {}", sweep.sweep, row.value, row.scope);
            let free = alone(plan, |options| {
                change(options);
                without_limit(options);
            })?;
            prop_assert_eq!(row.demand_peak, told(&free, &row.scope).0);
            prop_assert!(row.connections_denied <= row.conntrack_allowance_exceeded);
            prop_assert_eq!(row.connections_denied == 0, row.conntrack_allowance_exceeded == 0);
        }
    }
    Ok(())
}

fn check_linux(report: &CapacityReport, plan: &Plan) -> Result<(), TestCaseError> {
    let own = alone(plan, |options| {
        options.scope = Some(Scope::Instance);
        options.limit = Some(3);
        options.always_tracked.extend(["0.0.0.0/0".to_owned(), "::/0".to_owned()]);
        let seconds = [432_000, 7, 120, 30, 600, 120, 60, 120, 60, 30, 120, 10];
        options.timeouts = TimeoutName::ALL.into_iter().zip(seconds.map(Span::from_secs)).collect();
    })?;
    for host in &report.linux.as_ref().unwrap().hosts {
        let (peak, at, dropped) = told(&own, &host.host);
        prop_assert_eq!(
            (host.peak, host.peak_at.as_ref().map(|at| at.ns), host.dropped),
            (peak, at, dropped)
        );
    }
    Ok(())
}

// S7.8: a limit of exactly what the traffic needs denies nothing, one less denies.
#[test]
fn limits_at_the_peak_and_one_below() {
    runner(60)
        .run(&scenario(60), |mut scenario| {
            scenario.later.clear();
            let folder = TempDir::new().unwrap();
            let mut plan = planned(&scenario, folder.path());
            plan.options.limit = None;
            let free = alone(&plan, without_limit)?;
            let scopes = u32::try_from(free.registry().scope_count()).unwrap();
            let peak = (0..scopes).map(|scope| free.peak(ScopeId(scope)).occupancy).max().unwrap_or(0);
            if peak < 2 {
                return Ok(());
            }
            let mut asked = asked(&plan);
            asked.sweeps = vec![Sweep::parse(&format!("limit={},{peak}", peak - 1)).unwrap()];
            let report = capacity(&asked, &mut Unobserved).map_err(failed)?.report;
            let totals = &report.sweeps[0].totals;
            prop_assert!(totals[0].conntrack_allowance_exceeded > 0, "{:?}", totals[0]);
            prop_assert_eq!(totals[1].conntrack_allowance_exceeded, 0);
            prop_assert_eq!(report.sweeps[0].smallest_that_denies_nothing.clone(), Some(peak.to_string()));
            Ok(())
        })
        .unwrap();
}
