//! What a replay costs, stage by stage, for one packet of each workload: reading, decoding, judging; then the whole of
//! `run` with one thread and with two.
#![allow(missing_docs, clippy::expect_used, reason = "a benchmark that cannot set up fails")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use vpcreplay_benches::{Recording, each_batch, engine, replay, timeline};
use vpcreplay_replay::flow::Decap;
use vpcreplay_replay::policy::Options;
use vpcreplay_replay::{Growth, Input, Limits, ModelPaths, OutputFiles, Plan, Selection, Unobserved, run};
use vpcreplay_testkit::workload::{Workload, capture, closed};

const PACKETS: u32 = 500_000;
/// Fewer connections than most workloads have flows.
const SATURATED: u64 = 5_000;

fn stages(criterion: &mut Criterion) {
    for workload in Workload::ALL {
        let mut group = criterion.benchmark_group(workload.name());
        group.sample_size(10).throughput(Throughput::Elements(PACKETS.into()));
        let bytes = capture(workload, PACKETS);
        let folder = tempfile::tempdir().expect("a folder for the capture");
        let (file, model) = (folder.path().join("capture.pcap"), folder.path().join("model.toml"));
        fs::write(&file, &bytes).expect("room for the capture");
        fs::write(&model, workload.model().toml).expect("room for the model");
        in_memory(&mut group, workload, &Recording::new(bytes));
        for threads in [1, 2] {
            whole(&mut group, &file, &model, threads);
        }
        group.finish();
    }
}

fn in_memory(group: &mut BenchmarkGroup<'_, WallTime>, workload: Workload, recording: &Recording) {
    group.bench_function("walk", |bencher| {
        bencher.iter(|| {
            let mut captures = recording.open();
            while let Some(frame) = captures.next_frame().expect("a generated capture reads") {
                black_box(frame.captured.first());
            }
        });
    });
    group.bench_function("walk, digests", |bencher| {
        bencher.iter(|| each_batch(recording.open(), |batch| _ = black_box(batch)));
    });
    let (open, closed) = (workload.model().toml, closed());
    let cases = [
        ("replay", open, None),
        ("replay, saturated", open, Some(SATURATED)),
        ("replay, no rule admits", closed.as_str(), None),
    ];
    for (case, model, limit) in cases {
        let timeline = timeline(model, limit);
        group.bench_function(case, |bencher| {
            bencher.iter_batched(
                || engine(&timeline),
                |mut engine| {
                    replay(recording.open(), &mut engine);
                    engine
                },
                BatchSize::PerIteration,
            );
        });
    }
}

/// From the files to the counters, as the program does it without outputs.
fn whole(group: &mut BenchmarkGroup<'_, WallTime>, capture: &Path, model: &Path, threads: usize) {
    let plan = Plan {
        captures: vec![Input::from_argument(capture)],
        models: ModelPaths { first: model.to_owned(), later: Vec::new(), vpc_id: None, region: None },
        options: Options { decap: Some(Decap::None), ..Options::default() },
        limits: Limits { threads, ..Limits::default() },
        selection: Selection::default(),
        growth: Growth::default(),
        enis: Vec::new(),
        outputs: OutputFiles::default(),
    };
    group.bench_function(format!("run, {threads} thread(s)"), |bencher| {
        bencher.iter(|| run(&plan, &mut Unobserved).map(|report| report.engine.connections()));
    });
}

criterion_group!(benches, stages);
criterion_main!(benches);
