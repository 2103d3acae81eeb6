//! A flow record: both directions of one flow and its connection entries (S7.0).

use vpcreplay_flow::{FlowKey, ShortKey, Span, Timestamp};

use crate::{Step, Tracking};

/// No interface: there is no connection in the record itself.
pub(crate) const NO_ENI: u32 = u32::MAX;
/// No further entry, no place.
pub(crate) const NIL: u32 = u32::MAX;

/// One tracked connection: a flow at one interface (S7.1). Packed, so that a flow record fits a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed)]
pub struct Entry {
    /// Its number, from 1, in order of creation over the whole replay (S9.2).
    pub number: u64,
    /// The instant at which it no longer exists unless it is refreshed (S7.2).
    pub deadline: Timestamp,
    /// The interface that tracks it.
    pub eni: u32,
    /// The rule that admitted it.
    pub rule: u32,
    /// Its state.
    pub tracking: Tracking,
}

impl Entry {
    /// The deadline, as a value of its own: fields of a packed record cannot be lent.
    #[inline]
    pub const fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// The interface, likewise.
    #[inline]
    pub const fn eni(&self) -> u32 {
        self.eni
    }

    /// After a packet that its checkpoint allows: the state steps, the deadline moves (S7.2, S7.4).
    #[inline]
    pub(crate) fn refreshed(self, step: Step<'_>) -> Self {
        let mut tracking = self.tracking;
        tracking.step(step.event, step.sender);
        self.with(tracking, step)
    }

    /// The same; `None` for a bare SYN that reopens the connection (S7.6).
    #[inline]
    fn gone_on(self, step: Step<'_>) -> Option<Self> {
        let tracking = self.tracking;
        tracking.stepped(step.event, step.sender).map(|tracking| self.with(tracking, step))
    }

    #[inline]
    fn with(self, tracking: Tracking, step: Step<'_>) -> Self {
        let deadline = step.now.after(step.timeouts.get(tracking.timeout()));
        Self { deadline, tracking, ..self }
    }

    /// Whether it is the live connection of an interface at `now`: an entry that has ended may not have been taken away
    /// yet.
    #[inline]
    pub const fn lives_at(&self, eni: u32, now: Timestamp) -> bool {
        self.eni == eni && !self.deadline.is_due(now)
    }
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

/// A flow and what is remembered of it, in one cache line; `M` is what the judge remembers at every packet.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Flow<M> {
    pub(crate) key: ShortKey,
    last_packet: Timestamp,
    /// Its connection, the only one of most flows. Without one (no interface), the deadline is when its last
    /// connection ended: a flow is not over before that.
    pub(crate) first: Entry,
    /// Where the rest is kept: of an IPv6 flow its addresses, of another one what few flows have; [`NIL`] for nothing. In a
    /// free record the next free one.
    pub(crate) rest: u32,
    /// What the judge remembers.
    pub memory: M,
    marks: u8,
}

/// The record holds a flow.
const IN_USE: u8 = 1;
/// The flow is remembered, not only tracked (S7.0, S12.18).
const REMEMBERED: u8 = 2;
/// The flow's next event may have come nearer: its timer must be looked at.
const UNSETTLED: u8 = 4;
/// It is among those whose timers will be looked at.
const WAITS: u8 = 8;

pub(crate) const NO_ENTRY: Entry =
    Entry { number: 0, deadline: Timestamp::MIN, eni: NO_ENI, rule: 0, tracking: Tracking::NONE };

impl<M: Default> Flow<M> {
    /// A record that holds no flow; `next` is the next one of that kind.
    ///
    /// Its key is that of no packet: protocol 0 has no ports.
    pub(crate) fn free(next: u32) -> Self {
        let (key, memory) = (ShortKey::default(), M::default());
        Self { key, last_packet: Timestamp::MIN, first: NO_ENTRY, rest: next, memory, marks: 0 }
    }
}

impl<M> Flow<M> {
    /// Takes a record that holds no flow for one, whose rest is at a place. Field by field, like the following one: a record
    /// that was put together elsewhere would be copied before it is all written.
    #[inline]
    pub(crate) const fn take_over(&mut self, key: ShortKey, now: Timestamp, rest: u32) {
        debug_assert!(!self.is_in_use() && !self.has_entries() && self.first.number == 0, "a free record");
        (self.key, self.last_packet, self.rest) = (key, now, rest);
        self.marks = IN_USE | UNSETTLED;
    }

    /// Makes a new flow remembered, with a connection or without, whose timer is about to be set.
    #[inline]
    pub(crate) fn begin(&mut self, memory: M, entry: Option<Entry>) {
        if let Some(Entry { number, deadline, eni, rule, tracking }) = entry {
            (self.first.number, self.first.deadline) = (number, deadline);
            (self.first.eni, self.first.rule, self.first.tracking) = (eni, rule, tracking);
        }
        self.memory = memory;
        self.marks = IN_USE | REMEMBERED;
    }

    /// Whether the record holds a flow.
    pub(crate) const fn is_in_use(&self) -> bool {
        self.marks & IN_USE != 0
    }

    /// Whether the flow is remembered, not only tracked (S7.0, S12.18).
    #[inline]
    pub const fn is_remembered(&self) -> bool {
        self.marks & REMEMBERED != 0
    }

    pub(crate) const fn remember(&mut self) {
        self.marks |= REMEMBERED;
    }

    /// Whether it has a connection.
    #[inline]
    pub const fn has_entries(&self) -> bool {
        self.first.eni != NO_ENI
    }

    /// Whether something is kept of it beside its record: as long as not, it has one connection at most.
    #[inline]
    pub const fn has_rest(&self) -> bool {
        self.rest != NIL
    }

    /// The connection in the record itself, the only one of most flows; that of no interface where it has none.
    #[inline]
    pub const fn first(&self) -> &Entry {
        &self.first
    }

    /// Whether the flow is the one that a key in two words tells.
    #[inline]
    pub fn is_of(&self, short: ShortKey) -> bool {
        self.key == short
    }

    /// Gives the connection in the record its number.
    pub const fn number_first(&mut self, number: u64) {
        self.first.number = number;
    }

    /// A packet that the checkpoint of the first connection's interface allows on it (S7.2, S7.4): the connection after it,
    /// and whether [`crate::Shard::settle`] is due; `None` and no change for a bare SYN that reopens the connection (S7.6).
    #[expect(clippy::inline_always, reason = "callers want one or two fields of the entry")]
    #[inline(always)]
    pub fn refresh_first(&mut self, step: Step<'_>) -> Option<(Entry, bool)> {
        let before = self.first;
        // Not asked before the step: which packets are bare SYNs cannot be foretold, which reopen are few.
        let after = before.gone_on(step)?;
        // Field by field, and not read back: reading would wait for the writes.
        self.first.tracking = after.tracking;
        self.first.deadline = after.deadline;
        self.last_packet = step.now;
        let is_nearer = after.deadline() < before.deadline();
        if is_nearer {
            self.unsettle();
        }
        Some((after, is_nearer))
    }

    /// A number that the judge keeps in a flow without connections; 0 for none. It is lost when the flow gets one.
    #[inline]
    pub const fn note(&self) -> u64 {
        if self.has_entries() { 0 } else { self.first.number }
    }

    /// Keeps such a number; `false` where the flow has a connection.
    #[inline]
    pub const fn set_note(&mut self, note: u64) -> bool {
        let is_free = !self.has_entries();
        if is_free {
            self.first.number = note;
        }
        is_free
    }

    /// When its last packet came.
    pub const fn last_packet(&self) -> Timestamp {
        self.last_packet
    }

    /// Notes that a packet of the flow came at `now`.
    #[inline]
    pub const fn touch(&mut self, now: Timestamp) {
        self.last_packet = now;
    }

    /// Notes that the flow's next event may have come nearer.
    pub(crate) const fn unsettle(&mut self) {
        self.marks |= UNSETTLED;
    }

    /// Whether [`Flow::unsettle`] was called since the last time.
    #[inline]
    pub(crate) const fn take_unsettled(&mut self) -> bool {
        let is_unsettled = self.marks & UNSETTLED != 0;
        self.marks &= !UNSETTLED;
        is_unsettled
    }

    /// Notes that the flow waits for its timer being looked at; `false` where it waits already.
    #[inline]
    pub(crate) const fn wait(&mut self) -> bool {
        let waits = self.marks & WAITS != 0;
        self.marks |= WAITS;
        !waits
    }

    /// Whether it waited; it does not any more.
    #[inline]
    pub(crate) const fn end_wait(&mut self) -> bool {
        let waits = self.marks & WAITS != 0;
        self.marks &= !WAITS;
        waits
    }

    /// When a flow without connections is over (S7.0, S12.18).
    pub(crate) fn over(&self, memory: Span) -> Timestamp {
        let last_end = self.first.deadline;
        self.last_packet.after(memory).max(last_end)
    }

    /// Notes that the last connection ended.
    pub(crate) const fn end_entries(&mut self, at: Timestamp) {
        self.first = Entry { deadline: at, ..NO_ENTRY };
    }
}

/// A flow that is over and has left the table.
#[derive(Debug)]
pub struct Departed<M, A> {
    /// Its key.
    pub key: FlowKey,
    /// When its last packet came.
    pub last_packet: Timestamp,
    /// What the judge remembered at every packet.
    pub memory: M,
    /// What the judge remembered aside.
    pub aside: A,
}
