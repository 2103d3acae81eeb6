//! Connections that idle: which value of the swept timeout ends which of them when.

use std::collections::VecDeque;
use std::ops::Range;

use vpcreplay_flow::{Span, Timestamp};

/// A connection that idles.
#[derive(Clone, Copy, Debug)]
struct Item<K> {
    /// Its last packet.
    seen: Timestamp,
    /// How it is found.
    key: K,
    scope: u32,
    /// The values that end it, unless a packet comes before they do.
    from: u32,
    to: u32,
    is_saved: bool,
}

/// Connections that idle, in order of their last packets and of their keys: a cursor for each value stands before the first
/// that the value has not passed yet.
#[derive(Debug)]
pub(super) struct Idle<K> {
    items: VecDeque<Item<K>>,
    /// How many items were dropped at the front.
    dropped: usize,
    /// By value: where its cursor is, dropped items counted.
    cursors: Vec<usize>,
    /// By value: when the item at its cursor ends.
    due: Vec<Timestamp>,
    saved: usize,
}

/// Saved items that are let be.
const STALE: usize = 4096;

impl<K: Copy + Ord> Idle<K> {
    pub(super) fn new(values: usize) -> Self {
        Self {
            items: VecDeque::new(),
            dropped: 0,
            cursors: vec![0; values],
            due: vec![Timestamp::MAX; values],
            saved: 0,
        }
    }

    /// Adds a connection that idles with these values.
    pub(super) fn push(&mut self, (seen, key): (Timestamp, K), scope: u32, values: &Range<usize>) {
        let narrow = |value| u32::try_from(value).unwrap_or(u32::MAX);
        let (from, to) = (narrow(values.start), narrow(values.end));
        self.items.push_back(Item { seen, key, scope, from, to, is_saved: false });
    }

    /// Notes that a packet came before values from `from` on ended a connection, or that it is told otherwise from now on.
    pub(super) fn save(&mut self, key: K, from: usize) {
        let at = self.items.partition_point(|item| item.key < key);
        if let Some(item) = self.items.get_mut(at).filter(|item| item.key == key && !item.is_saved) {
            item.to = item.to.min(u32::try_from(from).unwrap_or(u32::MAX));
            item.is_saved = true;
            self.saved += 1;
        }
    }

    /// Looks at what is before the cursors; after items were added.
    pub(super) fn look(&mut self, values: &[Span]) {
        for ((due, cursor), value) in self.due.iter_mut().zip(&self.cursors).zip(values) {
            let next = self.items.get(cursor - self.dropped);
            *due = next.map_or(Timestamp::MAX, |item| item.seen.after(*value));
        }
    }

    /// Ends what each value has ended by `now`: tells value and scope.
    #[inline]
    pub(super) fn advance(&mut self, now: Timestamp, values: &[Span], mut ended: impl FnMut(usize, u32)) {
        let cursors = self.cursors.iter_mut().zip(&mut self.due).zip(values).enumerate();
        for (value, ((cursor, due), span)) in cursors {
            while due.is_due(now) {
                let Some(item) = self.items.get(*cursor - self.dropped) else { break };
                if (item.from as usize..item.to as usize).contains(&value) {
                    ended(value, item.scope);
                }
                *cursor += 1;
                let next = self.items.get(*cursor - self.dropped);
                *due = next.map_or(Timestamp::MAX, |item| item.seen.after(*span));
            }
        }
    }

    /// Drops what all cursors have passed, and, when they are many, what was saved: the values that ended it have passed it.
    /// Everything that ended up to the newest packet must have been ended.
    pub(super) fn tidy(&mut self) {
        let passed = self.cursors.iter().copied().min().unwrap_or(self.dropped);
        let gone = self.items.drain(..passed - self.dropped);
        self.saved -= gone.filter(|item| item.is_saved).count();
        self.dropped = passed;
        if self.saved <= STALE + self.items.len() / 2 {
            return;
        }
        let mut kept = 0;
        let mut before: Vec<usize> = Vec::with_capacity(self.items.len() + 1);
        for item in &self.items {
            before.push(kept);
            kept += usize::from(!item.is_saved);
        }
        for cursor in &mut self.cursors {
            let moved = before.get(*cursor - self.dropped).copied().unwrap_or(kept);
            *cursor = self.dropped + moved;
        }
        self.items.retain(|item| !item.is_saved);
        self.saved = 0;
    }
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;
