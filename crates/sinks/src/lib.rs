//! All that leaves: verdict records, connections, series, summary.
//!
//! [`VerdictWriter`], [`FlowWriter`] and [`SeriesWriter`] write one record at a time as JSON Lines or CSV, with the fields
//! and the order that the page on output formats fixes. [`Summary`] holds the sums of a replay: as JSON for machines
//! and as the first screen for people. Nothing here reads a clock, so equal replays leave equal bytes (S1.5).

pub mod capacity;
mod flow;
mod format;
mod number;
mod record;
mod screen;
mod series;
pub mod summary;
mod verdict;

pub use flow::FlowWriter;
pub use format::{Format, FormatError};
pub use record::Copies;
pub use screen::{Color, Style};
pub use series::SeriesWriter;
pub use summary::{Summary, SummaryContext};
pub use verdict::{VerdictRow, VerdictWriter};

#[cfg(test)]
mod test_model;
