//! What the user asked for, resolved.

use vpcreplay_capture::Input;
use vpcreplay_engine::Division;
use vpcreplay_flow::Span;
use vpcreplay_policy::Options;

use crate::feed::Selection;
use crate::growth::Growth;
use crate::model::ModelPaths;
use crate::outputs::OutputFiles;

/// A replay: what goes in, under which options, and what comes out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The captures, in the order of the command line.
    pub captures: Vec<Input>,
    /// The models.
    pub models: ModelPaths,
    /// Options of the command line; they win over those of the models.
    pub options: Options,
    /// Bounds and resources.
    pub limits: Limits,
    /// Which frames are replayed.
    pub selection: Selection,
    /// How many copies of them, and how fast.
    pub growth: Growth,
    /// Only these ENIs are judged; empty means all.
    pub enis: Vec<String>,
    /// Files to write.
    pub outputs: OutputFiles,
}

/// Bounds and resources of a replay.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a flow is remembered after its last packet (S7.0).
    pub flow_memory: Span,
    /// How many flows are remembered at most (S7.0).
    pub max_flows: u64,
    /// Threads: 1 does everything in one; with more, reading, judging and writing run beside each other, and packets of
    /// different flows are judged side by side where no bound couples them. Where [`run`](crate::run()) writes no verdicts and
    /// all captures are compressed, one that decompresses is among them.
    pub threads: usize,
    /// Packets in a batch; it changes no output. With several threads a batch has four times as many for each part.
    pub batch: usize,
}

/// Parts of the flows for each thread, so that one that has read a batch still finds some to judge.
const PARTS_PER_THREAD: usize = 4;
/// Parts of the flows at most.
const MOST_PARTS: usize = 16;
/// Batches that a part judges at once: bringing parts together costs as much for few packets as for many.
const PER_PART: usize = 4;
/// Fewer packets than this are not worth being judged in parts.
const LEAST_IN_PARTS: usize = 256;

impl Limits {
    /// How the flows are divided among threads.
    pub(crate) fn division(&self) -> Division {
        let parts = if self.threads > 1 { (self.threads * PARTS_PER_THREAD).min(MOST_PARTS) } else { 1 };
        Division { parts, least: LEAST_IN_PARTS.min(self.batch) }
    }

    /// Packets that are read at once where several threads judge them.
    pub(crate) fn shared_batch(&self) -> usize {
        self.batch.saturating_mul(self.division().parts * PER_PART)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { flow_memory: Span::from_secs(300), max_flows: 4_194_304, threads: 1, batch: 1024 }
    }
}
