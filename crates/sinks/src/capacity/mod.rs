//! What a capacity analysis says: as JSON, as tables, as a page for people and as a plot.
//!
//! The numbers are worked out elsewhere; here they have names and shapes. Definitions are in the chapter on sizing.

mod plot;
mod tables;

use std::io;

use serde::Serialize;
use vpcreplay_flow::Timestamp;

pub use plot::{PlotFormat, PlotFormatError};
pub use tables::{ContributorWriter, SweepWriter};

use crate::Summary;
use crate::summary::{Assumption, InputFile, Notice, OptionInForce, TimeSpan, rfc3339};

/// The result of a capacity analysis.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CapacityReport {
    /// Whether it was stopped before the end of the captures.
    pub partial: bool,
    /// Packets replayed.
    pub packets: u64,
    /// Frames that the selection passed over.
    pub passed_over: u64,
    /// Engine time of the first and the last packet.
    pub span: Option<TimeSpan>,
    /// The captures.
    pub inputs: Vec<InputFile>,
    /// Allowance scopes that had an entry or refused one, the fullest first.
    pub scopes: Vec<ScopeCapacity>,
    /// Scopes of the model that never had an entry.
    pub unused_scopes: u64,
    /// Sweeps, in the order in which they were asked for.
    pub sweeps: Vec<SweepTable>,
    /// What untracked rules would save.
    pub untracked: Vec<UntrackedSaving>,
    /// The same traffic in the table of a Linux host.
    pub linux: Option<LinuxTable>,
    /// Every option in force.
    pub options: Vec<OptionInForce>,
    /// Assumptions that mattered.
    pub assumptions: Vec<Assumption>,
    /// What the user should know about models and captures.
    pub warnings: Vec<Notice>,
    /// The summary of the replay as configured.
    #[serde(skip)]
    pub replay: Summary,
}

/// A point in time, ns since the epoch and RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// ns since the epoch.
    pub ns: i64,
    /// RFC 3339, UTC.
    pub time: String,
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self { ns: time.nanos(), time: rfc3339(time) }
    }
}

/// The table of one allowance scope.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ScopeCapacity {
    /// The ENI or instance.
    pub scope: String,
    /// Its limit at the end.
    pub limit: u64,
    /// Its greatest occupancy.
    pub peak: u64,
    /// When that was first reached.
    pub peak_at: Option<Moment>,
    /// Limit less greatest occupancy.
    pub headroom: u64,
    /// Packets that the allowance denied.
    pub conntrack_allowance_exceeded: u64,
    /// Connections that it denied.
    pub connections_denied: u64,
    /// The first packet that it denied.
    pub first_denied: Option<DeniedPacket>,
    /// Engine time from the first to the last packet, ns.
    pub span_ns: u64,
    /// The time spent above shares of the limit.
    pub above: Vec<Above>,
    /// What the traffic needs: the same without a limit.
    pub demand: Demand,
    /// All entries together.
    pub entries: Share,
    /// Who fills the table, by kind and entry-time, the greatest first.
    pub contributors: Vec<Contributor>,
    /// The user's limits that were to be looked at.
    pub fits: Vec<Fit>,
    /// The greatest occupancy over time.
    #[serde(skip)]
    pub curve: Vec<(Timestamp, u64)>,
    /// The same without a limit, where the limit binds.
    #[serde(skip)]
    pub demand_curve: Vec<(Timestamp, u64)>,
}

/// A packet that the allowance denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeniedPacket {
    /// Its number in replay order.
    pub packet: u64,
    /// Its file.
    pub file: String,
    /// The number of its frame in that file.
    pub frame: u64,
    /// Its own timestamp.
    pub at: Moment,
}

/// Time spent above a share of the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Above {
    /// The share, in percent.
    pub percent: u64,
    /// The time, ns.
    pub ns: u64,
}

/// What the traffic needs where nothing is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Demand {
    /// Entries needed.
    pub peak: u64,
    /// When.
    pub peak_at: Option<Moment>,
    /// How many copies of the traffic the limit bears.
    pub growth: Growth,
    /// The same where copies have phases of their own; null where that was not asked for.
    pub shifted_growth: Option<ShiftedGrowth>,
}

/// How many copies of the traffic a limit bears; the traffic itself is the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// The smallest number of copies at which occupancy reaches the limit; null where none does.
    pub reaches_limit_at: Option<u64>,
    /// The smallest number of copies at which a packet is denied; null where none is.
    pub denies_at: Option<u64>,
}

/// Growth with phases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShiftedGrowth {
    /// Phases are below this, ns.
    pub most_ns: u64,
    /// What they follow from.
    pub seed: u64,
    /// Growth; null where the search was given up.
    pub growth: Option<Growth>,
    /// The number of copies that is known to be too few, where the search was given up.
    pub more_than: Option<u64>,
}

/// What entries take of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Entries.
    pub connections: u64,
    /// Entry-time, ns: one entry for one nanosecond.
    pub entry_ns: u128,
    /// The part of it after each entry's last packet.
    pub idle_ns: u128,
    /// Entries at the first instant of greatest occupancy.
    pub at_peak: u64,
}

/// A class of connections and what it takes of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contributor {
    /// `peer`, `service`, `rule`, `protocol`, `state` or `fate`.
    pub kind: &'static str,
    /// Which one.
    pub key: String,
    /// What it takes.
    #[serde(flatten)]
    pub share: Share,
}

/// How one of the user's limits would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// Its name.
    pub name: String,
    /// The limit.
    pub limit: u64,
    /// Whether the traffic needs no more.
    pub fits: bool,
    /// The limit less what the traffic needs; 0 where it does not fit.
    pub headroom: u64,
    /// How many copies of the traffic it bears.
    #[serde(flatten)]
    pub growth: Growth,
}

/// A sweep: one option, a row for each value and scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepTable {
    /// The option.
    pub sweep: &'static str,
    /// As it was asked for.
    pub asked: String,
    /// By value: occupancy and limit of the scope that is fullest with it, all else summed over all scopes.
    pub totals: Vec<SweepRow>,
    /// By value, then scope.
    pub rows: Vec<SweepRow>,
    /// Timeouts: the smallest value that breaks no connection; null where each breaks one.
    pub smallest_that_breaks_nothing: Option<String>,
    /// Timeouts: the largest value with which the allowance denies nothing; null where it denies with each.
    pub largest_within_limit: Option<String>,
    /// Limits: the smallest with which nothing is denied; null where each denies.
    pub smallest_that_denies_nothing: Option<String>,
}

/// What a value of a sweep does in a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepRow {
    /// The value, as options write it.
    pub value: String,
    /// The same as a number: connections, or ns.
    pub number: u64,
    /// The scope.
    pub scope: String,
    /// The limit there.
    pub limit: u64,
    /// Greatest occupancy.
    pub peak: u64,
    /// When it was first reached, ns since the epoch.
    pub peak_at_ns: Option<i64>,
    /// What the traffic needs with this value: the greatest occupancy without a limit.
    pub demand_peak: u64,
    /// Packets that the allowance denied.
    pub conntrack_allowance_exceeded: u64,
    /// Connections that it denied.
    pub connections_denied: u64,
    /// Timeouts: connections cut short whose next packet is denied.
    pub connections_broken: Option<u64>,
    /// Timeouts: connections cut short whose next packet is admitted anew.
    pub connections_recreated: Option<u64>,
}

/// What a rule edit that makes a class of connections untracked would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UntrackedSaving {
    /// The scope.
    pub scope: String,
    /// The class, as `service` names it.
    pub class: String,
    /// What the class takes now.
    pub share: Share,
    /// The rules to add.
    pub edits: Vec<String>,
    /// What the traffic needs now.
    pub demand_before: u64,
    /// What it needs after the edit, replayed.
    pub demand_after: u64,
    /// Greatest occupancy after the edit, with the limit.
    pub peak_after: u64,
    /// Packets that the allowance denies after the edit.
    pub conntrack_allowance_exceeded_after: u64,
    /// What becomes reachable that was not.
    pub exposure: Vec<String>,
    /// Packets of these captures that were denied and would pass.
    pub newly_admitted_packets: u64,
    /// Other ENIs that have the edited groups.
    pub other_enis: Vec<String>,
}

/// The same traffic in the connection table of a Linux host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinuxTable {
    /// `nf_conntrack_max`.
    pub max: u64,
    /// Timeouts in force.
    pub timeouts: Vec<OptionInForce>,
    /// Hosts: instances, and ENIs of no instance.
    pub hosts: Vec<LinuxHost>,
    /// What is not modelled.
    pub not_modelled: Vec<&'static str>,
}

/// One host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinuxHost {
    /// The instance, or the ENI.
    pub host: String,
    /// Greatest occupancy.
    pub peak: u64,
    /// When it was first reached.
    pub peak_at: Option<Moment>,
    /// What the traffic needs: the greatest occupancy without a maximum.
    pub demand_peak: u64,
    /// Packets dropped because the table is full.
    pub dropped: u64,
}

impl SweepTable {
    /// Sums up the rows of each value.
    #[must_use]
    pub fn with_totals(mut self) -> Self {
        self.totals =
            self.rows.chunk_by(|left, right| left.number == right.number).filter_map(total).collect();
        self
    }
}

/// The sum of the rows of one value.
fn total(rows: &[SweepRow]) -> Option<SweepRow> {
    let fill = |row: &&SweepRow| {
        u128::from(row.demand_peak.max(row.peak)) * 1_000_000 / u128::from(row.limit.max(1))
    };
    // Of equally full ones the first.
    let fullest = rows.iter().rev().max_by_key(fill)?;
    let sum = |number: fn(&SweepRow) -> u64| rows.iter().map(number).sum();
    let sum_of = |number: fn(&SweepRow) -> Option<u64>| rows.iter().map(number).sum();
    Some(SweepRow {
        conntrack_allowance_exceeded: sum(|row| row.conntrack_allowance_exceeded),
        connections_denied: sum(|row| row.connections_denied),
        connections_broken: sum_of(|row| row.connections_broken),
        connections_recreated: sum_of(|row| row.connections_recreated),
        ..fullest.clone()
    })
}

impl CapacityReport {
    /// A report of a replay as configured, whose findings are yet to come.
    pub fn of(replay: Summary) -> Self {
        Self {
            partial: replay.partial,
            packets: replay.total.packets,
            passed_over: replay.passed_over,
            span: replay.span.clone(),
            inputs: replay.inputs.clone(),
            options: replay.options.clone(),
            assumptions: replay.assumptions.clone(),
            warnings: replay.warnings.clone(),
            replay,
            ..Self::default()
        }
    }

    /// The report as a JSON document, indented, with a line feed at its end.
    ///
    /// # Errors
    /// None that a report can cause; those of the JSON writer are handed on.
    pub fn to_json(&self) -> io::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}
