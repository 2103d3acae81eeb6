//! A shard: the flows whose keys fall into it, and their timers. One owner at a time, no sharing.
//!
//! What ends does so at its deadline, but is taken away, and told, when time is advanced. Until then whoever looks at an
//! entry asks for its deadline too.

mod timers;

use vpcreplay_flow::{End, Event, FlowKey, ShortKey, Span, Timeouts, Timestamp};

use crate::flow::NIL;
use crate::index::{Buckets, Index};
use crate::rest::Rests;
use crate::wheel::Wheel;
use crate::{Departed, Entry, Flow};

/// Flows that wait for their timers being looked at, at most.
const MOST_NEARER: usize = 1024;
/// How many timers ahead the memory of their flows is asked for.
const TIMERS_AHEAD: usize = 8;

/// A shard of a [`crate::Table`]: flows are known by their place in it. `M` is what the judge remembers in a flow's
/// cache line, `A` what it remembers aside of few flows.
#[derive(Debug)]
pub struct Shard<M, A> {
    index: Index,
    flows: Vec<Flow<M>>,
    /// A list of free records, through their `rest`.
    free: u32,
    rests: Rests<A>,
    /// When each flow must be looked at.
    wheel: Wheel,
    /// Flows whose next event has come nearer and whose timers must be looked at before any goes off: together, so that all are
    /// asked for ahead, and once for several packets of a flow.
    nearer: Vec<u32>,
    memory: Span,
    /// Nothing ends before this time.
    not_before: Timestamp,
}

/// A packet that a connection's state steps by.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What it means to the state.
    pub event: Event,
    /// The end that sent it.
    pub sender: End,
    /// When it came.
    pub now: Timestamp,
    /// The timeouts in force.
    pub timeouts: &'a Timeouts,
}

impl<M: Copy + Default, A: Default> Shard<M, A> {
    /// An empty shard; how long a flow is remembered after its last packet, and how many flows room is reserved for.
    pub(crate) fn new(memory: Span, room: usize) -> Self {
        // A flow record is one cache line.
        const { assert!(size_of::<Flow<M>>() == 64) };
        let mut shard = Self {
            index: Index::with_room(room),
            flows: Vec::new(),
            free: NIL,
            rests: Rests::with_room(room),
            wheel: Wheel::new(),
            nearer: Vec::with_capacity(MOST_NEARER),
            memory,
            not_before: Timestamp::MAX,
        };
        // Addresses, not memory: that comes page by page as flows do. Records that are moved while the table grows would cost
        // as much as they do at first. Where so many addresses are not to be had, they are moved.
        if shard.flows.try_reserve_exact(room).is_ok() {
            shard.wheel.reserve(room);
        }
        shard
    }

    /// The place of the flow with a key, whose short form and hash are given too. `guess` is where it most likely is,
    /// by [`Shard::guess`].
    #[inline]
    pub fn find(&self, key: &FlowKey, (short, hash): (ShortKey, u64), guess: u32) -> Option<u32> {
        if self.is_at(key, short, guess) {
            return Some(guess);
        }
        let again = self.index.buckets().at_home(hash);
        if again == NIL { None } else { self.search((key, short, hash), again) }
    }

    /// The same; `guess` is where it is now at first sight: most flows that were not there when they were guessed have come since.
    #[inline(never)]
    fn search(&self, (key, short, hash): (&FlowKey, ShortKey, u64), guess: u32) -> Option<u32> {
        if self.is_at(key, short, guess) {
            return Some(guess);
        }
        self.index.buckets().find(hash, |at| self.is_at(key, short, at))
    }

    /// Whether the flow with a key, whose short form is given too, is at a place.
    #[inline]
    pub fn is_at(&self, key: &FlowKey, short: ShortKey, at: u32) -> bool {
        self.flows
            .get(at as usize)
            .is_some_and(|flow| flow.is_of(short) && (!short.is_wide() || self.has_addresses(flow, key)))
    }

    #[inline]
    fn has_addresses(&self, flow: &Flow<M>, key: &FlowKey) -> bool {
        self.rests.addresses(flow) == Some(key.wide_addresses())
    }

    /// Most often the place of the flow with a hash.
    #[inline]
    pub fn guess(&self, hash: u64) -> u32 {
        self.index.buckets().guess(hash)
    }

    /// What tells where flows are.
    #[inline]
    pub(crate) fn buckets(&self) -> Buckets<'_> {
        self.index.buckets()
    }

    /// Its records of flows, by place.
    #[inline]
    pub(crate) fn records(&self) -> &[Flow<M>] {
        &self.flows
    }

    /// Adds a flow that is not in the table, remembered, with its timer, and with a connection or without.
    #[expect(clippy::inline_always, reason = "as Table::begin")]
    #[inline(always)]
    pub(crate) fn begin(
        &mut self,
        (key, hash): (&FlowKey, u64),
        now: Timestamp,
        (memory, entry): (M, Option<Entry>),
    ) -> u32 {
        let at = self.insert(key, hash, now);
        let mut next = Timestamp::MAX;
        if let Some(flow) = self.flows.get_mut(at as usize) {
            flow.begin(memory, entry);
            next = match entry {
                Some(entry) => entry.deadline,
                None => flow.over(self.memory),
            };
        }
        self.set_timer(at, next);
        at
    }

    /// Adds a flow that is not in the table. It has no timer before it is settled and time goes on.
    #[inline(never)]
    pub(crate) fn insert(&mut self, key: &FlowKey, hash: u64, now: Timestamp) -> u32 {
        let rest = if key.is_wide() { self.rests.add_addresses(key.wide_addresses()) } else { NIL };
        if self.free == NIL {
            self.flows.push(Flow::free(NIL));
            self.wheel.add_index();
            // The bound on remembered flows and live connections keeps this far below 2^32.
            self.free = u32::try_from(self.flows.len() - 1).unwrap_or(NIL);
        }
        let at = self.free;
        if let Some(flow) = self.flows.get_mut(at as usize) {
            self.free = flow.rest;
            flow.take_over(key.short(), now, rest);
        }
        let flows = &self.flows;
        let hash_of = |at: u32| flows.get(at as usize).map_or(0, |flow| flow.key.hash64());
        self.index.insert(hash, at, hash_of);
        at
    }

    /// A flow.
    #[inline]
    pub fn flow(&self, at: u32) -> Option<&Flow<M>> {
        self.flows.get(at as usize)
    }

    /// A flow.
    #[inline]
    pub fn flow_mut(&mut self, at: u32) -> Option<&mut Flow<M>> {
        self.flows.get_mut(at as usize)
    }

    /// What the judge remembers of a flow aside; `None` where that is nothing.
    #[inline]
    pub fn aside(&self, at: u32) -> Option<&A> {
        self.rests.aside(self.flows.get(at as usize)?)
    }

    /// What the judge remembers of a flow aside; made where that is nothing yet.
    pub fn make_aside(&mut self, at: u32) -> Option<&mut A> {
        self.rests.make_aside(self.flows.get_mut(at as usize)?)
    }

    /// What the judge remembers of a flow aside; `None` where that is nothing.
    pub fn aside_mut(&mut self, at: u32) -> Option<&mut A> {
        self.rests.aside_mut(self.flows.get(at as usize)?)
    }

    /// Whether something was ever kept of a flow beside its record.
    #[inline]
    pub(crate) const fn has_rests(&self) -> bool {
        !self.rests.are_unused()
    }

    /// Asks for what is kept of a flow beside its record, once that has come.
    #[inline]
    pub(crate) fn prefetch_rest(&self, at: u32) {
        if let Some(flow) = self.flows.get(at as usize).filter(|flow| flow.rest != NIL) {
            self.rests.prefetch(flow);
        }
    }

    /// The key of a flow.
    pub fn key(&self, at: u32) -> Option<FlowKey> {
        let flow = self.flows.get(at as usize)?;
        let wide = if flow.key.is_wide() { self.rests.addresses(flow) } else { None };
        Some(flow.key.whole(wide))
    }

    /// The connections of a flow, in no particular order.
    pub fn entries(&self, at: u32) -> impl Iterator<Item = &Entry> {
        let flow = self.flows.get(at as usize).filter(|flow| flow.has_entries());
        flow.into_iter().flat_map(|flow| std::iter::once(&flow.first).chain(self.rests.entries(flow)))
    }

    /// A flow's connection at an interface.
    #[inline]
    pub fn entry(&self, at: u32, eni: u32) -> Option<&Entry> {
        let flow = self.flows.get(at as usize).filter(|flow| flow.has_entries())?;
        if flow.first.eni == eni {
            return Some(&flow.first);
        }
        self.rests.entries(flow).find(|entry| entry.eni == eni)
    }

    /// A packet that the checkpoint of an interface allows on the flow's connection there: the state steps, the
    /// deadline moves (S7.2, S7.4). Gives the connection after it; `None` where there is none.
    #[inline]
    pub fn refresh(&mut self, at: u32, eni: u32, step: Step<'_>) -> Option<Entry> {
        self.refresh_if(at, eni, step, |_| true)
    }

    /// As [`Shard::refresh`], if the connection before it is as wanted; `None` and no change otherwise.
    #[expect(
        clippy::inline_always,
        reason = "most callers want one field of the entry; as a call it costs twice as much"
    )]
    #[inline(always)]
    pub fn refresh_if(
        &mut self,
        at: u32,
        eni: u32,
        step: Step<'_>,
        is_wanted: impl FnOnce(&Entry) -> bool,
    ) -> Option<Entry> {
        let flow = self.flows.get_mut(at as usize).filter(|flow| flow.has_entries())?;
        let entry = if flow.first.eni == eni { &mut flow.first } else { self.rests.entry_mut(flow, eni)? };
        if !is_wanted(entry) {
            return None;
        }
        let before = entry.deadline;
        let after = entry.refreshed(step);
        // Written field by field, and not read back: reading would wait for the writes.
        entry.tracking = after.tracking;
        entry.deadline = after.deadline;
        if after.deadline() < before {
            flow.unsettle();
        }
        Some(after)
    }

    /// As [`Shard::refresh`] at two interfaces, for a flow whose first two connections are theirs, if both are as wanted;
    /// `None` and no change otherwise. The packet is noted as the flow's last one.
    #[expect(clippy::inline_always, reason = "callers want one or two fields of the entries")]
    #[inline(always)]
    pub fn refresh_both(
        &mut self,
        at: u32,
        [(one, step), (other, other_step)]: [(u32, Step<'_>); 2],
        is_wanted: impl Fn(&Entry) -> bool,
    ) -> Option<[Entry; 2]> {
        let flow = self.flows.get_mut(at as usize)?;
        let second = self.rests.second_mut(flow)?;
        let enis = (flow.first.eni(), second.eni());
        let entries = if enis == (one, other) {
            [&mut flow.first, second]
        } else if enis == (other, one) {
            [second, &mut flow.first]
        } else {
            return None;
        };
        if !entries.iter().all(|entry| is_wanted(entry)) {
            return None;
        }
        let [mine, its] = entries;
        let after = [mine.refreshed(step), its.refreshed(other_step)];
        let is_nearer = after[0].deadline() < mine.deadline() || after[1].deadline() < its.deadline();
        (mine.tracking, mine.deadline) = (after[0].tracking, after[0].deadline);
        (its.tracking, its.deadline) = (after[1].tracking, after[1].deadline);
        flow.touch(step.now);
        if is_nearer {
            flow.unsettle();
        }
        Some(after)
    }

    /// Adds a connection to a flow that has none at its interface.
    pub fn track(&mut self, at: u32, entry: Entry) {
        let Some(flow) = self.flows.get_mut(at as usize) else { return };
        if flow.has_entries() {
            self.rests.add_entry(flow, entry);
        } else {
            flow.first = entry;
        }
        flow.unsettle();
    }

    /// Gives the connection at an interface its number, if it still has a number that was provisional.
    pub fn renumber(&mut self, at: u32, eni: u32, (provisional, number): (u64, u64)) {
        let Some(flow) = self.flows.get_mut(at as usize) else { return };
        let entry = if flow.first.eni == eni {
            Some(&mut flow.first)
        } else if flow.is_in_use() {
            self.rests.entry_mut(flow, eni)
        } else {
            None
        };
        if let Some(entry) = entry.filter(|entry| { entry.number } == provisional) {
            entry.number = number;
        }
    }

    /// Takes the connection at an interface away at `now`.
    pub fn untrack(&mut self, at: u32, eni: u32, now: Timestamp) -> Option<Entry> {
        self.take_entry(at, now, |entry| entry.eni == eni)
    }

    /// Takes a connection out of a flow; it ended at a time.
    fn take_entry(&mut self, at: u32, end: Timestamp, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let flow = self.flows.get_mut(at as usize).filter(|flow| flow.has_entries())?;
        if !is_it(&flow.first) {
            flow.unsettle();
            return self.rests.take_entry(flow, is_it);
        }
        let taken = flow.first;
        match self.rests.take_entry(flow, |_| true) {
            Some(next) => flow.first = next,
            None => flow.end_entries(end),
        }
        flow.unsettle();
        Some(taken)
    }

    /// How long a flow is remembered after its last packet.
    pub(crate) const fn memory(&self) -> Span {
        self.memory
    }

    /// The places of all flows.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> + use<M, A> {
        0..u32::try_from(self.flows.len()).unwrap_or(NIL)
    }

    /// Whether a place holds a flow.
    pub(crate) fn holds(&self, at: u32) -> bool {
        self.flows.get(at as usize).is_some_and(Flow::is_in_use)
    }

    /// Takes a flow out of the shard.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Departed<M, A>> {
        let key = self.key(at)?;
        self.index.remove(key.hash64(), at);
        self.wheel.unset(at);
        let flow = self.flows.get_mut(at as usize)?;
        let aside = self.rests.take(flow);
        let departed = Departed { key, last_packet: flow.last_packet(), memory: flow.memory, aside };
        *flow = Flow::free(std::mem::replace(&mut self.free, at));
        Some(departed)
    }
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
