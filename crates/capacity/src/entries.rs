//! The live entries and when each of them expires (S7.2).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashTable;
use vpcreplay_engine::{EniId, State};
use vpcreplay_flow::{End, FlowKey, Timestamp};

/// A live entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key: FlowKey,
    /// Its number (S9.2).
    pub(crate) number: u64,
    /// Since when its present scope has it.
    pub(crate) since: Timestamp,
    /// Its newest packet.
    pub(crate) last: Timestamp,
    pub(crate) deadline: Timestamp,
    /// The deadline that its timer stands at.
    armed: Timestamp,
    /// Since when it is in its state.
    pub(crate) state_since: Timestamp,
    pub(crate) eni: EniId,
    pub(crate) scope: u32,
    pub(crate) classes: ClassNumbers,
    /// The first peak of its scope that it is part of.
    pub(crate) first_peak: u32,
    pub(crate) state: State,
    /// The end at the entry's own side; the other one is its peer.
    pub(crate) own: End,
    /// Its original end (S7.1).
    pub(crate) original: End,
}

/// The classes of an entry, by their numbers in its scope.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClassNumbers {
    pub(crate) peer: u32,
    pub(crate) service: u32,
    pub(crate) rule: u32,
    pub(crate) protocol: u32,
}

/// What is known of an entry when it is created.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth {
    pub(crate) key: FlowKey,
    pub(crate) number: u64,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Timestamp,
    pub(crate) eni: EniId,
    pub(crate) state: State,
    pub(crate) own: End,
    pub(crate) original: End,
}

/// All live entries, found by flow and ENI. Places are numbers; a place is used again when its entry is gone.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    index: HashTable<u32>,
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// A timer for each entry, at its deadline or earlier, and stale ones.
    timers: BinaryHeap<Reverse<(Timestamp, u32, u64)>>,
}

fn hash(key: &FlowKey, eni: EniId) -> u64 {
    key.hash64() ^ u64::from(eni.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Entries {
    /// The place of the live entry of a flow at an ENI.
    #[inline]
    pub(crate) fn find(&self, key: &FlowKey, eni: EniId) -> Option<u32> {
        let is_it = |at: &u32| self.get(*at).is_some_and(|entry| entry.eni == eni && entry.key == *key);
        self.index.find(hash(key, eni), is_it).copied()
    }

    pub(crate) fn get(&self, at: u32) -> Option<&Entry> {
        self.slots.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Entry> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    /// Enters an entry; its scope and classes are yet to be told.
    pub(crate) fn insert(&mut self, birth: &Birth) -> u32 {
        let Birth { key, number, now, deadline, eni, state, own, original } = *birth;
        let entry = Entry {
            key,
            number,
            since: now,
            last: now,
            deadline,
            armed: deadline,
            state_since: now,
            eni,
            scope: u32::MAX,
            classes: ClassNumbers::default(),
            first_peak: 0,
            state,
            own,
            original,
        };
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.slots.get_mut(at as usize) {
            *slot = Some(entry);
        }
        let slots = &self.slots;
        self.index.insert_unique(hash(&key, eni), at, |at| {
            let entry = slots.get(*at as usize).and_then(Option::as_ref);
            entry.map_or(0, |entry| hash(&entry.key, entry.eni))
        });
        self.timers.push(Reverse((deadline, at, number)));
        at
    }

    /// Notes a packet of the entry: when it expires now.
    #[inline]
    pub(crate) fn refresh(&mut self, at: u32, now: Timestamp, deadline: Timestamp) {
        let Some(entry) = self.slots.get_mut(at as usize).and_then(Option::as_mut) else { return };
        (entry.last, entry.deadline) = (now, deadline);
        // A later deadline is looked up when the timer goes off.
        if deadline < entry.armed {
            entry.armed = deadline;
            let number = entry.number;
            self.timers.push(Reverse((deadline, at, number)));
        }
    }

    /// Takes an entry away.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Entry> {
        let entry = self.slots.get_mut(at as usize)?.take()?;
        if let Ok(found) = self.index.find_entry(hash(&entry.key, entry.eni), |other| *other == at) {
            found.remove();
        }
        self.free.push(at);
        Some(entry)
    }

    /// Takes away the entry that expires next, if its deadline is `now` or earlier.
    #[inline]
    pub(crate) fn pop_expired(&mut self, now: Timestamp) -> Option<Entry> {
        while let Some(Reverse((due, at, number))) = self.timers.peek().copied() {
            if !due.is_due(now) {
                return None;
            }
            self.timers.pop();
            let entry = self.slots.get_mut(at as usize).and_then(Option::as_mut);
            let Some(entry) = entry.filter(|entry| entry.number == number && entry.armed == due) else {
                continue;
            };
            if entry.deadline == due {
                return self.remove(at);
            }
            entry.armed = entry.deadline;
            self.timers.push(Reverse((entry.deadline, at, number)));
        }
        None
    }

    /// The places in use, ascending.
    pub(crate) fn places(&self) -> Vec<u32> {
        let numbered = (0_u32..).zip(&self.slots);
        numbered.filter_map(|(at, slot)| slot.as_ref().map(|_| at)).collect()
    }

    /// How many entries live.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }
}
