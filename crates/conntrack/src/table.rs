//! The table of flows, in shards by flow key.

use std::ops::Range;

use vpcreplay_flow::{FlowKey, Span, Timestamp};

use crate::index::BEHIND;
use crate::machine::prefetch_at;
use crate::{AsideMut, Departed, Ending, Entry, Flow, Shard};

/// Shards of a table at most. A flow's shard depends on its key only, so that shards can be owned by different threads.
const MOST_SHARDS: usize = 16;
/// Flows that room is reserved for at most.
const MOST_ROOM: usize = 1 << 22;

/// Who is told of what ends. Within a shard calls come in order of time.
pub trait Listener<M, A> {
    /// A connection of a flow ended at a time; `aside` is what the judge remembers of the flow aside.
    fn ended(&mut self, aside: AsideMut<'_, M, A>, entry: &Entry, ending: Ending, at: Timestamp);

    /// A remembered flow is over since a time and has left the table.
    fn over(&mut self, flow: Departed<M, A>, at: Timestamp);
}

/// The place of a flow in its table; valid until time advances past the flow's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId {
    shard: u32,
    at: u32,
}

impl FlowId {
    /// Its place in its shard.
    #[inline]
    pub const fn at(self) -> u32 {
        self.at
    }
}

/// A packet whose flow will be wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// The hash of the flow key.
    pub hash: u64,
    /// Where the flow most likely is; [`Table::prefetch_flows`] fills it in.
    pub guess: u32,
}

/// The flows that are remembered or tracked (S7.0). `M` is what the judge remembers of a flow at every packet, `A`
/// what it remembers aside.
#[derive(Debug)]
pub struct Table<M, A> {
    shards: Vec<Shard<M, A>>,
    /// How many shards there are, those of others included; a power of two.
    all: usize,
    /// The number of the first of them: a table has all shards, or some that another one has lent.
    first: u32,
    max_flows: u64,
    /// How many flows are remembered; in a part of a table how many more than when it was lent.
    pub(crate) remembered: i64,
}

impl<M: Copy + Default, A: Default> Table<M, A> {
    /// An empty table: how long a flow is remembered after its last packet, and how many are at most (S7.0).
    pub fn new(memory: Span, max_flows: u64) -> Self {
        let shards = vec![Shard::new(memory, room(max_flows, 1))];
        Self { shards, all: 1, first: 0, max_flows, remembered: 0 }
    }

    /// The same table, which must be empty still, with at least so many shards, as far as that is worth while.
    #[must_use]
    pub fn with_shards(mut self, least: usize) -> Self {
        self.all = shards_for(least);
        let memory = self.shards.first().map_or(Span::default(), Shard::memory);
        let room = room(self.max_flows, self.all);
        self.shards = (0..self.all).map(|_| Shard::new(memory, room)).collect();
        self
    }

    /// A table without shards, which may borrow some of the `all` of another one and remembers any number of flows.
    pub const fn without_shards(all: usize) -> Self {
        Self { shards: Vec::new(), all, first: 0, max_flows: u64::MAX, remembered: 0 }
    }

    /// How many shards it has, those that are lent too.
    pub const fn shard_count(&self) -> usize {
        self.all
    }

    /// Lends its shards to tables that have none, about as many to each. Until they are back nothing else may be done with
    /// this one.
    pub fn lend<'t>(&mut self, parts: impl ExactSizeIterator<Item = &'t mut Self>)
    where
        M: 't,
        A: 't,
    {
        let (all, count) = (self.shards.len(), parts.len());
        let mut shards = self.shards.drain(..);
        for (number, part) in parts.enumerate() {
            let share = share(number, all, count);
            part.first = u32::try_from(share.start).unwrap_or(u32::MAX);
            part.shards.extend(shards.by_ref().take(share.len()));
        }
    }

    /// Takes back the shards that were lent to a table, and notes how many flows it remembered more or less. Tables must
    /// give back in the order in which they were lent to.
    pub fn take_back(&mut self, part: &mut Self) {
        self.shards.append(&mut part.shards);
        self.remembered += std::mem::take(&mut part.remembered);
    }

    /// The flow with a key; `hash` is the key's [`FlowKey::hash64`], `guess` where it most likely is.
    #[inline]
    pub fn find(&self, key: &FlowKey, hash: u64, guess: u32) -> Option<FlowId> {
        let shard = self.shard_of(hash);
        let at = self.shards.get(self.place_of(shard))?.find(key, (key.short(), hash), guess)?;
        Some(FlowId { shard, at })
    }

    /// The first of three steps before packets: takes down what they want, by their places, and asks for the memory that
    /// tells where their flows are.
    #[inline]
    pub fn prefetch_indexes(&self, block: &mut [Wanted], mut hash: impl FnMut(usize) -> u64) {
        if let [shard] = self.shards.as_slice() {
            let buckets = shard.buckets();
            for (at, place) in block.iter_mut().enumerate() {
                // The field alone: a copy of the whole, read back at once, would have to wait until every store before it is
                // done, those that miss the cache too.
                place.hash = hash(at);
                buckets.prefetch(place.hash);
            }
            return;
        }
        for (at, place) in block.iter_mut().enumerate() {
            place.hash = hash(at);
            if let Some(shard) = self.shard(place.hash) {
                shard.buckets().prefetch(place.hash);
            }
        }
    }

    /// The second step, when that memory has come: finds where the flows most likely are, and asks for their memory.
    #[inline]
    pub fn prefetch_flows(&self, block: &mut [Wanted]) {
        self.each(block, Shard::buckets, |buckets, place| place.guess = buckets.guess(place.hash));
        // Apart, so that a processor that looks up where pages are before it goes on has several look-ups at hand.
        let both = |shard| (Shard::buckets(shard), Shard::records(shard));
        self.each(block, both, |(buckets, records), place| {
            if place.guess == BEHIND {
                place.guess = buckets.guess_on(place.hash);
            }
            prefetch_at(records, place.guess);
        });
    }

    /// The last step, when the flows have come: asks for what is kept of them beside.
    #[inline]
    pub fn prefetch_rests(&self, block: &mut [Wanted]) {
        if self.shards.iter().any(Shard::has_rests) {
            self.each(block, |shard| shard, |shard, place| shard.prefetch_rest(place.guess));
        }
    }

    /// Does something to every place of a block with what is taken of its shard.
    #[expect(clippy::inline_always, reason = "short steps for every packet")]
    #[inline(always)]
    fn each<'t, T: Copy + 't>(
        &'t self,
        block: &mut [Wanted],
        take: impl Fn(&'t Shard<M, A>) -> T,
        step: impl Fn(T, &mut Wanted),
    ) {
        // Most tables: it need not be taken for each packet.
        if let [shard] = self.shards.as_slice() {
            let taken = take(shard);
            for place in block {
                step(taken, place);
            }
            return;
        }
        for place in block {
            if let Some(shard) = self.shard(place.hash) {
                step(take(shard), place);
            }
        }
    }

    /// Adds a flow that the table does not have. It is neither remembered nor tracked yet; call
    /// [`Shard::settle`] when its packet is done.
    pub fn insert(&mut self, key: &FlowKey, hash: u64, now: Timestamp) -> FlowId {
        let shard = self.shard_of(hash);
        let place = self.place_of(shard);
        let at = self.shards.get_mut(place).map_or(u32::MAX, |owner| owner.insert(key, hash, now));
        FlowId { shard, at }
    }

    /// Adds a flow that the table does not have, remembered, with a connection or without; there must be room for it.
    #[expect(clippy::inline_always, reason = "as a call it would be handed a record to copy")]
    #[inline(always)]
    pub fn begin(&mut self, key: (&FlowKey, u64), now: Timestamp, what: (M, Option<Entry>)) -> FlowId {
        let shard = self.shard_of(key.1);
        let place = self.place_of(shard);
        self.remembered += 1;
        // No closure, which would be called.
        let at = match self.shards.get_mut(place) {
            Some(owner) => owner.begin(key, now, what),
            None => u32::MAX,
        };
        FlowId { shard, at }
    }

    /// The shard of the flows with a hash, for a table that has it: the only shard of a part is given for any hash, without
    /// being asked whether it is the one. What has no flow may come to any part; nothing is found for it.
    #[inline]
    pub fn shard(&self, hash: u64) -> Option<&Shard<M, A>> {
        if self.shards.len() == 1 {
            return self.shards.first();
        }
        self.shards.get(self.place_of(self.shard_of(hash)))
    }

    /// The same, to change it.
    #[inline]
    pub fn shard_mut(&mut self, hash: u64) -> Option<&mut Shard<M, A>> {
        if self.shards.len() == 1 {
            return self.shards.first_mut();
        }
        let place = self.place_of(self.shard_of(hash));
        self.shards.get_mut(place)
    }

    /// The shard of a flow, and its place there.
    #[inline]
    pub fn place(&self, id: FlowId) -> Option<(&Shard<M, A>, u32)> {
        self.shards.get(self.place_of(id.shard)).map(|shard| (shard, id.at))
    }

    /// The shard of a flow, and its place there.
    #[inline]
    pub fn place_mut(&mut self, id: FlowId) -> Option<(&mut Shard<M, A>, u32)> {
        let place = self.place_of(id.shard);
        self.shards.get_mut(place).map(|shard| (shard, id.at))
    }

    /// A flow of the table.
    #[inline]
    pub fn flow(&self, id: FlowId) -> Option<&Flow<M>> {
        let (shard, at) = self.place(id)?;
        shard.flow(at)
    }

    /// A flow of the table.
    #[inline]
    pub fn flow_mut(&mut self, id: FlowId) -> Option<&mut Flow<M>> {
        let (shard, at) = self.place_mut(id)?;
        shard.flow_mut(at)
    }

    /// What the judge remembers of a flow aside.
    pub fn aside_mut(&mut self, id: FlowId) -> Option<&mut A> {
        let (shard, at) = self.place_mut(id)?;
        shard.aside_mut(at)
    }

    /// What the judge remembers of a flow aside, made if it is not there.
    pub fn make_aside(&mut self, id: FlowId) -> Option<&mut A> {
        let (shard, at) = self.place_mut(id)?;
        shard.make_aside(at)
    }

    /// Remembers a flow from its present packet on; `false` when the table remembers as many flows as it may (S7.0).
    /// Flows that are over by now must have left: see [`Table::advance`].
    pub fn remember(&mut self, id: FlowId) -> bool {
        if self.is_full() {
            return false;
        }
        let Some(flow) = self.flow_mut(id) else { return false };
        flow.remember();
        self.remembered += 1;
        true
    }

    /// Whether as many flows are remembered as may be. Flows that are over but have not left yet count.
    pub const fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many flows more may be remembered. Flows that are over but have not left yet count.
    pub const fn room(&self) -> u64 {
        self.max_flows.saturating_sub(self.remembered())
    }

    /// A time before which nothing in the table ends.
    #[inline]
    pub fn not_before(&self) -> Timestamp {
        if let [shard] = self.shards.as_slice() {
            return shard.not_before();
        }
        self.shards.iter().map(Shard::not_before).min().unwrap_or(Timestamp::MAX)
    }

    /// Ends every connection and flow whose deadline is `now` or earlier (S7.2, S7.0).
    pub fn advance(&mut self, now: Timestamp, listener: &mut impl Listener<M, A>) {
        let mut counting = Counting { listener, over: 0 };
        for shard in &mut self.shards {
            if shard.not_before() <= now {
                shard.advance(now, &mut counting);
            } else {
                shard.keep_up(now);
            }
        }
        self.remembered -= counting.over;
    }

    /// As [`Table::advance`], in the shard of the flows with a hash only: enough to look one of them up.
    #[inline]
    pub fn advance_shard(&mut self, hash: u64, now: Timestamp, listener: &mut impl Listener<M, A>) {
        let place = self.place_of(self.shard_of(hash));
        if let Some(shard) = self.shards.get_mut(place)
            && shard.not_before() <= now
        {
            let mut counting = Counting { listener, over: 0 };
            shard.advance(now, &mut counting);
            self.remembered -= counting.over;
        }
    }

    /// Removes the connections of interfaces that are gone at `now` (S10.1). Deadlines up to `now` must have been
    /// served before.
    pub fn remove_interfaces(
        &mut self,
        now: Timestamp,
        is_gone: impl Fn(u32) -> bool,
        listener: &mut impl Listener<M, A>,
    ) {
        let mut counting = Counting { listener, over: 0 };
        for shard in &mut self.shards {
            for at in shard.places() {
                let gone: Vec<u32> =
                    shard.entries(at).map(|entry| entry.eni).filter(|&eni| is_gone(eni)).collect();
                for eni in &gone {
                    let entry = shard.untrack(at, *eni, now);
                    if let Some(entry) = entry {
                        shard.tell(at, (&entry, Ending::Removed, now), &mut counting);
                    }
                }
                if !gone.is_empty() {
                    shard.conclude(at, now, &mut counting);
                }
            }
        }
        self.remembered -= counting.over;
    }

    /// All flows, in no particular order.
    pub fn flows(&self) -> impl Iterator<Item = FlowId> {
        (self.first..).zip(&self.shards).flat_map(|(number, shard)| {
            shard.places().filter(|at| shard.holds(*at)).map(move |at| FlowId { shard: number, at })
        })
    }

    /// Changes what the judge remembers of every flow.
    pub fn change_memories(&mut self, mut change: impl FnMut(&mut M)) {
        for shard in &mut self.shards {
            for at in shard.places() {
                if let Some(flow) = shard.flow_mut(at) {
                    change(&mut flow.memory);
                }
            }
        }
    }

    /// How many flows are remembered; those that are over count until time has advanced in their shard.
    pub const fn remembered(&self) -> u64 {
        if self.remembered < 0 { 0 } else { self.remembered.unsigned_abs() }
    }

    /// Where a shard is in this table; nowhere if it is not this one's.
    #[inline]
    const fn place_of(&self, shard: u32) -> usize {
        shard.wrapping_sub(self.first) as usize
    }

    /// The shard of a key: by bits of its hash that the shard's own index does not use.
    #[inline]
    const fn shard_of(&self, hash: u64) -> u32 {
        shard_of(hash, self.all)
    }
}

/// How many flows a shard reserves room for, of so many: more than its share, since shards are not equally full.
fn room(max_flows: u64, shards: usize) -> usize {
    let flows = usize::try_from(max_flows).unwrap_or(usize::MAX).min(MOST_ROOM);
    if shards == 1 { flows } else { flows / shards * 9 / 8 }
}

/// How many shards a table has that is to be lent to so many others.
const fn shards_for(parts: usize) -> usize {
    if parts == 0 {
        1
    } else if parts > MOST_SHARDS {
        MOST_SHARDS
    } else {
        parts.next_power_of_two()
    }
}

/// The shards, of so many, that [`Table::lend`] gives to one of `count` tables.
const fn share(number: usize, all: usize, count: usize) -> Range<usize> {
    number * all / count..(number + 1) * all / count
}

/// Which table has the flows with a hash while another one lends its shards (see [`Table::lend`]).
#[derive(Clone, Copy, Debug)]
pub struct Borrowers {
    shards: usize,
    by_shard: [u32; MOST_SHARDS],
}

impl Borrowers {
    /// Of so many tables, one at least, that borrow from one with shards for as many ([`Table::with_shards`]).
    pub fn new(tables: usize) -> Self {
        let (shards, count) = (shards_for(tables), tables.max(1));
        let mut by_shard = [0; MOST_SHARDS];
        for (table, number) in (0..count).zip(0..) {
            by_shard.get_mut(share(table, shards, count)).unwrap_or_default().fill(number);
        }
        Self { shards, by_shard }
    }

    /// The number of the table that has borrowed the shard of a hash.
    #[inline]
    pub fn of(&self, hash: u64) -> usize {
        self.by_shard.get(shard_of(hash, self.shards) as usize).map_or(0, |table| *table as usize)
    }
}

/// The shard of the flows with a hash, by bits that the shard's own index does not use.
#[expect(clippy::cast_possible_truncation, reason = "there are few shards")]
#[inline]
const fn shard_of(hash: u64, all: usize) -> u32 {
    (hash >> 48) as u32 & (all as u32 - 1)
}

/// Passes calls on and counts the remembered flows that are over.
struct Counting<'a, L> {
    listener: &'a mut L,
    over: i64,
}

impl<M, A, L: Listener<M, A>> Listener<M, A> for Counting<'_, L> {
    fn ended(&mut self, aside: AsideMut<'_, M, A>, entry: &Entry, ending: Ending, at: Timestamp) {
        self.listener.ended(aside, entry, ending, at);
    }

    fn over(&mut self, flow: Departed<M, A>, at: Timestamp) {
        self.over += 1;
        self.listener.over(flow, at);
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
