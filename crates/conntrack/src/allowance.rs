//! The allowance: how many entries each scope has, may have, and refused (S7.8).

use vpcreplay_flow::{Span, Timestamp};

use crate::{Series, SeriesRow};

/// The greatest occupancy of a scope and when it was first reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// Live entries.
    pub occupancy: u64,
    /// Engine time; `None` while the scope never had an entry.
    pub at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    occupancy: u64,
    limit: u64,
    peak: Peak,
    exceeded: u64,
}

/// The books of every allowance scope: occupancy, limit, peak, refusals and series. Scopes are numbered from 0.
#[derive(Debug)]
pub struct Ledger {
    accounts: Vec<Account>,
    series: Option<Series>,
}

impl Ledger {
    /// Empty books; with a period they keep a series that has a row for each.
    pub fn new(period: Option<Span>) -> Self {
        Self { accounts: Vec::new(), series: period.map(Series::new) }
    }

    /// Brings a scope in at `now`, or changes its limit. A lowered limit evicts nothing (S10.1).
    pub fn set_limit(&mut self, scope: u32, limit: u64, now: Timestamp) {
        if self.accounts.len() <= scope as usize {
            self.accounts.resize(scope as usize + 1, Account::default());
        }
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.limit = limit;
        }
        if let Some(series) = &mut self.series {
            series.add_scope(scope, now);
        }
    }

    /// Notes that a packet came at `now`, before anything of its time is booked.
    pub fn begin_packet(&mut self, now: Timestamp) {
        if let Some(series) = &mut self.series {
            series.begin_packet(now);
        }
    }

    /// Opens the period of the packet at `now`, after what ended up to it is booked.
    pub fn open_packet(&mut self, now: Timestamp) {
        if let Some(series) = &mut self.series {
            series.open_packet(now);
        }
    }

    /// Whether a scope is at its limit: a packet that would create an entry is denied (S7.8).
    pub fn is_full(&self, scope: u32) -> bool {
        self.accounts.get(scope as usize).is_none_or(|account| account.occupancy >= account.limit)
    }

    /// Books an entry that was created at `now`.
    pub fn created(&mut self, scope: u32, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.occupancy += 1;
            account.raise_peak(now);
        }
        if let Some(series) = &mut self.series {
            series.created(scope, now);
        }
    }

    /// Books an entry that expired at its deadline.
    pub fn expired(&mut self, scope: u32, deadline: Timestamp) {
        self.lower(scope);
        if let Some(series) = &mut self.series {
            series.expired(scope, deadline);
        }
    }

    /// Books an entry that a bare SYN replaced at `now` (S7.6).
    pub fn reopened(&mut self, scope: u32, now: Timestamp) {
        self.lower(scope);
        if let Some(series) = &mut self.series {
            series.reopened(scope, now);
        }
    }

    /// Books an entry whose interface went away at `now` (S10.1).
    pub fn removed(&mut self, scope: u32, now: Timestamp) {
        self.lower(scope);
        if let Some(series) = &mut self.series {
            series.removed(scope, now);
        }
    }

    /// Books entries that leave a scope at `now` because their interface goes to another instance (S10.1). All that
    /// leave are booked before any that come.
    pub fn left(&mut self, scope: u32, entries: u64, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.occupancy = account.occupancy.saturating_sub(entries);
        }
        if let Some(series) = &mut self.series {
            series.left(scope, entries, now);
        }
    }

    /// Books entries that come to a scope at `now` with their interface (S10.1).
    pub fn came(&mut self, scope: u32, entries: u64, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.occupancy += entries;
            account.raise_peak(now);
        }
        if let Some(series) = &mut self.series {
            series.came(scope, entries, now);
        }
    }

    /// Books a packet that the allowance denied at `now`.
    pub fn exceeded(&mut self, scope: u32, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.exceeded += 1;
        }
        if let Some(series) = &mut self.series {
            series.exceeded(scope, now);
        }
    }

    /// Live entries of a scope.
    pub fn occupancy(&self, scope: u32) -> u64 {
        self.accounts.get(scope as usize).map_or(0, |account| account.occupancy)
    }

    /// The limit in force at a scope.
    pub fn limit(&self, scope: u32) -> u64 {
        self.accounts.get(scope as usize).map_or(0, |account| account.limit)
    }

    /// The greatest occupancy of a scope.
    pub fn peak(&self, scope: u32) -> Peak {
        self.accounts.get(scope as usize).map_or_else(Peak::default, |account| account.peak)
    }

    /// Packets that the allowance of a scope denied.
    pub fn denied(&self, scope: u32) -> u64 {
        self.accounts.get(scope as usize).map_or(0, |account| account.exceeded)
    }

    /// Takes the rows of the series that are finished, sorted by start, then scope number (S7.9).
    pub fn take_rows(&mut self) -> Vec<SeriesRow> {
        self.series.as_mut().map_or_else(Vec::new, Series::take_rows)
    }

    /// Finishes the series at the last packet's period.
    pub fn finish(&mut self) {
        if let Some(series) = &mut self.series {
            series.finish();
        }
    }

    fn lower(&mut self, scope: u32) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.occupancy = account.occupancy.saturating_sub(1);
        }
    }
}

impl Account {
    fn raise_peak(&mut self, now: Timestamp) {
        if self.occupancy > self.peak.occupancy {
            self.peak = Peak { occupancy: self.occupancy, at: Some(now) };
        }
    }
}
