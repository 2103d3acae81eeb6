//! The books of a sweep: occupancy and its peak for each scope and value, exact in order of time (S7.2, S7.8).

use std::ops::Range;

use vpcreplay_conntrack::Peak;
use vpcreplay_flow::{Span, Timestamp};

use super::idle::Idle;
use super::parting::Ended;

/// One scope, by value.
#[derive(Clone, Debug)]
pub(super) struct Account {
    occupancy: Vec<i64>,
    peak: Vec<i64>,
    peak_at: Vec<Timestamp>,
    pub(super) created: Vec<u64>,
    pub(super) broken: Vec<u64>,
    pub(super) recreated: Vec<u64>,
}

/// What a packet did to a scope, or what ended there, for a range of values.
#[derive(Clone, Debug)]
struct Event {
    at: Timestamp,
    scope: u32,
    values: Range<u32>,
    change: i64,
}

/// The books of all scopes.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) values: Vec<Span>,
    accounts: Vec<Account>,
    /// Connections that the least value ended, by last packet and number.
    parted: Idle<(Timestamp, u64)>,
    /// Connections of flows that are judged apart, in the order of their last packets.
    apart: Idle<u64>,
    /// How many of these there were.
    queued: u64,
    /// What packets did since the books were closed, in order.
    deeds: Vec<Event>,
    /// What ended since, in no order.
    ends: Vec<Event>,
    /// Connections that idled and were saved since, from which value on.
    saved: Vec<((Timestamp, u64), usize)>,
}

/// What became of a packet that found a connection gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// It was denied.
    Broken,
    /// It made another connection.
    Recreated,
}

impl Books {
    pub(super) fn new(values: Vec<Span>) -> Self {
        Self {
            accounts: Vec::new(),
            parted: Idle::new(values.len()),
            apart: Idle::new(values.len()),
            queued: 0,
            deeds: Vec::new(),
            ends: Vec::new(),
            saved: Vec::new(),
            values,
        }
    }

    /// All values.
    pub(super) fn all(&self) -> Range<usize> {
        0..self.values.len()
    }

    /// A scope.
    pub(super) fn account(&mut self, scope: u32) -> Option<&mut Account> {
        let values = self.values.len();
        if self.accounts.len() <= scope as usize {
            self.accounts.resize_with(scope as usize + 1, || Account::new(values));
        }
        self.accounts.get_mut(scope as usize)
    }

    /// Whether every value has ended a connection by `now` that the least value ended at a time.
    pub(super) fn is_over(&self, ended: Timestamp, now: Timestamp) -> bool {
        let least = self.values.first().copied().unwrap_or_default();
        let greatest = self.values.last().copied().unwrap_or_default();
        before(ended, least).after(greatest).is_due(now)
    }

    /// Notes a connection that a packet created.
    pub(super) fn created(&mut self, scope: u32, at: Timestamp, values: Range<usize>) {
        if let Some(account) = self.account(scope) {
            add(&mut account.created, values.clone());
        }
        self.deeds.push(Event { at, scope, values: narrow(values), change: 1 });
    }

    /// Notes a connection that a packet ended (S7.6).
    pub(super) fn reopened(&mut self, scope: u32, at: Timestamp, values: Range<usize>) {
        self.deeds.push(Event { at, scope, values: narrow(values), change: -1 });
    }

    /// Notes a connection that ended by itself.
    pub(super) fn ended(&mut self, scope: u32, at: Timestamp, values: Range<usize>) {
        self.ends.push(Event { at, scope, values: narrow(values), change: -1 });
    }

    /// Notes that a packet came on a connection that the least value had ended, before values from `from` on did.
    pub(super) fn saved(&mut self, connection: (Timestamp, u64), from: usize) {
        self.saved.push((connection, from));
    }

    /// Notes a connection of a flow apart that had a packet at `now`, the newest: its number in the queue.
    pub(super) fn queue(&mut self, scope: u32, now: Timestamp, values: &Range<usize>) -> u64 {
        self.queued += 1;
        self.apart.push((now, self.queued), scope, values);
        self.queued
    }

    /// Takes a connection off the queue, but for the values before `from`, which end it.
    pub(super) fn unqueue(&mut self, queued: u64, from: usize) {
        self.apart.save(queued, from);
    }

    /// Notes what a packet found that came after the timeout had ended a connection.
    pub(super) fn lost(&mut self, scope: u32, loss: Loss, values: Range<usize>) {
        if let Some(account) = self.account(scope) {
            match loss {
                Loss::Broken => add(&mut account.broken, values),
                Loss::Recreated => add(&mut account.recreated, values),
            }
        }
    }

    /// Closes the books at the time of the newest packet: puts everything in order of time, what ended before what
    /// packets did at the same instant (S7.2). `ended` is what ended with the least value.
    pub(super) fn close(&mut self, now: Timestamp, ended: &mut Vec<Ended>) {
        self.take_ended(ended);
        for (connection, from) in self.saved.drain(..) {
            self.parted.save(connection, from);
        }
        self.parted.look(&self.values);
        self.apart.look(&self.values);
        self.ends.sort_unstable_by_key(|event| event.at);
        let ends = std::mem::take(&mut self.ends);
        let deeds = std::mem::take(&mut self.deeds);
        let mut coming = ends.iter().peekable();
        for deed in &deeds {
            while let Some(end) = coming.next_if(|end| end.at <= deed.at) {
                self.book(end);
            }
            if deed.change > 0 {
                self.end_idle(deed.at);
            }
            self.book(deed);
        }
        for end in coming {
            self.book(end);
        }
        self.end_idle(now);
        self.parted.tidy();
        self.apart.tidy();
        (self.ends, self.deeds) = (ends, deeds);
        self.ends.clear();
        self.deeds.clear();
    }

    /// What ended with the least value ended with all, but for what the swept timeout ended: that idles.
    fn take_ended(&mut self, ended: &mut Vec<Ended>) {
        ended.sort_unstable_by_key(|ended| (ended.at, ended.number));
        let least = self.values.first().copied().unwrap_or_default();
        for Ended { at, number, scope, is_parted } in ended.drain(..) {
            if is_parted {
                self.ended(scope, at, 0..1);
                let seen = before(at, least);
                self.parted.push((seen, (seen, number)), scope, &(1..self.values.len()));
            } else {
                self.ended(scope, at, self.all());
            }
        }
    }

    fn end_idle(&mut self, now: Timestamp) {
        let accounts = &mut self.accounts;
        let mut ended = |value, scope| {
            let account = accounts.get_mut(scope as usize);
            if let Some(occupancy) =
                account.and_then(|account: &mut Account| account.occupancy.get_mut(value))
            {
                *occupancy -= 1;
            }
        };
        self.parted.advance(now, &self.values, &mut ended);
        self.apart.advance(now, &self.values, &mut ended);
    }

    fn book(&mut self, event: &Event) {
        let Event { at, scope, ref values, change } = *event;
        let values = values.start as usize..values.end as usize;
        let Some(account) = self.account(scope) else { return };
        let occupancy = account.occupancy.get_mut(values.clone()).unwrap_or_default();
        if change < 0 {
            for occupancy in occupancy {
                *occupancy -= 1;
            }
            return;
        }
        let peak = account.peak.get_mut(values.clone()).unwrap_or_default();
        let peak_at = account.peak_at.get_mut(values).unwrap_or_default();
        for ((occupancy, peak), peak_at) in occupancy.iter_mut().zip(peak).zip(peak_at) {
            *occupancy += 1;
            if *occupancy > *peak {
                (*peak, *peak_at) = (*occupancy, at);
            }
        }
    }
}

impl Account {
    fn new(values: usize) -> Self {
        Self {
            occupancy: vec![0; values],
            peak: vec![0; values],
            peak_at: vec![Timestamp::MIN; values],
            created: vec![0; values],
            broken: vec![0; values],
            recreated: vec![0; values],
        }
    }

    /// The peak with a value.
    pub(super) fn peak(&self, value: usize) -> Peak {
        let occupancy = self.peak.get(value).map_or(0, |peak| u64::try_from(*peak).unwrap_or(0));
        let at = self.peak_at.get(value).copied().filter(|_| occupancy > 0);
        Peak { occupancy, at }
    }
}

/// A time so long before another one.
pub(super) const fn before(time: Timestamp, span: Span) -> Timestamp {
    Timestamp::from_nanos(time.nanos().saturating_sub_unsigned(span.nanos()))
}

fn add(counts: &mut [u64], values: Range<usize>) {
    for count in counts.get_mut(values).unwrap_or_default() {
        *count += 1;
    }
}

fn narrow(values: Range<usize>) -> Range<u32> {
    let narrow = |value| u32::try_from(value).unwrap_or(u32::MAX);
    narrow(values.start)..narrow(values.end)
}
