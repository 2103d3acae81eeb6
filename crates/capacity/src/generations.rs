//! The models of a timeline, each in its time (S10.1).

use std::sync::Arc;

use vpcreplay_engine::{EniId, Later, State, Timeline, When, by_time};
use vpcreplay_flow::{KeyClass, Span, TimeoutName, Timestamp};
use vpcreplay_policy::Policy;

/// The models of a timeline. The first packet's time says when they come into force.
#[derive(Debug)]
pub struct Generations {
    current: Arc<Policy>,
    later: Later,
    timeline: Vec<(When, Arc<Policy>)>,
    next: Timestamp,
}

impl Generations {
    /// The models before the first packet.
    pub fn new(timeline: &Timeline) -> Self {
        let current = Arc::clone(&timeline.first);
        let later = timeline.later.clone();
        Self { current, later: Later::new(), timeline: later, next: Timestamp::MIN }
    }

    /// The model in force.
    pub const fn current(&self) -> &Arc<Policy> {
        &self.current
    }

    /// At the first packet: a model of its time or earlier is in force from the start (S12.10).
    pub fn begin(&mut self, first: Timestamp) {
        let (from_start, later) = by_time(self.timeline.drain(..), first);
        self.later = later;
        if let Some(policy) = from_start {
            self.current = policy;
        }
        self.note_next();
    }

    /// Whether a later model's time has come.
    #[inline]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next <= now
    }

    /// Brings the next model into force if its time has come; that time.
    pub fn advance(&mut self, now: Timestamp) -> Option<(Timestamp, Arc<Policy>)> {
        let (time, policy) = self.later.pop_front_if(|(time, _)| *time <= now)?;
        self.note_next();
        let before = std::mem::replace(&mut self.current, policy);
        Some((time, before))
    }

    /// Brings the models into force whose time has come with the packet at `now`, the first one's time too.
    pub fn catch_up(&mut self, now: Timestamp) {
        if self.next == Timestamp::MIN {
            self.begin(now);
        }
        while self.is_due(now) && self.advance(now).is_some() {}
    }

    /// When the next model comes into force.
    pub fn next_time(&self) -> Option<Timestamp> {
        self.later.front().map(|(time, _)| *time)
    }

    fn note_next(&mut self) {
        self.next = self.later.front().map_or(Timestamp::MAX, |(time, _)| *time);
    }

    /// The timeout of a state at an ENI, for a flow whose key is of this class (S7.2, S7.3).
    #[inline]
    pub fn timeout(&self, eni: EniId, state: State, class: KeyClass) -> Span {
        self.current.timeouts(eni).get(timeout_name(state, class))
    }
}

/// Which timeout a state has (S7.3, S7.7).
pub(crate) const fn timeout_name(state: State, class: KeyClass) -> TimeoutName {
    let is_icmp = matches!(class, KeyClass::Query(_) | KeyClass::OneWay);
    state.timeout(if is_icmp { TimeoutName::Icmp } else { TimeoutName::Other })
}
