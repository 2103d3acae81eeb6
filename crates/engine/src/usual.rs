//! The usual packet: its flow is remembered, so is the way of its end, and a connection lives at every checkpoint; or
//! it is unsent. It is judged here with as few steps as possible, to the verdict that [`World::judge`] gives.

use vpcreplay_conntrack::{Entry, Step, Wanted};
use vpcreplay_flow::{Brief, Digest, End, Event, Reason, Timestamp};
use vpcreplay_policy::{EniId, Policy, RuleId};

use crate::batch::{InBrief, Packets};
use crate::causality::{Allowed, Handshake, Sent};
use crate::counters::Counters;
use crate::engine::World;
use crate::route::{Hop, Route, RouteId, Way};
use crate::settings::FlowRecords;
use crate::turn_away::Place;
use crate::{Flow, Shard, Verdict};

/// A packet with a digest, in brief.
#[derive(Clone, Copy)]
struct Usual {
    brief: Brief,
    now: Timestamp,
    event: Event,
}

/// Where a packet was tried as a usual one before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// Or only as one that goes on at one ENI.
    Nowhere,
    /// With the flow that was guessed; or not at all, as the first packet of a model, which the long way takes well.
    WhereGuessed,
}

/// Why a packet does not go on with a connection of its flow.
#[derive(Clone, Copy)]
enum Declined {
    /// Its flow, which is remembered, has none.
    Unconnected,
    Otherwise,
}

impl World {
    /// Judges the packet at a place if it is a usual one, and moves on to its time; `None` where it has yet to be judged.
    #[expect(
        clippy::inline_always,
        reason = "called once, in the loop over a batch; what nobody asks of the verdict is left out there"
    )]
    #[inline(always)]
    pub(crate) fn usual(&mut self, packets: &impl Packets, at: usize, wanted: &Wanted) -> Option<Verdict> {
        // From the start in each: what is known by now would have to be kept at hand for every packet.
        let verdict = match packets.in_brief(at) {
            Some(packet) => match self.most_usual(packet, wanted) {
                Ok(verdict) => return Some(verdict),
                Err(Declined::Unconnected) => self.denied_in_brief(packets, at, wanted),
                Err(Declined::Otherwise) => None,
            },
            None => self.most_usual_wide(packets, at, wanted),
        };
        if verdict.is_some() {
            return verdict;
        }
        self.next_usual(packets, at, wanted)
    }

    /// Judges a packet of the flow that was guessed if it passes one ENI, where the flow's connection lives, and moves on to its
    /// time; no change otherwise.
    #[expect(clippy::inline_always, reason = "as World::usual")]
    #[inline(always)]
    fn most_usual(
        &mut self,
        InBrief { number, now, brief }: InBrief,
        wanted: &Wanted,
    ) -> Result<Verdict, Declined> {
        if self.usual_before <= now || !brief.kind.is_told_by_key() {
            return Err(Declined::Otherwise);
        }
        let usual = Usual::of(brief, now);
        let verdict = self.go_on(usual, (wanted.hash, wanted.guess), |flow| flow.is_of(brief.short))?;
        self.move_on(number, now);
        Ok(verdict)
    }

    /// The same for a packet with a digest beside.
    #[inline(never)]
    fn most_usual_wide(&mut self, packets: &impl Packets, at: usize, wanted: &Wanted) -> Option<Verdict> {
        let (InBrief { number, now, brief }, digest) = packets.with_digest(at)?;
        if self.usual_before <= now || !brief.kind.is_told_by_key() {
            return None;
        }
        let place = (wanted.hash, wanted.guess);
        if !self.table.shard(wanted.hash)?.is_at(&digest.key, brief.short, wanted.guess) {
            return None;
        }
        let verdict = self.go_on(Usual::of(brief, now), place, |_| true).ok()?;
        self.move_on(number, now);
        Some(verdict)
    }

    /// Judges a packet of the flow at a place if it `is_it`, is remembered, and the packet passes one ENI, where the flow's
    /// connection lives; no change otherwise.
    #[expect(clippy::inline_always, reason = "as World::usual")]
    #[inline(always)]
    fn go_on(
        &mut self,
        usual: Usual,
        (hash, at): Place,
        is_it: impl FnOnce(&Flow) -> bool,
    ) -> Result<Verdict, Declined> {
        let other = Declined::Otherwise;
        let shard = self.table.shard_mut(hash).ok_or(other)?;
        let flow = shard.flow_mut(at).filter(|flow| is_it(flow) && flow.is_remembered()).ok_or(other)?;
        if !flow.has_entries() {
            return Err(Declined::Unconnected);
        }
        let handshake = Handshake::passed_by(flow.memory.packed_handshake(), usual.event, usual.sender());
        let handshake = handshake.ok_or(other)?;
        let route = flow.memory.route(usual.sender());
        let hop = self.routes.only_hop(route).ok_or(other)?;
        if !flow.first().lives_at(hop.eni.0, usual.now) {
            return Err(other);
        }
        let (entry, is_nearer) = flow.refresh_first(usual.step(hop, &self.policy)).ok_or(other)?;
        flow.memory.set_packed_handshake(handshake);
        if is_nearer {
            shard.settle(at);
        }
        self.counters.count_rule(Some(RuleId(entry.rule)));
        self.counters.count_passed((route, [hop]), usual.brief.length);
        Ok(hop.gate().on_entry(Reason::Established, &entry))
    }

    /// The same for any packet, once [`World::most_usual`] has been tried.
    #[inline(never)]
    fn next_usual(&mut self, packets: &impl Packets, at: usize, wanted: &Wanted) -> Option<Verdict> {
        let (InBrief { number, now, brief }, beside) = match packets.in_brief(at) {
            Some(packet) => (packet, None),
            None => packets.with_digest(at).map(|(packet, digest)| (packet, Some(digest)))?,
        };
        self.enter(number, now);
        if self.settings.flow_records == FlowRecords::Kept {
            return None;
        }
        if let Some(digest) = beside {
            return self.usual_of_any((number, now), (digest, brief, Tried::Nowhere), wanted);
        }
        let verdict = self.usual_v4(now, brief, wanted);
        if verdict.is_some() {
            return verdict;
        }
        self.usual_of_any((number, now), (&brief.whole(), brief, Tried::WhereGuessed), wanted)
    }

    /// Judges a packet of the IPv4 flow that was guessed if it passes two ENIs.
    #[expect(clippy::inline_always, reason = "called once")]
    #[inline(always)]
    fn usual_v4(&mut self, now: Timestamp, brief: Brief, wanted: &Wanted) -> Option<Verdict> {
        let flow = self.table.shard(wanted.hash)?.flow(wanted.guess)?;
        if !flow.is_of(brief.short) || !brief.kind.is_told_by_key() {
            return None;
        }
        let place = (wanted.hash, wanted.guess);
        if flow.has_rest() { self.go_on_twice(Usual::of(brief, now), place) } else { None }
    }

    /// Judges any packet that is told by its key and its sender.
    #[inline(never)]
    fn usual_of_any(
        &mut self,
        (number, now): (u64, Timestamp),
        (digest, brief, tried): (&Digest, Brief, Tried),
        wanted: &Wanted,
    ) -> Option<Verdict> {
        if !digest.kind.is_told_by_key() {
            return None;
        }
        let usual = Usual::of(brief, now);
        let shard = self.table.shard(wanted.hash)?;
        let Some(at) = shard.find(&digest.key, (usual.brief.short, wanted.hash), wanted.guess) else {
            return self.begin_flow((number, now), digest, wanted);
        };
        let flow = shard.flow(at).filter(|flow| flow.is_remembered())?;
        let place = (wanted.hash, at);
        let (has_rest, has_entries) = (flow.has_rest(), flow.has_entries());
        // Before anything else: a packet that takes no path is not unsent (S3.8).
        let is_learnt = self.routes.get(flow.memory.route(usual.sender())).is_none();
        if is_learnt {
            self.learn_route(digest, place)?;
        }
        let verdict = if !has_entries {
            self.turn_away_known((number, now), digest, place)
        } else if is_learnt || tried == Tried::Nowhere || at != wanted.guess {
            let twice =
                |world: &mut Self| if has_rest { world.go_on_twice_again(usual, place) } else { None };
            self.go_on(usual, place, |_| true).ok().or_else(|| twice(self))
        } else {
            None
        };
        if verdict.is_some() {
            return verdict;
        }
        self.less_usual(number, (digest, usual), place)
    }

    /// As [`World::go_on`], for a packet that passes two ENIs, both of which have its connection.
    #[expect(clippy::inline_always, reason = "as World::go_on")]
    #[inline(always)]
    fn go_on_twice(&mut self, usual: Usual, (hash, at): Place) -> Option<Verdict> {
        let flow = self.table.shard(hash)?.flow(at).filter(|flow| flow.is_remembered())?;
        let memory = flow.memory;
        let route = memory.route(usual.sender());
        let Some(Way::Two(source, destination)) = self.routes.way(route) else { return None };
        let handshake = Handshake::passed_by(memory.packed_handshake(), usual.event, usual.sender())?;
        let shard = self.table.shard_mut(hash)?;
        let step = |hop: &Hop| (hop.eni.0, usual.step(hop, &self.policy));
        let steps = [step(source), step(destination)];
        let goes_on = |entry: &Entry| usual.goes_on(entry, EniId(entry.eni()));
        let [first, last] = shard.refresh_both(at, steps, goes_on)?;
        shard.flow_mut(at)?.memory.set_packed_handshake(handshake);
        shard.settle(at);
        self.counters.count_rule(Some(RuleId(first.rule)));
        self.counters.count_rule(Some(RuleId(last.rule)));
        self.counters.count_passed((route, [source, destination]), usual.brief.length);
        Some(destination.gate().on_entry(Reason::Established, &last))
    }

    /// The same, as a call.
    #[inline(never)]
    fn go_on_twice_again(&mut self, usual: Usual, place: Place) -> Option<Verdict> {
        self.go_on_twice(usual, place)
    }

    /// The same for a packet whose route is remembered, and that is unsent, denied, or has its connections elsewhere.
    #[inline(never)]
    fn less_usual(
        &mut self,
        number: u64,
        (digest, usual): (&Digest, Usual),
        place: Place,
    ) -> Option<Verdict> {
        let (now, at) = (usual.now, place.1);
        let shard = self.table.shard(place.0)?;
        let flow = shard.flow(at).filter(|_| !shard.is_due(at, now))?;
        let (memory, has_entries) = (flow.memory, flow.has_entries());
        if let Some(verdict) = self.unsent_known((digest.kind, digest.length), place, now) {
            return Some(verdict);
        }
        let route = memory.route(usual.sender());
        let way = self.routes.way(route)?;
        if matches!(way, Way::Closed) {
            return self.deny_at_once((number, now), digest, (place, route));
        }
        if !has_entries {
            return self.turn_away_again((number, now), digest, (place, route));
        }
        let shard = self.table.shard_mut(place.0)?;
        let verdict = pass((shard, at), (usual, way), &self.policy, &mut self.counters)?;
        let (mut handshake, sent) = (memory.handshake(), usual.sent());
        handshake.before(sent);
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
    #[inline(never)]
    fn learn_route(&mut self, digest: &Digest, (hash, at): Place) -> Option<RouteId> {
        let route = Route::of_digest(digest, &self.policy, &self.settings).ok()?;
        let number = self.routes.number(route);
        let flow = self.table.shard_mut(hash)?.flow_mut(at)?;
        flow.memory.set_route(digest.kind.sender(), number);
        Some(number)
    }
}

/// Takes a packet through its checkpoints if its connection lives at each; the last security group gives the verdict.
/// `None` and no change otherwise.
fn pass(
    (shard, at): (&mut Shard, u32),
    (usual, way): (Usual, &Way),
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
    (usual, hop): (Usual, &Hop),
    policy: &Policy,
    counters: &mut Counters,
) -> Option<Verdict> {
    let goes_on = |entry: &Entry| usual.goes_on(entry, hop.eni);
    let entry = shard.refresh_if(at, hop.eni.0, usual.step(hop, policy), goes_on)?;
    counters.count_rule(hop.nacl);
    counters.count_rule(Some(RuleId(entry.rule)));
    Some(hop.gate().on_entry(Reason::Established, &entry))
}

impl Usual {
    #[inline]
    const fn of(brief: Brief, now: Timestamp) -> Self {
        Self { brief, now, event: brief.kind.event() }
    }

    #[inline]
    const fn sender(self) -> End {
        self.brief.kind.sender()
    }

    #[inline]
    const fn sent(self) -> Sent {
        Sent { sender: self.sender(), tcp: self.event.tcp() }
    }

    #[inline]
    fn step<'p>(self, hop: &Hop, policy: &'p Policy) -> Step<'p> {
        let timeouts = policy.timeouts(hop.eni);
        Step { event: self.event, sender: self.sender(), now: self.now, timeouts }
    }

    /// Whether the packet goes on with a connection: it lives, and no bare SYN reopens it (S7.2, S7.6).
    #[inline]
    const fn goes_on(self, entry: &Entry, eni: EniId) -> bool {
        let tracking = entry.tracking;
        entry.lives_at(eni.0, self.now) && !(matches!(self.event, Event::TcpSyn) && tracking.reopens())
    }
}
