//! What the end-to-end tests share: where things are, running the program, comparing what it wrote.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "this crate is linked into tests alone, where a panic is a failed test"
)]

pub mod case;
pub mod compare;
pub mod engine;
pub mod places;
pub mod program;
