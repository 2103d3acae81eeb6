//! The path of a packet: what is not judged, causality, then the checkpoints in order (S3.8, S4, S8).

use vpcreplay_conntrack::FlowId;
use vpcreplay_flow::{Checkpoint, Direction, End, KeyClass, PacketFacts, QueryRole, Reason, Transport};
use vpcreplay_policy::{EniId, Mode, NaclAction, Probe};

use crate::causality::{Allowed, Sent};
use crate::engine::World;
use crate::flows::Detail;
use crate::locate::Located;
use crate::route::{Route, Stop};
use crate::security_group::Passage;
use crate::settings::FlowRecords;
use crate::{Packet, Step, Trace, Verdict};

impl World {
    /// Judges a packet that has facts (S3.8).
    pub(crate) fn judge_facts(
        &mut self,
        packet: Packet<'_>,
        facts: &PacketFacts,
        located: Option<&Located>,
        trace: &mut impl Trace,
    ) -> Verdict {
        let tcp = facts.transport.tcp_flags().map(vpcreplay_flow::TcpFlags::kind);
        let passage = Passage { facts, number: packet.number, now: packet.now, flow: None, tcp };
        let judged = match located {
            Some(located) => self.judge_flow(passage, located, trace),
            None => self.route(facts).map(|route| self.take_path(&passage, route, trace)),
        };
        judged.unwrap_or_else(Verdict::bare)
    }

    fn route(&self, facts: &PacketFacts) -> Result<Route, Reason> {
        Route::of(facts, &self.policy, &self.settings)
    }

    /// Judges a packet in the light of its flow: causality, the checkpoints, and what is remembered (S7.0, S8).
    /// Fails with the reason of a packet that takes no path.
    fn judge_flow(
        &mut self,
        mut passage: Passage<'_>,
        located: &Located,
        trace: &mut impl Trace,
    ) -> Result<Verdict, Reason> {
        let Passage { facts, now, tcp, .. } = passage;
        let sender = located.sender;
        let found = self.table.find(&located.key, located.hash);
        let flow = found.and_then(|id| self.table.flow(id));
        let remembered = flow.and_then(|flow| self.routes.get(flow.memory.route(sender)));
        let route = match remembered {
            Some(route) => route,
            None => self.route(facts)?,
        };
        let id = match found {
            Some(id) => id,
            None => self.table.insert(located.key, located.hash, now),
        };
        self.remember(id, sender, &passage);
        if remembered.is_none() && located.key.class() == KeyClass::Ports {
            self.remember_route(id, sender, route);
        }
        passage.flow = Some((id, sender));
        let sent = Sent { number: passage.number, sender, tcp };
        let verdict = match self.unsent(id, sent) {
            Some(verdict) => verdict,
            None => self.judge_sent(&passage, sent, route, trace),
        };
        if let Some(flow) = self.table.flow_mut(id) {
            flow.touch(now);
            if let Some(detail) = &mut flow.memory.detail {
                detail.count(sender, (facts.length, tcp), &verdict);
            }
        }
        self.table.settle(id);
        Ok(verdict)
    }

    fn remember_route(&mut self, id: FlowId, sender: End, route: Route) {
        let number = self.routes.number(route);
        if let Some(flow) = self.table.flow_mut(id) {
            flow.memory.set_route(sender, number);
        }
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
        flow.memory.begin(passage.facts.protocol, opener(passage.facts, sender));
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
        route: Route,
        trace: &mut impl Trace,
    ) -> Verdict {
        let verdict = self.take_path(passage, route, trace);
        let allowed = if verdict.is_allowed() { Allowed::Yes } else { Allowed::No };
        let flow = passage.flow.and_then(|(id, _)| self.table.flow_mut(id));
        if let Some(flow) = flow.filter(|flow| flow.number().is_some()) {
            flow.memory.after(sent, allowed);
        }
        verdict
    }

    /// The checkpoints in order; the first that denies ends the path (S4.1, S4.2).
    fn take_path(&mut self, passage: &Passage<'_>, route: Route, trace: &mut impl Trace) -> Verdict {
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
        let checkpoint = match direction {
            Direction::Egress => Checkpoint::NaclEgress,
            Direction::Ingress => Checkpoint::NaclIngress,
        };
        let Some(answer) = nacl else {
            trace.step(Step::SameSubnet { checkpoint, eni });
            return None;
        };
        let probe = Probe::of(passage.facts, direction);
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
