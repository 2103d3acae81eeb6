//! The tables of a capacity analysis, one record a row.

use std::io::{self, Write};

use serde::Serialize;

use super::{Contributor, SweepRow};
use crate::Format;
use crate::record::RecordWriter;

const CONTRIBUTORS: [&str; 7] = ["scope", "kind", "key", "connections", "entry_ns", "idle_ns", "at_peak"];

const SWEEPS: [&str; 12] = [
    "sweep",
    "value",
    "number",
    "scope",
    "limit",
    "peak",
    "peak_at_ns",
    "demand_peak",
    "conntrack_allowance_exceeded",
    "connections_denied",
    "connections_broken",
    "connections_recreated",
];

#[derive(Serialize)]
struct ContributorRecord<'a> {
    scope: &'a str,
    kind: &'a str,
    key: &'a str,
    connections: u64,
    entry_ns: u128,
    idle_ns: u128,
    at_peak: u64,
}

#[derive(Serialize)]
struct SweepRecord<'a> {
    sweep: &'a str,
    value: &'a str,
    number: u64,
    scope: &'a str,
    limit: u64,
    peak: u64,
    peak_at_ns: Option<i64>,
    demand_peak: u64,
    conntrack_allowance_exceeded: u64,
    connections_denied: u64,
    connections_broken: Option<u64>,
    connections_recreated: Option<u64>,
}

/// Writes who fills the tables.
#[derive(Debug)]
pub struct ContributorWriter<W: Write>(RecordWriter<W>);

impl<W: Write> ContributorWriter<W> {
    /// A writer of this format. It buffers by itself.
    pub fn new(format: Format, out: W) -> Self {
        Self(RecordWriter::new(format, &CONTRIBUTORS, out))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, scope: &str, row: &Contributor) -> io::Result<()> {
        let Contributor { kind, key, share } = row;
        self.0.write(&ContributorRecord {
            scope,
            kind,
            key,
            connections: share.connections,
            entry_ns: share.entry_ns,
            idle_ns: share.idle_ns,
            at_peak: share.at_peak,
        })
    }

    /// Hands on what is buffered and flushes the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()
    }
}

/// Writes what the values of sweeps do.
#[derive(Debug)]
pub struct SweepWriter<W: Write>(RecordWriter<W>);

impl<W: Write> SweepWriter<W> {
    /// A writer of this format. It buffers by itself.
    pub fn new(format: Format, out: W) -> Self {
        Self(RecordWriter::new(format, &SWEEPS, out))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, sweep: &str, row: &SweepRow) -> io::Result<()> {
        self.0.write(&SweepRecord {
            sweep,
            value: &row.value,
            number: row.number,
            scope: &row.scope,
            limit: row.limit,
            peak: row.peak,
            peak_at_ns: row.peak_at_ns,
            demand_peak: row.demand_peak,
            conntrack_allowance_exceeded: row.conntrack_allowance_exceeded,
            connections_denied: row.connections_denied,
            connections_broken: row.connections_broken,
            connections_recreated: row.connections_recreated,
        })
    }

    /// Hands on what is buffered and flushes the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()
    }
}
