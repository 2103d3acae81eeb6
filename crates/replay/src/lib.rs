//! Replays captures through a model of the AWS VPC firewall: captures in, verdicts out.
//!
//! A [`Plan`] says what is replayed and what is written; [`run()`] does it and returns the summary. The order of
//! verdicts is replay order, and the bytes written are the same for any number of threads and any batch size (S1.5).

mod batch;
mod capacity;
mod check;
mod error;
mod explain;
mod feed;
mod growth;
mod inspect;
mod judge;
mod model;
mod outputs;
mod plan;
mod run;
mod starter;
mod summary;
mod sweep;
mod worlds;

pub use batch::{Batch, Item, Run};
pub use capacity::{CapacityOutcome, CapacityPlan, LINUX_MAX, LinuxPlan, capacity};
pub use check::{Checked, check};
pub use error::ReplayError;
pub use explain::{
    ConnectionState, Creator, EndStory, Explanation, FlowStory, PacketLine, Stage, Subject, Trial, Usage,
    VerdictStory, explain,
};
pub use feed::{Feed, FeedStats, Selection, TimeBound};
pub use growth::{Growth, Shift, Speed, SpeedError};
pub use inspect::{Family, FlowKinds, Inspection, LocalAddress, Service, Tally, inspect};
pub use model::{LoadedModels, ModelPaths, load_models};
pub use outputs::{OutputFiles, Target};
pub use plan::{Limits, Plan};
pub use run::{Progress, Report, Signal, Unobserved, run};
pub use starter::starter_model;
pub use summary::summarize;
pub use sweep::{Sweep, SweepScope, SweepValue, sweep};
pub use vpcreplay_capacity::{self as analysis};
pub use vpcreplay_capture::{CaptureError, CaptureSet, Damage, FileInfo, Input, Skipped, end_streams};
pub use vpcreplay_engine::{self as engine, When};
pub use vpcreplay_flow as flow;
pub use vpcreplay_packet as packet;
pub use vpcreplay_policy as policy;
pub use vpcreplay_sinks as sinks;
pub use vpcreplay_synth as synth;
pub use worlds::{Replayed, Watcher, World, WorldsReport, replay_worlds, run_worlds};
