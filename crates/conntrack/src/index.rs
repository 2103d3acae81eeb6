//! The index of a shard: from the hash of a key to the place of its flow.
//!
//! Open addressing with linear probing over one word a slot. It is our own because a batch must be able to ask for
//! the memory of its slots before it looks anything up, which the library tables do not offer; measured, that halves
//! the cost of a look-up in a table that no cache holds. A test compares it with the standard map.

use crate::prefetch::prefetch;

/// A slot that holds nothing.
const EMPTY: u64 = u64::MAX;
/// Slots looked at for a guess.
const NEAR: usize = 8;
/// Slots of the smallest index.
const LEAST: usize = 16;

/// From the tag of a key, the low half of its hash, to a place. Several places may have one tag.
#[derive(Debug)]
pub(crate) struct Index {
    /// Tag in the upper half, place in the lower. The length is a power of two, and at least three eighths are empty.
    slots: Vec<u64>,
    len: usize,
}

/// The part of a key's hash that the index keeps.
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is kept")]
pub(crate) const fn tag(hash: u64) -> u32 {
    hash as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of a slot")]
const fn parts(slot: u64) -> (u32, u32) {
    ((slot >> 32) as u32, slot as u32)
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { slots: vec![EMPTY; LEAST], len: 0 }
    }

    /// The place with a tag that `is_it`.
    pub(crate) fn find(&self, tag: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let slot = self.position(tag, is_it)?;
        self.slots.get(slot).map(|&slot| parts(slot).1)
    }

    /// Asks for the memory of the slots where a tag is looked for.
    #[inline]
    pub(crate) fn prefetch(&self, tag: u32) {
        prefetch(self.slots.get(self.home(tag)));
    }

    /// Most often the place of a tag: the first of the tag in the slots next to its home, which are likely to share
    /// a cache line. For asking for memory only; [`u32::MAX`] where there is none.
    #[inline]
    pub(crate) fn guess(&self, tag: u32) -> u32 {
        let home = self.home(tag);
        let near = self.slots.get(home..).unwrap_or_default().iter().take(NEAR);
        near.map(|&slot| parts(slot)).find(|(found, _)| *found == tag).map_or(u32::MAX, |(_, place)| place)
    }

    /// Adds a place, which must not be [`u32::MAX`].
    pub(crate) fn insert(&mut self, tag: u32, place: u32) {
        if self.len * 8 >= self.slots.len() * 5 {
            self.grow();
        }
        self.put(u64::from(tag) << 32 | u64::from(place));
        self.len += 1;
    }

    /// Takes a place away and moves those that probed past it one step nearer to their home.
    pub(crate) fn remove(&mut self, tag: u32, place: u32) {
        let Some(mut hole) = self.position(tag, |other| other == place) else { return };
        self.len -= 1;
        let mask = self.slots.len() - 1;
        let mut next = (hole + 1) & mask;
        while let Some(&slot) = self.slots.get(next).filter(|&&slot| slot != EMPTY) {
            let start = self.home(parts(slot).0);
            // It may move into the hole unless its home lies behind the hole.
            if (next.wrapping_sub(start) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.set(hole, slot);
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.set(hole, EMPTY);
    }

    fn position(&self, tag: u32, is_it: impl Fn(u32) -> bool) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(tag);
        loop {
            let slot = *self.slots.get(at)?;
            if slot == EMPTY {
                return None;
            }
            let (found, place) = parts(slot);
            if found == tag && is_it(place) {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    fn home(&self, tag: u32) -> usize {
        tag as usize & (self.slots.len() - 1)
    }

    fn set(&mut self, at: usize, slot: u64) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    fn put(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = self.home(parts(slot).0);
        while self.slots.get(at).is_some_and(|&other| other != EMPTY) {
            at = (at + 1) & mask;
        }
        self.set(at, slot);
    }

    fn grow(&mut self) {
        let doubled = vec![EMPTY; self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, doubled) {
            if slot != EMPTY {
                self.put(slot);
            }
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
