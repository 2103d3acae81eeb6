//! First packets that are judged with as few steps as possible, to the verdict that [`World::judge`] gives: the usual one, which
//! passes one ENI whose rules admit it and which tracks it or is at its limit, or two that track it, and the one that takes no
//! path.

use vpcreplay_conntrack::{Entry, Tracking, Wanted};
use vpcreplay_flow::{Digest, PacketFacts, Reason, Timestamp};
use vpcreplay_policy::Probe;

use crate::Verdict;
use crate::causality::Handshake;
use crate::engine::World;
use crate::memory::{Memory, note_denial};
use crate::route::{Hop, Route, RouteId, Way};
use crate::turn_away::Request;

impl World {
    /// Judges the first packet of a flow that the table does not have, and begins the flow; `None` and no change where
    /// there is more to be looked at. The world must have moved on to the time of the packet.
    #[inline(never)]
    pub(crate) fn begin_flow(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        wanted: &Wanted,
    ) -> Option<Verdict> {
        match digest.ports_v4() {
            Some(facts) => self.begin(number_now, (digest, &facts), wanted),
            None => self.begin_other(number_now, digest, wanted),
        }
    }

    /// The same for a packet that is not of the most usual shape.
    #[inline(never)]
    fn begin_other(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        wanted: &Wanted,
    ) -> Option<Verdict> {
        self.begin(number_now, (digest, &digest.facts()), wanted)
    }

    /// The same, with the facts that rules look at.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    fn begin(
        &mut self,
        (number, now): (u64, Timestamp),
        (digest, facts): (&Digest, &PacketFacts),
        wanted: &Wanted,
    ) -> Option<Verdict> {
        // A sweep books new connections itself.
        if self.table.is_full() || self.parting.is_some() {
            return None;
        }
        let route = match Route::of(facts, &self.policy, &self.settings) {
            Ok(route) => self.routes.number(route),
            Err(reason) => {
                let verdict = Verdict::bare(reason);
                self.counters.count(digest.length, &verdict);
                return Some(verdict);
            }
        };
        if !self.may_be_tracked(digest.kind) {
            return None;
        }
        let Some(hop) = self.routes.only_hop(route) else {
            return self.begin_twice((number, now), (digest, facts), (wanted, route));
        };
        let request = self.request(facts, (route, *hop))?;
        let handshake = Handshake::begun_by(digest.key.protocol(), digest.kind.opener()).pack();
        let key = (&digest.key, wanted.hash);
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        if self.has_no_room(request.scope, now) {
            let (handshake, cause) = Handshake::denied_by(handshake, event, sender);
            let mut memory = Memory::begun(sender, route, handshake);
            memory.set_admitted(sender, request.rule);
            let id = self.table.begin(key, now, (memory, None));
            if let (Some(cause), Some((shard, at))) = (cause, self.table.place_mut(id)) {
                note_denial(shard, at, (cause, number));
            }
            return Some(self.book_refused((number, now), digest, request));
        }
        let memory = Memory::begun(sender, route, Handshake::passed_by(handshake, event, sender)?);
        let entry = self.entry(&request, now, Tracking::open(event, sender, sender));
        let id = self.table.begin(key, now, (memory, Some(entry)));
        let entry = Entry { number: self.connections.next(number, (id, request.hop.eni)), ..entry };
        if let Some(flow) = self.table.flow_mut(id) {
            flow.number_first(entry.number);
        }
        Some(self.admit((number, now), digest, ([request], &entry)))
    }

    /// The same for a packet that passes two ENIs, each of which has room for it, admits it and tracks it.
    #[inline(never)]
    fn begin_twice(
        &mut self,
        (number, now): (u64, Timestamp),
        (digest, facts): (&Digest, &PacketFacts),
        (wanted, route): (&Wanted, RouteId),
    ) -> Option<Verdict> {
        let Some(&Way::Two(source, destination)) = self.routes.way(route) else { return None };
        let requests = [self.request(facts, (route, source))?, self.request(facts, (route, destination))?];
        // Both may count for one scope.
        if requests.iter().any(|request| self.ledger.room(request.scope) < 2) {
            return None;
        }
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        let begun = Handshake::begun_by(digest.key.protocol(), digest.kind.opener()).pack();
        let memory = Memory::begun(sender, route, Handshake::passed_by(begun, event, sender)?);
        let tracking = Tracking::open(event, sender, sender);
        let [first, second] = requests.map(|request| self.entry(&request, now, tracking));
        let id = self.table.begin((&digest.key, wanted.hash), now, (memory, Some(first)));
        let [first, last] = requests.map(|request| self.connections.next(number, (id, request.hop.eni)));
        let second = Entry { number: last, ..second };
        let (shard, at) = self.table.place_mut(id)?;
        shard.flow_mut(at)?.number_first(first);
        shard.track(at, second);
        shard.settle(at);
        Some(self.admit((number, now), digest, (requests, &second)))
    }

    /// The entry that is asked for, without its number.
    #[expect(clippy::inline_always, reason = "as a call it would copy a record")]
    #[inline(always)]
    fn entry(&self, Request { hop, rule, .. }: &Request, now: Timestamp, tracking: Tracking) -> Entry {
        let deadline = now.after(self.policy.timeouts(hop.eni).get(tracking.timeout()));
        Entry { number: 0, deadline, eni: hop.eni.0, rule: rule.0, tracking }
    }

    /// Books a packet that got all entries that it asked for, of which the last one is given.
    #[expect(clippy::inline_always, reason = "as World::entry")]
    #[inline(always)]
    fn admit<const N: usize>(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        (requests, last): ([Request; N], &Entry),
    ) -> Verdict {
        let is_midstream = digest.kind.event().is_midstream();
        let mut verdict = Verdict::bare(if is_midstream { Reason::Midstream } else { Reason::New });
        for Request { hop, rule, scope, .. } in requests {
            self.ledger.created(scope, number_now);
            self.counters.count_rule(hop.nacl);
            self.counters.count_rule(Some(rule));
            verdict = hop.gate().on_entry(verdict.reason, last);
        }
        self.counters.count(digest.length, &verdict);
        verdict
    }

    /// The rule that admits a packet without a connection at an ENI that it passes, so that it asks for an entry.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    pub(crate) fn request(&self, facts: &PacketFacts, (route, hop): (RouteId, Hop)) -> Option<Request> {
        let Hop { eni, direction, .. } = hop;
        let probe = Probe::of(facts, direction);
        let rule = self.policy.security_group(eni, direction, &probe)?;
        let (src_port, dst_port) = facts.transport.ports().unwrap_or_default();
        let opens =
            |direction, port| self.policy.opens_untracked(eni, direction, (facts.protocol, port), probe.peer);
        if opens(direction, dst_port) || opens(direction.opposite(), src_port) {
            return None;
        }
        Some(Request { route, hop, rule, scope: self.scopes.of(eni) })
    }
}
