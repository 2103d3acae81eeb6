//! What a replay costs, stage by stage, for one packet: reading, decoding, judging. One thread, capture in memory.
#![expect(clippy::expect_used, reason = "a benchmark that cannot set up fails")]

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use vpcreplay_replay::engine::{Engine, Settings, Timeline};
use vpcreplay_replay::flow::Decap;
use vpcreplay_replay::policy::{self, Document, Options, Policy, Registry};
use vpcreplay_replay::{Batch, CaptureSet, Feed, Selection};
use vpcreplay_testkit::workload::{ONE_END, Workload, capture};

const PACKETS: u32 = 1_000_000;
const BATCH: usize = 1024; // As a replay does unless it is told otherwise.
const WORKLOADS: [(&str, Workload); 2] = [("small", Workload::Small), ("churn", Workload::Churn)];

fn open(bytes: &Arc<Vec<u8>>) -> CaptureSet {
    struct Shared(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let reader = Box::new(Cursor::new(Shared(Arc::clone(bytes))));
    CaptureSet::from_readers(vec![("memory".to_owned(), reader)]).expect("a generated capture opens")
}

fn engine(limit: u64) -> Engine {
    let document = Document { name: "perf.toml".to_owned(), bytes: ONE_END.toml.as_bytes().to_vec() };
    let loaded = policy::load(&[document], &policy::Selection::default()).expect("the model loads");
    let options = Options { limit: Some(limit), ..Options::default() };
    let mut registry = Registry::new();
    let (first, _) =
        Policy::compile(&loaded.network, &options, None, &mut registry).expect("the model compiles");
    let timeline = Timeline { first: Arc::new(first), later: Vec::new(), registry: Arc::new(registry) };
    Engine::new(timeline, Settings::default())
}

fn feed_all(bytes: &Arc<Vec<u8>>, mut each: impl FnMut(&Batch)) {
    let mut feed = Feed::new(open(bytes), Decap::None, Selection::default());
    let mut batch = Batch::default();
    loop {
        feed.fill(&mut batch, BATCH).expect("a generated capture reads");
        if batch.is_empty() {
            return;
        }
        each(&batch);
    }
}

fn stages(criterion: &mut Criterion) {
    for (name, workload) in WORKLOADS {
        let bytes = Arc::new(capture(workload, PACKETS));
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).throughput(Throughput::Elements(PACKETS.into()));
        group.bench_function("walk", |bencher| {
            bencher.iter(|| {
                let mut captures = open(&bytes);
                while let Some(frame) = captures.next_frame().expect("a generated capture reads") {
                    black_box(frame.captured.first());
                }
            });
        });
        group.bench_function("walk+decode", |bencher| {
            bencher.iter(|| {
                feed_all(&bytes, |batch| {
                    black_box(batch);
                });
            });
        });
        for (case, limit) in [("replay", 4_000_000), ("replay, limit 65,535", 65_535)] {
            group.bench_function(case, |bencher| {
                bencher.iter_batched(
                    || engine(limit),
                    |mut engine| {
                        feed_all(&bytes, |batch| {
                            engine.judge_batch(
                                batch.rows(),
                                |row| batch.packet(row),
                                |_, verdict| {
                                    black_box(verdict);
                                },
                            );
                        });
                        engine
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
