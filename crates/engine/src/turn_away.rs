//! Packets that the allowance turns away because their scope is at its limit (S6.3.3c), judged with as few steps as possible,
//! to the verdict that [`World::judge`] gives.

use vpcreplay_conntrack::Wanted;
use vpcreplay_flow::{Digest, PacketKind, Reason, Timestamp};
use vpcreplay_policy::{RuleId, TcpMidstream};

use crate::Verdict;
use crate::batch::{InBrief, Packets};
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
    /// Judges a packet in brief that is told by its key, of the flow that was guessed, which is remembered and has no connection,
    /// if packets of this end were turned away before and nothing in the table is due; moves on to its time. `None` and no change
    /// otherwise.
    ///
    /// From the start: what its caller knows by now would have to be kept at hand for every packet.
    #[inline(never)]
    pub(crate) fn turn_away_in_brief(
        &mut self,
        packets: &impl Packets,
        at: usize,
        wanted: &Wanted,
    ) -> Option<Verdict> {
        let InBrief { number, now, brief } = packets.in_brief(at)?;
        if self.table.not_before() <= now || !self.may_be_tracked(brief.kind) {
            return None;
        }
        let (event, sender) = (brief.kind.event(), brief.kind.sender());
        let shard = self.table.shard_mut(wanted.hash)?;
        let flow = shard.flow_mut(wanted.guess)?;
        let (memory, before) = (flow.memory, flow.memory.packed_handshake());
        let rule = memory.admitted(sender)?;
        Handshake::passed_by(before, event, sender)?;
        let route = memory.route(sender);
        let hop = *self.routes.only_hop(route)?;
        let scope = self.scopes.of(hop.eni);
        if !self.ledger.is_full(scope) {
            return None;
        }
        let (after, cause) = Handshake::denied_by(before, event, sender);
        flow.memory.set_packed_handshake(after);
        flow.touch(now);
        if let Some(cause) = cause {
            note_denial(shard, wanted.guess, (cause, number));
        }
        self.move_on(number, now);
        let request = Request { route, hop, rule, scope };
        Some(self.book_refused((number, now), &brief.whole(), request))
    }

    /// Judges a packet that is told by its key, if its flow has no connection because packets of this end were turned away
    /// before; `None` and no change otherwise.
    #[inline(never)]
    pub(crate) fn turn_away_known(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        place: Place,
    ) -> Option<Verdict> {
        if self.table.shard(place.0)?.is_due(place.1, number_now.1) {
            return None;
        }
        let request = self.request_again(digest.kind, place)?;
        if !self.has_no_room(request.scope, number_now.1) {
            return None;
        }
        Some(self.deny(number_now, digest, (place, request)))
    }

    /// What a packet that is told by its key asks for, if its flow has no connection because packets of this end, which asked for
    /// the same, were turned away before.
    #[expect(clippy::inline_always, reason = "as a call it would copy a request")]
    #[inline(always)]
    fn request_again(&self, kind: PacketKind, (hash, at): Place) -> Option<Request> {
        if !self.may_be_tracked(kind) {
            return None;
        }
        let flow =
            self.table.shard(hash)?.flow(at).filter(|flow| flow.is_remembered() && !flow.has_entries())?;
        let (memory, sender) = (flow.memory, kind.sender());
        let rule = memory.admitted(sender)?;
        Handshake::passed_by(memory.packed_handshake(), kind.event(), sender)?;
        let route = memory.route(sender);
        let hop = *self.routes.only_hop(route)?;
        Some(Request { route, hop, rule, scope: self.scopes.of(hop.eni) })
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
        Some(self.deny(number_now, digest, (place, request)))
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

    /// The allowance denies a packet of a remembered flow that has no connection (S6.3.3c).
    #[inline(never)]
    fn deny(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        ((hash, at), request): (Place, Request),
    ) -> Verdict {
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        if let Some(shard) = self.table.shard_mut(hash)
            && let Some(flow) = shard.flow_mut(at)
        {
            let (after, cause) = Handshake::denied_by(flow.memory.packed_handshake(), event, sender);
            flow.memory.set_packed_handshake(after);
            flow.memory.set_admitted(sender, request.rule);
            flow.touch(now);
            if let Some(cause) = cause {
                note_denial(shard, at, (cause, number));
            }
            shard.settle(at);
        }
        self.book_refused((number, now), digest, request)
    }

    /// Books a packet that the allowance denies.
    #[expect(clippy::inline_always, reason = "callers that know the shape of the packet are compiled for it")]
    #[inline(always)]
    pub(crate) fn book_refused(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        Request { route, hop, rule, scope }: Request,
    ) -> Verdict {
        self.ledger.exceeded(scope, (number, now));
        self.counters.count_refused((number, digest), (route, hop, rule));
        turned_away(hop, rule)
    }
}

/// The verdict on a packet that the allowance turns away at a hop although a rule admits it.
pub(crate) fn turned_away(hop: Hop, rule: RuleId) -> Verdict {
    Verdict { rule: Some(rule), ..hop.gate().verdict(Reason::ConntrackAllowanceExceeded) }
}
