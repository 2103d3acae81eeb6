//! What happens next: events in order of time.

/// Bits of time that a level looks at.
const BITS: u32 = 8;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = (u64::BITS / BITS) as usize;
/// Room that an empty slot keeps for what comes next; more is given back.
const KEPT: usize = 64;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// When: nanoseconds from the start.
    pub(crate) time: u64,
    /// Of two events of one time the one with the smaller rank comes first.
    pub(crate) rank: u64,
    /// What happens.
    pub(crate) what: u32,
}

/// A queue whose time never goes back (a radix heap): an event is moved once for each byte in which its time differs
/// from now, so its cost does not grow with the number of events that wait.
#[derive(Debug)]
pub(crate) struct Queue {
    /// By the highest byte that differs from the time of the newest event taken, then by that byte.
    slots: Vec<Vec<Event>>,
    /// Which slots of a level hold something.
    filled: [[u64; SLOTS / 64]; LEVELS],
    /// Events of one time, those of higher rank first.
    ready: Vec<Event>,
    /// The time of the newest event taken.
    now: u64,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..LEVELS * SLOTS).map(|_| Vec::new()).collect(),
            filled: [[0; SLOTS / 64]; LEVELS],
            ready: Vec::new(),
            now: 0,
        }
    }

    /// Adds an event. Its time is not before that of an event already taken; one that is comes at that time. Of events
    /// that are added at the time they happen the order is that of ranks too, but behind those already there.
    #[inline]
    pub(crate) fn push(&mut self, event: Event) {
        let event = Event { time: event.time.max(self.now), ..event };
        let level = level_of(event.time ^ self.now);
        let slot = slot_of(event.time, level);
        if let Some(events) = self.slots.get_mut(level * SLOTS + slot) {
            events.push(event);
        }
        if let Some(word) = self.filled.get_mut(level).and_then(|level| level.get_mut(slot / 64)) {
            *word |= 1 << (slot % 64);
        }
    }

    /// Takes the next event.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop() {
                return Some(event);
            }
            let (level, slot) = self.first_filled()?;
            let mut events = self.take(level, slot);
            if level == 0 {
                // All of one time. Most often it is one.
                events.sort_unstable_by_key(|event| std::cmp::Reverse(event.rank));
                self.now = events.first().map_or(self.now, |event| event.time);
                self.give_back(slot, &mut events);
                continue;
            }
            self.now = events.iter().map(|event| event.time).min().unwrap_or(self.now);
            for event in events.drain(..) {
                self.push(event);
            }
            self.keep(level * SLOTS + slot, events);
        }
    }

    /// Makes the events of the present time ready; the room of those before goes to the slot.
    fn give_back(&mut self, slot: usize, events: &mut Vec<Event>) {
        std::mem::swap(&mut self.ready, events);
        let empty = std::mem::take(events);
        self.keep(slot, empty);
    }

    /// The slot with the earliest events.
    fn first_filled(&self) -> Option<(usize, usize)> {
        self.filled.iter().enumerate().find_map(|(level, words)| {
            let (word, bits) = words.iter().enumerate().find(|(_, bits)| **bits != 0)?;
            Some((level, word * 64 + bits.trailing_zeros() as usize))
        })
    }

    fn take(&mut self, level: usize, slot: usize) -> Vec<Event> {
        if let Some(word) = self.filled.get_mut(level).and_then(|level| level.get_mut(slot / 64)) {
            *word &= !(1 << (slot % 64));
        }
        self.slots.get_mut(level * SLOTS + slot).map(std::mem::take).unwrap_or_default()
    }

    /// Keeps the room of an emptied slot, if it is little.
    fn keep(&mut self, slot: usize, empty: Vec<Event>) {
        if empty.capacity() <= KEPT
            && let Some(events) = self.slots.get_mut(slot)
            && events.capacity() == 0
        {
            *events = empty;
        }
    }
}

/// The highest byte that differs.
#[inline]
fn level_of(difference: u64) -> usize {
    (difference | 1).ilog2() as usize / BITS as usize
}

#[inline]
fn slot_of(time: u64, level: usize) -> usize {
    usize::from(time.to_le_bytes().get(level).copied().unwrap_or(0))
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
