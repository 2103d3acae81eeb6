//! Packets that the allowance turns away because their scope is at its limit (S6.3.3c), judged with as few steps as possible,
//! to the verdict that [`World::judge`] gives.

use vpcreplay_flow::{Digest, PacketKind, Reason, Timestamp};
use vpcreplay_policy::{RuleId, TcpMidstream};

use crate::Verdict;
use crate::causality::Handshake;
use crate::engine::World;
use crate::memory::note_denial;
use crate::route::{Hop, RouteId};

/// Where a flow is: the hash of its key, which tells its shard, and its place there.
pub(crate) type Place = (u64, u32);

/// What an entry is asked for: the one ENI that a packet passes, the rule that admits it, and the ENI's scope.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) route: RouteId,
    pub(crate) hop: Hop,
    pub(crate) rule: RuleId,
    pub(crate) scope: u32,
}

impl World {
    /// Judges a packet that is told by its key, if its flow has no connection because packets of this end were turned away
    /// before; `None` and no change otherwise.
    #[inline(never)]
    pub(crate) fn turn_away_known(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        place: Place,
    ) -> Option<Verdict> {
        self.turn_away_once_more(number_now, digest, place)
    }

    /// The same, for callers that know the shape of the packet and are compiled for it.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    pub(crate) fn turn_away_once_more(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        place: Place,
    ) -> Option<Verdict> {
        if !self.may_be_tracked(digest.kind) {
            return None;
        }
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        let shard = self.table.shard(place.0)?;
        let flow = shard.flow(place.1).filter(|flow| flow.is_remembered() && !flow.has_entries())?;
        let memory = flow.memory;
        let rule = memory.admitted(sender)?;
        Handshake::passed_by(memory.packed_handshake(), event, sender)?;
        if shard.is_due(place.1, number_now.1) {
            return None;
        }
        let route = memory.route(sender);
        let hop = *self.routes.only_hop(route)?;
        let request = Request { route, hop, rule, scope: self.scopes.of(hop.eni) };
        if !self.has_no_room(request.scope, number_now.1) {
            return None;
        }
        Some(self.deny(number_now, digest, (place, request)))
    }

    /// Judges another packet of a remembered flow that has no connection, at a time when nothing of the flow is due, if the
    /// allowance turns it away; `None` and no change otherwise.
    pub(crate) fn turn_away_again(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        (place, route): (Place, RouteId),
    ) -> Option<Verdict> {
        // Told before the rules are asked: as long as there is room this is not the way.
        let hop = *self.routes.only_hop(route)?;
        if !self.ledger.is_full(self.scopes.of(hop.eni)) || !self.may_be_tracked(digest.kind) {
            return None;
        }
        let request = self.request(&digest.facts(), (route, hop))?;
        if !self.has_no_room(request.scope, number_now.1) {
            return None;
        }
        Some(self.turn_away(number_now, digest, (place, request)))
    }

    /// Whether a packet without a connection is tracked if a rule admits it: one in the middle of a TCP connection is, by
    /// one setting.
    #[inline]
    pub(crate) fn may_be_tracked(&self, kind: PacketKind) -> bool {
        !kind.event().is_midstream() || self.settings.tcp_midstream == TcpMidstream::Allow
    }

    /// Whether a scope is at its limit, what has expired by `now` left out (S7.8).
    #[expect(clippy::inline_always, reason = "most scopes have room, which one comparison tells")]
    #[inline(always)]
    pub(crate) fn has_no_room(&mut self, scope: u32, now: Timestamp) -> bool {
        self.ledger.is_full(scope) && (self.table.not_before() > now || self.has_no_room_left(scope, now))
    }

    /// The same, once what expired elsewhere counts no more.
    #[inline(never)]
    fn has_no_room_left(&mut self, scope: u32, now: Timestamp) -> bool {
        self.expire(now);
        self.ledger.is_full(scope)
    }

    /// The allowance denies a packet of a remembered flow that has no connection (S6.3.3c), for whose end no rule is remembered:
    /// from now on the one that admits it is.
    #[inline(never)]
    pub(crate) fn turn_away(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        (place, request): (Place, Request),
    ) -> Verdict {
        if let Some(shard) = self.table.shard_mut(place.0) {
            if let Some(flow) = shard.flow_mut(place.1) {
                flow.memory.set_admitted(digest.kind.sender(), request.rule);
            }
            shard.settle(place.1);
        }
        self.deny(number_now, digest, (place, request))
    }

    /// The allowance denies a packet of a remembered flow that has no connection (S6.3.3c).
    #[expect(clippy::inline_always, reason = "as World::turn_away_once_more")]
    #[inline(always)]
    fn deny(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        ((hash, at), request): (Place, Request),
    ) -> Verdict {
        let Request { route, hop, rule, scope } = request;
        self.ledger.exceeded(scope, (number, now));
        if let Some(shard) = self.table.shard_mut(hash)
            && let Some(flow) = shard.flow_mut(at)
        {
            let before = flow.memory.packed_handshake();
            let (after, cause) = Handshake::denied_by(before, digest.kind.event(), digest.kind.sender());
            flow.memory.set_packed_handshake(after);
            flow.touch(now);
            if let Some(cause) = cause {
                note_denial(shard, at, (cause, number));
            }
        }
        self.counters.count_refused((number, digest), (route, hop, rule));
        turned_away(hop, rule)
    }
}

/// The verdict on a packet that the allowance turns away at a hop although a rule admits it.
pub(crate) fn turned_away(hop: Hop, rule: RuleId) -> Verdict {
    Verdict { rule: Some(rule), ..hop.gate().verdict(Reason::ConntrackAllowanceExceeded) }
}
