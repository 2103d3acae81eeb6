//! What the user asked for, resolved.

use vpcreplay_capture::Input;
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
    /// Threads: 1 does everything in one; with more, reading and decoding run beside judging.
    pub threads: usize,
    /// Packets in a batch; it changes no output.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { flow_memory: Span::from_secs(300), max_flows: 4_194_304, threads: 1, batch: 1024 }
    }
}
