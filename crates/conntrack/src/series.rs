//! The series of occupancy: a row for each scope and period (S7.9, S12.8).

use vpcreplay_flow::{Span, Timestamp};

/// Runs of uneventful periods are one row only in gaps of more than this many periods (S7.9).
const LONG_GAP: i64 = 10_000;

/// One row of the series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesRow {
    /// The allowance scope.
    pub scope: u32,
    /// Start of the (first) period, ns since the epoch.
    pub start: i64,
    /// How many periods the row stands for.
    pub periods: u64,
    /// Greatest occupancy, counting the carry-over after the expiries of the period's first instant.
    pub occupancy_max: u64,
    /// Occupancy at the end of the period.
    pub occupancy_last: u64,
    /// Entries created.
    pub created: u64,
    /// Entries expired.
    pub expired: u64,
    /// Entries replaced by a bare SYN.
    pub reopened: u64,
    /// Entries removed with their interface.
    pub removed: u64,
    /// Packets denied by the allowance.
    pub exceeded: u64,
}

/// One scope: its occupancy and the period whose row is being written.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// The open period; `None` before a model has brought the scope in.
    open: Option<i64>,
    occupancy: u64,
    row: SeriesRow,
    /// Whether anything happened in the open period; in a long gap, at any scope.
    is_eventful: bool,
}

/// A period, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period(i64);

impl Period {
    /// A period of 0 counts as 1 ns.
    pub(crate) fn of(span: Span) -> Self {
        Self(i64::try_from(span.nanos()).unwrap_or(i64::MAX).max(1))
    }

    /// Which one a time is in.
    const fn number(self, time: Timestamp) -> i64 {
        time.nanos().div_euclid(self.0)
    }

    /// When one begins.
    const fn start(self, number: i64) -> i64 {
        number.saturating_mul(self.0)
    }

    /// When the one ends that a time is in.
    pub(crate) const fn end(self, time: Timestamp) -> Timestamp {
        Timestamp::from_nanos(self.start(self.number(time).saturating_add(1)))
    }

    /// Whether a time is the first instant of its period.
    const fn begins_at(self, time: Timestamp) -> bool {
        time.nanos().rem_euclid(self.0) == 0
    }
}

/// Collects rows from events that come in order of time.
#[derive(Debug)]
pub struct Series {
    period: Period,
    lanes: Vec<Lane>,
    /// The period of the newest packet; `None` before the first. It has a row of its own in every scope.
    newest: Option<i64>,
    /// Whether the gap before the packet being served is a long one.
    in_long_gap: bool,
    /// The newest period of the gap at which runs are broken.
    broken: Option<i64>,
    /// Rows in order, and from `sorted` on those of the gap being served, unordered.
    rows: Vec<SeriesRow>,
    sorted: usize,
}

impl Series {
    /// An empty series.
    pub(crate) const fn new(period: Period) -> Self {
        Self {
            period,
            lanes: Vec::new(),
            newest: None,
            in_long_gap: false,
            broken: None,
            rows: Vec::new(),
            sorted: 0,
        }
    }

    /// Brings a scope in: it has rows from the period of `now` on, or from the first packet's.
    pub(crate) fn add_scope(&mut self, scope: u32, now: Timestamp) {
        if self.lanes.len() <= scope as usize {
            self.lanes.resize(scope as usize + 1, Lane::default());
        }
        if self.lanes.get(scope as usize).is_some_and(|lane| lane.open.is_some()) {
            return;
        }
        let period = self.period.number(now);
        self.break_runs(period);
        if let Some(lane) = self.lanes.get_mut(scope as usize) {
            // Also where another scope that came at this time has broken the runs already.
            (lane.open, lane.is_eventful) = (Some(period), self.in_long_gap);
        }
    }

    /// Notes that a packet comes at `now`, before the events up to it are booked: tells how long the gap is.
    pub(crate) fn begin_packet(&mut self, now: Timestamp) {
        let period = self.period.number(now);
        if let Some(newest) = self.newest {
            self.in_long_gap = period.saturating_sub(newest) > LONG_GAP + 1;
            return;
        }
        self.newest = Some(period);
        for lane in self.lanes.iter_mut().filter(|lane| lane.open.is_some()) {
            lane.open = Some(period);
        }
    }

    /// Opens the period of the packet at `now`, after the events up to it are booked.
    pub(crate) fn open_packet(&mut self, now: Timestamp) {
        let period = self.period.number(now);
        if self.newest == Some(period) {
            return;
        }
        for scope in 0..self.lanes.len() {
            self.catch_up(scope, period);
        }
        self.sort();
        self.newest = Some(period);
        (self.in_long_gap, self.broken) = (false, None);
    }

    pub(crate) fn created(&mut self, scope: u32, now: Timestamp) {
        self.book(scope, now, |lane| {
            lane.count_occupancy();
            lane.occupancy += 1;
            lane.count_occupancy();
            lane.row.created += 1;
        });
    }

    pub(crate) fn expired(&mut self, scope: u32, deadline: Timestamp) {
        let is_first_instant = self.period.begins_at(deadline);
        self.book(scope, deadline, |lane| {
            if !is_first_instant {
                lane.count_occupancy();
            }
            lane.occupancy = lane.occupancy.saturating_sub(1);
            lane.row.expired += 1;
        });
    }

    pub(crate) fn reopened(&mut self, scope: u32, now: Timestamp) {
        self.book(scope, now, |lane| {
            lane.lower(1);
            lane.row.reopened += 1;
        });
    }

    pub(crate) fn removed(&mut self, scope: u32, now: Timestamp) {
        self.book(scope, now, |lane| {
            lane.lower(1);
            lane.row.removed += 1;
        });
    }

    pub(crate) fn left(&mut self, scope: u32, entries: u64, now: Timestamp) {
        self.book(scope, now, |lane| lane.lower(entries));
    }

    pub(crate) fn came(&mut self, scope: u32, entries: u64, now: Timestamp) {
        self.book(scope, now, |lane| {
            lane.count_occupancy();
            lane.occupancy += entries;
            lane.count_occupancy();
        });
    }

    pub(crate) fn exceeded(&mut self, scope: u32, now: Timestamp) {
        self.book(scope, now, |lane| lane.row.exceeded += 1);
    }

    /// Takes the finished rows, sorted by start, then scope number.
    pub(crate) fn take_rows(&mut self) -> Vec<SeriesRow> {
        let gap = self.rows.split_off(self.sorted);
        self.sorted = 0;
        std::mem::replace(&mut self.rows, gap)
    }

    /// Writes the row of the newest packet's period for every scope.
    pub(crate) fn finish(&mut self) {
        if let Some(newest) = self.newest {
            for scope in 0..self.lanes.len() {
                self.catch_up(scope, newest.saturating_add(1));
            }
            self.sort();
        }
    }

    fn book(&mut self, scope: u32, time: Timestamp, event: impl FnOnce(&mut Lane)) {
        let period = self.period.number(time);
        self.break_runs(period);
        self.catch_up(scope as usize, period);
        if let Some(lane) = self.lanes.get_mut(scope as usize) {
            event(lane);
            lane.is_eventful = true;
        }
    }

    /// In a long gap an eventful period has a row of its own at every scope.
    fn break_runs(&mut self, period: i64) {
        if !self.in_long_gap || self.broken == Some(period) {
            return;
        }
        self.broken = Some(period);
        for scope in 0..self.lanes.len() {
            self.catch_up(scope, period);
        }
        for lane in &mut self.lanes {
            lane.is_eventful = true;
        }
    }

    /// Writes the rows of a scope's periods before `period` and opens that one.
    fn catch_up(&mut self, scope: usize, period: i64) {
        let Some(lane) = self.lanes.get_mut(scope) else { return };
        let Some(open) = lane.open.filter(|open| *open < period) else { return };
        let scope = u32::try_from(scope).unwrap_or(u32::MAX);
        let mut quiet_from = open;
        if lane.is_eventful || !self.in_long_gap || self.newest == Some(open) {
            lane.count_occupancy();
            let start = self.period.start(open);
            self.rows.push(SeriesRow {
                scope,
                start,
                periods: 1,
                occupancy_last: lane.occupancy,
                ..lane.row
            });
            quiet_from += 1;
        }
        let run = if self.in_long_gap { period - quiet_from } else { 1 };
        while quiet_from < period {
            self.rows.push(SeriesRow {
                scope,
                start: self.period.start(quiet_from),
                periods: run.unsigned_abs(),
                occupancy_max: lane.occupancy,
                occupancy_last: lane.occupancy,
                ..SeriesRow::default()
            });
            quiet_from += run;
        }
        *lane = Lane { open: Some(period), occupancy: lane.occupancy, ..Lane::default() };
    }

    fn sort(&mut self) {
        if let Some(fresh) = self.rows.get_mut(self.sorted..) {
            fresh.sort_by_key(|row| (row.start, row.scope));
        }
        self.sorted = self.rows.len();
    }
}

impl Lane {
    fn count_occupancy(&mut self) {
        self.row.occupancy_max = self.row.occupancy_max.max(self.occupancy);
    }

    fn lower(&mut self, entries: u64) {
        self.count_occupancy();
        self.occupancy = self.occupancy.saturating_sub(entries);
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
