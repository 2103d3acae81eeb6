//! The usual first packet of a flow: it passes one ENI, whose rules admit it and which tracks it. It is judged here with as
//! few steps as possible, to the verdict that [`World::judge`] gives.

use vpcreplay_conntrack::{Entry, Event, FlowId, Tracking, Wanted};
use vpcreplay_flow::{Digest, End, Reason, Shape, TcpKind};
use vpcreplay_policy::{Probe, RuleId, TcpMidstream};

use crate::causality::{Handshake, Sent};
use crate::engine::World;
use crate::memory::Memory;
use crate::route::{Hop, Route, RouteId};
use crate::security_group::Gate;
use crate::{Packet, Verdict};

/// The way of a first packet, and the rule that admits it.
struct Welcome {
    route: RouteId,
    hop: Hop,
    rule: RuleId,
    scope: u32,
}

impl World {
    /// Judges the first packet of a flow that the table does not have, and begins the flow; `None` and no change where
    /// there is more to be looked at. The world must have moved on to the time of the packet.
    #[inline(never)]
    pub(crate) fn begin_flow(&mut self, packet: &Packet<'_>, digest: &Digest, wanted: &Wanted) -> Option<Verdict> {
        let Packet { number, now, .. } = *packet;
        let sent = Sent { sender: digest.sender, tcp: Event::of(digest).tcp() };
        let Welcome { route, hop, rule, scope } = self.welcome(digest)?;
        let handshake = Handshake::begun_by(digest.key.protocol(), opener(digest)).pack();
        let memory = Memory::begun(digest.sender, route, Handshake::passed_by(handshake, sent)?);
        let tracking = Tracking::open(Event::of(digest), digest.sender, digest.sender);
        let deadline = now.after(hop.timeouts.get(tracking.timeout()));
        let entry = Entry { number: 0, deadline, eni: hop.eni.0, rule: rule.0, tracking };
        let id = self.table.begin((&digest.key, wanted.hash), now, (memory, entry));
        let entry = Entry { number: self.connections.next(number, (id, hop.eni)), ..entry };
        self.number_first(id, entry.number);
        self.ledger.created(scope, (number, now));
        self.counters.count_rule(hop.nacl);
        self.counters.count_rule(Some(rule));
        let reason = if is_midstream(sent) { Reason::Midstream } else { Reason::New };
        let verdict = Gate { eni: hop.eni, direction: hop.direction }.on_entry(reason, &entry);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }

    /// Whether nothing stands against a first packet: a route through one ENI, a rule that makes its flow tracked, and room.
    #[inline]
    fn welcome(&mut self, digest: &Digest) -> Option<Welcome> {
        let sent = Sent { sender: digest.sender, tcp: Event::of(digest).tcp() };
        if self.table.is_full() || is_midstream(sent) && self.settings.tcp_midstream != TcpMidstream::Allow {
            return None;
        }
        let facts = digest.facts();
        let route = Route::of(&facts, &self.policy, &self.settings).ok()?;
        let route = self.routes.number(route, &self.policy);
        let hop = *self.routes.only_hop(route)?;
        let probe = Probe::of(&facts, hop.direction);
        let rule = self.policy.security_group(hop.eni, hop.direction, &probe)?;
        let (src_port, dst_port) = facts.transport.ports().unwrap_or_default();
        let opens = |direction, port| {
            self.policy.opens_untracked(hop.eni, direction, (facts.protocol, port), probe.peer)
        };
        if opens(hop.direction, dst_port) || opens(hop.direction.opposite(), src_port) {
            return None;
        }
        let scope = self.scopes.of(hop.eni);
        (!self.ledger.is_full(scope)).then_some(Welcome { route, hop, rule, scope })
    }

    fn number_first(&mut self, id: FlowId, number: u64) {
        if let Some(flow) = self.table.flow_mut(id) {
            flow.number_first(number);
        }
    }
}

/// S7.5: TCP other than a bare SYN.
fn is_midstream(sent: Sent) -> bool {
    sent.tcp.is_some_and(|kind| kind != TcpKind::Syn)
}

/// Who opened a flow, by its first packet: its sender; for an ICMP query the requester (S7.0).
pub(crate) const fn opener(digest: &Digest) -> End {
    match digest.shape() {
        Shape::Answer => digest.sender.other(),
        _ => digest.sender,
    }
}
