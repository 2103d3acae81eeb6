//! Connections that the allowance denied (S7.8): packets are counted by the engine, connections here.

use std::collections::{HashMap, VecDeque};

use rustc_hash::FxBuildHasher;
use vpcreplay_engine::{EniId, ScopeId};
use vpcreplay_flow::{FlowKey, Span, Timestamp};

/// Counts denied connections. Denials of one flow at one ENI are one denied connection as long as the flow is not admitted
/// there in between, the ENI stays in its scope, and the denials are less than the flow memory (S7.0) apart.
#[derive(Debug)]
pub struct Denials {
    memory: Span,
    most: usize,
    /// The newest denial, and the scope that denied.
    newest: HashMap<(FlowKey, EniId), (Timestamp, ScopeId), FxBuildHasher>,
    /// One place for each remembered denial, by the time at which it was last looked at.
    queue: VecDeque<(Timestamp, (FlowKey, EniId))>,
    /// By scope number.
    counts: Vec<u64>,
}

impl Denials {
    /// Nothing is denied yet. At most `most` denied connections are remembered; each packet of one beyond counts anew.
    pub fn new(memory: Span, most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self { memory, most, newest: HashMap::default(), queue: VecDeque::new(), counts: Vec::new() }
    }

    /// Notes that the allowance of a scope denied a packet of a flow at an ENI.
    pub fn denied(&mut self, flow: &FlowKey, (eni, scope): (EniId, ScopeId), now: Timestamp) {
        self.forget(now);
        let is_full = self.newest.len() >= self.most;
        let place = self.newest.get_mut(&(*flow, eni));
        let before = place.map(|newest| std::mem::replace(newest, (now, scope)));
        if before.is_some_and(|(before, by)| by == scope && !before.after(self.memory).is_due(now)) {
            return;
        }
        if self.counts.len() <= scope.index() {
            self.counts.resize(scope.index() + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(scope.index()) {
            *count += 1;
        }
        if before.is_none() && !is_full {
            self.newest.insert((*flow, eni), (now, scope));
            self.queue.push_back((now, (*flow, eni)));
        }
    }

    /// Whether some denied connection is remembered, so that it matters which flows are admitted.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        !self.newest.is_empty()
    }

    /// Notes that a flow was admitted.
    pub fn admitted(&mut self, flow: &FlowKey, eni: EniId) {
        self.newest.remove(&(*flow, eni));
    }

    /// Denied connections of a scope.
    pub fn count(&self, scope: ScopeId) -> u64 {
        self.counts.get(scope.index()).copied().unwrap_or(0)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((seen, key)) = self.queue.pop_front_if(|(seen, _)| seen.after(self.memory).is_due(now))
        {
            match self.newest.get(&key).map(|(newest, _)| *newest) {
                // Denied again since: its place moves back.
                Some(newest) if newest > seen && !newest.after(self.memory).is_due(now) => {
                    self.queue.push_back((newest, key));
                }
                Some(_) => {
                    self.newest.remove(&key);
                }
                None => {}
            }
        }
    }
}
