//! The live entries and when each of them expires (S7.2).
//!
//! What changes at every packet lies apart, by connection number: a packet touches one cache line of it and nothing else,
//! as long as its connection keeps its state.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::{HashMap, HashTable};
use rustc_hash::FxBuildHasher;
use vpcreplay_engine::{EniId, State};
use vpcreplay_flow::{End, FlowKey, Timestamp};

/// Connections in a page.
const PAGE: u64 = 64;
const LENGTH: usize = 64;

/// What changes at every packet of an entry.
#[derive(Clone, Copy, Debug)]
struct Hot {
    last: Timestamp,
    deadline: Timestamp,
    /// The deadline that its timer stands at.
    armed: Timestamp,
    /// The place of the entry; [`NOWHERE`] where there is none.
    at: u32,
    state: State,
}

/// No place.
const NOWHERE: u32 = u32::MAX;

const COLD: Hot = Hot {
    last: Timestamp::MIN,
    deadline: Timestamp::MIN,
    armed: Timestamp::MIN,
    at: NOWHERE,
    state: State::Active,
};

/// Entries with numbers that follow each other.
#[derive(Clone, Debug)]
struct Page {
    live: u32,
    hot: [Hot; LENGTH],
}

/// A live entry. Its newest packet, deadline and state are right in the copies that are given out.
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
    /// By number, in pages that have a live entry.
    pages: HashMap<u64, Box<Page>, FxBuildHasher>,
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

    fn get(&self, at: u32) -> Option<&Entry> {
        self.slots.get(at as usize)?.as_ref()
    }

    /// A copy of an entry.
    pub(crate) fn entry(&self, at: u32) -> Option<Entry> {
        let entry = *self.get(at)?;
        let Hot { last, deadline, state, .. } = *self.hot(entry.number)?;
        Some(Entry { last, deadline, state, ..entry })
    }

    /// What is not changed by every packet of an entry.
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Entry> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    fn hot(&self, number: u64) -> Option<&Hot> {
        let hot = self.pages.get(&(number / PAGE))?.hot.get(place(number))?;
        (hot.at != NOWHERE).then_some(hot)
    }

    fn hot_mut(&mut self, number: u64) -> Option<&mut Hot> {
        let hot = self.pages.get_mut(&(number / PAGE))?.hot.get_mut(place(number))?;
        (hot.at != NOWHERE).then_some(hot)
    }

    /// The place and the state of the live entry with a number.
    #[inline]
    pub(crate) fn numbered(&self, number: u64) -> Option<(u32, State)> {
        self.hot(number).map(|hot| (hot.at, hot.state))
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
        let page = self
            .pages
            .entry(number / PAGE)
            .or_insert_with(|| Box::new(Page { live: 0, hot: [COLD; LENGTH] }));
        page.live += 1;
        if let Some(hot) = page.hot.get_mut(place(number)) {
            *hot = Hot { last: now, deadline, armed: deadline, at, state };
        }
        at
    }

    /// Notes a packet of the entry with a number: its state, and when it expires now.
    #[inline]
    pub(crate) fn refresh(&mut self, number: u64, state: State, (now, deadline): (Timestamp, Timestamp)) {
        let Some(hot) = self.hot_mut(number) else { return };
        (hot.last, hot.deadline, hot.state) = (now, deadline, state);
        // A later deadline is looked up when the timer goes off.
        if deadline < hot.armed {
            hot.armed = deadline;
            let at = hot.at;
            self.timers.push(Reverse((deadline, at, number)));
        }
    }

    /// Takes an entry away.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Entry> {
        let entry = self.entry(at)?;
        *self.slots.get_mut(at as usize)? = None;
        if let Ok(found) = self.index.find_entry(hash(&entry.key, entry.eni), |other| *other == at) {
            found.remove();
        }
        self.free.push(at);
        let page = entry.number / PAGE;
        if let Some(kept) = self.pages.get_mut(&page) {
            kept.live -= 1;
            if let Some(hot) = kept.hot.get_mut(place(entry.number)) {
                *hot = COLD;
            }
            if kept.live == 0 {
                self.pages.remove(&page);
            }
        }
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
            let Some(hot) = self.hot_mut(number).filter(|hot| hot.armed == due) else { continue };
            if hot.deadline == due {
                return self.remove(at);
            }
            hot.armed = hot.deadline;
            let deadline = hot.deadline;
            self.timers.push(Reverse((deadline, at, number)));
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

/// The place of a number in its page.
const fn place(number: u64) -> usize {
    (number % PAGE) as usize
}
