//! The live entries and when each of them expires (S7.2).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::HashTable;
use vpcreplay_engine::{EniId, State};
use vpcreplay_flow::{End, FlowKey, KeyClass, Timestamp};

/// A live entry, as far as its packets touch it: one line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Entry {
    /// Its number (S9.2); 0 where no entry lives.
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
    /// The first peak of its scope that it is part of.
    pub(crate) first_peak: u32,
    pub(crate) state: State,
    /// How its flow tells its ends apart.
    pub(crate) class: KeyClass,
    /// The end at the entry's own side; the other one is its peer.
    pub(crate) own: End,
    /// Its original end (S7.1).
    pub(crate) original: End,
}

/// What of an entry is looked at when it comes and when it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    pub(crate) key: FlowKey,
    pub(crate) classes: ClassNumbers,
}

const _: () = assert!(size_of::<Entry>() == 64, "an entry is one cache line");

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

/// All live entries, found by number, or by flow and ENI. Places are numbers; a place is used again when its entry is gone.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    index: HashTable<u32>,
    /// By the low bits of an entry's number: where it is, unless a newer entry with the same bits took the seat.
    seats: Vec<u32>,
    slots: Vec<Entry>,
    /// Beside `slots`.
    identities: Vec<Identity>,
    free: Vec<u32>,
    /// A timer for each entry, at its deadline or earlier, and stale ones.
    timers: BinaryHeap<Reverse<(Timestamp, u32, u64)>>,
}

/// Seats at the beginning; a power of two, as ever.
const FEW_SEATS: usize = 1024;

fn hash(key: &FlowKey, eni: EniId) -> u64 {
    key.hash64() ^ u64::from(eni.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Which of so many seats is that of a number.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
const fn seat(number: u64, seats: usize) -> usize {
    number as usize & seats.wrapping_sub(1)
}

impl Entries {
    /// The place of the live entry of a flow at an ENI.
    #[inline]
    pub(crate) fn find(&self, key: &FlowKey, eni: EniId) -> Option<u32> {
        let is_it = |at: &u32| {
            self.identity(*at).is_some_and(|identity| identity.key == *key)
                && self.get(*at).is_some_and(|entry| entry.eni == eni)
        };
        self.index.find(hash(key, eni), is_it).copied()
    }

    /// The place of the live entry with a number, unless another one took its seat.
    #[inline]
    pub(crate) fn find_number(&self, number: u64) -> Option<u32> {
        let at = *self.seats.get(seat(number, self.seats.len()))?;
        (self.slots.get(at as usize)?.number == number).then_some(at)
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&Entry> {
        self.slots.get(at as usize).filter(|entry| entry.number != 0)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Entry> {
        self.slots.get_mut(at as usize).filter(|entry| entry.number != 0)
    }

    pub(crate) fn identity(&self, at: u32) -> Option<&Identity> {
        self.identities.get(at as usize)
    }

    pub(crate) fn set_classes(&mut self, at: u32, classes: ClassNumbers) {
        if let Some(identity) = self.identities.get_mut(at as usize) {
            identity.classes = classes;
        }
    }

    /// Enters an entry; its scope and classes are yet to be told.
    pub(crate) fn insert(&mut self, birth: &Birth) -> u32 {
        let Birth { key, number, now, deadline, eni, state, own, original } = *birth;
        let entry = Entry {
            number,
            since: now,
            last: now,
            deadline,
            armed: deadline,
            state_since: now,
            eni,
            scope: u32::MAX,
            first_peak: 0,
            state,
            class: key.class(),
            own,
            original,
        };
        let identity = Identity { key, classes: ClassNumbers::default() };
        let at = self.place(entry, identity);
        let (slots, identities) = (&self.slots, &self.identities);
        self.index.insert_unique(hash(&key, eni), at, |at| {
            let of_both = slots.get(*at as usize).zip(identities.get(*at as usize));
            of_both.map_or(0, |(entry, identity)| hash(&identity.key, entry.eni))
        });
        self.timers.push(Reverse((deadline, at, number)));
        at
    }

    fn place(&mut self, entry: Entry, identity: Identity) -> u32 {
        let number = entry.number;
        let at = if let Some(at) = self.free.pop() {
            if let Some(slot) = self.slots.get_mut(at as usize) {
                *slot = entry;
            }
            if let Some(slot) = self.identities.get_mut(at as usize) {
                *slot = identity;
            }
            at
        } else {
            self.slots.push(entry);
            self.identities.push(identity);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        };
        if self.seats.len() < 2 * self.slots.len() {
            self.add_seats();
        }
        self.sit(number, at);
        at
    }

    #[inline]
    fn sit(&mut self, number: u64, at: u32) {
        let seats = self.seats.len();
        if let Some(place) = self.seats.get_mut(seat(number, seats)) {
            *place = at;
        }
    }

    /// Twice as many seats, two at least for each place.
    fn add_seats(&mut self) {
        self.seats = vec![u32::MAX; FEW_SEATS.max(4 * self.slots.len()).next_power_of_two()];
        for at in self.places() {
            if let Some(number) = self.get(at).map(|entry| entry.number) {
                self.sit(number, at);
            }
        }
    }

    /// Notes a packet of the entry: when it expires now.
    #[inline]
    pub(crate) fn refresh(&mut self, at: u32, now: Timestamp, deadline: Timestamp) {
        let Some(entry) = self.get_mut(at) else { return };
        (entry.last, entry.deadline) = (now, deadline);
        // A later deadline is looked up when the timer goes off.
        if deadline < entry.armed {
            entry.armed = deadline;
            let number = entry.number;
            self.timers.push(Reverse((deadline, at, number)));
        }
    }

    /// Takes an entry away.
    pub(crate) fn remove(&mut self, at: u32) -> Option<(Entry, Identity)> {
        let identity = *self.identity(at)?;
        let slot = self.get_mut(at)?;
        let entry = *slot;
        slot.number = 0;
        if let Ok(found) = self.index.find_entry(hash(&identity.key, entry.eni), |other| *other == at) {
            found.remove();
        }
        self.free.push(at);
        Some((entry, identity))
    }

    /// Takes away the entry that expires next, if its deadline is `now` or earlier.
    #[inline]
    pub(crate) fn pop_expired(&mut self, now: Timestamp) -> Option<(Entry, Identity)> {
        while let Some(Reverse((due, at, number))) = self.timers.peek().copied() {
            if !due.is_due(now) {
                return None;
            }
            self.timers.pop();
            let entry = self.slots.get_mut(at as usize);
            let Some(entry) = entry.filter(|entry| entry.number == number && entry.armed == due) else {
                continue;
            };
            if entry.deadline == due {
                return self.remove(at);
            }
            entry.armed = entry.deadline;
            let deadline = entry.deadline;
            self.timers.push(Reverse((deadline, at, number)));
        }
        None
    }

    /// The places in use, ascending.
    pub(crate) fn places(&self) -> Vec<u32> {
        let numbered = (0_u32..).zip(&self.slots);
        numbered.filter(|(_, slot)| slot.number != 0).map(|(at, _)| at).collect()
    }

    /// How many entries live.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }
}
