//! What the parts of a replay cost, each for itself, for one packet or one operation.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot set up fails"
)]

use criterion::{criterion_group, criterion_main};

mod decoding;
mod matching;
mod sinks;
mod tracking;

criterion_group!(components, decoding::frames, matching::rules, tracking::flows, sinks::verdicts);
criterion_main!(components);
