//! The books of one allowance scope: occupancy over time, and whose it is.

use std::net::IpAddr;

use vpcreplay_engine::{Peak, RuleId, State};
use vpcreplay_flow::{Protocol, Timestamp};

use crate::classes::{Classes, Contribution, Contributor, Fate, Life, ServiceClass, Tally};
use crate::copies::{Changes, Increase};
use crate::entries::{ClassNumbers, Entry, Identity};
use crate::envelope::Envelope;

/// Shares of the limit, in percent: the time spent above each is measured.
pub const THRESHOLDS: [u64; 3] = [50, 80, 95];

/// Which classes an entry is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassKeys {
    pub(crate) peer: IpAddr,
    pub(crate) service: ServiceClass,
    pub(crate) rule: Option<RuleId>,
}

/// What a state takes of the table; its share of a peak is known while the peak is the newest.
#[derive(Clone, Copy, Debug, Default)]
struct StateBook {
    tally: Tally,
    live: u64,
    at_peak: u64,
    epoch: u32,
}

/// The books of one allowance scope.
#[derive(Clone, Debug, Default)]
pub struct ScopeMeter {
    occupancy: u64,
    limit: u64,
    /// Up to when everything is booked; `None` before the scope is there.
    booked: Option<Timestamp>,
    above_ns: [u64; 3],
    span_ns: u64,
    peak: Peak,
    /// How many peaks there were, each greater than the one before.
    epoch: u32,
    connections: u64,
    peers: Classes<IpAddr>,
    services: Classes<ServiceClass>,
    rules: Classes<Option<RuleId>>,
    protocols: Classes<Protocol>,
    states: [StateBook; State::ALL.len()],
    fates: [Tally; Fate::ALL.len()],
    total: Tally,
    envelope: Envelope,
    pub(crate) increase: Increase,
    pub(crate) changes: Option<Changes>,
    pub(crate) exceeded: u64,
    pub(crate) first_denied: Option<u64>,
}

impl ScopeMeter {
    /// Live entries.
    pub const fn occupancy(&self) -> u64 {
        self.occupancy
    }

    /// The limit in force.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// The greatest occupancy and when it was first reached.
    pub const fn peak(&self) -> Peak {
        self.peak
    }

    /// Nanoseconds spent above each of [`THRESHOLDS`] of the limit in force.
    pub const fn above_ns(&self) -> [u64; 3] {
        self.above_ns
    }

    /// Nanoseconds from the first packet, or from the model that brought the scope in, to the last packet.
    pub const fn span_ns(&self) -> u64 {
        self.span_ns
    }

    /// All entries together.
    pub fn total(&self) -> Tally {
        self.total.as_of(self.epoch)
    }

    /// Packets that the allowance denied, and the number of the first one.
    pub const fn exceeded(&self) -> (u64, Option<u64>) {
        (self.exceeded, self.first_denied)
    }

    /// The greatest occupancy over time.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What peaks of several copies follow from.
    pub const fn increase(&self) -> &Increase {
        &self.increase
    }

    /// Every change of occupancy, where they were to be kept.
    pub const fn changes(&self) -> Option<&Changes> {
        self.changes.as_ref()
    }

    /// Brings the scope in at a time, or changes its limit.
    pub(crate) fn set_limit(&mut self, limit: u64, now: Timestamp) {
        if self.booked.is_some() {
            self.book(now);
        }
        self.booked = Some(now);
        self.limit = limit;
    }

    /// Books the time up to `now` with the occupancy that it had.
    #[inline]
    pub(crate) fn book(&mut self, now: Timestamp) {
        let Some(before) = self.booked else { return };
        if before == now {
            return;
        }
        self.booked = Some(now);
        let length = now.since(before).nanos();
        self.span_ns += length;
        for (above, percent) in self.above_ns.iter_mut().zip(THRESHOLDS) {
            if u128::from(self.occupancy) * 100 > u128::from(self.limit) * u128::from(percent) {
                *above += length;
            }
        }
        self.envelope.note(before, now, self.occupancy);
    }

    /// Numbers of an entry's classes in this scope.
    pub(crate) fn classes(&mut self, protocol: Protocol, keys: &ClassKeys) -> ClassNumbers {
        ClassNumbers {
            peer: self.peers.number(keys.peer),
            service: self.services.number(keys.service),
            rule: self.rules.number(keys.rule),
            protocol: self.protocols.number(protocol),
        }
    }

    /// The keys of an entry's classes in this scope; `None` for those that came too late.
    pub(crate) fn rule_of(&self, classes: ClassNumbers) -> Option<RuleId> {
        self.rules.key(classes.rule).flatten()
    }

    /// Books an entry that comes at `now`; the peak is looked at by [`ScopeMeter::raise`].
    pub(crate) fn enter(&mut self, state: State, now: Timestamp) {
        self.book(now);
        self.occupancy += 1;
        self.connections += 1;
        self.shift_state(None, Some(state));
    }

    /// Notes the occupancy after entries came: the first peak that they are part of.
    pub(crate) fn raise(&mut self, now: Timestamp) -> u32 {
        self.envelope.note(now, now, self.occupancy);
        if self.occupancy <= self.peak.occupancy {
            return self.epoch + 1;
        }
        self.peak = Peak { occupancy: self.occupancy, at: Some(now) };
        self.epoch += 1;
        self.epoch
    }

    /// Books an entry that leaves at `at`.
    pub(crate) fn leave(&mut self, (entry, identity): (&Entry, &Identity), at: Timestamp) {
        self.book(at);
        self.occupancy = self.occupancy.saturating_sub(1);
        self.shift_state(Some(entry.state), None);
        self.settle((entry, identity), at);
    }

    /// Books an entry's life up to `at`.
    pub(crate) fn settle(&mut self, (entry, identity): (&Entry, &Identity), at: Timestamp) {
        let epoch = self.epoch;
        let is_at_peak = entry.first_peak <= epoch;
        let idle_ns = at.since(entry.last.max(entry.since)).nanos();
        let life = Life { entry_ns: at.since(entry.since).nanos(), idle_ns, is_at_peak, epoch };
        let ClassNumbers { peer, service, rule, protocol } = identity.classes;
        let classes = [
            self.peers.tally(peer),
            self.services.tally(service),
            self.rules.tally(rule),
            self.protocols.tally(protocol),
            self.fates.get_mut(Fate::of(entry.state) as usize),
            Some(&mut self.total),
        ];
        for tally in classes.into_iter().flatten() {
            tally.add(&life);
        }
        self.stay(entry, at);
        if let Some(book) = self.states.get_mut(entry.state as usize) {
            book.tally.idle_ns += u128::from(idle_ns);
        }
    }

    /// Books the time that an entry was in its state.
    fn stay(&mut self, entry: &Entry, until: Timestamp) {
        if let Some(book) = self.states.get_mut(entry.state as usize) {
            book.tally.connections += 1;
            book.tally.entry_ns += u128::from(until.since(entry.state_since).nanos());
        }
    }

    /// Books that an entry takes another state at `now`.
    pub(crate) fn change_state(&mut self, entry: &Entry, to: State, now: Timestamp) {
        self.stay(entry, now);
        self.shift_state(Some(entry.state), Some(to));
    }

    fn shift_state(&mut self, from: Option<State>, to: Option<State>) {
        let epoch = self.epoch;
        for (state, is_more) in [(from, false), (to, true)] {
            let Some(book) = state.and_then(|state| self.states.get_mut(state as usize)) else { continue };
            // Before the first change after a peak: what lives now lived then.
            if book.epoch != epoch {
                (book.epoch, book.at_peak) = (epoch, book.live);
            }
            book.live = if is_more { book.live + 1 } else { book.live.saturating_sub(1) };
        }
    }

    /// All classes with what they take, by kind and key; classes without a connection are left out.
    pub fn contributions(&self) -> Vec<Contribution> {
        fn all<K: Copy + Eq + std::hash::Hash + Ord>(
            classes: &Classes<K>,
            epoch: u32,
            class: impl Fn(K) -> Contributor,
        ) -> Vec<Contribution> {
            let all = classes.all(epoch).into_iter();
            all.map(|(key, tally)| Contribution { class: key.map(&class), tally }).collect()
        }
        let epoch = self.epoch;
        let mut all_kinds = all(&self.peers, epoch, Contributor::Peer);
        all_kinds.extend(all(&self.services, epoch, Contributor::Service));
        all_kinds.extend(all(&self.rules, epoch, Contributor::Rule));
        all_kinds.extend(all(&self.protocols, epoch, Contributor::Protocol));
        all_kinds.extend(State::ALL.into_iter().zip(&self.states).map(|(state, book)| {
            let at_peak = if book.epoch == epoch { book.at_peak } else { book.live };
            let tally = Tally { at_peak, ..book.tally.as_of(epoch) };
            Contribution { class: Some(Contributor::State(state)), tally }
        }));
        all_kinds.extend(Fate::ALL.into_iter().zip(&self.fates).map(|(fate, tally)| Contribution {
            class: Some(Contributor::Fate(fate)),
            tally: tally.as_of(epoch),
        }));
        all_kinds.retain(|contribution| contribution.tally.connections > 0);
        all_kinds
    }
}
