//! The series: one record for each allowance scope and period (S7.9).

use std::io::{self, Write};

use serde::Serialize;
use vpcreplay_engine::{Registry, ScopeId, SeriesRow};

use crate::Format;
use crate::record::RecordWriter;

/// The fields of a series record, in their order.
const COLUMNS: [&str; 10] = [
    "scope",
    "period_start_ns",
    "periods",
    "occupancy_max",
    "occupancy_last",
    "created",
    "expired",
    "reopened",
    "removed",
    "conntrack_allowance_exceeded",
];

#[derive(Serialize)]
struct Record<'a> {
    scope: &'a str,
    period_start_ns: i64,
    periods: u64,
    occupancy_max: u64,
    occupancy_last: u64,
    created: u64,
    expired: u64,
    reopened: u64,
    removed: u64,
    conntrack_allowance_exceeded: u64,
}

/// Writes series records. Rows come by start, then by the scope's number; they leave by start, then by its name.
#[derive(Debug)]
pub struct SeriesWriter<W: Write> {
    records: RecordWriter<W>,
    /// Rows of one start, with the names of their scopes.
    pending: Vec<(String, SeriesRow)>,
}

impl<W: Write> SeriesWriter<W> {
    /// A writer of this format. It buffers by itself.
    pub fn new(format: Format, out: W) -> Self {
        Self { records: RecordWriter::new(format, &COLUMNS, out), pending: Vec::new() }
    }

    /// Takes a row; it is written once a row of a later start comes, or at the end.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, row: &SeriesRow, registry: &Registry) -> io::Result<()> {
        if self.pending.first().is_some_and(|(_, first)| first.start != row.start) {
            self.write_pending()?;
        }
        self.pending.push((registry.scope_name(ScopeId(row.scope)).to_owned(), *row));
        Ok(())
    }

    /// Writes the last rows, hands on what is buffered and flushes the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<()> {
        self.write_pending()?;
        self.records.finish()
    }

    fn write_pending(&mut self) -> io::Result<()> {
        self.pending.sort_by(|(left, _), (right, _)| left.cmp(right));
        for (scope, row) in self.pending.drain(..) {
            self.records.write(&Record {
                scope: &scope,
                period_start_ns: row.start,
                periods: row.periods,
                occupancy_max: row.occupancy_max,
                occupancy_last: row.occupancy_last,
                created: row.created,
                expired: row.expired,
                reopened: row.reopened,
                removed: row.removed,
                conntrack_allowance_exceeded: row.exceeded,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
