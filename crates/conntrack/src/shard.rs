//! A shard: the flows whose keys fall into it, and their timers. One owner at a time, no sharing.

use vpcreplay_flow::{FlowKey, Span, Timestamp};

use crate::index::{self, Index};
use crate::table::Listener;
use crate::wheel::Wheel;
use crate::{Ending, Flow};

#[derive(Debug)]
pub(crate) struct Shard<M> {
    index: Index,
    flows: Vec<Option<Flow<M>>>,
    free: Vec<u32>,
    wheel: Wheel,
    memory: Span,
    /// No timer goes off before this time.
    pub(crate) not_before: Timestamp,
}

impl<M: Default> Shard<M> {
    pub(crate) fn new(memory: Span) -> Self {
        Self {
            index: Index::new(),
            flows: Vec::new(),
            free: Vec::new(),
            wheel: Wheel::new(),
            memory,
            not_before: Timestamp::MAX,
        }
    }

    pub(crate) fn find(&self, key: &FlowKey, hash: u64) -> Option<u32> {
        self.index.find(index::tag(hash), |at| self.flow(at).is_some_and(|flow| flow.key() == key))
    }

    /// Most often the place of the flow with a hash.
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        self.index.guess(index::tag(hash))
    }

    /// Adds a flow that is not in the table. It has no timer before it is settled.
    pub(crate) fn insert(&mut self, key: FlowKey, hash: u64, now: Timestamp) -> u32 {
        let flow = Some(Flow::new(key, now));
        let at = if let Some(at) = self.free.pop() {
            if let Some(place) = self.flows.get_mut(at as usize) {
                *place = flow;
            }
            at
        } else {
            self.flows.push(flow);
            // The bound on remembered flows and live connections keeps this far below 2^32.
            u32::try_from(self.flows.len() - 1).unwrap_or(u32::MAX)
        };
        self.index.insert(index::tag(hash), at);
        at
    }

    pub(crate) fn flow(&self, at: u32) -> Option<&Flow<M>> {
        self.flows.get(at as usize)?.as_ref()
    }

    pub(crate) fn flow_mut(&mut self, at: u32) -> Option<&mut Flow<M>> {
        self.flows.get_mut(at as usize)?.as_mut()
    }

    pub(crate) fn flows(&self) -> impl Iterator<Item = &Flow<M>> {
        self.flows.iter().flatten()
    }

    /// The places of all flows.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> + use<M> {
        0..u32::try_from(self.flows.len()).unwrap_or(u32::MAX)
    }

    /// Sets a flow's timer after a packet; a flow neither remembered nor tracked goes away.
    ///
    /// A timer that is set too early is left: it finds nothing to do when it goes off and is set anew then.
    pub(crate) fn settle(&mut self, at: u32) {
        let memory = self.memory;
        let Some(flow) = self.flow_mut(at) else { return };
        if flow.number == 0 && flow.entries.is_empty() {
            self.remove(at);
            return;
        }
        let next = flow.next_event(memory);
        if next < flow.timer {
            self.set_timer(at, next);
        }
    }

    fn set_timer(&mut self, at: u32, next: Timestamp) {
        if let Some(flow) = self.flow_mut(at) {
            flow.timer = next;
        }
        self.wheel.set(at, next);
        self.not_before = self.not_before.min(next);
    }

    /// Takes a flow out of the table.
    pub(crate) fn remove(&mut self, at: u32) -> Option<Flow<M>> {
        let hash = self.flow(at)?.key().hash64();
        self.index.remove(index::tag(hash), at);
        self.wheel.set(at, Timestamp::MAX);
        self.free.push(at);
        self.flows.get_mut(at as usize)?.take()
    }

    /// Serves every timer that goes off by `now`, in order of time.
    pub(crate) fn advance(&mut self, now: Timestamp, listener: &mut impl Listener<M>) {
        while let Some((time, at)) = self.wheel.pop(now) {
            self.serve(at, time, listener);
        }
        self.not_before = self.wheel.not_before();
    }

    /// Ends the connections whose deadline is `now`, then ends the flow or sets its timer again.
    ///
    /// A timer may have been set for an earlier time than the flow's next event; then it is only set anew, so that
    /// events come out in order of time.
    fn serve(&mut self, at: u32, now: Timestamp, listener: &mut impl Listener<M>) {
        let memory = self.memory;
        let Some(flow) = self.flow_mut(at) else { return };
        flow.timer = Timestamp::MAX;
        let event = flow.next_event(memory);
        if event.is_due(now) && !flow.entries.is_empty() {
            while let Some(due) = flow.entries.iter().position(|entry| entry.deadline == event) {
                let entry = flow.entries.remove(due);
                flow.last_end = event;
                listener.ended(flow, &entry, Ending::Expired, event);
            }
        }
        self.conclude(at, now, listener);
    }

    /// Ends a flow that is over by `now`; else sets its timer.
    pub(crate) fn conclude(&mut self, at: u32, now: Timestamp, listener: &mut impl Listener<M>) {
        let memory = self.memory;
        let Some(flow) = self.flow(at) else { return };
        let forgotten = flow.number == 0 && flow.entries.is_empty();
        let over = flow.over(memory);
        if forgotten {
            self.remove(at);
        } else if flow.entries.is_empty() && over.is_due(now) {
            if let Some(flow) = self.remove(at) {
                listener.over(flow, over);
            }
        } else {
            let next = flow.next_event(memory);
            self.set_timer(at, next);
        }
    }
}
