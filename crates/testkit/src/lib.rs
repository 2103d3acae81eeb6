//! Packet builders, capture writers, the slow reference model and proptest strategies: for tests only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this crate is linked into tests alone, where a panic is a failed test"
)]

pub mod build;
pub mod reference;
pub mod scenario;
pub mod strategies;
pub mod workload;
pub mod write;
