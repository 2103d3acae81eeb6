//! A hierarchical timing wheel with exact deadlines.
//!
//! The wheel only sorts timers coarsely; those of the tick that is being served are sorted exactly, so that they come
//! out in order of time. Setting a timer costs O(1) and touches the end of a list only, never another timer; time may
//! jump over any gap. A timer cannot be taken back: whoever set it knows at its time whether it still means anything.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use vpcreplay_flow::Timestamp;

/// A tick is 2^27 ns, about 134 ms.
const TICK_BITS: u32 = 27;
/// A level has 2^11 slots, so that the first has about 275 s: most timers are set once, and go off from there. Four levels
/// cover every tick of 37 bits.
const LEVEL_BITS: u32 = 11;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 4;
/// No chunk.
const NIL: u32 = u32::MAX;
/// Timers in a chunk, so that it has four cache lines.
const CHUNK: usize = 20;

/// A timer: when it goes off, and whose it is. Ordered by time, then index.
type Timer = (Timestamp, u32);

/// Some timers of one slot.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    times: [Timestamp; CHUNK],
    indexes: [u32; CHUNK],
    len: u32,
    /// The next chunk of the slot, or of the free ones.
    next: u32,
}

impl Chunk {
    /// Adds a timer if there is room.
    #[inline]
    fn push(&mut self, (time, index): Timer) -> bool {
        let end = self.len as usize;
        let (Some(at), Some(of)) = (self.times.get_mut(end), self.indexes.get_mut(end)) else { return false };
        (*at, *of) = (time, index);
        self.len += 1;
        true
    }

    /// Drops the timers that are not meant.
    fn retain(&mut self, is_meant: &mut impl FnMut(Timer) -> bool) {
        let timers = self.times.into_iter().zip(self.indexes).take(self.len as usize);
        self.len = 0;
        for timer in timers.filter(|timer| is_meant(*timer)) {
            self.push(timer);
        }
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
    /// All chunks, of the slots and free ones.
    chunks: Vec<Chunk>,
    free: u32,
    /// The first chunk of each slot, the only one that may have room.
    heads: Vec<u32>,
    /// A bit for each slot that has timers.
    occupied: [u64; LEVELS * SLOTS / 64],
    /// Timers of the tick being served, the latest first.
    near: Vec<Timer>,
    /// Timers that were set for the tick being served, or an earlier one, when it was being served already.
    late: BinaryHeap<Reverse<Timer>>,
    /// The tick being served; every timer of an earlier tick has been taken.
    cursor: u64,
    len: usize,
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

    /// How many timers are set.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Sets a timer for an index; one for [`Timestamp::MAX`] would never go off and is not set.
    pub(crate) fn set(&mut self, index: u32, at: Timestamp) {
        if at != Timestamp::MAX {
            self.len += 1;
            if tick_of(at) <= self.cursor {
                self.late.push(Reverse((at, index)));
            } else {
                self.link(index, at);
            }
        }
    }

    /// Takes the next timer that goes off no later than `now`, in order of time, then index.
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
            if next.0 > now {
                return None;
            }
            if near == Some(next) {
                self.near.pop();
            } else {
                self.late.pop();
            }
            self.len -= 1;
            return Some(next);
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

    /// Drops the timers that mean nothing any more.
    pub(crate) fn retain(&mut self, mut is_meant: impl FnMut(Timer) -> bool) {
        self.near.retain(|timer| is_meant(*timer));
        self.late.retain(|Reverse(timer)| is_meant(*timer));
        self.len = self.near.len() + self.late.len();
        for list in 0..self.heads.len() {
            self.len += self.retain_list(list, &mut is_meant);
        }
    }

    /// Drops such timers of one slot, each chunk for itself, and chunks that have none left; how many timers are left.
    fn retain_list(&mut self, list: usize, is_meant: &mut impl FnMut(Timer) -> bool) -> usize {
        let Some(head) = self.heads.get_mut(list) else { return 0 };
        let (mut kept, mut at) = (0, std::mem::replace(head, NIL));
        let mut before = NIL;
        while let Some(chunk) = self.chunks.get_mut(at as usize) {
            chunk.retain(is_meant);
            kept += chunk.len as usize;
            let (this, next, is_empty) = (at, chunk.next, chunk.len == 0);
            at = next;
            if is_empty {
                chunk.next = self.free;
                self.free = this;
                continue;
            }
            chunk.next = NIL;
            match self.chunks.get_mut(before as usize) {
                Some(chunk) => chunk.next = this,
                None => self.set_head(list, this),
            }
            before = this;
        }
        if kept == 0 {
            self.mark(list, Mark::Empty);
        }
        kept
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
        self.cursor = start;
        let mut timers = std::mem::take(&mut self.near);
        self.empty(level, slot, &mut timers);
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

    /// Moves the timers of a slot to the end of `timers`.
    fn empty(&mut self, level: usize, slot: usize, timers: &mut Vec<Timer>) {
        let Some(head) = self.heads.get_mut(level * SLOTS + slot) else { return };
        let mut at = std::mem::replace(head, NIL);
        while let Some(chunk) = self.chunks.get_mut(at as usize) {
            let timers_of = chunk.times.iter().copied().zip(chunk.indexes).take(chunk.len as usize);
            timers.extend(timers_of);
            let next = std::mem::replace(&mut chunk.next, self.free);
            self.free = at;
            at = next;
        }
        self.mark(level * SLOTS + slot, Mark::Empty);
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
    fn link(&mut self, index: u32, at: Timestamp) {
        let tick = tick_of(at);
        let level = ((tick ^ self.cursor).ilog2() / LEVEL_BITS) as usize;
        let list = level * SLOTS + digit(tick, level);
        let head = self.heads.get(list).copied().unwrap_or(NIL);
        if let Some(chunk) = self.chunks.get_mut(head as usize)
            && chunk.push((at, index))
        {
            return;
        }
        let place = self.add_chunk(list, head);
        if let Some(chunk) = self.chunks.get_mut(place as usize) {
            chunk.push((at, index));
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
            let (times, indexes) = ([Timestamp::MAX; CHUNK], [NIL; CHUNK]);
            self.chunks.push(Chunk { times, indexes, len: 0, next });
            u32::try_from(self.chunks.len() - 1).unwrap_or(NIL)
        };
        self.set_head(list, place);
        place
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
