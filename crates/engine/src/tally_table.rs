//! A small table from one-word keys to tallies, for the top lists of denied packets.
//!
//! Open addressing with linear probing, keys and tallies in arrays of their own: a key that is not there, the usual case
//! once a list is full, costs one cache line of eight keys. It is our own because the library tables keep key and value
//! together, and cannot be asked first where the keys of a batch are and told later what to count there.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use crate::Tally;

/// A slot that holds nothing; no key.
const EMPTY: u64 = 0;
/// Slots for each entry, at least: most searches end in the cache line in which they begin.
const SLOTS_FOR_ENTRY: usize = 2;

/// Tallies by key. A key is any word but 0; none is ever taken away.
#[derive(Clone, Debug, Default)]
pub(crate) struct TallyTable {
    /// The length is a power of two, or 0 before the first [`TallyTable::reserve`].
    keys: Vec<u64>,
    /// Of the key in the same slot.
    tallies: Vec<Tally>,
    len: usize,
}

impl TallyTable {
    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Makes room for further keys. Slots found before are no longer valid.
    pub(crate) fn reserve(&mut self, further: usize) {
        let slots = ((self.len + further) * SLOTS_FOR_ENTRY).next_power_of_two();
        if slots <= self.keys.len() {
            return;
        }
        let keys = std::mem::replace(&mut self.keys, vec![EMPTY; slots]);
        let tallies = std::mem::replace(&mut self.tallies, vec![Tally::default(); slots]);
        self.len = 0;
        for (key, tally) in keys.into_iter().zip(tallies).filter(|(key, _)| *key != EMPTY) {
            let slot = self.slot(key);
            self.insert((key, slot), tally);
        }
    }

    /// The slot of a key, or the empty one where the search for it ends.
    #[inline]
    pub(crate) fn slot(&self, key: u64) -> usize {
        self.search(key, self.home(key))
    }

    /// The tally of a key, with the slot that was found for it since the last [`TallyTable::reserve`].
    #[inline]
    pub(crate) fn get_mut(&mut self, (key, slot): (u64, usize)) -> Option<&mut Tally> {
        let slot = self.search(key, slot);
        if self.keys.get(slot) == Some(&key) { self.tallies.get_mut(slot) } else { None }
    }

    /// Adds a key that is not there, with the slot that was found for it since the last [`TallyTable::reserve`], which
    /// must have made room for it.
    pub(crate) fn insert(&mut self, (key, slot): (u64, usize), tally: Tally) {
        let slot = self.search(key, slot);
        if let (Some(key_place), Some(tally_place)) = (self.keys.get_mut(slot), self.tallies.get_mut(slot)) {
            *key_place = key;
            *tally_place = tally;
            self.len += 1;
        }
    }

    /// The keys with their tallies, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Tally)> {
        let slots = self.keys.iter().zip(&self.tallies);
        slots.filter(|(key, _)| **key != EMPTY).map(|(key, tally)| (*key, *tally))
    }

    /// Goes on from a slot where the search for a key has come.
    #[inline]
    fn search(&self, key: u64, mut slot: usize) -> usize {
        while self.keys.get(slot).is_some_and(|&found| found != key && found != EMPTY) {
            slot = (slot + 1) & self.mask();
        }
        slot
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is kept")]
    #[inline]
    fn home(&self, key: u64) -> usize {
        FxBuildHasher.hash_one(key) as usize & self.mask()
    }

    #[inline]
    const fn mask(&self) -> usize {
        self.keys.len().wrapping_sub(1)
    }
}

#[cfg(test)]
#[path = "tally_table_tests.rs"]
mod tests;
