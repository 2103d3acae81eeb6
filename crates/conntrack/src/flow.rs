//! A flow record: both directions of one flow and its connection entries at every interface (S7.0).

use smallvec::SmallVec;
use vpcreplay_flow::{FlowKey, Span, Timestamp};

use crate::Tracking;

/// One tracked connection: a flow at one interface (S7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The interface that tracks it.
    pub eni: u32,
    /// The rule that admitted it.
    pub rule: u32,
    /// Its number, from 1, in order of creation over the whole replay (S9.2).
    pub number: u64,
    /// The instant at which it no longer exists unless it is refreshed (S7.2).
    pub deadline: Timestamp,
    /// Its state.
    pub tracking: Tracking,
}

/// How a connection ended (S9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// It has not.
    Live,
    /// Its timeout went by.
    Expired,
    /// A bare SYN replaced it (S7.6).
    Reopened,
    /// Its interface went away (S10.1).
    Removed,
}

impl Ending {
    /// The code used in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Reopened => "reopened",
            Self::Removed => "removed",
        }
    }
}

/// A flow and what is remembered of it; `M` is what the judge remembers beside the connections.
#[derive(Debug)]
pub struct Flow<M> {
    key: FlowKey,
    /// What the judge remembers.
    pub memory: M,
    /// The flow's number, from 1; 0 for a flow that is not remembered, only tracked (S7.0, S12.18).
    pub(crate) number: u64,
    pub(crate) last_packet: Timestamp,
    /// When its last connection ended; a flow is not over before that.
    pub(crate) last_end: Timestamp,
    /// When its timer goes off; kept here so that a packet need not look into the wheel.
    pub(crate) timer: Timestamp,
    pub(crate) entries: SmallVec<[Entry; 2]>,
}

impl<M: Default> Flow<M> {
    pub(crate) fn new(key: FlowKey, now: Timestamp) -> Self {
        Self {
            key,
            memory: M::default(),
            number: 0,
            last_packet: now,
            last_end: Timestamp::MIN,
            timer: Timestamp::MAX,
            entries: SmallVec::new(),
        }
    }
}

impl<M> Flow<M> {
    /// The key.
    pub const fn key(&self) -> &FlowKey {
        &self.key
    }

    /// Reads a word of each part of the record that a packet needs.
    pub(crate) fn touch_memory(&self) -> i64 {
        let entry = self.entries.first().map_or(0, |entry| entry.deadline.nanos());
        i64::from(self.key.protocol().0) ^ self.last_packet.nanos() ^ entry
    }

    /// The flow's number, from 1; `None` when it is not remembered.
    pub const fn number(&self) -> Option<u64> {
        if self.number == 0 { None } else { Some(self.number) }
    }

    /// Its live connections.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Its live connection at an interface.
    pub fn entry(&self, eni: u32) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.eni == eni)
    }

    /// Its live connection at an interface.
    pub fn entry_mut(&mut self, eni: u32) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.eni == eni)
    }

    /// Adds a connection.
    pub fn track(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Takes the connection at an interface away at `now`.
    pub fn untrack(&mut self, eni: u32, now: Timestamp) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.eni == eni)?;
        self.last_end = now;
        Some(self.entries.remove(at))
    }

    /// When its last packet came.
    pub const fn last_packet(&self) -> Timestamp {
        self.last_packet
    }

    /// Notes that a packet of the flow came at `now`.
    pub const fn touch(&mut self, now: Timestamp) {
        self.last_packet = now;
    }

    /// When the flow has to be looked at next: the first deadline of its connections, or the end of its memory.
    pub(crate) fn next_event(&self, memory: Span) -> Timestamp {
        match self.entries.iter().map(|entry| entry.deadline).min() {
            Some(deadline) => deadline,
            None => self.over(memory),
        }
    }

    /// When a flow without connections is over (S7.0, S12.18).
    pub(crate) fn over(&self, memory: Span) -> Timestamp {
        self.last_packet.after(memory).max(self.last_end)
    }
}
