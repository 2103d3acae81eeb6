//! Writing verdict records, to nowhere.

use std::hint::black_box;
use std::io;

use criterion::{Criterion, Throughput};
use vpcreplay_benches::{Recording, each_batch, engine, timeline};
use vpcreplay_replay::Item;
use vpcreplay_replay::engine::Verdict;
use vpcreplay_replay::sinks::{Format, VerdictRow, VerdictWriter};
use vpcreplay_testkit::workload::{ONE_END, Workload, capture};

const PACKETS: u32 = 100_000;

pub(crate) fn verdicts(criterion: &mut Criterion) {
    let mut engine = engine(&timeline(ONE_END.toml, None));
    let mut judged: Vec<(Item, Verdict)> = Vec::new();
    each_batch(Recording::new(capture(Workload::Small, PACKETS)).open(), |batch| {
        engine.judge_batch(&batch.all(), |at, verdict| {
            judged.extend(batch.item(at).map(|item| (item, verdict)));
        });
    });
    let mut group = criterion.benchmark_group("verdict records");
    group.sample_size(20).throughput(Throughput::Elements(PACKETS.into()));
    for (name, format) in [("JSON Lines", Format::JsonLines), ("CSV", Format::Csv)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut writer = VerdictWriter::new(format, io::sink());
                for (item, verdict) in black_box(&judged) {
                    let row = VerdictRow {
                        packet: item.number,
                        file: "small.pcap",
                        frame: item.frame,
                        time: item.time,
                        tunnel: item.tunnel,
                        decoded: &item.decoded,
                        verdict,
                        copy: None,
                    };
                    writer.write(&row, engine.registry()).expect("nowhere has room");
                }
                writer.finish().expect("nowhere has room");
            });
        });
    }
    group.finish();
}
