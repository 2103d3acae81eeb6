//! Measures the connection table of a replay: every entry, from its creation to its exact end.

mod batch;

use std::sync::Arc;

use vpcreplay_engine::{EniId, Packet, RuleId, ScopeId, State, Timeline};
use vpcreplay_flow::{Digest, Direction, End, FlowKey, KeyClass, Reason, Timestamp};
use vpcreplay_policy::{Policy, Probe, Registry};

use crate::classes::ServiceClass;
use crate::entries::{Birth, Entries, Entry, Identity};
use crate::generations::Generations;
use crate::scope::{ClassKeys, ScopeMeter};
use crate::visit::{Visit, What};

/// Whether every change of occupancy is kept, for copies with phases of their own; 24 bytes for each instant at which
/// occupancy changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepChanges {
    /// They are not.
    #[default]
    No,
    /// They are.
    Yes,
}

/// Measures the connection table of a replay. It is told of packets in replay order.
#[derive(Debug)]
pub struct Meter {
    generations: Generations,
    registry: Arc<Registry>,
    entries: Entries,
    /// By scope number.
    scopes: Vec<ScopeMeter>,
    /// The greatest connection number so far.
    newest: u64,
    now: Option<Timestamp>,
    keep: KeepChanges,
    /// By ENI number: whether a packet met its security groups.
    seen: Vec<bool>,
}

/// A packet at a checkpoint, in terms of its flow.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    packet: &'a Packet<'a>,
    flow: (FlowKey, End),
    visit: Visit,
}

impl Meter {
    /// A meter before the first packet of a replay of these models.
    pub fn new(timeline: &Timeline, keep: KeepChanges) -> Self {
        Self {
            generations: Generations::new(timeline),
            registry: Arc::clone(&timeline.registry),
            entries: Entries::default(),
            scopes: Vec::new(),
            newest: 0,
            now: None,
            keep,
            seen: Vec::new(),
        }
    }

    /// The books of a scope.
    pub fn scope(&self, scope: ScopeId) -> Option<&ScopeMeter> {
        self.scopes.get(scope.index())
    }

    /// Scopes whose allowance denied a packet, with the number of the first one.
    pub fn first_denied(&self) -> impl Iterator<Item = (ScopeId, u64)> + '_ {
        let numbered = (0..).map(ScopeId).zip(&self.scopes);
        numbered.filter_map(|(number, scope)| Some((number, scope.first_denied?)))
    }

    /// Live entries in all scopes.
    pub fn live(&self) -> usize {
        self.entries.len()
    }

    /// Whether a packet met the security groups of an ENI.
    pub fn has_seen(&self, eni: EniId) -> bool {
        self.seen.get(eni.index()).copied().unwrap_or(false)
    }

    /// Takes in a packet and what it did at its security group checkpoints.
    pub fn packet(&mut self, packet: &Packet<'_>, visits: impl IntoIterator<Item = Visit>) {
        self.enter(packet.now);
        self.visits(packet, visits);
    }

    fn visits(&mut self, packet: &Packet<'_>, visits: impl IntoIterator<Item = Visit>) {
        let mut touched: [Option<(u32, u64, u64)>; 2] = [None; 2];
        for visit in visits {
            if self.seen.len() <= visit.eni.index() {
                self.seen.resize(visit.eni.index() + 1, false);
            }
            if let Some(seen) = self.seen.get_mut(visit.eni.index()) {
                *seen = true;
            }
            let Some(scope) = self.generations.current().scope(visit.eni) else { continue };
            if let What::Refused(Reason::ConntrackAllowanceExceeded) = visit.what
                && let Some(scope) = self.scopes.get_mut(scope.index())
            {
                scope.exceeded += 1;
                scope.first_denied.get_or_insert(packet.number);
            }
            let Some(Digest { key, kind, .. }) = packet.content.digest() else { continue };
            let sender = kind.sender();
            let before = self.scopes.get(scope.index()).map_or(0, ScopeMeter::occupancy);
            let created = self.arrive(&Arrival { packet, flow: (key, sender), visit });
            if let Some(occupancy) = created {
                note_top(&mut touched, (scope.0, before, occupancy));
            }
        }
        for (scope, before, top) in touched.into_iter().flatten() {
            if let Some(scope) = self.scopes.get_mut(scope as usize) {
                let after = scope.occupancy();
                scope.increase.note(before.max(after), top);
            }
        }
    }

    /// Ends the books at the last packet (S7.10).
    pub fn finish(&mut self) {
        let Some(now) = self.now else { return };
        for at in self.entries.places() {
            let Some(entry) = self.entries.get(at).zip(self.entries.identity(at)) else { continue };
            if let Some(scope) = self.scopes.get_mut(entry.0.scope as usize) {
                scope.settle(entry, now);
            }
        }
        for scope in &mut self.scopes {
            scope.book(now);
        }
        if self.keep == KeepChanges::Yes {
            self.note_later_ends();
        }
    }

    /// Notes when the entries end that live at the last packet: of copies that come later, it is not the last one.
    fn note_later_ends(&mut self) {
        let places = self.entries.places().into_iter();
        let mut ends: Vec<(Timestamp, u32)> =
            places.filter_map(|at| self.entries.get(at)).map(|entry| (entry.deadline, entry.scope)).collect();
        ends.sort_unstable();
        let mut live: Vec<u64> = self.scopes.iter().map(ScopeMeter::occupancy).collect();
        for (end, scope) in ends {
            let scope = scope as usize;
            if let (Some(live), Some(books)) = (live.get_mut(scope), self.scopes.get_mut(scope)) {
                *live = live.saturating_sub(1);
                if let Some(changes) = &mut books.changes {
                    changes.fall(end, *live);
                }
            }
        }
    }

    /// Moves on to the time of a packet.
    fn enter(&mut self, now: Timestamp) {
        if self.now.is_none() {
            self.generations.begin(now);
            self.adopt(now);
        }
        if self.generations.is_due(now) {
            while let Some(time) = self.generations.next_time().filter(|time| *time <= now) {
                self.expire(time);
                self.switch(now);
            }
        }
        self.now = Some(now);
        self.expire(now);
        if self.keep == KeepChanges::Yes {
            for scope in &mut self.scopes {
                let occupancy = scope.occupancy();
                if let Some(changes) = &mut scope.changes {
                    changes.begin(now, occupancy);
                }
            }
        }
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some(entry) = self.entries.pop_expired(now) {
            self.leave(&entry, entry.0.deadline);
        }
    }

    /// Brings the next model into force (S10.1).
    fn switch(&mut self, now: Timestamp) {
        let Some((time, _)) = self.generations.advance(now) else { return };
        let policy = Arc::clone(self.generations.current());
        let mut moves: Vec<(u32, RuleKeys)> = Vec::new();
        for at in self.entries.places() {
            let both = self.entries.get(at).copied().zip(self.entries.identity(at).copied());
            let Some((entry, identity)) = both else { continue };
            match policy.scope(entry.eni) {
                None => {
                    self.entries.remove(at);
                    self.leave(&(entry, identity), time);
                }
                Some(scope) if scope.0 != entry.scope => {
                    let old = self.scopes.get(entry.scope as usize);
                    let rule = old.and_then(|old| old.rule_of(identity.classes));
                    moves.push((at, RuleKeys { rule, to: scope.0 }));
                    self.leave(&(entry, identity), time);
                }
                Some(_) => {}
            }
        }
        self.adopt(time);
        for (at, RuleKeys { rule, to }) in &moves {
            self.come(*at, (*to, *rule), time);
        }
        for (at, RuleKeys { to, .. }) in &moves {
            self.join_peak(*at, *to, time);
        }
    }

    fn adopt(&mut self, now: Timestamp) {
        let policy = Arc::clone(self.generations.current());
        for scope in policy.scopes() {
            if self.scopes.len() <= scope.index() {
                self.scopes.resize(scope.index() + 1, ScopeMeter::default());
            }
            if let Some(books) = self.scopes.get_mut(scope.index()) {
                books.set_limit(policy.limit(scope).unwrap_or(0), now);
                if self.keep == KeepChanges::Yes {
                    books.changes.get_or_insert_default();
                }
            }
        }
    }

    /// A packet at a checkpoint; the occupancy of its scope right after it created an entry.
    fn arrive(&mut self, arrival: &Arrival<'_>) -> Option<u64> {
        let Arrival { packet, flow: (key, sender), visit } = *arrival;
        let now = packet.now;
        let found = self.entries.find(&key, visit.eni);
        let known = found.and_then(|at| self.entries.get(at)).map(|entry| (entry.number, entry.state));
        match (visit.what, known.zip(found)) {
            (What::Entered { number, state, .. }, Some(((known, before), at))) if known == number => {
                if before != state {
                    self.change_state(at, state, now);
                }
                let deadline = now.after(self.generations.timeout(visit.eni, state, key.class()));
                self.entries.refresh(at, now, deadline);
                None
            }
            (what, _) => {
                // What lives and was not found is taken away by a bare SYN (S7.6).
                if let Some(entry) = found.and_then(|at| self.entries.remove(at)) {
                    self.leave(&entry, now);
                }
                match what {
                    What::Entered { number, state, rule } if number > self.newest => {
                        self.newest = number;
                        let rule = rule.or_else(|| admitting_rule(self.generations.current(), arrival));
                        self.create(arrival, (number, state, rule), sender)
                    }
                    _ => None,
                }
            }
        }
    }

    fn create(
        &mut self,
        arrival: &Arrival<'_>,
        (number, state, rule): (u64, State, Option<RuleId>),
        sender: End,
    ) -> Option<u64> {
        let Arrival { packet: Packet { now, .. }, flow: (key, _), visit } = *arrival;
        let Visit { eni, direction, .. } = visit;
        // A rule of the other direction admitted the reversed flow (S7.5).
        let is_reversed =
            rule.and_then(|rule| self.registry.rule_direction(rule)).is_some_and(|ruled| ruled != direction);
        let original = if is_reversed { sender.other() } else { sender };
        let own = if direction == Direction::Egress { sender } else { sender.other() };
        let deadline = now.after(self.generations.timeout(eni, state, key.class()));
        let birth = Birth { key, number, now: *now, deadline, eni, state, own, original };
        let scope = self.generations.current().scope(eni)?.0;
        let at = self.entries.insert(&birth);
        self.come(at, (scope, rule), *now);
        self.join_peak(at, scope, *now);
        let books = self.scopes.get_mut(scope as usize)?;
        let occupancy = books.occupancy();
        if let Some(changes) = &mut books.changes {
            changes.rise(occupancy);
        }
        Some(occupancy)
    }

    /// Books an entry in a scope.
    fn come(&mut self, at: u32, (scope, rule): (u32, Option<RuleId>), now: Timestamp) {
        let Some(Identity { key, .. }) = self.entries.identity(at).copied() else { return };
        let (Some(entry), Some(books)) = (self.entries.get_mut(at), self.scopes.get_mut(scope as usize))
        else {
            return;
        };
        let peer = key.address(entry.own.other());
        let keys = ClassKeys { peer, service: service(entry, &key), rule };
        let classes = books.classes(key.protocol(), &keys);
        (entry.scope, entry.since, entry.state_since) = (scope, now, now);
        books.enter(entry.state, now);
        self.entries.set_classes(at, classes);
    }

    /// Notes which peaks an entry that came is part of.
    fn join_peak(&mut self, at: u32, scope: u32, now: Timestamp) {
        if let (Some(entry), Some(books)) = (self.entries.get_mut(at), self.scopes.get_mut(scope as usize)) {
            entry.first_peak = books.raise(now);
        }
    }

    fn change_state(&mut self, at: u32, state: State, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(at) else { return };
        if let Some(scope) = self.scopes.get_mut(entry.scope as usize) {
            scope.change_state(entry, state, now);
        }
        (entry.state, entry.state_since) = (state, now);
    }

    fn leave(&mut self, (entry, identity): &(Entry, Identity), at: Timestamp) {
        if let Some(scope) = self.scopes.get_mut(entry.scope as usize) {
            scope.leave((entry, identity), at);
            let occupancy = scope.occupancy();
            if let Some(changes) = &mut scope.changes {
                changes.fall(at, occupancy);
            }
        }
    }
}

/// The rule of an entry that moves, and the scope that it moves to.
struct RuleKeys {
    rule: Option<RuleId>,
    to: u32,
}

/// The greatest occupancy that a packet made in a scope, with the occupancy before the packet.
fn note_top(touched: &mut [Option<(u32, u64, u64)>; 2], (scope, before, top): (u32, u64, u64)) {
    for place in touched {
        match place {
            Some((known, _, greatest)) if *known == scope => {
                *greatest = top.max(*greatest);
                return;
            }
            Some(_) => {}
            None => {
                *place = Some((scope, before, top));
                return;
            }
        }
    }
}

/// The service of an entry: towards the end that did not open it.
fn service(entry: &Entry, key: &FlowKey) -> ServiceClass {
    let direction = if entry.original == entry.own { Direction::Egress } else { Direction::Ingress };
    let port = match key.class() {
        KeyClass::Ports => key.port(entry.original.other()),
        _ => None,
    };
    let is_ipv4 = key.address(End::A).is_ipv4();
    ServiceClass { direction, is_ipv4, protocol: key.protocol(), port }
}

/// The rule of the security group that admitted a packet which the network ACL behind it denied.
fn admitting_rule(policy: &Policy, arrival: &Arrival<'_>) -> Option<RuleId> {
    let facts = arrival.packet.content.facts()?;
    let Visit { eni, direction, .. } = arrival.visit;
    let own = policy.security_group(eni, direction, &Probe::of(&facts, direction));
    own.or_else(|| policy.security_group(eni, direction.opposite(), &Probe::reversed(&facts, direction)?))
}
