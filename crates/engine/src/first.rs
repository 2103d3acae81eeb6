//! First packets that are judged with as few steps as possible, to the verdict that [`World::judge`] gives: the usual one, which
//! passes one ENI whose rules admit it and which tracks it or is at its limit, and the one that takes no path.

use vpcreplay_conntrack::{Entry, Event, Tracking, Wanted};
use vpcreplay_flow::{Digest, PacketFacts, Reason, Timestamp};
use vpcreplay_policy::Probe;

use crate::Verdict;
use crate::causality::Handshake;
use crate::engine::World;
use crate::memory::Memory;
use crate::route::{Hop, Route, RouteId};
use crate::turn_away::Request;

impl World {
    /// Judges the first packet of a flow that the table does not have, and begins the flow; `None` and no change where
    /// there is more to be looked at. The world must have moved on to the time of the packet.
    #[inline(never)]
    pub(crate) fn begin_flow(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        wanted: &Wanted,
    ) -> Option<Verdict> {
        // A sweep books new connections itself.
        if self.table.is_full() || self.parting.is_some() {
            return None;
        }
        let asked = match digest.ports_v4() {
            Some(facts) => self.ask(&facts),
            None => self.ask_of_any(digest),
        };
        let (route, request) = match asked {
            Ok(said) => said,
            Err(reason) => {
                let verdict = Verdict::bare(reason);
                self.counters.count(digest.length, &verdict);
                return Some(verdict);
            }
        };
        let request = request.filter(|_| self.may_be_tracked(digest.kind))?;
        let handshake = Handshake::begun_by(digest.key.protocol(), digest.kind.opener()).pack();
        let key = (&digest.key, wanted.hash);
        if self.has_no_room(request.scope, now) {
            let id = self.table.insert(key.0, key.1, now);
            self.table.remember(id);
            let memory = Memory::begun(digest.kind.sender(), route, handshake);
            if let Some(flow) = self.table.flow_mut(id) {
                flow.memory = memory;
            }
            return Some(self.turn_away((number, now), digest, ((wanted.shard, id.at()), request)));
        }
        let (event, sender) = (Event::of(digest.kind), digest.kind.sender());
        let memory = Memory::begun(sender, route, Handshake::passed_by(handshake, event, sender)?);
        let Request { hop, rule, scope } = request;
        let tracking = Tracking::open(event, sender, sender);
        let deadline = now.after(self.policy.timeouts(hop.eni).get(tracking.timeout()));
        let entry = Entry { number: 0, deadline, eni: hop.eni.0, rule: rule.0, tracking };
        let id = self.table.begin(key, now, (memory, entry));
        let entry = Entry { number: self.connections.next(number, (id, hop.eni)), ..entry };
        if let Some(flow) = self.table.flow_mut(id) {
            flow.number_first(entry.number);
        }
        self.ledger.created(scope, (number, now));
        self.counters.count_rule(hop.nacl);
        self.counters.count_rule(Some(rule));
        let reason = if event.is_midstream() { Reason::Midstream } else { Reason::New };
        let verdict = hop.gate().on_entry(reason, &entry);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }

    /// What the model says of a packet by itself: its route, and the rule that admits it at the one ENI that it passes.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    fn ask(&mut self, facts: &PacketFacts) -> Result<(RouteId, Option<Request>), Reason> {
        let route = Route::of(facts, &self.policy, &self.settings)?;
        let route = self.routes.number(route);
        let hop = self.routes.only_hop(route).copied();
        Ok((route, hop.and_then(|hop| self.request(facts, hop))))
    }

    /// The same of a packet that is not of the most usual shape.
    #[inline(never)]
    fn ask_of_any(&mut self, digest: &Digest) -> Result<(RouteId, Option<Request>), Reason> {
        self.ask(&digest.facts())
    }

    /// The rule that admits a packet without a connection at the one ENI that it passes, so that it asks for an entry.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    pub(crate) fn request(&self, facts: &PacketFacts, hop: Hop) -> Option<Request> {
        let Hop { eni, direction, .. } = hop;
        let probe = Probe::of(facts, direction);
        let rule = self.policy.security_group(eni, direction, &probe)?;
        let (src_port, dst_port) = facts.transport.ports().unwrap_or_default();
        let opens =
            |direction, port| self.policy.opens_untracked(eni, direction, (facts.protocol, port), probe.peer);
        if opens(direction, dst_port) || opens(direction.opposite(), src_port) {
            return None;
        }
        Some(Request { hop, rule, scope: self.scopes.of(eni) })
    }
}
