//! A flow that goes different ways with different values of the swept timeout: classes of values with one past each.

use std::ops::Range;

use vpcreplay_conntrack::{Entry, Image, Tracking};
use vpcreplay_flow::{Span, TimeoutName, Timestamp};
use vpcreplay_policy::EniId;

use super::books::{Books, before};
use crate::advance::Scopes;
use crate::memory::Memory;

/// When a connection ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// The swept timeout after its last packet.
    Idle(Timestamp),
    /// At this time, whatever the value.
    At(Timestamp),
}

/// A connection, told without the value of the swept timeout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    number: u64,
    eni: u32,
    rule: u32,
    tracking: Tracking,
    until: Until,
    /// Its number in the queue of those that idle; else it is looked at by the flow's timer.
    queued: Option<u64>,
}

impl Held {
    /// A connection as it is in a world where the swept timeout has this value.
    pub(super) fn of(entry: &Entry, (name, value): (TimeoutName, Span)) -> Self {
        let Entry { number, eni, rule, tracking, .. } = *entry;
        let deadline = entry.deadline();
        let is_swept = tracking.timeout() == name;
        let until = if is_swept { Until::Idle(before(deadline, value)) } else { Until::At(deadline) };
        Self { number, eni, rule, tracking, until, queued: None }
    }

    fn entry(&self, value: Span) -> Entry {
        let Self { number, eni, rule, tracking, until, queued: _ } = *self;
        let deadline = match until {
            Until::Idle(seen) => seen.after(value),
            Until::At(deadline) => deadline,
        };
        Entry { number, deadline, eni, rule, tracking }
    }

    /// The first of some values with which the connection lives at `now`; their end if with none.
    fn lives_from(&self, values: &[Span], range: &Range<usize>, now: Timestamp) -> usize {
        match self.until {
            Until::Idle(seen) => {
                let some = values.get(range.clone()).unwrap_or_default();
                range.start + some.partition_point(|value| seen.after(*value).is_due(now))
            }
            Until::At(deadline) if deadline.is_due(now) => range.end,
            Until::At(_) => range.start,
        }
    }

    /// Notes that the connection, which the least value ended and which idles, has had a packet at `now`.
    pub(super) fn save(&self, books: &mut Books, now: Timestamp) {
        if let Until::Idle(seen) = self.until {
            let from = self.lives_from(&books.values, &books.all(), now);
            books.saved((seen, self.number), from);
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.eni == other.eni && self.until == other.until && self.tracking.behaves_as(&other.tracking)
    }
}

/// A flow after its last packet.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) memory: Memory,
    pub(super) last_packet: Timestamp,
    /// By ENI.
    pub(super) held: Vec<Held>,
}

impl Past {
    /// The flow as it is in a world where the swept timeout has this value.
    pub(super) fn of(image: &Image<Memory>, swept: (TimeoutName, Span)) -> Self {
        let mut held: Vec<Held> = image.entries.iter().map(|entry| Held::of(entry, swept)).collect();
        held.sort_by_key(|held| held.eni);
        Self { memory: image.memory, last_packet: image.last_packet, held }
    }

    /// The flow for a world where the swept timeout has this value.
    pub(super) fn image(&self, value: Span) -> Image<Memory> {
        let entries = self.held.iter().map(|held| held.entry(value)).collect();
        Image { memory: self.memory, last_packet: self.last_packet, entries }
    }

    /// Adds a connection.
    pub(super) fn hold(&mut self, held: Held) {
        self.held.push(held);
        self.held.sort_by_key(|held| held.eni);
    }

    fn is_like(&self, other: &Self) -> bool {
        self.memory.packed_handshake() == other.memory.packed_handshake()
            && self.last_packet == other.last_packet
            && self.held.len() == other.held.len()
            && self.held.iter().zip(&other.held).all(|(one, other)| one.is_like(other))
    }
}

/// Values with which a flow has one past.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) values: Range<usize>,
    /// `None` where the flow is not remembered.
    pub(super) past: Option<Past>,
    /// ENIs whose connection the swept timeout has ended, and no packet came since to find it gone; ascending.
    pub(super) gone: Vec<u32>,
}

impl Class {
    /// Whether whatever comes, both go one way.
    fn is_like(&self, other: &Self) -> bool {
        let is_like = match (&self.past, &other.past) {
            (Some(one), Some(other)) => one.is_like(other),
            (None, None) => true,
            _ => false,
        };
        is_like && self.gone == other.gone
    }

    /// The classes that it falls into by `now`: by which connections live, and whether the flow is remembered.
    fn split(self, (values, memory): (&[Span], Span), now: Timestamp, into: &mut Vec<Self>) {
        let Some(past) = &self.past else {
            into.push(self);
            return;
        };
        let lives_from = |held: &Held| held.lives_from(values, &self.values, now);
        if !past.held.is_empty() && past.held.iter().all(|held| lives_from(held) == self.values.start) {
            into.push(self);
            return;
        }
        let lives: Vec<usize> = past.held.iter().map(lives_from).collect();
        let mut from = self.values.start;
        while from < self.values.end {
            let next = lives.iter().copied().filter(|lives| *lives > from).min();
            let to = next.unwrap_or(self.values.end);
            let mut gone = self.gone.clone();
            let mut held = Vec::with_capacity(past.held.len());
            for (one, lives) in past.held.iter().zip(&lives) {
                if *lives <= from {
                    held.push(*one);
                } else if matches!(one.until, Until::Idle(_)) {
                    gone.push(one.eni);
                }
            }
            gone.sort_unstable();
            gone.dedup();
            let is_over = held.is_empty() && past.last_packet.after(memory).is_due(now);
            let past = (!is_over).then_some(Past { held, ..*past });
            into.push(Self { values: from..to, past, gone });
            from = to;
        }
    }
}

/// A flow with its classes, ascending.
#[derive(Debug)]
pub(super) struct Forked {
    pub(super) classes: Vec<Class>,
    /// What ended up to here is booked.
    pub(super) settled: Timestamp,
    /// When it is to be looked at next.
    pub(super) armed: Timestamp,
}

impl Forked {
    /// A flow that went one way so far; what ended up to `now` is booked.
    pub(super) fn one(class: Class, now: Timestamp) -> Self {
        Self { classes: vec![class], settled: now, armed: Timestamp::MAX }
    }

    /// Books what has ended by `now`.
    pub(super) fn settle(&mut self, now: Timestamp, books: &mut Books, scopes: &Scopes) {
        let settled = std::mem::replace(&mut self.settled, now);
        for Class { values, past, .. } in &self.classes {
            for held in past.iter().flat_map(|past| &past.held) {
                let scope = scopes.of(EniId(held.eni));
                match held.until {
                    Until::At(deadline) if settled < deadline && deadline.is_due(now) => {
                        books.ended(scope, deadline, values.clone());
                    }
                    Until::Idle(seen) if held.queued.is_none() => {
                        let from = held.lives_from(&books.values, values, settled);
                        for value in from..held.lives_from(&books.values, values, now) {
                            let deadline = seen.after(books.values.get(value).copied().unwrap_or_default());
                            books.ended(scope, deadline, value..value + 1);
                        }
                    }
                    Until::At(_) | Until::Idle(_) => {}
                }
            }
        }
    }

    /// Takes the connections off the queue of those that idle, before a packet at `now`; what has ended stays there.
    pub(super) fn unqueue(&mut self, now: Timestamp, books: &mut Books) {
        for Class { values, past, .. } in &mut self.classes {
            for held in past.iter_mut().flat_map(|past| &mut past.held) {
                if let Some(queued) = held.queued.take() {
                    books.unqueue(queued, held.lives_from(&books.values, values, now));
                }
            }
        }
    }

    /// Puts the connections that the newest packet, at `now`, came on into the queue of those that idle.
    pub(super) fn queue(&mut self, now: Timestamp, books: &mut Books, scopes: &Scopes) {
        for Class { values, past, .. } in &mut self.classes {
            for held in past.iter_mut().flat_map(|past| &mut past.held) {
                if held.until == Until::Idle(now) {
                    held.queued = Some(books.queue(scopes.of(EniId(held.eni)), now, values));
                }
            }
        }
    }

    /// Splits the classes by what has ended by `now`, and joins those that are alike.
    pub(super) fn split(&mut self, settings: (&[Span], Span), now: Timestamp) {
        let mut split = Vec::with_capacity(self.classes.len() + 1);
        for class in self.classes.drain(..) {
            class.split(settings, now, &mut split);
        }
        self.classes = split;
        self.join();
    }

    /// Joins neighbours that are alike.
    pub(super) fn join(&mut self) {
        self.classes.dedup_by(|next, class| {
            let is_like = class.is_like(next);
            if is_like {
                class.values.end = next.values.end;
            }
            is_like
        });
    }

    /// When the flow is to be looked at: when the next connection ends that is not in the queue, or else when all have ended
    /// and the flow is over with every value; never if that has been.
    pub(super) fn next(&self, values: &[Span], memory: Span) -> Timestamp {
        let now = self.settled;
        let (mut next, mut over) = (Timestamp::MAX, Timestamp::MIN);
        for class in &self.classes {
            let Some(past) = &class.past else { continue };
            over = over.max(past.last_packet.after(memory));
            for held in &past.held {
                let end =
                    |value: usize| held.entry(values.get(value).copied().unwrap_or_default()).deadline();
                let from = held.lives_from(values, &class.values, now);
                if held.queued.is_some() {
                    over = over.max(end(class.values.end.saturating_sub(1)));
                } else if from < class.values.end {
                    next = next.min(end(from));
                }
            }
        }
        if next == Timestamp::MAX && over > now { over } else { next }
    }

    /// Whether nothing is left of it but connections that are gone.
    pub(super) fn is_over(&self) -> bool {
        self.classes.iter().all(|class| class.past.is_none())
    }

    /// How many ENIs still wait for a packet that finds a connection gone, with any value.
    pub(super) fn gone(&self) -> u64 {
        self.classes.iter().map(|class| class.gone.len() as u64).max().unwrap_or(0)
    }
}
