//! The path of a packet: what is not judged, causality, then the checkpoints in order (S3.8, S4, S8).

use std::net::IpAddr;

use vpcreplay_conntrack::FlowId;
use vpcreplay_flow::{Checkpoint, Direction, End, PacketFacts, QueryRole, Reason, Transport};
use vpcreplay_policy::{EniId, Mode, NaclAction, Probe};

use crate::causality::{Allowed, Sent};
use crate::engine::World;
use crate::flows::Detail;
use crate::locate::Located;
use crate::memory::Memory;
use crate::security_group::Passage;
use crate::settings::FlowRecords;
use crate::{Packet, Step, Trace, Verdict};

/// The ENIs at the two ends of a packet; at least one is modelled.
#[derive(Clone, Copy, Debug)]
struct Ends {
    source: Option<EniId>,
    destination: Option<EniId>,
}

impl World {
    /// Judges a packet that has facts (S3.8).
    pub(crate) fn judge_facts(
        &mut self,
        packet: Packet<'_>,
        facts: &PacketFacts,
        located: Option<&Located>,
        trace: &mut impl Trace,
    ) -> Verdict {
        let ends = match self.ends(facts) {
            Ok(ends) => ends,
            Err(reason) => return Verdict::bare(reason),
        };
        let tcp = facts.transport.tcp_flags().map(vpcreplay_flow::TcpFlags::kind);
        let passage = Passage { facts, number: packet.number, now: packet.now, flow: None, tcp };
        match located {
            Some(located) => self.judge_flow(passage, located, ends, trace),
            None => self.take_path(&passage, ends, trace),
        }
    }

    /// The ends of a packet that takes the path, or the reason why it does not, in the order of S3.8.
    fn ends(&self, facts: &PacketFacts) -> Result<Ends, Reason> {
        if self.policy.exempt_by_kind(facts) {
            return Err(Reason::Exempt);
        }
        if is_multicast(facts.dst) {
            return Err(Reason::Multicast);
        }
        let (source, destination) = (self.owner(facts.src), self.owner(facts.dst));
        if source.is_none() && destination.is_none() {
            return Err(Reason::NoInterface);
        }
        if source == destination {
            return Err(Reason::SameInterface);
        }
        if self.policy.exempt_by_address(facts) {
            return Err(Reason::Exempt);
        }
        Ok(Ends { source, destination })
    }

    /// The ENI that owns an address, if it is one that is judged.
    fn owner(&self, address: IpAddr) -> Option<EniId> {
        let owner = self.policy.owner(address)?;
        self.settings.only.as_ref().is_none_or(|only| only.contains(&owner)).then_some(owner)
    }

    /// Judges a packet in the light of its flow: causality, the checkpoints, and what is remembered (S7.0, S8).
    fn judge_flow(
        &mut self,
        mut passage: Passage<'_>,
        located: &Located,
        ends: Ends,
        trace: &mut impl Trace,
    ) -> Verdict {
        let Passage { facts, now, tcp, .. } = passage;
        let sender = located.sender;
        let id = self.enter(located, now);
        self.remember(id, sender, &passage);
        passage.flow = Some((id, sender));
        let sent = Sent { number: passage.number, sender, tcp };
        let verdict = match self.unsent(id, sent) {
            Some(verdict) => verdict,
            None => self.judge_sent(&passage, sent, ends, trace),
        };
        if let Some(flow) = self.table.flow_mut(id) {
            flow.touch(now);
            if let Some(detail) = &mut flow.memory.detail {
                detail.count(sender, (facts.length, tcp), &verdict);
            }
        }
        self.table.settle(id);
        verdict
    }

    /// Remembers a flow that is not remembered yet, if there is room (S7.0, S12.6, S12.18).
    fn remember(&mut self, id: FlowId, sender: End, passage: &Passage<'_>) {
        if self.table.flow(id).is_none_or(|flow| flow.number().is_some()) {
            return;
        }
        if !self.table.remember(id) {
            self.counters.flows_forgotten += 1;
            return;
        }
        let Some(flow) = self.table.flow_mut(id) else { return };
        flow.memory = Memory::begin(passage.facts.protocol, opener(passage.facts, sender));
        if self.settings.flow_records == FlowRecords::Kept {
            flow.memory.detail = Some(Box::new(Detail::begin(passage.now, sender, flow.entries())));
        }
    }

    /// The verdict of a packet that would never have been sent (S8.1); `None` when it is to be judged.
    fn unsent(&mut self, id: FlowId, sent: Sent) -> Option<Verdict> {
        let flow = self.table.flow_mut(id)?;
        flow.number()?;
        flow.memory.before(sent);
        if self.settings.mode == Mode::Literal {
            return None;
        }
        let (reason, cause) = flow.memory.unsent(sent)?;
        Some(Verdict { cause_packet: Some(cause), ..Verdict::bare(reason) })
    }

    /// Judges a packet that was sent, and remembers what became of it.
    fn judge_sent(
        &mut self,
        passage: &Passage<'_>,
        sent: Sent,
        ends: Ends,
        trace: &mut impl Trace,
    ) -> Verdict {
        let verdict = self.take_path(passage, ends, trace);
        let allowed = if verdict.is_allowed() { Allowed::Yes } else { Allowed::No };
        let flow = passage.flow.and_then(|(id, _)| self.table.flow_mut(id));
        if let Some(flow) = flow.filter(|flow| flow.number().is_some()) {
            flow.memory.after(sent, allowed);
        }
        verdict
    }

    /// The checkpoints in order; the first that denies ends the path (S4.1, S4.2).
    fn take_path(&mut self, passage: &Passage<'_>, ends: Ends, trace: &mut impl Trace) -> Verdict {
        let mut last = None;
        if let Some(eni) = ends.source {
            let verdict = self.pass_group(passage, (eni, Direction::Egress), trace);
            if !verdict.is_allowed() {
                return verdict;
            }
            if let Some(denial) = self.network_acl(passage, (eni, Direction::Egress), trace) {
                // S4.3: the entry that the security group made or refreshed stays.
                self.counters.sg_egress_then_nacl += u64::from(verdict.connection.is_some());
                return Verdict { connection: verdict.connection, state: verdict.state, ..denial };
            }
            last = Some(verdict);
        }
        if let Some(eni) = ends.destination {
            if let Some(denial) = self.network_acl(passage, (eni, Direction::Ingress), trace) {
                return denial;
            }
            last = Some(self.pass_group(passage, (eni, Direction::Ingress), trace));
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
        (eni, direction): (EniId, Direction),
        trace: &mut impl Trace,
    ) -> Option<Verdict> {
        let facts = passage.facts;
        let checkpoint = match direction {
            Direction::Egress => Checkpoint::NaclEgress,
            Direction::Ingress => Checkpoint::NaclIngress,
        };
        if !self.policy.crosses_subnet_edge(eni, facts.src, facts.dst) {
            trace.step(Step::SameSubnet { checkpoint, eni });
            return None;
        }
        let probe = Probe::of(facts, direction);
        let answer = self.policy.nacl(eni, direction, &probe);
        trace.step(Step::NetworkAcl { checkpoint, eni, probe, answer });
        self.counters.count_rule(Some(answer.rule));
        let reason = match answer.action {
            NaclAction::Allow => return None,
            NaclAction::Deny => Reason::NaclRule,
            NaclAction::Default => Reason::NaclDefault,
        };
        let (checkpoint, eni, rule) = (Some(checkpoint), Some(eni), Some(answer.rule));
        Some(Verdict { checkpoint, eni, rule, ..Verdict::bare(reason) })
    }

    /// The number of the next connection (S9.2).
    pub(crate) fn next_connection(&mut self) -> u64 {
        self.connections += 1;
        self.connections
    }
}

/// Who opened a flow, by its first packet: its sender; for an ICMP query the requester (S7.0). TCP waits for a SYN.
fn opener(facts: &PacketFacts, sender: End) -> End {
    match facts.transport {
        Transport::IcmpQuery { role: QueryRole::Responder, .. } => sender.other(),
        _ => sender,
    }
}

/// S3.7
fn is_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}
