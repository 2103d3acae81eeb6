//! What the benchmarks of vpcreplay stand on: captures, models, engines. The workloads are in `testkit`, the benchmarks
//! in the `benches` folder beside this one.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a benchmark that cannot set up fails")]

use std::io::Cursor;
use std::sync::Arc;

use vpcreplay_replay::engine::{Engine, Settings, Timeline};
use vpcreplay_replay::flow::Decap;
use vpcreplay_replay::policy::{self, Document, Options, Policy, Registry};
use vpcreplay_replay::{Batch, CaptureSet, Feed, Selection};

/// Packets in a batch, as many as a replay has unless it is told otherwise.
pub const BATCH: usize = 1024;

/// A capture in memory that can be read again and again.
#[derive(Clone)]
pub struct Recording(Arc<Vec<u8>>);

impl Recording {
    /// A recording of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }

    /// Opens it.
    pub fn open(&self) -> CaptureSet {
        let reader = Box::new(Cursor::new(self.clone()));
        CaptureSet::from_readers(vec![("memory".to_owned(), reader)]).expect("a generated capture opens")
    }
}

impl AsRef<[u8]> for Recording {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A model from its text, compiled; with a limit in place of its own.
pub fn timeline(toml: &str, limit: Option<u64>) -> Timeline {
    let document = Document { name: "model.toml".to_owned(), bytes: toml.as_bytes().to_vec() };
    let loaded = policy::load(&[document], &policy::Selection::default()).expect("the model loads");
    let (options, mut registry) = (Options { limit, ..Options::default() }, Registry::new());
    let compiled = Policy::compile(&loaded.network, &options, None, &mut registry);
    let (first, _) = compiled.expect("the model compiles");
    Timeline { first: Arc::new(first), later: Vec::new(), registry: Arc::new(registry) }
}

/// An engine under a model, as `run` has it without outputs.
pub fn engine(timeline: &Timeline) -> Engine {
    Engine::new(timeline.clone(), Settings::default())
}

/// Reads and decodes a capture batch by batch.
pub fn each_batch(captures: CaptureSet, mut each: impl FnMut(&Batch)) {
    let mut feed = Feed::new(captures, Decap::None, Selection::default());
    let mut batch = Batch::default();
    loop {
        feed.fill(&mut batch, BATCH).expect("the capture reads");
        if batch.is_empty() {
            return;
        }
        each(&batch);
    }
}

/// Replays a capture in this thread, its verdicts only counted.
pub fn replay(captures: CaptureSet, engine: &mut Engine) {
    each_batch(captures, |batch| {
        engine.judge_batch(&batch.all(), |_, _| {});
    });
}
