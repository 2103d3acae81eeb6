//! A hierarchical timing wheel with exact deadlines: one timer at most for each index.
//!
//! The wheel only sorts indexes coarsely; those of the tick that is being served are sorted by their exact times, which stand apart, so
//! that they come out in order. Setting a timer costs O(1) and touches the end of a list only, never another timer; time may jump over
//! any gap. An index is not taken out of a list when its timer is set anew or taken back: whether it still belongs there is told by
//! its time when the list is due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use vpcreplay_flow::Timestamp;

use crate::machine::prefetch;

/// A tick is 2^27 ns, about 134 ms.
const TICK_BITS: u32 = 27;
/// A level has 2^11 slots, so that the first has about 275 s: most timers are set once, and go off from there. Four levels
/// cover every tick of 37 bits.
const LEVEL_BITS: u32 = 11;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 4;
/// No chunk.
const NIL: u32 = u32::MAX;
/// Indexes in a chunk, so that it has four cache lines.
const CHUNK: usize = 62;
/// Indexes that belong where they are no longer, beyond those of timers that are set, that are let be.
pub(crate) const STALE: usize = 4096;

/// A timer: when it goes off, and whose it is. Ordered by time, then index.
type Timer = (Timestamp, u32);

/// Some indexes of one slot.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Chunk {
    len: u32,
    /// The next chunk of the slot, or of the free ones.
    next: u32,
    indexes: [u32; CHUNK],
}

const _: () = assert!(size_of::<Chunk>() == 256, "four cache lines");

impl Chunk {
    /// Adds an index if there is room.
    #[inline]
    fn push(&mut self, index: u32) -> bool {
        let Some(place) = self.indexes.get_mut(self.len as usize) else { return false };
        *place = index;
        self.len += 1;
        true
    }
}

/// Whether a slot has timers.
#[derive(Clone, Copy)]
enum Mark {
    Occupied,
    Empty,
}

/// Timers by time.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// When the timer of each index goes off; [`Timestamp::MAX`] where none is set, [`Timestamp::MIN`] where none will be.
    times: Vec<Timestamp>,
    /// How many are set.
    set: usize,
    /// All chunks, of the slots and free ones.
    chunks: Vec<Chunk>,
    free: u32,
    /// The first chunk of each slot, the only one that may have room.
    heads: Vec<u32>,
    /// A bit for each slot that has indexes.
    occupied: [u64; LEVELS * SLOTS / 64],
    /// Timers of the tick being served, the latest first.
    near: Vec<Timer>,
    /// Timers that were set for the tick being served, or an earlier one, when it was being served already.
    late: BinaryHeap<Reverse<Timer>>,
    /// The tick being served; every timer of an earlier tick has been taken.
    cursor: u64,
    /// Indexes in all slots and timers that are near or late, those too that are stale.
    len: usize,
}

/// Whether a timer is set for a time.
#[inline]
const fn is_set(time: Timestamp) -> bool {
    !matches!(time, Timestamp::MAX | Timestamp::MIN)
}

/// The tick of a time; order is kept for times before the epoch.
const fn tick_of(time: Timestamp) -> u64 {
    (time.nanos().cast_unsigned() ^ (1 << 63)) >> TICK_BITS
}

/// The first instant of a tick.
const fn start_of(tick: u64) -> Timestamp {
    Timestamp::from_nanos((tick << TICK_BITS ^ (1 << 63)).cast_signed())
}

/// The slot of a tick at a level.
#[expect(clippy::cast_possible_truncation, reason = "one digit is kept")]
const fn digit(tick: u64, level: usize) -> usize {
    (tick >> (LEVEL_BITS as usize * level)) as usize & (SLOTS - 1)
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            times: Vec::new(),
            set: 0,
            chunks: Vec::new(),
            free: NIL,
            heads: vec![NIL; LEVELS * SLOTS],
            occupied: [0; LEVELS * SLOTS / 64],
            near: Vec::new(),
            late: BinaryHeap::new(),
            cursor: 0,
            len: 0,
        }
    }

    /// Reserves addresses for so many indexes, where they are to be had: not for what is stale beside.
    pub(crate) fn reserve(&mut self, indexes: usize) {
        self.times.try_reserve_exact(indexes).unwrap_or_default();
        self.chunks.try_reserve_exact(indexes / CHUNK).unwrap_or_default();
    }

    /// One index more, the next one from 0 on, whose timer is not set.
    #[inline]
    pub(crate) fn add_index(&mut self) {
        self.times.push(Timestamp::MAX);
    }

    /// How many indexes and timers it has, those too that are stale.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// When the timer of an index goes off; [`Timestamp::MAX`] where it is not set, [`Timestamp::MIN`] where it is spared.
    #[inline]
    pub(crate) fn time(&self, index: u32) -> Timestamp {
        self.times.get(index as usize).copied().unwrap_or(Timestamp::MAX)
    }

    /// Asks for the memory of an index's timer.
    #[inline]
    pub(crate) fn prefetch(&self, index: u32) {
        prefetch(self.times.get(index as usize));
    }

    /// Sets the timer of an index, in place of the one that may be set; one for [`Timestamp::MAX`] would never go off.
    pub(crate) fn set(&mut self, index: u32, at: Timestamp) {
        self.replace(index, at);
        if at == Timestamp::MAX {
            return;
        }
        self.len += 1;
        if tick_of(at) <= self.cursor {
            self.late.push(Reverse((at, index)));
        } else {
            self.link(index, at);
        }
        if self.len > self.set * 2 + STALE {
            self.sweep();
        }
    }

    /// Takes back the timer of an index.
    #[inline]
    pub(crate) fn unset(&mut self, index: u32) {
        self.replace(index, Timestamp::MAX);
    }

    /// Takes it back and notes that an earlier one is not to be set either, since none is earlier.
    #[inline]
    pub(crate) fn spare(&mut self, index: u32) {
        self.replace(index, Timestamp::MIN);
    }

    #[inline]
    fn replace(&mut self, index: u32, at: Timestamp) {
        if let Some(time) = self.times.get_mut(index as usize) {
            self.set = self.set + usize::from(is_set(at)) - usize::from(is_set(*time));
            *time = at;
        }
    }

    /// Takes the next timer that goes off no later than `now`, in order of time, then index. It is not set any more.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Timer> {
        loop {
            let near = self.near.last().copied();
            let late = self.late.peek().map(|Reverse(timer)| *timer);
            let next = match (near, late) {
                (Some(near), Some(late)) => Some(near.min(late)),
                (near, late) => near.or(late),
            };
            let Some(next) = next else {
                if self.turn(tick_of(now)) {
                    continue;
                }
                return None;
            };
            let (time, index) = next;
            if time > now {
                return None;
            }
            if near == Some(next) {
                self.near.pop();
            } else {
                self.late.pop();
            }
            self.len -= 1;
            // Not one that was set anew meanwhile, or that stood there twice.
            if self.time(index) == time {
                self.unset(index);
                return Some(next);
            }
        }
    }

    /// Moves on to a time by which no timer goes off, so that those set from now on are put where they go off from: seen from
    /// far away they would come nearer level by level.
    #[inline]
    pub(crate) fn keep_up(&mut self, now: Timestamp) {
        let tick = tick_of(now);
        // Slots are of later ticks than the cursor's: none begins by an earlier one.
        if tick > self.cursor && self.near.is_empty() && self.late.is_empty() {
            self.turn(tick);
        }
    }

    /// Whose timer most likely goes off so many after the next one; `None` where that is not known.
    pub(crate) fn coming(&self, ahead: usize) -> Option<u32> {
        let at = self.near.len().checked_sub(ahead)?;
        self.near.get(at).map(|(_, index)| *index)
    }

    /// A time before which no timer goes off.
    pub(crate) fn not_before(&self) -> Timestamp {
        let near = self.near.last().map(|(at, _)| *at);
        let late = self.late.peek().map(|Reverse((at, _))| *at);
        match (near, late) {
            (Some(near), Some(late)) => near.min(late),
            (Some(at), None) | (None, Some(at)) => at,
            (None, None) => self.next_slot().map_or(Timestamp::MAX, |(_, _, tick)| start_of(tick)),
        }
    }

    /// Drops all that is stale, and what stands twice in one place: set twice for one time, or for times of one slot.
    #[cold]
    fn sweep(&mut self) {
        self.sweep_served();
        let mut kept = Vec::new();
        for (level, slot) in (0..LEVELS).flat_map(|level| (0..SLOTS).map(move |slot| (level, slot))) {
            self.empty((level, slot), &mut kept);
            self.len -= kept.len();
            kept.sort_unstable();
            kept.dedup();
            self.len += kept.len();
            kept.drain(..).for_each(|(_, index)| self.put(level * SLOTS + slot, index));
        }
    }

    /// The same of the timers that are near or late.
    fn sweep_served(&mut self) {
        let Self { times, near, late, .. } = self;
        let is_meant = |(time, index): Timer| times.get(index as usize) == Some(&time);
        self.len -= near.len() + late.len();
        near.retain(|timer| is_meant(*timer));
        near.dedup();
        let mut timers = std::mem::take(late).into_vec();
        timers.retain(|Reverse(timer)| is_meant(*timer));
        timers.sort_unstable();
        timers.dedup();
        *late = timers.into();
        self.len += near.len() + late.len();
    }

    fn set_head(&mut self, list: usize, chunk: u32) {
        if let Some(head) = self.heads.get_mut(list) {
            *head = chunk;
        }
    }

    /// Marks a slot as occupied or empty.
    #[inline]
    fn mark(&mut self, list: usize, mark: Mark) {
        if let Some(word) = self.occupied.get_mut(list / 64) {
            match mark {
                Mark::Occupied => *word |= 1 << (list % 64),
                Mark::Empty => *word &= !(1 << (list % 64)),
            }
        }
    }

    /// Moves the cursor to the next occupied slot that begins by `tick` and empties it; false when there is none.
    /// Nothing is near or late then.
    fn turn(&mut self, tick: u64) -> bool {
        let Some((level, slot, start)) = self.next_slot().filter(|(_, _, start)| *start <= tick) else {
            self.cursor = self.cursor.max(tick);
            return false;
        };
        let mut timers = std::mem::take(&mut self.near);
        self.empty((level, slot), &mut timers);
        self.cursor = start;
        if level > 0 {
            timers.retain(|&(at, index)| {
                let is_near = tick_of(at) <= start;
                if !is_near {
                    self.link(index, at);
                }
                is_near
            });
        }
        timers.sort_unstable_by_key(|timer| Reverse(*timer));
        self.near = timers;
        true
    }

    /// Moves the timers of a slot to `timers`, where none are yet, but for indexes that belong there no longer.
    fn empty(&mut self, (level, slot): (usize, usize), timers: &mut Vec<Timer>) {
        let list = level * SLOTS + slot;
        let Some(head) = self.heads.get_mut(list) else { return };
        let mut at = std::mem::replace(head, NIL);
        let shift = LEVEL_BITS as usize * level;
        // What all ticks of the slot begin with.
        let here = self.cursor >> shift >> LEVEL_BITS << LEVEL_BITS | slot as u64;
        while let Some(chunk) = self.chunks.get_mut(at as usize) {
            let indexes = chunk.indexes.iter().take(chunk.len as usize);
            timers.extend(indexes.filter_map(|index| {
                let time = *self.times.get(*index as usize)?;
                (is_set(time) && tick_of(time) >> shift == here).then_some((time, *index))
            }));
            self.len -= chunk.len as usize;
            let next = std::mem::replace(&mut chunk.next, self.free);
            self.free = at;
            at = next;
        }
        self.len += timers.len();
        self.mark(list, Mark::Empty);
    }

    /// The earliest occupied slot behind the cursor: level, slot and the tick it begins with.
    ///
    /// A slot of a lower level is always earlier than one of a higher level.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        (0..LEVELS).find_map(|level| {
            let here = digit(self.cursor, level);
            let slot = self.first_occupied(level, here + 1)?;
            let shift = LEVEL_BITS * u32::try_from(level).unwrap_or(0);
            let above = self.cursor >> shift >> LEVEL_BITS << LEVEL_BITS;
            Some((level, slot, (above | slot as u64) << shift))
        })
    }

    fn first_occupied(&self, level: usize, from: usize) -> Option<usize> {
        const WORDS: usize = SLOTS / 64;
        let words = self.occupied.get(level * WORDS..(level + 1) * WORDS)?;
        (from / 64..WORDS).find_map(|at| {
            let mask = if at == from / 64 { u64::MAX << (from % 64) } else { u64::MAX };
            let word = words.get(at)? & mask;
            (word != 0).then(|| at * 64 + word.trailing_zeros() as usize)
        })
    }

    /// Puts a timer of a later tick than the cursor's into its slot.
    #[inline]
    fn link(&mut self, index: u32, at: Timestamp) {
        let tick = tick_of(at);
        let level = ((tick ^ self.cursor).ilog2() / LEVEL_BITS) as usize;
        self.put(level * SLOTS + digit(tick, level), index);
    }

    /// Puts an index into a slot.
    fn put(&mut self, list: usize, index: u32) {
        let head = self.heads.get(list).copied().unwrap_or(NIL);
        if let Some(chunk) = self.chunks.get_mut(head as usize)
            && chunk.push(index)
        {
            return;
        }
        let place = self.add_chunk(list, head);
        if let Some(chunk) = self.chunks.get_mut(place as usize) {
            chunk.push(index);
        }
        self.mark(list, Mark::Occupied);
    }

    /// Puts an empty chunk before the chunks of a slot.
    fn add_chunk(&mut self, list: usize, next: u32) -> u32 {
        let place = if let Some(chunk) = self.chunks.get_mut(self.free as usize) {
            let place = self.free;
            self.free = std::mem::replace(&mut chunk.next, next);
            chunk.len = 0;
            place
        } else {
            self.chunks.push(Chunk { len: 0, next, indexes: [NIL; CHUNK] });
            u32::try_from(self.chunks.len() - 1).unwrap_or(NIL)
        };
        self.set_head(list, place);
        place
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
