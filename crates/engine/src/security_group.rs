//! A security group checkpoint: stateful (S6.3, S7.5, S7.6, S7.8).

use std::num::NonZeroU64;

use vpcreplay_conntrack::{self as conntrack, Entry, FlowId, Tracking};
use vpcreplay_flow::{
    Checkpoint, Direction, End, Event, PacketFacts, Protocol, Reason, Timestamp, Transport,
};
use vpcreplay_policy::{EniId, IcmpErrors, Probe, RuleId, TcpMidstream};

use crate::engine::World;
use crate::memory::move_note;
use crate::settings::FlowRecords;
use crate::{ConnectionNumber, State, Step, Trace, Verdict};

/// A packet on its path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage<'a> {
    pub(crate) facts: &'a PacketFacts,
    pub(crate) number: u64,
    pub(crate) now: Timestamp,
    /// Its flow and the end that sent it; `None` with unknown ports (S2.7).
    pub(crate) flow: Option<(FlowId, End)>,
    pub(crate) event: Event,
}

/// The packet at one security group checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    pub(crate) eni: EniId,
    pub(crate) direction: Direction,
}

/// Why the rules admit a packet that belongs to no live connection.
#[derive(Clone, Copy, Debug)]
struct Admission {
    rule: RuleId,
    is_reversed: bool,
}

impl World {
    /// Judges a packet at an ENI's security groups (S6.3).
    pub(crate) fn security_group(
        &mut self,
        passage: &Passage<'_>,
        (eni, direction): (EniId, Direction),
        trace: &mut impl Trace,
    ) -> Verdict {
        let gate = Gate { eni, direction };
        let before = if trace.is_on() { self.live_connection(passage, eni) } else { None };
        let verdict = self
            .related(passage, gate)
            .or_else(|| self.established(passage, gate))
            .unwrap_or_else(|| self.judge_by_rules(passage, gate));
        if trace.is_on() {
            let probe = Probe::of(passage.facts, direction);
            trace.step(Step::SecurityGroup { eni, direction, probe, before, verdict });
        }
        verdict
    }

    fn live_connection(&self, passage: &Passage<'_>, eni: EniId) -> Option<(ConnectionNumber, State)> {
        let (shard, at) = self.table.place(passage.flow?.0)?;
        let Entry { number, tracking, .. } = *shard.entry(at, eni.0)?;
        Some((NonZeroU64::new(number)?, tracking.state()))
    }

    /// S6.3.1, S12.5: an ICMP error about a live connection.
    fn related(&mut self, passage: &Passage<'_>, gate: Gate) -> Option<Verdict> {
        let Transport::IcmpError { quoted: Some(quoted), .. } = passage.facts.transport else { return None };
        if self.settings.icmp_errors == IcmpErrors::ByRule {
            return None;
        }
        let flow = self.find(&quoted, quoted.hash64(), passage.now)?;
        let (shard, at) = self.table.place(flow)?;
        let Entry { number, tracking, .. } = *shard.entry(at, gate.eni.0)?;
        Some(Verdict {
            connection: NonZeroU64::new(number),
            state: Some(tracking.state()),
            ..gate.verdict(Reason::Related)
        })
    }

    /// S6.3.2: a live connection of this flow, unless a bare SYN reopens it (S7.6).
    fn established(&mut self, passage: &Passage<'_>, gate: Gate) -> Option<Verdict> {
        let (id, sender) = passage.flow?;
        let (shard, at) = self.table.place_mut(id)?;
        let tracking = shard.entry(at, gate.eni.0)?.tracking;
        if passage.event == Event::TcpSyn && tracking.reopens() {
            self.reopen(id, gate.eni, passage);
            return None;
        }
        let timeouts = self.policy.timeouts(gate.eni);
        let step = conntrack::Step { event: passage.event, sender, now: passage.now, timeouts };
        let entry = shard.refresh(at, gate.eni.0, step)?;
        Some(gate.on_entry(Reason::Established, &entry))
    }

    /// Takes a connection away before the SYN that reopens it is judged (S7.6).
    fn reopen(&mut self, id: FlowId, eni: EniId, &Passage { number, now, .. }: &Passage<'_>) {
        // While it still has the connection that keeps it: a timer of this flow that was set too early goes off now.
        self.expire(now);
        let Some((shard, at)) = self.table.place_mut(id) else { return };
        if let Some(entry) = shard.untrack(at, eni.0, now) {
            if let Some(detail) = shard.aside_mut(at).and_then(|aside| aside.detail.as_mut()) {
                detail.ended(&entry, conntrack::Ending::Reopened);
            }
            self.ledger.reopened(self.scopes.of(eni), (number, now));
        }
    }

    /// S6.3.3: no connection, so the rules are asked, then the table.
    fn judge_by_rules(&mut self, passage: &Passage<'_>, gate: Gate) -> Verdict {
        let Some(admission) = self.admission(passage, gate) else {
            return gate.verdict(Reason::SgNoRule);
        };
        let ruled = |reason| Verdict { rule: Some(admission.rule), ..gate.verdict(reason) };
        // S2.7: with unknown ports there is no flow key, so nothing to track.
        let Some((id, sender)) = passage.flow else { return ruled(Reason::Untracked) };
        if !admission.is_reversed && self.is_untracked(passage, gate) {
            return ruled(Reason::Untracked);
        }
        let is_midstream = passage.is_midstream();
        if is_midstream && self.settings.tcp_midstream == TcpMidstream::Deny {
            return ruled(Reason::TcpNotSyn);
        }
        let scope = self.scopes.of(gate.eni);
        if self.has_no_room(scope, passage.now) {
            self.ledger.exceeded(scope, (passage.number, passage.now));
            self.counters.count_exceeded(gate.eni);
            return ruled(Reason::ConntrackAllowanceExceeded);
        }
        self.ledger.created(scope, (passage.number, passage.now));
        let original = if admission.is_reversed { sender.other() } else { sender };
        let tracking = Tracking::open(passage.event, sender, original);
        let timeout = self.policy.timeouts(gate.eni).get(tracking.timeout());
        let entry = Entry {
            eni: gate.eni.0,
            rule: admission.rule.0,
            number: self.connections.next(passage.number, (id, gate.eni)),
            deadline: passage.now.after(timeout),
            tracking,
        };
        if let Some((shard, at)) = self.table.place_mut(id) {
            if shard.flow(at).is_some_and(|flow| flow.note() != 0) {
                move_note(shard, at);
            }
            shard.track(at, entry);
            if self.settings.flow_records == FlowRecords::Kept
                && let Some(detail) = shard.aside_mut(at).and_then(|aside| aside.detail.as_mut())
            {
                detail.opened(&entry);
            }
        }
        gate.on_entry(if is_midstream { Reason::Midstream } else { Reason::New }, &entry)
    }

    /// The rule that admits a packet without a connection: of its own direction, or with `either-end` of the
    /// opposite one for the reversed flow (S7.5, S12.16).
    fn admission(&mut self, passage: &Passage<'_>, gate: Gate) -> Option<Admission> {
        let Gate { eni, direction } = gate;
        let probe = Probe::of(passage.facts, direction);
        if let Some(rule) = self.policy.security_group(eni, direction, &probe) {
            return Some(Admission { rule, is_reversed: false });
        }
        if !passage.is_midstream() || self.settings.tcp_midstream == TcpMidstream::Deny {
            return None;
        }
        let reversed = Probe::reversed(passage.facts, direction)?;
        let rule = self.policy.security_group(eni, direction.opposite(), &reversed)?;
        if self.settings.tcp_midstream == TcpMidstream::EitherEnd {
            return Some(Admission { rule, is_reversed: true });
        }
        self.counters.midstream_doubtful += 1;
        None
    }

    /// S6.4: whether the flow is untracked at this ENI.
    fn is_untracked(&self, passage: &Passage<'_>, gate: Gate) -> bool {
        let facts = passage.facts;
        let Some((src_port, dst_port)) = facts.transport.ports() else { return false };
        if !matches!(facts.protocol, Protocol::TCP | Protocol::UDP) {
            return false;
        }
        let peer = match gate.direction {
            Direction::Ingress => facts.src,
            Direction::Egress => facts.dst,
        };
        // Opened by the sender the flow goes in the packet's direction to its destination port, else the other way.
        let by_sender =
            || self.policy.opens_untracked(gate.eni, gate.direction, (facts.protocol, dst_port), peer);
        let by_receiver = || {
            let direction = gate.direction.opposite();
            self.policy.opens_untracked(gate.eni, direction, (facts.protocol, src_port), peer)
        };
        let opener = passage.flow.and_then(|(id, sender)| {
            let opener = self.table.flow(id)?.memory.handshake().opener?;
            Some(opener == sender)
        });
        let is_open = match opener {
            Some(true) => by_sender(),
            Some(false) => by_receiver(),
            None => by_sender() || by_receiver(),
        };
        is_open && !self.policy.always_tracked(gate.eni, peer)
    }
}

impl Passage<'_> {
    /// S7.5: TCP other than a bare SYN. With unknown ports it is not known to be.
    const fn is_midstream(&self) -> bool {
        self.event.is_midstream()
    }
}

impl Gate {
    /// A verdict at this checkpoint that names no rule and no connection.
    pub(crate) const fn verdict(self, reason: Reason) -> Verdict {
        let checkpoint = match self.direction {
            Direction::Egress => Checkpoint::SgEgress,
            Direction::Ingress => Checkpoint::SgIngress,
        };
        Verdict { checkpoint: Some(checkpoint), eni: Some(self.eni), ..Verdict::bare(reason) }
    }

    /// A verdict that names a connection and the rule it remembers.
    pub(crate) const fn on_entry(self, reason: Reason, entry: &Entry) -> Verdict {
        Verdict {
            rule: Some(RuleId(entry.rule)),
            connection: NonZeroU64::new(entry.number),
            state: Some(entry.tracking.state()),
            ..self.verdict(reason)
        }
    }
}
