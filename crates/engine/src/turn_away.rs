//! Packets that the allowance turns away because their scope is at its limit (S6.3.3c), judged with as few steps as possible,
//! to the verdict that [`World::judge`] gives.

use vpcreplay_flow::{Digest, Direction, PacketKind, Reason, Timestamp};
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
    pub(crate) hop: Hop,
    pub(crate) rule: RuleId,
    pub(crate) scope: u32,
}

impl World {
    /// Judges a packet that is told by its key, if its flow has no connection because packets of this end were turned away
    /// before; `None` and no change otherwise.
    pub(crate) fn turn_away_known(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        place: Place,
    ) -> Option<Verdict> {
        if !self.may_be_tracked(digest.kind) {
            return None;
        }
        let (route, rule) = self.admitted_before(digest.kind, number_now.1, place)?;
        let hop = *self.routes.only_hop(route)?;
        let request = Request { hop, rule, scope: self.scopes.of(hop.eni) };
        self.turn_away_if_full(number_now, digest, (place, request))
    }

    /// The route of a packet and the rule that admits it, if its flow remembers them and has no connection, nothing of the
    /// flow is due, and the packet is not unsent.
    #[inline]
    fn admitted_before(
        &self,
        kind: PacketKind,
        now: Timestamp,
        (hash, at): Place,
    ) -> Option<(RouteId, RuleId)> {
        let shard = self.table.shard(hash)?;
        let flow = shard.flow(at).filter(|flow| flow.is_remembered() && !flow.has_entries())?;
        let (memory, sender) = (flow.memory, kind.sender());
        let rule = memory.admitted(sender)?;
        Handshake::passed_by(memory.packed_handshake(), kind.event(), sender)?;
        (!shard.is_due(at, now)).then(|| (memory.route(sender), rule))
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
        let request = self.request(&digest.facts(), hop)?;
        self.turn_away_if_full(number_now, digest, (place, request))
    }

    #[inline]
    fn turn_away_if_full(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        (place, request): (Place, Request),
    ) -> Option<Verdict> {
        self.has_no_room(request.scope, now).then(|| self.turn_away((number, now), digest, (place, request)))
    }

    /// Whether a packet without a connection is tracked if a rule admits it: one in the middle of a TCP connection is, by
    /// one setting.
    #[inline]
    pub(crate) fn may_be_tracked(&self, kind: PacketKind) -> bool {
        !kind.event().is_midstream() || self.settings.tcp_midstream == TcpMidstream::Allow
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
    #[inline]
    pub(crate) fn turn_away(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        ((hash, at), Request { hop, rule, scope }): (Place, Request),
    ) -> Verdict {
        let Hop { eni, direction, nacl } = hop;
        self.ledger.exceeded(scope, (number, now));
        self.counters.count_exceeded(eni);
        if direction == Direction::Ingress {
            // The network ACL behind the security group is not asked any more.
            self.counters.count_rule(nacl);
        }
        self.counters.count_rule(Some(rule));
        let verdict = Verdict { rule: Some(rule), ..hop.gate().verdict(Reason::ConntrackAllowanceExceeded) };
        let (event, sender) = (digest.kind.event(), digest.kind.sender());
        if let Some(shard) = self.table.shard_mut(hash) {
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
}
