//! The usual packet: its flow is remembered, so is the way of its end, and a connection lives at every checkpoint; or
//! it is unsent. It is judged here with as few steps as possible, to the verdict that [`World::judge`] gives.

use std::num::NonZeroU64;

use vpcreplay_conntrack::{Entry, Event, Step, Wanted};
use vpcreplay_flow::{Digest, Reason, Timestamp};
use vpcreplay_policy::{EniId, Mode, Policy, RuleId};

use crate::causality::{Allowed, Handshake, Sent};
use crate::counters::Counters;
use crate::engine::World;
use crate::memory::{Aside, Memory};
use crate::route::{Hop, Route, RouteId, Way};
use crate::security_group::Gate;
use crate::settings::FlowRecords;
use crate::{Content, Packet, Verdict};

type Shard = vpcreplay_conntrack::Shard<Memory, Aside>;

/// A packet with a digest.
#[derive(Clone, Copy)]
struct Usual<'a> {
    digest: &'a Digest,
    now: Timestamp,
    event: Event,
}

impl World {
    /// Moves on to the time of a packet, and judges it if it is a usual one; `None` where it has yet to be judged.
    #[expect(
        clippy::inline_always,
        reason = "called once, in the loop over a batch; what nobody asks of the verdict is left out there"
    )]
    #[inline(always)]
    pub(crate) fn usual(&mut self, packet: Packet<'_>, wanted: &Wanted) -> Option<Verdict> {
        let Content::Digest(digest) = packet.content else { return None };
        self.enter(packet.number, packet.now);
        if self.settings.flow_records == FlowRecords::Kept || !digest.is_told_by_key() {
            return None;
        }
        let usual = Usual::of(digest, packet.now);
        let shard = self.table.wanted_shard(wanted)?;
        let Some(at) = shard.find(&digest.key, (wanted.short, wanted.hash), wanted.guess) else {
            return self.begin_flow((packet.number, packet.now), digest, wanted.hash);
        };
        let flow = shard.flow_mut(at).filter(|flow| flow.is_remembered())?;
        let handshake = Handshake::passed_by(flow.memory.packed_handshake(), usual.sent());
        let way = self.routes.way(flow.memory.route(digest.sender));
        let (Some(handshake), Some(Way::One(hop))) = (handshake, way) else {
            return match (handshake, way) {
                (Some(handshake), Some(Way::Two(..))) => self.two(usual, (wanted.hash, at), handshake),
                _ => None,
            }
            .or_else(|| self.less_usual(packet.number, (digest, packet.now), (wanted.hash, at)));
        };
        if !usual.goes_on(flow.first(), hop.eni) {
            return self.less_usual(packet.number, (digest, packet.now), (wanted.hash, at));
        }
        flow.memory.set_packed_handshake(handshake);
        let (entry, is_nearer) = flow.refresh_first(usual.step(hop, &self.policy));
        if is_nearer {
            shard.settle(at);
        }
        let verdict = established((hop, &entry), &mut self.counters);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }

    /// The same for a packet that passes two ENIs, both of which have its connection.
    #[inline(never)]
    fn two(&mut self, usual: Usual<'_>, (hash, at): (u64, u32), handshake: u8) -> Option<Verdict> {
        let shard = self.table.shard_mut(hash)?;
        let route = shard.flow(at)?.memory.route(usual.digest.sender);
        let Some(Way::Two(source, destination)) = self.routes.way(route) else { return None };
        let step = |hop: &Hop| (hop.eni.0, usual.step(hop, &self.policy));
        let steps = [step(source), step(destination)];
        let goes_on = |entry: &Entry| usual.goes_on(entry, EniId(entry.eni()));
        let [first, last] = shard.refresh_both(at, steps, goes_on)?;
        shard.flow_mut(at)?.memory.set_packed_handshake(handshake);
        shard.settle(at);
        established((source, &first), &mut self.counters);
        let verdict = established((destination, &last), &mut self.counters);
        self.counters.count(usual.digest.length, &verdict);
        Some(verdict)
    }

    /// The same for a packet that is unsent, is the first of its end, or has its connections elsewhere.
    #[inline(never)]
    fn less_usual(
        &mut self,
        number: u64,
        (digest, now): (&Digest, Timestamp),
        (hash, at): (u64, u32),
    ) -> Option<Verdict> {
        let usual = Usual::of(digest, now);
        let sent = usual.sent();
        let shard = self.table.shard(hash)?;
        let memory = shard.flow(at).filter(|_| !shard.is_due(at, now))?.memory;
        // First: a packet that takes no path is not unsent (S3.8).
        let mut route = memory.route(digest.sender);
        if self.routes.get(route).is_none() {
            route = self.learn_route(digest, (hash, at))?;
        }
        let shard = self.table.shard_mut(hash)?;
        let mut handshake = memory.handshake();
        handshake.before(sent);
        let unsent = if self.settings.mode == Mode::Literal { None } else { handshake.unsent(sent) };
        if let Some((reason, cause)) = unsent {
            let cause_packet = NonZeroU64::new(shard.aside(at).map_or(0, |aside| aside.denial(cause)));
            let verdict = Verdict { cause_packet, ..Verdict::bare(reason) };
            shard.flow_mut(at)?.touch(now);
            self.counters.count(digest.length, &verdict);
            return Some(verdict);
        }
        if !shard.flow(at)?.has_entries() {
            let id = self.table.id(hash, at);
            return self.turn_away_again((number, now), digest, (id, route));
        }
        let way = self.routes.way(route)?;
        let verdict = pass((shard, at), (usual, way), &self.policy, &mut self.counters)?;
        handshake.after(sent, Allowed::Yes);
        let flow = shard.flow_mut(at)?;
        flow.memory.set_handshake(handshake);
        flow.touch(now);
        shard.settle(at);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }

    /// Finds the route of a packet of a known flow, most often of its first answer, and remembers it; `None` where the
    /// packet takes none.
    fn learn_route(&mut self, digest: &Digest, (hash, at): (u64, u32)) -> Option<RouteId> {
        let route = Route::of(&digest.facts(), &self.policy, &self.settings).ok()?;
        let number = self.routes.number(route);
        let flow = self.table.shard_mut(hash)?.flow_mut(at)?;
        flow.memory.set_route(digest.sender, number);
        Some(number)
    }
}

/// Takes a packet through its checkpoints if its connection lives at each; the last security group gives the verdict.
/// `None` and no change otherwise.
fn pass(
    (shard, at): (&mut Shard, u32),
    (usual, way): (Usual<'_>, &Way),
    policy: &Policy,
    counters: &mut Counters,
) -> Option<Verdict> {
    match way {
        Way::One(hop) => pass_hop((shard, at), (usual, hop), policy, counters),
        Way::Two(source, destination) => {
            let entry = shard.entry(at, destination.eni.0)?;
            if !usual.goes_on(entry, destination.eni) {
                return None;
            }
            pass_hop((shard, at), (usual, source), policy, counters)?;
            pass_hop((shard, at), (usual, destination), policy, counters)
        }
        Way::Closed => None,
    }
}

/// Takes a packet through one ENI's checkpoints if its connection lives there.
fn pass_hop(
    (shard, at): (&mut Shard, u32),
    (usual, hop): (Usual<'_>, &Hop),
    policy: &Policy,
    counters: &mut Counters,
) -> Option<Verdict> {
    let goes_on = |entry: &Entry| usual.goes_on(entry, hop.eni);
    let entry = shard.refresh_if(at, hop.eni.0, usual.step(hop, policy), goes_on)?;
    Some(established((hop, &entry), counters))
}

impl<'a> Usual<'a> {
    #[inline]
    const fn of(digest: &'a Digest, now: Timestamp) -> Self {
        Self { digest, now, event: Event::of(digest) }
    }

    #[inline]
    const fn sent(self) -> Sent {
        Sent { sender: self.digest.sender, tcp: self.event.tcp() }
    }

    #[inline]
    fn step<'p>(self, hop: &Hop, policy: &'p Policy) -> Step<'p> {
        let timeouts = policy.timeouts(hop.eni);
        Step { event: self.event, sender: self.digest.sender, now: self.now, timeouts }
    }

    /// Whether the packet goes on with a connection: it lives, and no bare SYN reopens it (S7.2, S7.6).
    #[inline]
    const fn goes_on(self, entry: &Entry, eni: EniId) -> bool {
        let tracking = entry.tracking;
        entry.lives_at(eni.0, self.now) && !(matches!(self.event, Event::TcpSyn) && tracking.reopens())
    }
}

/// The verdict of a packet that went on with a connection; counts the rules.
#[expect(clippy::inline_always, reason = "what nobody asks of the verdict is left out where it is inlined")]
#[inline(always)]
fn established((hop, entry): (&Hop, &Entry), counters: &mut Counters) -> Verdict {
    counters.count_rule(hop.nacl);
    counters.count_rule(Some(RuleId(entry.rule)));
    Gate { eni: hop.eni, direction: hop.direction }.on_entry(Reason::Established, entry)
}
