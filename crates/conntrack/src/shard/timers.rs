//! The timers of a shard: what ends, and when it is told.

use vpcreplay_flow::Timestamp;

use super::{MOST_NEARER, Shard, TIMERS_AHEAD};
use crate::machine::prefetch;
use crate::rest::AsideMut;
use crate::table::Listener;
use crate::{Ending, Entry, Flow};

impl<M: Copy + Default, A: Default> Shard<M, A> {
    /// When the flow has to be looked at next: the first deadline of its connections, or the end of its memory.
    fn next_event(&self, at: u32) -> Timestamp {
        let Some(flow) = self.flows.get(at as usize) else { return Timestamp::MAX };
        if flow.has_entries() {
            let more = self.rests.entries(flow).map(Entry::deadline);
            more.fold(flow.first.deadline, Timestamp::min)
        } else {
            flow.over(self.memory)
        }
    }

    /// Whether something of the flow has ended by `now` and is not taken away yet: time must be advanced before the flow
    /// is looked at.
    #[inline]
    pub fn is_due(&self, at: u32, now: Timestamp) -> bool {
        self.not_before <= now && self.next_event(at).is_due(now)
    }

    /// Ends the work on a flow after a packet: what has come nearer is noted; a flow neither remembered nor tracked goes away.
    #[inline]
    pub fn settle(&mut self, at: u32) {
        if self.flows.get_mut(at as usize).is_some_and(Flow::take_unsettled) {
            self.settle_now(at);
        }
    }

    #[inline(never)]
    fn settle_now(&mut self, at: u32) {
        let next = self.next_event(at);
        let Some(flow) = self.flows.get_mut(at as usize) else { return };
        if !flow.is_remembered() && !flow.has_entries() {
            self.remove(at);
            return;
        }
        let is_first = flow.wait();
        self.not_before = self.not_before.min(next);
        if is_first {
            self.nearer.push(at);
        }
        if self.nearer.len() >= MOST_NEARER {
            self.set_nearer();
        }
    }

    /// Sets the timers of the flows whose next event has come nearer.
    ///
    /// A timer that is set too early is left: it finds nothing to do when it goes off and is set anew then.
    pub(super) fn set_nearer(&mut self) {
        let nearer = std::mem::take(&mut self.nearer);
        for (number, at) in nearer.iter().enumerate() {
            if let Some(coming) = nearer.get(number + TIMERS_AHEAD) {
                self.prefetch_with_timer(*coming);
            }
            // Not one that was taken out meanwhile, or is another flow by now.
            if self.flows.get_mut(*at as usize).is_some_and(Flow::end_wait) {
                let next = self.next_event(*at);
                if next < self.wheel.time(*at) {
                    self.set_timer(*at, next);
                }
            }
        }
        self.nearer = nearer;
        self.nearer.clear();
    }

    pub(super) fn set_timer(&mut self, at: u32, next: Timestamp) {
        self.wheel.set(at, next);
        self.not_before = self.not_before.min(next);
    }

    /// Asks for the memory of a flow and of its timer.
    #[inline]
    fn prefetch_with_timer(&self, at: u32) {
        prefetch(self.flows.get(at as usize));
        self.wheel.prefetch(at);
    }

    /// Lets a flow be without a timer until it is taken out, soon.
    pub(crate) fn spare_timer(&mut self, at: u32) {
        self.wheel.spare(at);
    }

    /// A time before which nothing in the shard ends.
    #[inline]
    pub(crate) const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Tells the timers the time, by which none goes off.
    pub(crate) fn keep_up(&mut self, now: Timestamp) {
        self.wheel.keep_up(now);
    }

    /// Serves every timer that goes off by `now`, in order of time.
    #[inline(never)]
    pub(crate) fn advance(&mut self, now: Timestamp, listener: &mut impl Listener<M, A>) {
        self.set_nearer();
        while let Some((time, at)) = self.wheel.pop(now) {
            if let Some(coming) = self.wheel.coming(TIMERS_AHEAD) {
                self.prefetch_with_timer(coming);
            }
            self.serve(at, time, listener);
        }
        self.not_before = self.wheel.not_before();
    }

    /// Ends the connections whose deadline is `now`, then ends the flow or sets its timer again.
    ///
    /// A timer may have been set for an earlier time than the flow's next event; then it is only set anew, so that
    /// events come out in order of time.
    fn serve(&mut self, at: u32, now: Timestamp, listener: &mut impl Listener<M, A>) {
        let event = self.next_event(at);
        if event.is_due(now) {
            while let Some(entry) = self.take_entry(at, event, |entry| entry.deadline() == event) {
                self.tell(at, (&entry, Ending::Expired, event), listener);
            }
        }
        self.conclude(at, now, listener);
    }

    /// Tells a listener that a connection of a flow ended.
    pub(crate) fn tell(
        &mut self,
        at: u32,
        (entry, ending, time): (&Entry, Ending, Timestamp),
        listener: &mut impl Listener<M, A>,
    ) {
        if let Some(flow) = self.flows.get_mut(at as usize) {
            listener.ended(AsideMut::new(&mut self.rests, flow), entry, ending, time);
        }
    }

    /// Ends a flow that is over by `now`; else sets its timer.
    pub(crate) fn conclude(&mut self, at: u32, now: Timestamp, listener: &mut impl Listener<M, A>) {
        let memory = self.memory;
        let Some(flow) = self.flow_mut(at) else { return };
        flow.take_unsettled();
        let over = flow.over(memory);
        if flow.has_entries() {
            let next = self.next_event(at);
            self.set_timer(at, next);
        } else if !flow.is_remembered() {
            self.remove(at);
        } else if !over.is_due(now) {
            self.set_timer(at, over);
        } else if let Some(departed) = self.remove(at) {
            listener.over(departed, over);
        }
    }
}
