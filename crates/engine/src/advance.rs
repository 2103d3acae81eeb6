//! Time moves on: what ends by now is ended, in order of time, and later models come into force (S7.2, S10.1).

use std::sync::Arc;

use vpcreplay_conntrack::{AsideMut, Departed, Ending, Entry, Ledger, Listener};
use vpcreplay_flow::Timestamp;
use vpcreplay_policy::{EniId, Policy};

use crate::FlowRecord;
use crate::engine::World;
use crate::flows;
use crate::forks::Parting;
use crate::memory::{Aside, Memory};
use crate::settings::FlowRecords;

/// Which allowance scope an ENI's entries count for, by ENI number.
#[derive(Clone, Debug, Default)]
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

/// Who is told of what ends while time moves on: the books, and the records of flows.
struct Ends<'a> {
    ledger: &'a mut Ledger,
    scopes: &'a Scopes,
    flows: &'a mut Vec<FlowRecord>,
    parting: Option<&'a mut Parting>,
}

impl Listener<Memory, Aside> for Ends<'_> {
    fn ended(
        &mut self,
        mut aside: AsideMut<'_, Memory, Aside>,
        entry: &Entry,
        ending: Ending,
        at: Timestamp,
    ) {
        if let Some(detail) = aside.get().and_then(|aside| aside.detail.as_mut()) {
            detail.ended(entry, ending);
        }
        let scope = self.scopes.of(EniId(entry.eni));
        if let Some(parting) = &mut self.parting {
            parting.ended(aside, entry, (scope, at));
        }
        match ending {
            Ending::Removed => self.ledger.removed(scope, at),
            _ => self.ledger.expired(scope, at),
        }
    }

    fn over(&mut self, mut flow: Departed<Memory, Aside>, at: Timestamp) {
        if let Some(parting) = &mut self.parting {
            parting.over(&mut flow);
        }
        self.flows.extend(flows::record(&flow, at));
    }
}

impl World {
    /// Moves on to the time of a packet. What ends by then is ended where and when it matters: in a flow's shard before
    /// something of this flow that has ended is looked at, everywhere when a bound is reached, when another model comes
    /// into force, and when the books are closed.
    #[inline]
    pub(crate) fn enter(&mut self, number: u64, now: Timestamp) {
        if self.next_switch <= now {
            self.switch_models(now);
        }
        self.move_on(number, now);
    }

    /// Notes that a packet with a number came at `now`, by which no later model comes into force.
    #[inline]
    pub(crate) fn move_on(&mut self, number: u64, now: Timestamp) {
        self.now = Some(now);
        self.ledger.packet(number, now);
    }

    /// Ends what has ended by `now` among the flows of a hash's shard.
    pub(crate) fn advance_shard(&mut self, hash: u64, now: Timestamp) {
        let Self { ledger, scopes, over: flows, table, parting, .. } = self;
        let parting = parting.as_deref_mut();
        table.advance_shard(hash, now, &mut Ends { ledger, scopes, flows, parting });
    }

    /// Ends everything whose deadline is `now` or earlier.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        let Self { ledger, scopes, over: flows, table, parting, .. } = self;
        let parting = parting.as_deref_mut();
        table.advance(now, &mut Ends { ledger, scopes, flows, parting });
    }

    /// Ends everything that has ended by the newest packet, closes the books and releases the records of flows.
    pub(crate) fn close(&mut self) {
        let Some(now) = self.now else { return };
        self.expire(now);
        self.ledger.close();
        self.counters.enter_denied();
        self.release_flows(now);
    }

    /// Releases the records of flows that were over before `now`, in order (S9.3). Those over at this very instant
    /// wait: a flow that is remembered for no time at all may still join them.
    fn release_flows(&mut self, now: Timestamp) {
        let flows = &mut self.over;
        if !flows.is_empty() {
            flows.sort_by_key(|record| (record.over, record.number));
            let released = flows.partition_point(|record| record.over < now);
            self.records.extend(flows.drain(..released));
        }
    }

    /// Ends the books at the time of the last packet.
    pub(crate) fn finish(&mut self) {
        self.close();
        self.release_flows(Timestamp::MAX);
        if self.settings.flow_records == FlowRecords::Kept {
            let table = &self.table;
            let mut live: Vec<FlowRecord> = table
                .flows()
                .filter_map(|id| table.place(id))
                .filter_map(|(shard, at)| flows::record_of_live(shard, at))
                .collect();
            live.sort_by_key(|record| record.number);
            self.records.append(&mut live);
        }
        self.ledger.finish();
    }

    /// Brings the models into force whose time has come with the packet at `now`.
    #[cold]
    fn switch_models(&mut self, now: Timestamp) {
        self.counters.enter_counted(&self.routes);
        self.close();
        self.ledger.begin_packet(now);
        while let Some((time, policy)) = self.later.pop_front_if(|(time, _)| *time <= now) {
            self.expire(time);
            self.ledger.close_expired(time);
            self.switch(policy, time);
        }
        self.note_next_switch();
        self.expire(now);
        self.ledger.close_expired(now);
        self.ledger.open_packet(now);
    }

    /// Notes when the next model comes into force, and before which time packets may be judged by `World::most_usual` and its
    /// like: at none where records of flows are kept.
    pub(crate) fn note_next_switch(&mut self) {
        self.next_switch = self.later.front().map_or(Timestamp::MAX, |(time, _)| *time);
        self.usual_before = match self.settings.flow_records {
            FlowRecords::Kept => Timestamp::MIN,
            FlowRecords::Off => self.next_switch,
        };
    }

    /// Brings a later model into force at its time (S10.1): connections at ENIs that are gone are removed, entries of
    /// an ENI that moved count for its new scope, limits follow.
    fn switch(&mut self, policy: Arc<Policy>, time: Timestamp) {
        let Self { ledger, scopes, over: flows, table, parting, .. } = self;
        let parting = parting.as_deref_mut();
        let is_gone = |eni| !policy.contains(EniId(eni));
        table.remove_interfaces(time, is_gone, &mut Ends { ledger, scopes, flows, parting });
        let moves = self.moves(&policy);
        for (entries, from, _) in &moves {
            self.ledger.left(*from, *entries, time);
        }
        self.policy = policy;
        self.routes.forget();
        self.table.change_memories(Memory::forget_model);
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
            let places = self.table.flows().filter_map(|id| self.table.place(id));
            let entries = places.filter(|(shard, at)| shard.entry(*at, eni.0).is_some()).count() as u64;
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
