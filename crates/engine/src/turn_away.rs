//! Packets that are denied: those without a connection that the one ENI on their path refuses, for lack of room (S6.3.3c) or of a
//! rule (S6.3.3), those that a network ACL denies before that (S5), and those that were never sent because of it (S8.1). They are
//! judged with as few steps as possible, to the verdict that [`World::judge`] gives.

use std::num::NonZeroU64;

use vpcreplay_conntrack::Wanted;
use vpcreplay_flow::{Digest, Direction, PacketFacts, PacketKind, Protocol, Timestamp};
use vpcreplay_policy::{Mode, Probe, RuleId, TcpMidstream};

use crate::batch::{InBrief, Packets};
use crate::causality::{Cause, Handshake, Sent};
use crate::engine::World;
use crate::memory::{denial, note_denial};
use crate::refused::{Refusal, refused_at};
use crate::route::{Hop, RouteId};
use crate::{Flow, Verdict};

/// Where a flow is: the hash of its key, which tells its shard, and its place there.
pub(crate) type Place = (u64, u32);

impl World {
    /// Judges a packet in brief that is told by its key, of the flow that was guessed, which is remembered and has no connection,
    /// if packets of this end were refused before, or would not have been sent, and nothing in the table is due; moves on to its
    /// time. `None` and no change otherwise.
    ///
    /// From the start: what its caller knows by now would have to be kept at hand for every packet.
    #[inline(never)]
    pub(crate) fn denied_in_brief(
        &mut self,
        packets: &impl Packets,
        at: usize,
        wanted: &Wanted,
    ) -> Option<Verdict> {
        let InBrief { number, now, brief } = packets.in_brief(at)?;
        if self.table.not_before() <= now || self.parting.is_some() {
            return None;
        }
        let (event, sender) = (brief.kind.event(), brief.kind.sender());
        let shard = self.table.shard_mut(wanted.hash)?;
        let flow = shard.flow_mut(wanted.guess)?;
        let memory = flow.memory;
        if self.settings.mode == Mode::Causal
            && Handshake::passed_by(memory.packed_handshake(), event, sender).is_none()
        {
            return self.unsent_in_brief(packets, at, wanted);
        }
        // The counters' row, not the route: it has all that the refusal is about.
        let row = self.counters.refused(memory.route(sender), memory.packed_refusal(sender)?)?;
        let (hop, refusal, denial) = (row.hop, row.refusal(), row.denial);
        // Where a rule of the opposite direction has a say, there is more to be counted.
        if event.is_midstream()
            && (refusal == Refusal::Reversible || !self.settings.holds(refusal, brief.kind))
        {
            return None;
        }
        let scope = refusal.rule().map(|_| self.scopes.of(hop.eni));
        if scope.is_some_and(|scope| !self.ledger.is_full(scope)) {
            return None;
        }
        row.counted.add(brief.length);
        if let Some(cause) = note_in_record(flow, (number, now), brief.kind) {
            note_denial(shard, wanted.guess, (cause, number));
        }
        self.counters.list_denied_in_brief(number, brief, (denial, hop.direction == Direction::Egress));
        self.move_on(number, now);
        if let Some(scope) = scope {
            self.ledger.exceeded(scope, (number, now));
        }
        Some(refused_at(hop, refusal.rule()))
    }

    /// The same for a packet that would never have been sent, if it takes a path.
    #[inline(never)]
    fn unsent_in_brief(&mut self, packets: &impl Packets, at: usize, wanted: &Wanted) -> Option<Verdict> {
        let InBrief { number, now, brief } = packets.in_brief(at)?;
        let place = (wanted.hash, wanted.guess);
        let flow = self.table.shard(place.0)?.flow(place.1)?;
        // Not before it is known that the packet takes a path (S3.8).
        self.routes.get(flow.memory.route(brief.kind.sender()))?;
        let verdict = self.unsent_known((brief.kind, brief.length), place, now)?;
        self.move_on(number, now);
        Some(verdict)
    }

    /// Judges a packet that is told by its key, if its flow has no connection because packets of this end were refused before;
    /// `None` and no change otherwise.
    #[inline(never)]
    pub(crate) fn turn_away_known(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        place: Place,
    ) -> Option<Verdict> {
        let shard = self.table.shard(place.0)?;
        if self.parting.is_some() || shard.is_due(place.1, number_now.1) {
            return None;
        }
        let kind = digest.kind;
        let flow = shard.flow(place.1).filter(|flow| flow.is_remembered() && !flow.has_entries())?;
        let (memory, sender) = (flow.memory, kind.sender());
        let refusal = memory.refusal(sender)?;
        if self.settings.mode == Mode::Causal {
            Handshake::passed_by(memory.packed_handshake(), kind.event(), sender)?;
        }
        let route = memory.route(sender);
        let hop = *self.routes.only_hop(route)?;
        if !self.still_refuses((refusal, hop), kind, number_now.1) {
            return None;
        }
        Some(self.refuse(number_now, digest, (place, (route, hop, refusal))))
    }

    /// Judges another packet of a remembered flow that has no connection, at a time when nothing of the flow is due, if it is
    /// refused; `None` and no change otherwise.
    pub(crate) fn turn_away_again(
        &mut self,
        number_now: (u64, Timestamp),
        digest: &Digest,
        (place, route): (Place, RouteId),
    ) -> Option<Verdict> {
        if self.parting.is_some() {
            return None;
        }
        let hop = *self.routes.only_hop(route)?;
        let (facts, kind) = (digest.facts(), digest.kind);
        let refusal = match self.admitting_rule(&facts, hop) {
            Some(_) if self.opens_untracked(&facts, hop) => return None,
            Some(rule) => Refusal::NoRoom(rule),
            None => self.lack_of_rule(&facts, hop),
        };
        if !self.still_refuses((refusal, hop), kind, number_now.1) {
            return None;
        }
        Some(self.refuse(number_now, digest, (place, (route, hop, refusal))))
    }

    /// The rule that admits a packet without a connection at an ENI that it passes.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    pub(crate) fn admitting_rule(&self, facts: &PacketFacts, hop: Hop) -> Option<RuleId> {
        self.policy.security_group(hop.eni, hop.direction, &Probe::of(facts, hop.direction))
    }

    /// Why a packet is refused that no rule admits.
    pub(crate) fn lack_of_rule(&self, facts: &PacketFacts, hop: Hop) -> Refusal {
        let reversed = Probe::reversed(facts, hop.direction).filter(|_| facts.protocol == Protocol::TCP);
        let rule =
            reversed.and_then(|probe| self.policy.security_group(hop.eni, hop.direction.opposite(), &probe));
        if rule.is_some() { Refusal::Reversible } else { Refusal::NoRule }
    }

    /// Whether a hop refuses a packet of a kind for this reason at `now`.
    fn still_refuses(&mut self, (refusal, hop): (Refusal, Hop), kind: PacketKind, now: Timestamp) -> bool {
        let is_for_room = refusal.rule().is_some();
        self.settings.holds(refusal, kind) && (!is_for_room || self.has_no_room(self.scopes.of(hop.eni), now))
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

    /// Refuses a packet of a remembered flow that has no connection, and remembers why.
    #[inline(never)]
    fn refuse(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        (place, what): (Place, (RouteId, Hop, Refusal)),
    ) -> Verdict {
        self.note_denied((number, now), digest.kind, place, Some(what.2));
        self.book_refused((number, now), digest, what)
    }

    /// Judges a packet of a remembered flow, at a time when nothing of the flow is due, if the network ACL of its route denies it
    /// before anything else is asked; `None` and no change otherwise.
    #[inline(never)]
    pub(crate) fn deny_at_once(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        (place, route): (Place, RouteId),
    ) -> Option<Verdict> {
        if self.parting.is_some() {
            return None;
        }
        let verdict = self.routes.get(route)?.denied_at_once()?;
        self.note_denied((number, now), digest.kind, place, None);
        self.counters.count_denied(number, digest, &verdict);
        Some(verdict)
    }

    /// Remembers of a flow that a packet of it was sent and denied, and why if that is of use.
    fn note_denied(
        &mut self,
        (number, now): (u64, Timestamp),
        kind: PacketKind,
        (hash, at): Place,
        refusal: Option<Refusal>,
    ) {
        let Some(shard) = self.table.shard_mut(hash) else { return };
        let Some(flow) = shard.flow_mut(at) else { return };
        if let Some(refusal) = refusal {
            flow.memory.set_refusal(kind.sender(), refusal);
        }
        if let Some(cause) = note_in_record(flow, (number, now), kind) {
            note_denial(shard, at, (cause, number));
        }
        shard.settle(at);
    }

    /// Books a packet that is refused.
    #[expect(clippy::inline_always, reason = "callers that know the shape of the packet are compiled for it")]
    #[inline(always)]
    pub(crate) fn book_refused(
        &mut self,
        (number, now): (u64, Timestamp),
        digest: &Digest,
        (route, hop, refusal): (RouteId, Hop, Refusal),
    ) -> Verdict {
        match refusal {
            Refusal::NoRoom(_) => self.ledger.exceeded(self.scopes.of(hop.eni), (number, now)),
            Refusal::NoRule => {}
            Refusal::Reversible => {
                let is_midstream = digest.kind.event().is_midstream();
                let is_doubtful = is_midstream && self.settings.tcp_midstream == TcpMidstream::Allow;
                self.counters.midstream_doubtful += u64::from(is_doubtful);
            }
        }
        self.counters.count_refused((number, digest), (route, hop, refusal));
        refused_at(hop, refusal.rule())
    }

    /// Judges a packet of a remembered flow, of a kind and with a length, that would never have been sent (S8.1) although it takes
    /// a path; `None` and no change where it is judged all the same.
    #[inline(never)]
    pub(crate) fn unsent_known(
        &mut self,
        (kind, length): (PacketKind, u32),
        (hash, at): Place,
        now: Timestamp,
    ) -> Option<Verdict> {
        if self.settings.mode == Mode::Literal {
            return None;
        }
        let sent = Sent { sender: kind.sender(), tcp: kind.event().tcp() };
        let shard = self.table.shard_mut(hash)?;
        let mut handshake = shard.flow(at)?.memory.handshake();
        handshake.before(sent);
        let (reason, cause) = handshake.unsent(sent)?;
        let cause_packet = NonZeroU64::new(denial(shard, at, cause));
        shard.flow_mut(at)?.touch(now);
        let verdict = Verdict { cause_packet, ..Verdict::bare(reason) };
        self.counters.count(length, &verdict);
        Some(verdict)
    }
}

/// Notes in the record of a remembered flow that a packet of it was sent and denied (S8.2); gives the cause as which its number must
/// be kept, if there is no room for that in the record.
#[expect(clippy::inline_always, reason = "once for each packet that is denied again")]
#[inline(always)]
fn note_in_record(flow: &mut Flow, (number, now): (u64, Timestamp), kind: PacketKind) -> Option<Cause> {
    let before = flow.memory.packed_handshake();
    let (after, cause) = Handshake::denied_by(before, kind.event(), kind.sender());
    flow.memory.set_packed_handshake(after);
    flow.touch(now);
    // Of most flows nothing is kept beside, so that there is room.
    cause.filter(|cause| *cause != Cause::Opening || flow.has_rest() || !flow.set_note(number))
}
