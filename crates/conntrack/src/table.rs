//! The table of flows, in shards by flow key.

use vpcreplay_flow::{FlowKey, Span, Timestamp};

use crate::shard::Shard;
use crate::{Ending, Entry, Flow};

/// Shards of a table. A flow's shard depends on its key only, so that shards can be owned by different threads.
const SHARD_BITS: u32 = 4;

/// Flows whose memory is asked for together.
const FETCH: usize = 64;

/// Who is told of what ends. Within a shard calls come in order of time.
pub trait Listener<M> {
    /// A connection of a flow ended at a time.
    fn ended(&mut self, flow: &mut Flow<M>, entry: &Entry, ending: Ending, at: Timestamp);

    /// A flow is over since a time and has left the table.
    fn over(&mut self, flow: Flow<M>, at: Timestamp);
}

/// The place of a flow in its table; valid until time advances past the flow's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId {
    shard: u32,
    at: u32,
}

/// The flows that are remembered or tracked (S7.0). `M` is what the judge remembers of a flow.
#[derive(Debug)]
pub struct Table<M> {
    shards: Vec<Shard<M>>,
    max_flows: u64,
    remembered: u64,
    numbered: u64,
    not_before: Timestamp,
}

impl<M: Default> Table<M> {
    /// An empty table: how long a flow is remembered after its last packet, and how many are at most (S7.0).
    pub fn new(memory: Span, max_flows: u64) -> Self {
        Self {
            shards: (0..1_u32 << SHARD_BITS).map(|_| Shard::new(memory)).collect(),
            max_flows,
            remembered: 0,
            numbered: 0,
            not_before: Timestamp::MAX,
        }
    }

    /// The flow with a key; `hash` is the key's [`FlowKey::hash64`].
    pub fn find(&self, key: &FlowKey, hash: u64) -> Option<FlowId> {
        let shard = Self::shard_of(hash);
        let at = self.shards.get(shard as usize)?.find(key, hash)?;
        Some(FlowId { shard, at })
    }

    /// Asks for the memory of the flows with these hashes, so that [`Table::find`] has them near; changes nothing.
    ///
    /// The loads of each round do not wait for one another, so that a batch waits for memory twice, not twice for
    /// each flow.
    pub fn fetch(&self, hashes: &[u64]) {
        let mut places = [u32::MAX; FETCH];
        for hashes in hashes.chunks(FETCH) {
            for (place, hash) in places.iter_mut().zip(hashes) {
                let shard = self.shards.get(Self::shard_of(*hash) as usize);
                *place = shard.map_or(u32::MAX, |shard| shard.guess(*hash));
            }
            let mut touched = 0_i64;
            for (place, hash) in places.iter().zip(hashes) {
                let shard = self.shards.get(Self::shard_of(*hash) as usize);
                if let Some(flow) = shard.and_then(|shard| shard.flow(*place)) {
                    touched ^= flow.touch_memory();
                }
            }
            std::hint::black_box(touched);
        }
    }

    /// Adds a flow that the table does not have. It is neither remembered nor tracked yet; call
    /// [`Table::settle`] when its packet is done.
    pub fn insert(&mut self, key: FlowKey, hash: u64, now: Timestamp) -> FlowId {
        let shard = Self::shard_of(hash);
        let at = self.shards.get_mut(shard as usize).map_or(u32::MAX, |owner| owner.insert(key, hash, now));
        FlowId { shard, at }
    }

    /// A flow of the table.
    pub fn flow(&self, id: FlowId) -> Option<&Flow<M>> {
        self.shards.get(id.shard as usize)?.flow(id.at)
    }

    /// A flow of the table.
    pub fn flow_mut(&mut self, id: FlowId) -> Option<&mut Flow<M>> {
        self.shards.get_mut(id.shard as usize)?.flow_mut(id.at)
    }

    /// Remembers a flow from its present packet on and numbers it; `false` when the table remembers as many
    /// flows as it may (S7.0).
    pub fn remember(&mut self, id: FlowId) -> bool {
        if self.remembered >= self.max_flows {
            return false;
        }
        let number = self.numbered + 1;
        let Some(flow) = self.flow_mut(id) else { return false };
        flow.number = number;
        self.numbered = number;
        self.remembered += 1;
        true
    }

    /// Ends the work on a flow after a packet: sets its timer, or drops it when it is neither remembered nor tracked.
    pub fn settle(&mut self, id: FlowId) {
        if let Some(shard) = self.shards.get_mut(id.shard as usize) {
            shard.settle(id.at);
            self.not_before = self.not_before.min(shard.not_before);
        }
    }

    /// A time before which nothing in the table ends.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Ends every connection and flow whose deadline is `now` or earlier (S7.2, S7.0).
    pub fn advance(&mut self, now: Timestamp, listener: &mut impl Listener<M>) {
        let mut counting = Counting { listener, over: 0 };
        for shard in &mut self.shards {
            if shard.not_before <= now {
                shard.advance(now, &mut counting);
            }
        }
        self.remembered -= counting.over;
        self.not_before = self.shards.iter().map(|shard| shard.not_before).min().unwrap_or(Timestamp::MAX);
    }

    /// Removes the connections of interfaces that are gone at `now` (S10.1). Deadlines up to `now` must have been
    /// served before.
    pub fn remove_interfaces(
        &mut self,
        now: Timestamp,
        is_gone: impl Fn(u32) -> bool,
        listener: &mut impl Listener<M>,
    ) {
        let mut counting = Counting { listener, over: 0 };
        for shard in &mut self.shards {
            for at in shard.places() {
                let Some(flow) = shard.flow_mut(at) else { continue };
                let gone: Vec<u32> =
                    flow.entries().iter().map(|entry| entry.eni).filter(|&eni| is_gone(eni)).collect();
                for eni in &gone {
                    if let Some(entry) = flow.untrack(*eni, now) {
                        counting.ended(flow, &entry, Ending::Removed, now);
                    }
                }
                if !gone.is_empty() {
                    shard.conclude(at, now, &mut counting);
                }
            }
        }
        self.remembered -= counting.over;
        self.not_before = self.shards.iter().map(|shard| shard.not_before).min().unwrap_or(Timestamp::MAX);
    }

    /// All flows, in no particular order.
    pub fn flows(&self) -> impl Iterator<Item = &Flow<M>> {
        self.shards.iter().flat_map(Shard::flows)
    }

    /// How many flows are remembered now.
    pub const fn remembered(&self) -> u64 {
        self.remembered
    }

    /// The shard of a key: by bits of its hash that the shard's own index uses neither for the place (the low ones)
    /// nor for the tag (the top seven).
    const fn shard_of(hash: u64) -> u32 {
        (hash >> 48) as u32 & ((1 << SHARD_BITS) - 1)
    }
}

/// Passes calls on and counts the remembered flows that are over.
struct Counting<'a, L> {
    listener: &'a mut L,
    over: u64,
}

impl<M, L: Listener<M>> Listener<M> for Counting<'_, L> {
    fn ended(&mut self, flow: &mut Flow<M>, entry: &Entry, ending: Ending, at: Timestamp) {
        self.listener.ended(flow, entry, ending, at);
    }

    fn over(&mut self, flow: Flow<M>, at: Timestamp) {
        self.over += u64::from(flow.number().is_some());
        self.listener.over(flow, at);
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
