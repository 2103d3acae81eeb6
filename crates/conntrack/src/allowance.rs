//! The allowance: how many entries each scope has, may have, and refused (S7.8).

use vpcreplay_flow::{Span, Timestamp};

use crate::series::Period;
use crate::{Series, SeriesRow, in_order};

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
    /// Live entries, as far as told.
    occupancy: u64,
    /// Live entries when the books were closed, and entries created since.
    closed: u64,
    created: u64,
    limit: u64,
    peak: Peak,
    exceeded: u64,
}

/// Something that a packet did to a scope.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// The first packet of a period came; for the series only.
    Came,
    Created(u32),
    Reopened(u32),
    /// For the series only.
    Exceeded(u32),
}

impl Deed {
    const fn scope(self) -> Option<u32> {
        match self {
            Self::Came => None,
            Self::Created(scope) | Self::Reopened(scope) | Self::Exceeded(scope) => Some(scope),
        }
    }
}

/// The books of every allowance scope: occupancy, limit, peak, refusals and series. Scopes are numbered from 0.
///
/// What packets do is told in order of time; what expires may be told later, and is put in its place when the books are
/// closed. Until then occupancy counts what has not been told as expired.
#[derive(Debug)]
pub struct Ledger {
    accounts: Vec<Account>,
    series: Option<Series>,
    /// That of a series, here or in the whole, for which it is noted when packets came and were denied.
    period: Option<Period>,
    /// When the period of the newest packet ends; never without a series.
    period_end: Timestamp,
    /// What was told since the books were closed: the packet, its time, what it did.
    deeds: Vec<(u64, Timestamp, Deed)>,
    expired: Vec<(Timestamp, u32)>,
    /// Whether a peak may have been reached since, whatever expired meanwhile.
    may_peak: bool,
}

impl Ledger {
    /// Empty books; with a period they keep a series that has a row for each.
    pub fn new(period: Option<Span>) -> Self {
        let period = period.map(Period::of);
        Self { series: period.map(Series::new), ..Self::without_series(period) }
    }

    fn without_series(period: Option<Period>) -> Self {
        Self {
            accounts: Vec::new(),
            series: None,
            period,
            period_end: if period.is_some() { Timestamp::MIN } else { Timestamp::MAX },
            deeds: Vec::new(),
            expired: Vec::new(),
            may_peak: false,
        }
    }

    /// Books for some of the flows, kept while no scope can reach its limit, for these to take over.
    #[must_use]
    pub fn part(&self) -> Self {
        let accounts = vec![Account { limit: u64::MAX, ..Account::default() }; self.accounts.len()];
        Self { accounts, ..Self::without_series(self.period) }
    }

    /// Takes over what was told to books of parts, in the order of the packets that did it.
    pub fn take_over(&mut self, parts: &mut [&mut Self]) {
        let mut deeds: Vec<&mut [_]> = parts.iter_mut().map(|part| part.deeds.as_mut_slice()).collect();
        in_order(&mut deeds, |(number, ..)| *number, |deed| self.note(*deed));
        for part in parts {
            part.deeds.clear();
            for (deadline, scope) in part.expired.drain(..) {
                self.expired(scope, deadline);
            }
        }
    }

    fn note(&mut self, (number, now, deed): (u64, Timestamp, Deed)) {
        match deed {
            Deed::Came => self.packet(number, now),
            Deed::Created(scope) => self.created(scope, (number, now)),
            Deed::Reopened(scope) => self.reopened(scope, (number, now)),
            Deed::Exceeded(scope) => self.exceeded(scope, (number, now)),
        }
    }

    /// How many entries more a scope may have at least; what has not been told as expired counts.
    pub fn room(&self, scope: u32) -> u64 {
        self.accounts.get(scope as usize).map_or(0, |account| account.limit.saturating_sub(account.occupancy))
    }

    /// Brings a scope in at `now`, or changes its limit. A lowered limit evicts nothing (S10.1). The books must be closed.
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

    /// Notes that a packet with a number came at `now`.
    #[inline]
    pub fn packet(&mut self, number: u64, now: Timestamp) {
        if now >= self.period_end {
            self.first_packet(number, now);
        }
    }

    /// Notes the first packet of a period: only that changes a series.
    #[cold]
    #[inline(never)]
    fn first_packet(&mut self, number: u64, now: Timestamp) {
        if let Some(period) = self.period {
            self.period_end = period.end(now);
            self.deeds.push((number, now, Deed::Came));
        }
    }

    /// Whether a scope is at its limit: a packet that would create an entry is denied (S7.8). Only a `true` depends on
    /// everything that expired being told.
    #[inline]
    pub fn is_full(&self, scope: u32) -> bool {
        self.room(scope) == 0
    }

    /// Notes an entry that a packet created at `now`.
    pub fn created(&mut self, scope: u32, (number, now): (u64, Timestamp)) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.occupancy += 1;
            account.created += 1;
            self.may_peak |= account.closed + account.created > account.peak.occupancy;
        }
        self.deeds.push((number, now, Deed::Created(scope)));
    }

    /// Notes an entry that expired at its deadline.
    pub fn expired(&mut self, scope: u32, deadline: Timestamp) {
        self.lower(scope);
        self.expired.push((deadline, scope));
    }

    /// Notes an entry that a bare SYN replaced at `now` (S7.6).
    pub fn reopened(&mut self, scope: u32, (number, now): (u64, Timestamp)) {
        self.lower(scope);
        self.deeds.push((number, now, Deed::Reopened(scope)));
    }

    /// Notes a packet that the allowance denied at `now`.
    #[inline]
    pub fn exceeded(&mut self, scope: u32, (number, now): (u64, Timestamp)) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.exceeded += 1;
        }
        if self.period.is_some() {
            self.deeds.push((number, now, Deed::Exceeded(scope)));
        }
    }

    /// Closes the books: puts everything that was told in order of time, what expired before what packets did at the
    /// same instant (S7.2), and books peaks and series. Everything that expired up to the last packet must be told.
    pub fn close(&mut self) {
        if self.may_peak || self.series.is_some() {
            self.book();
        }
        let changed = self.deeds.drain(..).filter_map(|(_, _, deed)| deed.scope());
        for scope in changed.chain(self.expired.drain(..).map(|(_, scope)| scope)) {
            if let Some(account) = self.accounts.get_mut(scope as usize) {
                (account.closed, account.created) = (account.occupancy, 0);
            }
        }
        self.may_peak = false;
    }

    /// Closes the books in the middle of a packet that comes at `now`: what expired up to now is all there is to book.
    pub fn close_expired(&mut self, now: Timestamp) {
        debug_assert!(self.deeds.is_empty(), "closed before");
        self.expired.sort_unstable();
        self.book_expired(&mut 0, now);
        self.expired.clear();
    }

    /// Begins the packet at `now` in the series, for what is booked at once on its way (S10.1). The books must be closed.
    pub fn begin_packet(&mut self, now: Timestamp) {
        if let Some(period) = self.period {
            self.period_end = period.end(now);
        }
        if let Some(series) = &mut self.series {
            series.begin_packet(now);
        }
    }

    /// Opens the period of the packet at `now` that was begun, after what ended up to it is booked.
    pub fn open_packet(&mut self, now: Timestamp) {
        if let Some(series) = &mut self.series {
            series.open_packet(now);
        }
    }

    /// Books what was told, in order.
    fn book(&mut self) {
        // By scope among equals: what is equal in both is the same. Takes no memory, unlike a stable sort.
        self.expired.sort_unstable();
        let mut next = 0;
        let deeds = std::mem::take(&mut self.deeds);
        for &(_, now, deed) in &deeds {
            if let (Deed::Came, Some(series)) = (deed, &mut self.series) {
                series.begin_packet(now);
            }
            self.book_expired(&mut next, now);
            self.book_deed(now, deed);
        }
        self.deeds = deeds;
        self.book_expired(&mut next, Timestamp::MAX);
    }

    fn book_expired(&mut self, next: &mut usize, now: Timestamp) {
        while let Some(&(deadline, scope)) = self.expired.get(*next).filter(|(deadline, _)| *deadline <= now)
        {
            *next += 1;
            if let Some(account) = self.accounts.get_mut(scope as usize) {
                account.closed = account.closed.saturating_sub(1);
            }
            if let Some(series) = &mut self.series {
                series.expired(scope, deadline);
            }
        }
    }

    fn book_deed(&mut self, now: Timestamp, deed: Deed) {
        let account = match deed {
            Deed::Created(scope) | Deed::Reopened(scope) => self.accounts.get_mut(scope as usize),
            Deed::Came | Deed::Exceeded(_) => None,
        };
        if let Some(account) = account {
            if let Deed::Created(_) = deed {
                account.closed += 1;
                account.raise_peak(now);
            } else {
                account.closed = account.closed.saturating_sub(1);
            }
        }
        let Some(series) = &mut self.series else { return };
        match deed {
            Deed::Came => series.open_packet(now),
            Deed::Created(scope) => series.created(scope, now),
            Deed::Reopened(scope) => series.reopened(scope, now),
            Deed::Exceeded(scope) => series.exceeded(scope, now),
        }
    }

    /// Books an entry whose interface went away at `now` (S10.1). The books must be closed.
    pub fn removed(&mut self, scope: u32, now: Timestamp) {
        self.lower(scope);
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.closed = account.occupancy;
        }
        if let Some(series) = &mut self.series {
            series.removed(scope, now);
        }
    }

    /// Books entries that leave a scope at `now` because their interface goes to another instance (S10.1). All that
    /// leave are booked before any that come. The books must be closed.
    pub fn left(&mut self, scope: u32, entries: u64, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.occupancy = account.occupancy.saturating_sub(entries);
            account.closed = account.occupancy;
        }
        if let Some(series) = &mut self.series {
            series.left(scope, entries, now);
        }
    }

    /// Books entries that come to a scope at `now` with their interface (S10.1).
    pub fn came(&mut self, scope: u32, entries: u64, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(scope as usize) {
            account.occupancy += entries;
            account.closed = account.occupancy;
            account.raise_peak(now);
        }
        if let Some(series) = &mut self.series {
            series.came(scope, entries, now);
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
        if self.closed > self.peak.occupancy {
            self.peak = Peak { occupancy: self.closed, at: Some(now) };
        }
    }
}

#[cfg(test)]
#[path = "allowance_tests.rs"]
mod tests;
