//! A hierarchical timing wheel with exact deadlines.
//!
//! The wheel only sorts timers coarsely; those of the tick that is being served stand in a small heap, so that they
//! come out in exact order of time. Setting and moving a timer costs O(1); time may jump over any gap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use vpcreplay_flow::Timestamp;

/// A tick is 2^26 ns, about 67 ms.
const TICK_BITS: u32 = 26;
/// A level has 2^8 slots; five levels cover every tick of 38 bits.
const LEVEL_BITS: u32 = 8;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 5;
/// The end of a list.
const NIL: u32 = u32::MAX;

/// Where a timer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not set.
    Idle,
    /// In the heap of the tick being served.
    Near,
    /// In a slot of the wheel: level × 256 + slot.
    Slot(u16),
}

#[derive(Clone, Copy, Debug)]
struct Node {
    at: Timestamp,
    previous: u32,
    next: u32,
    place: Place,
}

const IDLE: Node = Node { at: Timestamp::MAX, previous: NIL, next: NIL, place: Place::Idle };

/// Timers by index: at most one for each index.
#[derive(Debug)]
pub(crate) struct Wheel {
    nodes: Vec<Node>,
    heads: Vec<u32>,
    occupied: [[u64; SLOTS / 64]; LEVELS],
    near: BinaryHeap<Reverse<(Timestamp, u32)>>,
    /// The tick being served; every timer of an earlier tick has been taken.
    cursor: u64,
}

/// The tick of a time; order is kept for times before the epoch.
const fn tick_of(time: Timestamp) -> u64 {
    (time.nanos().cast_unsigned() ^ (1 << 63)) >> TICK_BITS
}

/// The first instant of a tick.
const fn start_of(tick: u64) -> Timestamp {
    Timestamp::from_nanos(((tick << TICK_BITS) ^ (1 << 63)).cast_signed())
}

/// A tick's slot on a level.
#[expect(clippy::cast_possible_truncation, reason = "masked to the slots of a level")]
const fn digit(tick: u64, level: usize) -> usize {
    (tick >> (LEVEL_BITS * level as u32)) as usize & (SLOTS - 1)
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            heads: vec![NIL; LEVELS * SLOTS],
            occupied: [[0; SLOTS / 64]; LEVELS],
            near: BinaryHeap::new(),
            cursor: 0,
        }
    }

    /// When the timer of an index goes off; [`Timestamp::MAX`] when it is not set.
    #[cfg(test)]
    pub(crate) fn at(&self, index: u32) -> Timestamp {
        self.node(index).at
    }

    /// Sets or moves the timer of an index; [`Timestamp::MAX`] unsets it.
    pub(crate) fn set(&mut self, index: u32, at: Timestamp) {
        self.unlink(index);
        if self.nodes.len() <= index as usize {
            self.nodes.resize(index as usize + 1, IDLE);
        }
        if let Some(node) = self.nodes.get_mut(index as usize) {
            *node = Node { at, ..IDLE };
        }
        if at != Timestamp::MAX {
            self.link(index, at);
        }
    }

    /// Takes the next timer that goes off no later than `now`, in order of time, then index.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, u32)> {
        loop {
            while let Some(&Reverse((at, index))) = self.near.peek() {
                if at > now {
                    return None;
                }
                self.near.pop();
                let node = self.node(index);
                // A timer moved since it came into the heap has left a stale item behind.
                if node.at == at && node.place == Place::Near {
                    if let Some(node) = self.nodes.get_mut(index as usize) {
                        *node = IDLE;
                    }
                    return Some((at, index));
                }
            }
            if !self.turn(tick_of(now)) {
                return None;
            }
        }
    }

    /// A time before which no timer goes off.
    pub(crate) fn not_before(&self) -> Timestamp {
        match self.near.peek() {
            Some(&Reverse((at, _))) => at,
            None => self.next_slot().map_or(Timestamp::MAX, |(_, _, tick)| start_of(tick)),
        }
    }

    /// Moves the cursor to the next occupied slot that begins by `tick` and empties it; false when there is none.
    fn turn(&mut self, tick: u64) -> bool {
        let Some((level, slot, start)) = self.next_slot().filter(|(_, _, start)| *start <= tick) else {
            self.cursor = self.cursor.max(tick);
            return false;
        };
        self.cursor = start;
        let place = level * SLOTS + slot;
        let mut index = self.heads.get_mut(place).map_or(NIL, |head| std::mem::replace(head, NIL));
        self.mark(level, slot, Occupied::No);
        while index != NIL {
            let node = self.node(index);
            self.link(index, node.at);
            index = node.next;
        }
        true
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
        let words = self.occupied.get(level)?;
        (from / 64..SLOTS / 64).find_map(|at| {
            let mask = if at == from / 64 { u64::MAX << (from % 64) } else { u64::MAX };
            let word = words.get(at)? & mask;
            (word != 0).then(|| at * 64 + word.trailing_zeros() as usize)
        })
    }

    fn mark(&mut self, level: usize, slot: usize, occupied: Occupied) {
        if let Some(word) = self.occupied.get_mut(level).and_then(|words| words.get_mut(slot / 64)) {
            match occupied {
                Occupied::Yes => *word |= 1 << (slot % 64),
                Occupied::No => *word &= !(1 << (slot % 64)),
            }
        }
    }

    fn node(&self, index: u32) -> Node {
        self.nodes.get(index as usize).copied().unwrap_or(IDLE)
    }

    /// Puts a timer where its time belongs; earlier than the cursor's tick counts as that tick.
    fn link(&mut self, index: u32, at: Timestamp) {
        let tick = tick_of(at);
        let distance = tick ^ self.cursor;
        if tick <= self.cursor {
            self.near.push(Reverse((at, index)));
            self.place(index, Place::Near, NIL);
            return;
        }
        let level = (distance.ilog2() / LEVEL_BITS) as usize;
        let slot = digit(tick, level);
        let list = level * SLOTS + slot;
        let head = self.heads.get_mut(list).map_or(NIL, |head| std::mem::replace(head, index));
        if let Some(node) = self.nodes.get_mut(head as usize) {
            node.previous = index;
        }
        self.place(index, Place::Slot(u16::try_from(list).unwrap_or(u16::MAX)), head);
        self.mark(level, slot, Occupied::Yes);
    }

    fn place(&mut self, index: u32, place: Place, next: u32) {
        if let Some(node) = self.nodes.get_mut(index as usize) {
            (node.place, node.previous, node.next) = (place, NIL, next);
        }
    }

    /// Takes a timer out of its slot; in the heap its item stays behind, stale.
    fn unlink(&mut self, index: u32) {
        let node = self.node(index);
        let Place::Slot(list) = node.place else { return };
        if let Some(next) = self.nodes.get_mut(node.next as usize) {
            next.previous = node.previous;
        }
        if let Some(previous) = self.nodes.get_mut(node.previous as usize) {
            previous.next = node.next;
            return;
        }
        if let Some(head) = self.heads.get_mut(usize::from(list)) {
            *head = node.next;
        }
        if node.next == NIL {
            self.mark(usize::from(list) / SLOTS, usize::from(list) % SLOTS, Occupied::No);
        }
    }
}

/// Whether a slot has timers.
#[derive(Clone, Copy)]
enum Occupied {
    Yes,
    No,
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
