//! Packets without a connection that are judged with as few steps as possible, to the verdict that [`World::judge`] gives: the
//! usual first packet of a flow, which passes one ENI whose rules admit it and which tracks it, the first one that takes no
//! path, and those that the allowance turns away.

use vpcreplay_conntrack::{Entry, Event, FlowId, Tracking};
use vpcreplay_flow::{Digest, Direction, PacketFacts, Reason, Timestamp};
use vpcreplay_policy::{Probe, RuleId, TcpMidstream};

use crate::Verdict;
use crate::causality::Handshake;
use crate::engine::World;
use crate::memory::{Memory, note_denial};
use crate::route::{Hop, Route, RouteId};
use crate::security_group::Gate;

/// The way of a packet without a connection, and the rule that admits it.
#[derive(Clone, Copy)]
struct Welcome {
    gate: Gate,
    /// The rule of the network ACL before the gate or behind it.
    nacl: Option<RuleId>,
    rule: RuleId,
    scope: u32,
}

impl World {
    /// Judges the first packet of a flow that the table does not have, and begins the flow; `None` and no change where
    /// there is more to be looked at. The world must have moved on to the time of the packet.
    #[inline(never)]
    pub(crate) fn begin_flow(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        hash: u64,
    ) -> Option<Verdict> {
        // A sweep books new connections itself.
        if self.table.is_full() || self.parting.is_some() {
            return None;
        }
        let asked = match digest.ports_v4() {
            Some(facts) => self.ask(&facts),
            None => self.ask_of_any(digest),
        };
        let (route, welcome) = match asked {
            Ok(said) => said,
            Err(reason) => {
                let verdict = Verdict::bare(reason);
                self.counters.count(digest.length, &verdict);
                return Some(verdict);
            }
        };
        if !self.may_be_tracked(digest) {
            return None;
        }
        let welcome = welcome?;
        let handshake = Handshake::begun_by(digest.key.protocol(), digest.kind.opener()).pack();
        if self.has_no_room(welcome.scope, now) {
            let id = self.table.insert(&digest.key, hash, now);
            self.table.remember(id);
            let memory = Memory::begun(digest.kind.sender(), route, handshake);
            if let Some(flow) = self.table.flow_mut(id) {
                flow.memory = memory;
            }
            return Some(self.turn_away((number, now), digest, id, welcome));
        }
        let (event, sender) = (Event::of(digest.kind), digest.kind.sender());
        let memory = Memory::begun(sender, route, Handshake::passed_by(handshake, event, sender)?);
        let Welcome { gate, nacl, rule, scope, .. } = welcome;
        let tracking = Tracking::open(event, sender, sender);
        let deadline = now.after(self.policy.timeouts(gate.eni).get(tracking.timeout()));
        let entry = Entry { number: 0, deadline, eni: gate.eni.0, rule: rule.0, tracking };
        let id = self.table.begin((&digest.key, hash), now, (memory, entry));
        let entry = Entry { number: self.connections.next(number, (id, gate.eni)), ..entry };
        self.number_first(id, entry.number);
        self.ledger.created(scope, (number, now));
        self.counters.count_rule(nacl);
        self.counters.count_rule(Some(rule));
        let reason = if event.is_midstream() { Reason::Midstream } else { Reason::New };
        let verdict = gate.on_entry(reason, &entry);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }

    /// Judges another packet of a remembered flow that has no connection, at a time when nothing of the flow is due, if the
    /// allowance turns it away; `None` and no change otherwise. `admitted` is the rule that admits it, if that is known.
    pub(crate) fn turn_away_again(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        (id, route, admitted): (FlowId, RouteId, Option<RuleId>),
    ) -> Option<Verdict> {
        // Told before the rules are asked: as long as there is room this is not the way.
        let hop = *self.routes.only_hop(route)?;
        let scope = self.scopes.of(hop.eni);
        if !self.ledger.is_full(scope) || !self.may_be_tracked(digest) {
            return None;
        }
        let welcome = match admitted {
            Some(rule) => Welcome { gate: hop.gate(), nacl: hop.nacl, rule, scope },
            None => self.welcome(&digest.facts(), hop)?,
        };
        self.has_no_room(scope, now).then(|| self.turn_away((number, now), digest, id, welcome))
    }

    /// Whether a packet without a connection is tracked if a rule admits it: one in the middle of a TCP connection is, by
    /// one setting.
    fn may_be_tracked(&self, digest: &Digest) -> bool {
        !Event::of(digest.kind).is_midstream() || self.settings.tcp_midstream == TcpMidstream::Allow
    }

    /// What the model says of a packet by itself: its route, and the rule that admits it at the one ENI that it passes.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    fn ask(&mut self, facts: &PacketFacts) -> Result<(RouteId, Option<Welcome>), Reason> {
        let route = Route::of(facts, &self.policy, &self.settings)?;
        let route = self.routes.number(route);
        let hop = self.routes.only_hop(route).copied();
        Ok((route, hop.and_then(|hop| self.welcome(facts, hop))))
    }

    /// The same of a packet that is not of the most usual shape.
    #[inline(never)]
    fn ask_of_any(&mut self, digest: &Digest) -> Result<(RouteId, Option<Welcome>), Reason> {
        self.ask(&digest.facts())
    }

    /// The rule that admits a packet without a connection at the one ENI that it passes, so that it asks for an entry.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    fn welcome(&self, facts: &PacketFacts, hop: Hop) -> Option<Welcome> {
        let Hop { eni, direction, nacl } = hop;
        let probe = Probe::of(facts, direction);
        let rule = self.policy.security_group(eni, direction, &probe)?;
        let (src_port, dst_port) = facts.transport.ports().unwrap_or_default();
        let opens =
            |direction, port| self.policy.opens_untracked(eni, direction, (facts.protocol, port), probe.peer);
        if opens(direction, dst_port) || opens(direction.opposite(), src_port) {
            return None;
        }
        Some(Welcome { gate: hop.gate(), nacl, rule, scope: self.scopes.of(eni) })
    }

    /// Whether a scope is at its limit, what has expired by `now` left out (S7.8).
    #[inline]
    pub(crate) fn has_no_room(&mut self, scope: u32, now: Timestamp) -> bool {
        if !self.ledger.is_full(scope) {
            return false;
        }
        // What expired elsewhere counts no more.
        self.expire(now);
        self.ledger.is_full(scope)
    }

    /// The allowance denies a packet of a remembered flow that has no connection (S6.3.3c).
    fn turn_away(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        id: FlowId,
        Welcome { gate, nacl, rule, scope }: Welcome,
    ) -> Verdict {
        self.ledger.exceeded(scope, (number, now));
        self.counters.count_exceeded(gate.eni);
        if gate.direction == Direction::Ingress {
            // The network ACL behind the security group is not asked any more.
            self.counters.count_rule(nacl);
        }
        self.counters.count_rule(Some(rule));
        let verdict = Verdict { rule: Some(rule), ..gate.verdict(Reason::ConntrackAllowanceExceeded) };
        let (event, sender) = (Event::of(digest.kind), digest.kind.sender());
        if let Some((shard, at)) = self.table.place_mut(id) {
            let mut cause = None;
            if let Some(flow) = shard.flow_mut(at) {
                let after = Handshake::denied_by(flow.memory.packed_handshake(), event, sender);
                cause = after.1;
                flow.memory.set_packed_handshake(after.0);
                flow.memory.set_admitted(sender, rule);
                flow.touch(now);
            }
            if let Some(cause) = cause {
                note_denial(shard, at, (cause, number));
            }
            shard.settle(at);
        }
        self.counters.count(digest.length, &verdict);
        self.counters.note_denied(number, digest, &verdict);
        verdict
    }

    fn number_first(&mut self, id: FlowId, number: u64) {
        if let Some(flow) = self.table.flow_mut(id) {
            flow.number_first(number);
        }
    }
}
