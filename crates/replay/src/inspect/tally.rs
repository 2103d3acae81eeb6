//! Counting by key with a bound on the keys.

use std::collections::HashMap;
use std::hash::Hash;

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Tally {
    /// Counts a packet.
    pub(super) const fn add(&mut self, length: u64) {
        self.packets += 1;
        self.bytes += length;
    }
}

/// Packets by key, exact for the first keys, as many as there is room for.
#[derive(Clone, Debug)]
pub(super) struct Table<K> {
    room: usize,
    exact: HashMap<K, Tally>,
    others: Tally,
}

impl<K: Copy + Eq + Hash + Ord> Table<K> {
    pub(super) fn new(room: usize) -> Self {
        Self { room, exact: HashMap::new(), others: Tally::default() }
    }

    pub(super) fn count(&mut self, key: K, length: u64) {
        let is_full = self.exact.len() >= self.room;
        match self.exact.get_mut(&key) {
            Some(tally) => tally.add(length),
            None if is_full => self.others.add(length),
            None => self.exact.entry(key).or_default().add(length),
        }
    }

    /// The keys with most packets, then bytes, then by key.
    pub(super) fn most(&self, count: usize) -> Vec<(K, Tally)> {
        let mut rows: Vec<(K, Tally)> = self.exact.iter().map(|(key, tally)| (*key, *tally)).collect();
        rows.sort_by_key(|(key, tally)| (std::cmp::Reverse((tally.packets, tally.bytes)), *key));
        rows.truncate(count);
        rows
    }

    /// What had no room.
    pub(super) const fn others(&self) -> Tally {
        self.others
    }

    pub(super) fn len(&self) -> usize {
        self.exact.len()
    }
}
