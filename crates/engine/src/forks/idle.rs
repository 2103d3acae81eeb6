//! Connections that idle longer than the least of the swept timeouts: which value ends which of them when.

use std::collections::VecDeque;

use vpcreplay_flow::{Span, Timestamp};

/// A connection that idles.
#[derive(Clone, Copy, Debug)]
struct Item {
    /// Its last packet.
    seen: Timestamp,
    number: u64,
    scope: u32,
    /// Values from here on did not end it: a packet came before.
    saved_from: u32,
}

/// The connections that idle, by their last packets: a cursor for each value stands before the first that the value has not
/// ended yet. That of the least value is not used: it has ended them all.
#[derive(Debug)]
pub(super) struct Idle {
    items: VecDeque<Item>,
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

impl Idle {
    pub(super) fn new(values: usize) -> Self {
        Self {
            items: VecDeque::new(),
            dropped: 0,
            cursors: vec![0; values],
            due: vec![Timestamp::MAX; values],
            saved: 0,
        }
    }

    /// Adds a connection that the least value ended; they come in order of their last packets, then numbers.
    pub(super) fn push(&mut self, (seen, number): (Timestamp, u64), scope: u32) {
        self.items.push_back(Item { seen, number, scope, saved_from: u32::MAX });
    }

    /// Notes that a packet came on a connection before values from `from` on ended it.
    pub(super) fn save(&mut self, connection: (Timestamp, u64), from: usize) {
        let at = self.items.partition_point(|item| (item.seen, item.number) < connection);
        if let Some(item) = self.items.get_mut(at).filter(|item| (item.seen, item.number) == connection) {
            item.saved_from = u32::try_from(from).unwrap_or(u32::MAX);
            self.saved += 1;
        }
    }

    /// Looks at the items behind cursors that had none; after [`Idle::push`].
    pub(super) fn look(&mut self, values: &[Span]) {
        for ((due, cursor), value) in self.due.iter_mut().zip(&self.cursors).zip(values).skip(1) {
            let next = self.items.get(cursor - self.dropped);
            *due = next.map_or(Timestamp::MAX, |item| item.seen.after(*value));
        }
    }

    /// Ends what each value but the least has ended by `now`: tells value and scope.
    #[inline]
    pub(super) fn advance(&mut self, now: Timestamp, values: &[Span], mut ended: impl FnMut(usize, u32)) {
        let cursors = self.cursors.iter_mut().zip(&mut self.due).zip(values).enumerate().skip(1);
        for (value, ((cursor, due), span)) in cursors {
            while due.is_due(now) {
                let Some(item) = self.items.get(*cursor - self.dropped) else { break };
                if value < item.saved_from as usize {
                    ended(value, item.scope);
                }
                *cursor += 1;
                let next = self.items.get(*cursor - self.dropped);
                *due = next.map_or(Timestamp::MAX, |item| item.seen.after(*span));
            }
        }
    }

    /// Drops what no cursor has before it, and, when they are many, what was saved: values that ended it have passed it.
    pub(super) fn tidy(&mut self) {
        let passed =
            self.cursors.iter().skip(1).min().map_or(self.dropped + self.items.len(), |least| *least);
        let gone = self.items.drain(..passed - self.dropped);
        self.saved -= gone.filter(|item| item.saved_from != u32::MAX).count();
        self.dropped = passed;
        if self.saved <= STALE + self.items.len() / 2 {
            return;
        }
        let is_kept = |item: &Item| item.saved_from == u32::MAX;
        let mut kept = 0;
        let mut before: Vec<usize> = Vec::with_capacity(self.items.len() + 1);
        for item in &self.items {
            before.push(kept);
            kept += usize::from(is_kept(item));
        }
        before.push(kept);
        for cursor in self.cursors.iter_mut().skip(1) {
            let moved = before.get(*cursor - self.dropped).copied().unwrap_or(kept);
            *cursor = self.dropped + moved;
        }
        self.items.retain(is_kept);
        self.saved = 0;
    }
}
