//! Time moves on: what ends by now is ended, in order of time, and later models come into force (S7.2, S10.1).

use std::sync::Arc;

use vpcreplay_conntrack::{Ending, Entry, Flow, Listener};
use vpcreplay_flow::Timestamp;
use vpcreplay_policy::{EniId, Policy};

use crate::FlowRecord;
use crate::engine::World;
use crate::flows;
use crate::memory::Memory;

/// Which allowance scope an ENI's entries count for, by ENI number.
#[derive(Debug, Default)]
pub(crate) struct Scopes(Vec<u32>);

impl Scopes {
    /// The scope of an ENI that some model has had.
    pub(crate) fn of(&self, eni: EniId) -> u32 {
        self.0.get(eni.index()).copied().unwrap_or(u32::MAX)
    }

    fn set(&mut self, eni: EniId, scope: u32) {
        if self.0.len() <= eni.index() {
            self.0.resize(eni.index() + 1, u32::MAX);
        }
        if let Some(place) = self.0.get_mut(eni.index()) {
            *place = scope;
        }
    }
}

/// What ended while time moved on.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Connections: when, at which ENI, how. The table tells them by shard, so they are put in order of time.
    connections: Vec<(Timestamp, u32, Ending)>,
    /// Records of flows that are over.
    flows: Vec<FlowRecord>,
}

impl Listener<Memory> for Ended {
    fn ended(&mut self, flow: &mut Flow<Memory>, entry: &Entry, ending: Ending, at: Timestamp) {
        if let Some(detail) = &mut flow.memory.detail {
            detail.ended(entry, ending);
        }
        self.connections.push((at, entry.eni, ending));
    }

    fn over(&mut self, flow: Flow<Memory>, at: Timestamp) {
        self.flows.extend(flows::record(&flow, at));
    }
}

impl World {
    /// Moves on to the time of a packet.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        // A flow that is remembered for no time at all is over before a second packet at the same instant.
        if self.is_at(now) && now < self.table.not_before() {
            return;
        }
        self.ledger.begin_packet(now);
        while let Some((time, policy)) = self.later.front().cloned().filter(|(time, _)| *time <= now) {
            self.later.pop_front();
            self.expire(time);
            self.switch(policy, time);
        }
        self.expire(now);
        self.ledger.open_packet(now);
        self.release_flows(now);
    }

    /// Ends everything whose deadline is `now` or earlier.
    fn expire(&mut self, now: Timestamp) {
        if self.table.not_before() <= now {
            self.table.advance(now, &mut self.ended);
            self.book();
        }
    }

    /// Enters what ended into the books, in order of time.
    fn book(&mut self) {
        self.ended.connections.sort_by_key(|(at, ..)| *at);
        for (at, eni, ending) in self.ended.connections.drain(..) {
            let scope = self.scopes.of(EniId(eni));
            match ending {
                Ending::Removed => self.ledger.removed(scope, at),
                _ => self.ledger.expired(scope, at),
            }
        }
    }

    /// Releases the records of flows that were over before `now`, in order (S9.3). Those over at this very instant
    /// wait: a flow that is remembered for no time at all may still join them.
    fn release_flows(&mut self, now: Timestamp) {
        let flows = &mut self.ended.flows;
        if !flows.is_empty() {
            flows.sort_by_key(|record| (record.over, record.number));
            let released = flows.partition_point(|record| record.over < now);
            self.records.extend(flows.drain(..released));
        }
    }

    /// Ends what has ended at the time of the last packet, and the books.
    pub(crate) fn finish(&mut self) {
        if let Some(now) = self.now() {
            self.expire(now);
        }
        self.release_flows(Timestamp::MAX);
        let mut live: Vec<FlowRecord> =
            self.table.flows().filter_map(|flow| flows::record(flow, Timestamp::MAX)).collect();
        live.sort_by_key(|record| record.number);
        self.records.append(&mut live);
        self.ledger.finish();
    }

    /// Brings a later model into force at its time (S10.1): connections at ENIs that are gone are removed, entries of
    /// an ENI that moved count for its new scope, limits follow.
    fn switch(&mut self, policy: Arc<Policy>, time: Timestamp) {
        self.table.remove_interfaces(time, |eni| !policy.contains(EniId(eni)), &mut self.ended);
        self.book();
        let moves = self.moves(&policy);
        for (entries, from, _) in &moves {
            self.ledger.left(*from, *entries, time);
        }
        self.policy = policy;
        self.routes.forget();
        self.adopt(time);
        for (entries, _, to) in moves {
            self.ledger.came(to, entries, time);
        }
    }

    /// ENIs with live entries that count for another scope from now on: how many entries, from where, where to.
    fn moves(&self, policy: &Policy) -> Vec<(u64, u32, u32)> {
        let moved = policy.enis().filter_map(|eni| {
            let (from, to) = (self.scopes.of(eni), policy.scope(eni)?.0);
            if from == to || from == u32::MAX {
                return None;
            }
            let entries = self.table.flows().filter(|flow| flow.entry(eni.0).is_some()).count() as u64;
            (entries > 0).then_some((entries, from, to))
        });
        moved.collect()
    }

    /// Takes over the scopes and limits of the model in force.
    pub(crate) fn adopt(&mut self, time: Timestamp) {
        for scope in self.policy.scopes() {
            let limit = self.policy.limit(scope).unwrap_or(0);
            self.ledger.set_limit(scope.0, limit, time);
        }
        for eni in self.policy.enis() {
            if let Some(scope) = self.policy.scope(eni) {
                self.scopes.set(eni, scope.0);
            }
        }
    }
}
