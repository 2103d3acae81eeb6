//! Occupancy over time (S7.9, S12.8): every event is kept, rows are counted at the end.

use vpcreplay_flow::Timestamp;

use super::records::SeriesRow;

/// A gap of more periods than this without a packet is run-length coded (S7.9).
const LONG_GAP: i64 = 10_000;

/// Something that happens at a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Created,
    Expired,
    Reopened,
    Removed,
    /// A packet was denied at the limit.
    Exceeded,
    /// An entry came with its ENI from another instance (S10.1).
    Came,
    /// An entry left with its ENI for another instance.
    Left,
}

/// A happening with its time and scope.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) time: Timestamp,
    pub(super) scope: String,
    pub(super) what: Happening,
}

/// All that the series needs.
#[derive(Debug)]
pub(super) struct Series {
    period: i64,
    /// Scopes and the time from which each has rows (S12.8).
    scopes: Vec<(String, Timestamp)>,
    /// In order of time.
    events: Vec<Event>,
    /// The periods with packets, ascending, by number since the epoch.
    packets: Vec<i64>,
}

impl Series {
    /// Nothing yet; the period is in ns.
    pub(super) const fn new(period: i64) -> Self {
        Self { period, scopes: Vec::new(), events: Vec::new(), packets: Vec::new() }
    }

    /// The number of the period of a time, aligned to the epoch.
    fn period_of(&self, time: Timestamp) -> i64 {
        time.nanos().div_euclid(self.period)
    }

    /// The first packet.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.packet(now);
    }

    /// A packet at engine time.
    pub(super) fn packet(&mut self, now: Timestamp) {
        let period = self.period_of(now);
        if self.packets.last() != Some(&period) {
            self.packets.push(period);
        }
    }

    /// A scope that has rows from a time on.
    pub(super) fn scope(&mut self, name: String, from: Timestamp) {
        if self.scopes.iter().all(|(known, _)| *known != name) {
            self.scopes.push((name, from));
        }
    }

    /// Notes an event.
    pub(super) fn log(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The rows, sorted by start, then scope.
    pub(super) fn rows(&self) -> Vec<SeriesRow> {
        let mut rows: Vec<SeriesRow> =
            self.scopes.iter().flat_map(|(scope, from)| self.rows_of(scope, self.period_of(*from))).collect();
        rows.sort_by(|a, b| (a.period_start_ns, &a.scope).cmp(&(b.period_start_ns, &b.scope)));
        rows
    }

    /// The rows of one scope from a period on.
    fn rows_of(&self, scope: &str, from: i64) -> Vec<SeriesRow> {
        let mut rows = Vec::new();
        let mut occupancy = 0;
        for pair in self.packets.windows(2) {
            let (this, next) = (pair[0], pair[1]);
            if this >= from {
                rows.push(self.row(scope, this, &mut occupancy));
            }
            self.gap(scope, (this + 1).max(from)..next, next - this - 1, (&mut occupancy, &mut rows));
        }
        if let Some(last) = self.packets.last() {
            rows.push(self.row(scope, *last, &mut occupancy));
        }
        rows
    }

    /// The rows of periods without packets; runs in which nothing happens are one row when the gap is long.
    fn gap(
        &self,
        scope: &str,
        periods: std::ops::Range<i64>,
        length: i64,
        (occupancy, rows): (&mut u64, &mut Vec<SeriesRow>),
    ) {
        let mut period = periods.start;
        while period < periods.end {
            let row = self.row(scope, period, occupancy);
            let next = if length > LONG_GAP && !self.is_busy(period) {
                // The run ends before the next period in which something happens, at whatever scope.
                self.next_busy_period(period).map_or(periods.end, |busy| busy.min(periods.end))
            } else {
                period + 1
            };
            rows.push(SeriesRow { periods: next.abs_diff(period), ..row });
            period = next;
        }
    }

    /// The periods in which something happens: an event, or a scope that a later model brings.
    fn busy_periods(&self) -> impl Iterator<Item = i64> {
        let brought = self.scopes.iter().map(|(_, from)| *from);
        self.events.iter().map(|event| event.time).chain(brought).map(|time| self.period_of(time))
    }

    /// Whether something happens in a period.
    fn is_busy(&self, period: i64) -> bool {
        self.busy_periods().any(|busy| busy == period)
    }

    /// The first period after one in which something happens.
    fn next_busy_period(&self, after: i64) -> Option<i64> {
        self.busy_periods().filter(|period| *period > after).min()
    }

    /// One row.
    fn row(&self, scope: &str, period: i64, occupancy: &mut u64) -> SeriesRow {
        let start = period.saturating_mul(self.period);
        let mut row = SeriesRow {
            scope: scope.to_owned(),
            period_start_ns: start,
            periods: 1,
            occupancy_max: 0,
            occupancy_last: 0,
            created: 0,
            expired: 0,
            reopened: 0,
            removed: 0,
            conntrack_allowance_exceeded: 0,
        };
        let events: Vec<&Event> = self
            .events
            .iter()
            .filter(|event| event.scope == scope && self.period_of(event.time) == period)
            .collect();
        // The maximum counts the carry-over after the expiries of the period's first instant.
        let first = events
            .iter()
            .take_while(|event| event.what == Happening::Expired && event.time.nanos() == start)
            .count();
        for event in &events[..first] {
            row.book(event.what, occupancy);
        }
        row.occupancy_max = *occupancy;
        for event in &events[first..] {
            row.book(event.what, occupancy);
            row.occupancy_max = row.occupancy_max.max(*occupancy);
        }
        row.occupancy_last = *occupancy;
        row
    }
}

impl SeriesRow {
    /// Books one event.
    const fn book(&mut self, what: Happening, occupancy: &mut u64) {
        match what {
            Happening::Created => {
                self.created += 1;
                *occupancy += 1;
            }
            Happening::Expired => {
                self.expired += 1;
                *occupancy -= 1;
            }
            Happening::Reopened => {
                self.reopened += 1;
                *occupancy -= 1;
            }
            Happening::Removed => {
                self.removed += 1;
                *occupancy -= 1;
            }
            Happening::Came => *occupancy += 1,
            Happening::Left => *occupancy -= 1,
            Happening::Exceeded => self.conntrack_allowance_exceeded += 1,
        }
    }
}
