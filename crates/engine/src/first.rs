//! First packets that are judged with as few steps as possible, to the verdict that [`World::judge`] gives: the usual one, which
//! passes one ENI that tracks or refuses it, or two that track it, the one that a network ACL denies before that, and the one that
//! takes no path.

use vpcreplay_conntrack::{Entry, Tracking, Wanted};
use vpcreplay_flow::{Digest, PacketFacts, PacketKind, Reason, Timestamp};
use vpcreplay_policy::{Probe, RuleId};

use crate::Verdict;
use crate::causality::Handshake;
use crate::engine::World;
use crate::memory::{Memory, note_denial};
use crate::refused::Refusal;
use crate::route::{Hop, Route, RouteId, Way};

/// What an entry is asked for: an ENI that a packet passes, the rule that admits it, and the ENI's scope.
#[derive(Clone, Copy)]
struct Request {
    hop: Hop,
    rule: RuleId,
    scope: u32,
}

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
        let Some(&hop) = self.routes.only_hop(route) else {
            return self.begin_elsewhere((number, now), (digest, facts), (wanted, route));
        };
        let Some(rule) = self.admitting_rule(facts, hop) else {
            return self.begin_without_rule((number, now), digest, (wanted, route));
        };
        let request = self.request((digest.kind, facts), (hop, rule))?;
        if self.has_no_room(request.scope, now) {
            let what = (route, hop, Refusal::NoRoom(rule));
            return Some(self.begin_refused((number, now), digest, (wanted, what)));
        }
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        let memory = Memory::begun(sender, route, Handshake::passed_by(begun(digest), event, sender)?);
        let entry = self.entry(&request, now, Tracking::open(event, sender, sender));
        let id = self.table.begin((&digest.key, wanted.hash), now, (memory, Some(entry)));
        let entry = Entry { number: self.connections.next(number, (id, request.hop.eni)), ..entry };
        if let Some(flow) = self.table.flow_mut(id) {
            flow.number_first(entry.number);
        }
        Some(self.admit((number, now), digest, ([request], &entry)))
    }

    /// The same for a packet that no rule of the one ENI on its route admits.
    #[inline(never)]
    fn begin_without_rule(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        (wanted, route): (&Wanted, RouteId),
    ) -> Option<Verdict> {
        let hop = *self.routes.only_hop(route)?;
        let refusal = self.lack_of_rule(&digest.facts(), hop);
        if !self.settings.holds(refusal, digest.kind) {
            return None;
        }
        Some(self.begin_refused(number_now, digest, (wanted, (route, hop, refusal))))
    }

    /// The same for a packet that does not pass one ENI alone.
    #[inline(never)]
    fn begin_elsewhere(
        &mut self,
        number_now: (u64, Timestamp),
        (digest, facts): (&Digest, &PacketFacts),
        (wanted, route): (&Wanted, RouteId),
    ) -> Option<Verdict> {
        match *self.routes.way(route)? {
            Way::Closed => self.begin_at_acl(number_now, digest, (wanted, route)),
            Way::One(_) => None,
            Way::Two(source, destination) => {
                self.begin_twice(number_now, (digest, facts), (wanted, route), [source, destination])
            }
        }
    }

    /// The same for a packet that the network ACL of its route denies before anything else is asked.
    #[inline(never)]
    fn begin_at_acl(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        (wanted, route): (&Wanted, RouteId),
    ) -> Option<Verdict> {
        let verdict = self.routes.get(route)?.denied_at_once()?;
        self.begin_denied(number_now, digest, (wanted, route, None));
        self.counters.count_denied(number_now.0, digest, &verdict);
        Some(verdict)
    }

    /// The same for a packet that passes two ENIs, each of which has room for it, admits it and tracks it.
    fn begin_twice(
        &mut self,
        (number, now): (u64, Timestamp),
        (digest, facts): (&Digest, &PacketFacts),
        (wanted, route): (&Wanted, RouteId),
        [source, destination]: [Hop; 2],
    ) -> Option<Verdict> {
        let request = |hop| self.request((digest.kind, facts), (hop, self.admitting_rule(facts, hop)?));
        let requests = [request(source)?, request(destination)?];
        // Both may count for one scope.
        if requests.iter().any(|request| self.ledger.room(request.scope) < 2) {
            return None;
        }
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        let memory = Memory::begun(sender, route, Handshake::passed_by(begun(digest), event, sender)?);
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

    /// Judges the first packet of a flow, which is refused, and begins the flow.
    #[expect(clippy::inline_always, reason = "as World::begin")]
    #[inline(always)]
    fn begin_refused(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        (wanted, what): (&Wanted, (RouteId, Hop, Refusal)),
    ) -> Verdict {
        let (route, _, refusal) = what;
        self.begin_denied((number, now), digest, (wanted, route, Some(refusal)));
        self.book_refused((number, now), digest, what)
    }

    /// Begins the flow of a packet that was sent and is denied.
    #[expect(clippy::inline_always, reason = "as World::begin")]
    #[inline(always)]
    fn begin_denied(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        (wanted, route, refusal): (&Wanted, RouteId, Option<Refusal>),
    ) {
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        let (handshake, cause) = Handshake::denied_by(begun(digest), event, sender);
        let mut memory = Memory::begun(sender, route, handshake);
        if let Some(refusal) = refusal {
            memory.set_refusal(sender, refusal);
        }
        let id = self.table.begin((&digest.key, wanted.hash), now, (memory, None));
        if let (Some(cause), Some((shard, at))) = (cause, self.table.place_mut(id)) {
            note_denial(shard, at, (cause, number));
        }
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

    /// What a packet without a connection that a rule of a hop admits asks for there; `None` where it is not tracked.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    fn request(
        &self,
        (kind, facts): (PacketKind, &PacketFacts),
        (hop, rule): (Hop, RuleId),
    ) -> Option<Request> {
        if !self.settings.may_track(kind) || self.opens_untracked(facts, hop) {
            return None;
        }
        Some(Request { hop, rule, scope: self.scopes.of(hop.eni) })
    }

    /// Whether a packet may belong to an untracked flow at a hop, whichever end opened it (S6.4).
    #[expect(clippy::inline_always, reason = "as World::request")]
    #[inline(always)]
    pub(crate) fn opens_untracked(&self, facts: &PacketFacts, Hop { eni, direction, .. }: Hop) -> bool {
        let Probe { peer, .. } = Probe::of(facts, direction);
        let (src_port, dst_port) = facts.transport.ports().unwrap_or_default();
        let opens =
            |direction, port| self.policy.opens_untracked(eni, direction, (facts.protocol, port), peer);
        opens(direction, dst_port) || opens(direction.opposite(), src_port)
    }
}

/// The handshake of the flow that a packet begins, before that packet.
#[inline]
fn begun(digest: &Digest) -> u8 {
    Handshake::begun_by(digest.key.protocol(), digest.kind.opener()).pack()
}
