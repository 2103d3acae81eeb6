//! S1.5, S7.8: on several threads packets are judged in parts as long as no bound can be reached, in strict replay order
//! else, and what is written is the same.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;
use std::path::Path;

use vpcreplay_replay::engine::{Regimes, ScopeId};
use vpcreplay_replay::flow::Span;
use vpcreplay_replay::policy::Options;
use vpcreplay_replay::sinks::Format;
use vpcreplay_replay::{
    Growth, Input, Limits, ModelPaths, OutputFiles, Plan, Selection, Target, Unobserved, run,
};
use vpcreplay_testkit::workload::{Pace, Workload, capture_at};
use vpcreplay_testkit::write::{gzip, zstd};

/// Packets of a round.
const PACKETS: u32 = 40_000;

/// A capture whose flows end all the time, so that occupancy hovers.
fn write_capture(folder: &Path, workload: Workload) {
    let pace = Pace { spacing: Span::from_nanos(20_000_000), pause: Span::from_secs(1), rounds: 2 };
    std::fs::write(folder.join("capture.pcap"), capture_at(workload, PACKETS, pace)).expect("written");
    std::fs::write(folder.join("model.toml"), workload.model().toml).expect("written");
}

fn plan(folder: &Path, limit: Option<u64>, limits: Limits) -> Plan {
    let target = |name: &str| Some((Target::File(folder.join(name)), Format::JsonLines));
    Plan {
        captures: vec![Input::Path(folder.join("capture.pcap"))],
        models: ModelPaths {
            first: folder.join("model.toml"),
            later: Vec::new(),
            vpc_id: None,
            region: None,
        },
        options: Options { limit, ..Options::default() },
        limits,
        growth: Growth::default(),
        selection: Selection::default(),
        enis: Vec::new(),
        outputs: OutputFiles {
            verdicts: target("verdicts"),
            connections: target("connections"),
            series: target("series"),
        },
    }
}

/// What a replay writes and what it counts, and how its packets were judged.
fn replay(folder: &Path, limit: Option<u64>, limits: Limits) -> (Vec<Vec<u8>>, Regimes) {
    let report = run(&plan(folder, limit, limits), &mut Unobserved).expect("the replay runs");
    let read = |name| std::fs::read(folder.join(name)).expect("written");
    let mut written: Vec<Vec<u8>> = ["verdicts", "connections", "series"].map(read).into();
    let counters = report.engine.counters();
    written.push(format!("{:?}", counters.denied_peers.exact().collect::<BTreeMap<_, _>>()).into_bytes());
    written.push(format!("{:?}", counters.denied_peers.others()).into_bytes());
    (written, report.engine.regimes())
}

/// Replays on one thread and on several; the regimes are those on several.
fn regimes(workload: Workload, limit: Option<u64>, limits: Limits) -> Regimes {
    let folder = tempfile::tempdir().expect("a folder");
    write_capture(folder.path(), workload);
    let (alone, _) = replay(folder.path(), limit, Limits { threads: 1, batch: 1024, ..limits });
    let (together, regimes) = replay(folder.path(), limit, limits);
    assert!(alone == together, "{workload:?} with a limit of {limit:?} on {} threads", limits.threads);
    regimes
}

fn on(threads: usize) -> Limits {
    Limits { threads, batch: 64, ..Limits::default() }
}

#[test]
fn below_the_limit_packets_are_judged_in_parts() {
    for workload in Workload::ALL {
        for threads in [2, 3, 8] {
            let Regimes { in_parts, strict, .. } = regimes(workload, None, on(threads));
            assert!(in_parts > 9 * strict, "{workload:?}, {threads} threads: {in_parts} and {strict}");
        }
    }
}

/// The greatest occupancy without a limit.
fn peak(workload: Workload) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    write_capture(folder.path(), workload);
    let report =
        run(&plan(folder.path(), None, Limits::default()), &mut Unobserved).expect("the replay runs");
    report.engine.peak(ScopeId(0)).occupancy
}

// Flows end all the time: occupancy comes near the limit and goes away again, or hovers at it.
#[test]
fn near_the_limit_the_regimes_follow_each_other() {
    for workload in [Workload::Dns, Workload::SynFlood] {
        let peak = peak(workload);
        for limit in [peak - 1, peak, peak + 300, peak + 700] {
            let Regimes { in_parts, strict, switches, .. } = regimes(workload, Some(limit), on(2));
            let places = (in_parts > 2_000, strict > 0, switches >= 2);
            assert_eq!(
                places,
                (true, true, true),
                "{workload:?}, limit {limit}: {in_parts}, {strict}, {switches}"
            );
        }
    }
}

#[test]
fn at_a_limit_that_binds_all_the_time_replay_order_is_kept() {
    for limit in [0, 1, 2, 10, 100] {
        let Regimes { in_parts, strict, .. } = regimes(Workload::Churn, Some(limit), on(3));
        assert_eq!((in_parts, strict > 70_000), (0, true), "limit {limit}");
    }
}

// S7.0: the bound on remembered flows couples flows as the allowance does.
#[test]
fn near_the_bound_on_flows_replay_order_is_kept() {
    let limits = Limits { max_flows: 1_000, ..on(2) };
    let Regimes { in_parts, strict, .. } = regimes(Workload::Small, None, limits);
    assert!(in_parts > 0 && strict > in_parts, "{in_parts} and {strict}");
}

/// Where no verdicts are written, a thread that decompresses is one of the threads: of two, one is left, which keeps replay order.
#[test]
fn a_thread_that_decompresses_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    write_capture(folder.path(), Workload::Small);
    let capture = folder.path().join("capture.pcap");
    let uncompressed = std::fs::read(&capture).expect("read");
    let in_parts = |threads, has_verdicts: bool| {
        let mut asked = plan(folder.path(), None, on(threads));
        asked.outputs.verdicts = asked.outputs.verdicts.filter(|_| has_verdicts);
        run(&asked, &mut Unobserved).expect("the replay runs").engine.regimes().in_parts > 0
    };
    assert_eq!((in_parts(2, false), in_parts(2, true)), (true, true), "plain");
    for compressed in [gzip(&uncompressed), zstd(&uncompressed)] {
        std::fs::write(&capture, compressed).expect("written");
        assert_eq!((in_parts(2, false), in_parts(2, true), in_parts(3, false)), (false, true, true));
        // One thread stays one.
        assert!(!in_parts(1, false));
    }
}
