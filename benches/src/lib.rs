//! Deterministic workloads for the benchmarks: captures in memory and the models that go with them.

mod workload;

pub use workload::{MODEL, Workload, capture};
