//! The path of a packet: what is not judged, causality, then the checkpoints in order (S3.8, S4, S8).

use std::num::NonZeroU64;

use vpcreplay_conntrack::FlowId;
use vpcreplay_flow::{Digest, Direction, End, Event, FlowKey, PacketFacts, PacketKind, Reason, Timestamp};
use vpcreplay_policy::{EniId, Mode, Probe};

use crate::causality::{Allowed, Handshake, Sent};
use crate::engine::World;
use crate::flows::Detail;
use crate::memory::note_denial;
use crate::route::{Route, Stop, acl_checkpoint, acl_denial};
use crate::security_group::Passage;
use crate::settings::FlowRecords;
use crate::{Packet, Step, Trace, Verdict, memory};

impl World {
    /// Judges a packet that has facts (S3.8), and counts it.
    pub(crate) fn judge_facts(
        &mut self,
        packet: Packet<'_>,
        (facts, digest): (&PacketFacts, Option<&Digest>),
        trace: &mut impl Trace,
    ) -> Verdict {
        let event = digest.map_or(Event::Other, |digest| digest.kind.event());
        let passage = Passage { facts, number: packet.number, now: packet.now, flow: None, event };
        let verdict = match digest {
            Some(digest) => self.judge_flow(passage, digest, trace),
            None => match self.route(facts) {
                Ok(route) => self.take_path(&passage, &route, trace),
                Err(reason) => Verdict::bare(reason),
            },
        };
        self.counters.count(facts.length, &verdict);
        self.counters.note(packet.number, (facts, &verdict), &self.policy);
        verdict
    }

    fn route(&self, facts: &PacketFacts) -> Result<Route, Reason> {
        Route::of(facts, &self.policy, &self.settings)
    }

    /// Judges a packet in the light of its flow: causality, the checkpoints, and what is remembered (S7.0, S8).
    fn judge_flow(&mut self, mut passage: Passage<'_>, digest: &Digest, trace: &mut impl Trace) -> Verdict {
        let Passage { facts, now, event, .. } = passage;
        let (key, sender) = (digest.key, digest.kind.sender());
        let hash = key.hash64();
        let found = self.find(&key, hash, now);
        let flow = found.and_then(|id| self.table.flow(id)).filter(|_| digest.kind.is_told_by_key());
        let remembered = flow.and_then(|flow| self.routes.get(flow.memory.route(sender))).copied();
        let route = match remembered {
            Some(route) => route,
            None => match self.route(facts) {
                Ok(route) => route,
                Err(reason) => return Verdict::bare(reason),
            },
        };
        let id = match found {
            Some(id) => id,
            None => self.table.insert(&key, hash, now),
        };
        self.remember(id, digest.kind, &passage);
        if remembered.is_none() && digest.kind.is_told_by_key() {
            self.remember_route(id, sender, route);
        }
        passage.flow = Some((id, sender));
        let sent = Sent { sender, tcp: event.tcp() };
        let verdict = match self.unsent(id, sent) {
            Some(verdict) => verdict,
            None => self.judge_sent(&passage, sent, &route, trace),
        };
        if let Some((shard, at)) = self.table.place_mut(id) {
            if let Some(flow) = shard.flow_mut(at) {
                flow.touch(now);
            }
            if self.settings.flow_records == FlowRecords::Kept
                && let Some(detail) = shard.aside_mut(at).and_then(|aside| aside.detail.as_mut())
            {
                detail.count(sender, (facts.length, event.tcp()), &verdict);
            }
            shard.settle(at);
        }
        verdict
    }

    fn remember_route(&mut self, id: FlowId, sender: End, route: Route) {
        let number = self.routes.number(route);
        if let Some(flow) = self.table.flow_mut(id) {
            flow.memory.set_route(sender, number);
        }
    }

    /// Remembers a flow that is not remembered yet, if there is room (S7.0, S12.6, S12.18).
    fn remember(&mut self, id: FlowId, kind: PacketKind, passage: &Passage<'_>) {
        if self.table.flow(id).is_none_or(vpcreplay_conntrack::Flow::is_remembered) {
            return;
        }
        if self.table.is_full() {
            // Flows that are over do not count, wherever they are.
            self.expire(passage.now);
        }
        if !self.table.remember(id) {
            self.counters.flows_forgotten += 1;
            return;
        }
        let handshake = Handshake::begun_by(passage.facts.protocol, kind.opener());
        let Some((shard, at)) = self.table.place_mut(id) else { return };
        if let Some(flow) = shard.flow_mut(at) {
            flow.memory.set_handshake(handshake);
        }
        if self.settings.flow_records == FlowRecords::Kept {
            let number = self.flow_numbers.next(passage.number, id);
            let detail = Detail::begin((number, kind.sender()), passage.now, shard.entries(at));
            if let Some(aside) = shard.make_aside(at) {
                aside.detail = Some(Box::new(detail));
            }
        }
    }

    /// The verdict of a packet that would never have been sent (S8.1); `None` when it is to be judged.
    fn unsent(&mut self, id: FlowId, sent: Sent) -> Option<Verdict> {
        let (shard, at) = self.table.place_mut(id)?;
        let flow = shard.flow_mut(at).filter(|flow| flow.is_remembered())?;
        let mut handshake = flow.memory.handshake();
        handshake.before(sent);
        flow.memory.set_handshake(handshake);
        if self.settings.mode == Mode::Literal {
            return None;
        }
        let (reason, cause) = handshake.unsent(sent)?;
        let cause_packet = NonZeroU64::new(memory::denial(shard, at, cause));
        Some(Verdict { cause_packet, ..Verdict::bare(reason) })
    }

    /// Judges a packet that was sent, and remembers what became of it.
    fn judge_sent(
        &mut self,
        passage: &Passage<'_>,
        sent: Sent,
        route: &Route,
        trace: &mut impl Trace,
    ) -> Verdict {
        let verdict = self.take_path(passage, route, trace);
        let allowed = if verdict.is_allowed() { Allowed::Yes } else { Allowed::No };
        let Some((shard, at)) = passage.flow.and_then(|(id, _)| self.table.place_mut(id)) else {
            return verdict;
        };
        let Some(flow) = shard.flow_mut(at).filter(|flow| flow.is_remembered()) else { return verdict };
        let mut handshake = flow.memory.handshake();
        let cause = handshake.after(sent, allowed);
        flow.memory.set_handshake(handshake);
        match cause {
            // A sweep takes flows apart, record by record: there everything is aside.
            Some(cause) if self.parting.is_some() => {
                if let Some(aside) = shard.make_aside(at) {
                    aside.set_denial(cause, passage.number);
                }
            }
            Some(cause) => note_denial(shard, at, (cause, passage.number)),
            None => {}
        }
        verdict
    }

    /// The flow with a key, at `now`: what has ended of it by then has been taken away.
    pub(crate) fn find(&mut self, key: &FlowKey, hash: u64, now: Timestamp) -> Option<FlowId> {
        let guess = self.table.shard(hash)?.guess(hash);
        let id = self.table.find(key, hash, guess)?;
        let (shard, at) = self.table.place(id)?;
        if !shard.is_due(at, now) {
            return Some(id);
        }
        self.advance_shard(hash, now);
        self.table.find(key, hash, guess)
    }

    /// The checkpoints in order; the first that denies ends the path (S4.1, S4.2).
    fn take_path(&mut self, passage: &Passage<'_>, route: &Route, trace: &mut impl Trace) -> Verdict {
        let mut last = None;
        if let Some(stop) = route.source {
            let verdict = self.pass_group(passage, (stop.eni, Direction::Egress), trace);
            if !verdict.is_allowed() {
                return verdict;
            }
            if let Some(denial) = self.network_acl(passage, stop, Direction::Egress, trace) {
                // S4.3: the entry that the security group made or refreshed stays.
                self.counters.sg_egress_then_nacl += u64::from(verdict.connection.is_some());
                return Verdict { connection: verdict.connection, state: verdict.state, ..denial };
            }
            last = Some(verdict);
        }
        if let Some(stop) = route.destination {
            if let Some(denial) = self.network_acl(passage, stop, Direction::Ingress, trace) {
                return denial;
            }
            last = Some(self.pass_group(passage, (stop.eni, Direction::Ingress), trace));
        }
        last.unwrap_or(Verdict::bare(Reason::NoInterface))
    }

    fn pass_group(
        &mut self,
        passage: &Passage<'_>,
        gate: (EniId, Direction),
        trace: &mut impl Trace,
    ) -> Verdict {
        let verdict = self.security_group(passage, gate, trace);
        self.counters.count_rule(verdict.rule);
        verdict
    }

    /// The network ACL of the ENI's subnet: its denial, or `None` when the packet passes (S5).
    fn network_acl(
        &mut self,
        passage: &Passage<'_>,
        Stop { eni, nacl }: Stop,
        direction: Direction,
        trace: &mut impl Trace,
    ) -> Option<Verdict> {
        let checkpoint = acl_checkpoint(direction);
        let Some(answer) = nacl else {
            trace.step(Step::SameSubnet { checkpoint, eni });
            return None;
        };
        if trace.is_on() {
            let probe = Probe::of(passage.facts, direction);
            trace.step(Step::NetworkAcl { checkpoint, eni, probe, answer });
        }
        self.counters.count_rule(Some(answer.rule));
        acl_denial(eni, direction, answer)
    }
}
