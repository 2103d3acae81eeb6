//! The usual packet: its flow is remembered, so is the way of its end, and a connection lives at every checkpoint; or
//! it is unsent. It is judged here with as few steps as possible, to the verdict that [`World::judge`] gives.

use std::num::NonZeroU64;

use vpcreplay_conntrack::{Entry, Event, Step, Wanted};
use vpcreplay_flow::{Digest, Reason, TcpKind, Timestamp};
use vpcreplay_policy::{EniId, Mode, Policy, RuleId};

use crate::causality::{Allowed, Handshake, Sent};
use crate::counters::Counters;
use crate::engine::World;
use crate::memory::{Aside, Memory};
use crate::route::{Hop, Route, Way};
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
    pub(crate) fn usual(&mut self, packet: Packet<'_>, flow: Wanted) -> Option<Verdict> {
        let Content::Digest(digest) = packet.content else { return None };
        let now = packet.now;
        self.enter(packet.number, now);
        let event = Event::of(digest);
        let shard = self.table.shard_mut(flow.hash)?;
        let at = shard.find(&digest.key, (flow.short, flow.hash), flow.guess)?;
        let known = shard.flow(at)?;
        let memory = known.memory;
        if !known.is_remembered()
            || !digest.is_told_by_key()
            || self.settings.flow_records == FlowRecords::Kept
        {
            return None;
        }
        let usual = Usual { digest, now, event };
        let hop = self.routes.only_hop(memory.route(digest.sender));
        let Some(hop) = hop.filter(|_| Handshake::is_untouched_by(memory.packed_handshake(), event.tcp()))
        else {
            return self.less_usual(usual, flow.hash, at);
        };
        let verdict = pass_hop((shard, at), (usual, *hop), &self.policy, &mut self.counters)?;
        shard.flow_mut(at)?.touch(now);
        shard.settle(at);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }

    /// The same for a packet that decides about others, or is decided about, is the first of its end, or passes two ENIs.
    #[inline(never)]
    fn less_usual(&mut self, usual: Usual<'_>, hash: u64, at: u32) -> Option<Verdict> {
        let Usual { digest, now, event } = usual;
        let shard = self.table.shard(hash)?;
        let memory = shard.flow(at).filter(|_| !shard.is_due(at, now))?.memory;
        // First: a packet that takes no path is not unsent (S3.8).
        let way = match self.routes.way(memory.route(digest.sender)) {
            Some(way) => way,
            None => self.learn_way(digest, hash, at)?,
        };
        let shard = self.table.shard_mut(hash)?;
        let sent = Sent { sender: digest.sender, tcp: event.tcp() };
        let mut handshake = memory.handshake();
        handshake.before(sent);
        let unsent = if self.settings.mode == Mode::Literal { None } else { handshake.unsent(sent) };
        if let Some((reason, cause)) = unsent {
            let cause_packet = NonZeroU64::new(shard.aside(at)?.denial(cause));
            let verdict = Verdict { cause_packet, ..Verdict::bare(reason) };
            shard.flow_mut(at)?.touch(now);
            self.counters.count(digest.length, &verdict);
            return Some(verdict);
        }
        let verdict = pass((shard, at), (usual, way), &self.policy, &mut self.counters)?;
        handshake.after(sent, Allowed::Yes);
        let flow = shard.flow_mut(at)?;
        flow.memory.set_handshake(handshake);
        flow.touch(now);
        shard.settle(at);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }

    /// Finds the way of a packet of a known flow, most often of its first answer, and remembers it; `None` where the
    /// packet takes none.
    fn learn_way(&mut self, digest: &Digest, hash: u64, at: u32) -> Option<Way> {
        let route = Route::of(&digest.facts(), &self.policy, &self.settings).ok()?;
        let number = self.routes.number(route);
        let flow = self.table.shard_mut(hash)?.flow_mut(at)?;
        flow.memory.set_route(digest.sender, number);
        self.routes.way(number)
    }
}

/// Takes a packet through its checkpoints if its connection lives at each; the last security group gives the verdict.
/// `None` and no change otherwise.
fn pass(
    (shard, at): (&mut Shard, u32),
    (usual, way): (Usual<'_>, Way),
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
#[expect(clippy::inline_always, reason = "what nobody asks of the verdict is left out where it is inlined")]
#[inline(always)]
fn pass_hop(
    (shard, at): (&mut Shard, u32),
    (usual, hop): (Usual<'_>, Hop),
    policy: &Policy,
    counters: &mut Counters,
) -> Option<Verdict> {
    let Usual { digest, now, event } = usual;
    let timeouts = policy.timeouts(hop.eni);
    let step = Step { event, sender: digest.sender, now, timeouts };
    let entry = shard.refresh_if(at, hop.eni.0, step, |entry| usual.goes_on(entry, hop.eni))?;
    counters.count_rule(hop.nacl);
    counters.count_rule(Some(RuleId(entry.rule)));
    Some(Gate { eni: hop.eni, direction: hop.direction }.on_entry(Reason::Established, &entry))
}

impl Usual<'_> {
    /// Whether the packet goes on with a connection: it lives, and no bare SYN reopens it (S7.2, S7.6).
    #[inline]
    fn goes_on(self, entry: &Entry, eni: EniId) -> bool {
        let tracking = entry.tracking;
        entry.lives_at(eni.0, self.now) && (self.event != Event::Tcp(TcpKind::Syn) || !tracking.reopens())
    }
}
