//! What this machine asks for a capture at the least, and what a replay of it costs, in one run.
//!
//!     cargo bench -p vpcreplay-benches --bench floor [-- CAPTURE [MODEL]]
//!
//! Without a capture, the generated workloads. A capture has to be a classic pcap of Ethernet frames, a model is a file
//! or a folder as `run` takes it. Every figure is the least of some runs, in CPU time of the thread.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a measurement that cannot be set up fails; hashes are cut"
)]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use vpcreplay_benches::{each_batch, engine, replay, timeline};
use vpcreplay_replay::engine::Timeline;
use vpcreplay_replay::policy::Options;
use vpcreplay_replay::{CaptureSet, Input, ModelPaths, load_models};
use vpcreplay_testkit::workload::{ONE_END, Pace, Workload, write};

use crate::machine::Table;

mod machine;

const PACKETS: u32 = 2_000_000;
const WORKLOADS: [Workload; 3] = [Workload::Small, Workload::Churn, Workload::Imix];
const RUNS: usize = 5;
/// Fewer connections than the flows of most captures.
const SATURATED: u64 = 65_535;

fn main() -> ExitCode {
    // `cargo bench` adds an option of its own.
    let arguments: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(PathBuf::from).collect();
    let done = match arguments.as_slice() {
        [] => WORKLOADS.into_iter().try_for_each(generated),
        [capture] => measure(&name(capture), capture, |limit| Ok(timeline(ONE_END.toml, limit))),
        [capture, model] => measure(&name(capture), capture, |limit| loaded(model, limit)),
        _ => Err("usage: floor [CAPTURE [MODEL]]".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn generated(workload: Workload) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder for the capture");
    let path = folder.path().join("capture.pcap");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).expect("a file for the capture"));
    write(&mut file, workload, PACKETS, Pace::default()).expect("room for the capture");
    drop(file);
    measure(workload.name(), &path, |limit| Ok(timeline(workload.model().toml, limit)))
}

fn loaded(model: &Path, limit: Option<u64>) -> Result<Timeline, String> {
    let paths = ModelPaths { first: model.to_owned(), later: Vec::new(), vpc_id: None, region: None };
    let models = load_models(&paths, &Options { limit, ..Options::default() });
    models.map(|models| models.timeline).map_err(|error| error.to_string())
}

/// Something to be measured.
struct Stage<'a> {
    name: &'static str,
    work: Box<dyn FnMut() + 'a>,
    least: Duration,
}

impl<'a> Stage<'a> {
    fn new(name: &'static str, work: impl FnMut() + 'a) -> Self {
        Self { name, work: Box::new(work), least: Duration::MAX }
    }
}

/// The stage that the others are compared with.
const FLOOR: &str = "machine: … + a table line";

fn measure(
    name: &str,
    path: &Path,
    model: impl Fn(Option<u64>) -> Result<Timeline, String>,
) -> Result<(), String> {
    let capture = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    if !machine::is_known(&capture) {
        return Err(format!("{name}: expected a classic pcap, little endian, of Ethernet frames"));
    }
    let (packets, flows) = (machine::walk(&capture), machine::flows(&capture));
    let mut table = Table::for_flows(flows);
    let lines = table.len();
    let open = || CaptureSet::open(&[Input::from_argument(path)]).expect("the capture opens");
    let (ample, saturated) = (model(None)?, model(Some(SATURATED))?);
    let mut stages = [
        Stage::new("machine: header walk", || {
            black_box(machine::walk(&capture));
        }),
        Stage::new("machine: … + 5-tuple and hash", || machine::hash(&capture)),
        Stage::new(FLOOR, || machine::touch(&capture, &mut table)),
        Stage::new("machine: … + the table's memory fresh", || {
            machine::touch(&capture, &mut Table::for_flows(flows));
        }),
        Stage::new("capture walk", || {
            let mut captures = open();
            while let Some(frame) = captures.next_frame().expect("the capture reads") {
                black_box(frame.captured.first());
            }
        }),
        Stage::new("capture walk, digests", || each_batch(open(), |batch| _ = black_box(batch))),
        Stage::new("replay, the model's own limit", || replay(open(), &mut engine(&ample))),
        Stage::new("replay, limit 65,535", || replay(open(), &mut engine(&saturated))),
    ];
    for _ in 0..RUNS {
        for stage in &mut stages {
            let before = cpu_time();
            (stage.work)();
            stage.least = stage.least.min(cpu_time().saturating_sub(before));
        }
    }
    println!(
        "\n{name}: {packets} packets, {} bytes, {flows} flows, {lines} lines in the table;",
        capture.len()
    );
    println!("the least of {RUNS} runs, CPU time of one thread\n");
    println!("{:<40} {:>13} {:>9}", "", "ns per packet", "× floor");
    let nanos = |stage: &Stage<'_>| stage.least.as_secs_f64() * 1e9 / f64::from(packets.max(1));
    let floor = stages.iter().find(|stage| stage.name == FLOOR).map_or(f64::NAN, nanos);
    for stage in &stages {
        println!("{:<40} {:>13.1} {:>9.2}", stage.name, nanos(stage), nanos(stage) / floor);
    }
    Ok(())
}

/// CPU time that this thread has taken.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}
