//! The usual packet: its flow is remembered, so is the route of its end, and a connection lives at every checkpoint; or
//! it is unsent. It is judged here with as few steps as possible, to the verdict that [`World::judge`] gives.

use std::num::NonZeroU64;

use vpcreplay_conntrack::{Entry, Event, Step};
use vpcreplay_flow::{Digest, Direction, Protocol, Reason, Shape, TcpKind, Timestamp};
use vpcreplay_policy::{Mode, NaclAction, Policy, RuleId};

use crate::Verdict;
use crate::causality::{Allowed, Sent};
use crate::counters::Counters;
use crate::engine::World;
use crate::memory::{Aside, Memory};
use crate::route::{Route, Stop};
use crate::security_group::Gate;
use crate::settings::FlowRecords;

type Shard = vpcreplay_conntrack::Shard<Memory, Aside>;

/// A packet whose flow was looked for ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) digest: &'a Digest,
    pub(crate) now: Timestamp,
    /// Hash of its flow key.
    pub(crate) hash: u64,
    /// Where its flow most likely is.
    pub(crate) guess: u32,
}

impl World {
    /// Judges a packet if it is a usual one; changes nothing otherwise. Time must have advanced in its shard.
    #[inline]
    pub(crate) fn usual(&mut self, known: Known<'_>) -> Option<Verdict> {
        if self.settings.flow_records == FlowRecords::Kept {
            return None;
        }
        let Known { digest, now, hash, guess, .. } = known;
        let sent = Sent { sender: digest.sender, tcp: digest.tcp_kind() };
        let shard = self.table.shard_mut(hash)?;
        let at = shard.find(&digest.key, hash, guess)?;
        let flow = shard.flow(at).filter(|flow| flow.is_remembered())?;
        let route = self.routes.get(flow.memory.route(sent.sender))?;
        let mut handshake = flow.memory.handshake();
        handshake.before(sent);
        let unsent = if self.settings.mode == Mode::Literal { None } else { handshake.unsent(sent) };
        let verdict = if let Some((reason, cause)) = unsent {
            let cause_packet = NonZeroU64::new(shard.aside(at)?.denial(cause));
            Verdict { cause_packet, ..Verdict::bare(reason) }
        } else {
            let passes = |stop: &Option<Stop>| {
                stop.as_ref().is_none_or(|stop| passes(stop, shard.entry(at, stop.eni.0), sent.tcp))
            };
            if !passes(&route.source) || !passes(&route.destination) {
                return None;
            }
            handshake.after(sent, Allowed::Yes);
            pass(shard, at, (known, route), &self.policy, &mut self.counters)?
        };
        let flow = shard.flow_mut(at)?;
        flow.memory.set_handshake(handshake);
        flow.touch(now);
        shard.settle(at);
        self.counters.count(digest.length, &verdict);
        Some(verdict)
    }
}

/// Whether a packet passes both checkpoints of an end because its connection lives there.
#[inline]
fn passes(stop: &Stop, entry: Option<&Entry>, tcp: Option<TcpKind>) -> bool {
    let is_allowed = stop.nacl.is_none_or(|answer| answer.action == NaclAction::Allow);
    // S7.6: a bare SYN may reopen it.
    let lives = |entry: &Entry| {
        let tracking = entry.tracking;
        tcp != Some(TcpKind::Syn) || !tracking.reopens()
    };
    is_allowed && entry.is_some_and(lives)
}

/// Takes a packet that passes at every checkpoint through them; the last security group gives the verdict.
#[inline]
fn pass(
    shard: &mut Shard,
    at: u32,
    (known, route): (Known<'_>, &Route),
    policy: &Policy,
    counters: &mut Counters,
) -> Option<Verdict> {
    let event = event_of(known.digest);
    let mut last = None;
    for (stop, direction) in [(&route.source, Direction::Egress), (&route.destination, Direction::Ingress)] {
        let Some(Stop { eni, nacl }) = *stop else { continue };
        let timeouts = policy.timeouts(eni);
        let step = Step { event, sender: known.digest.sender, now: known.now, timeouts };
        let entry = shard.refresh(at, eni.0, step)?;
        counters.count_rule(nacl.map(|answer| answer.rule));
        counters.count_rule(Some(RuleId(entry.rule)));
        last = Some((Gate { eni, direction }, entry));
    }
    last.map(|(gate, entry)| gate.on_entry(Reason::Established, &entry))
}

/// What a packet means to the state of its connection.
#[inline]
fn event_of(digest: &Digest) -> Event {
    match (digest.tcp_kind(), digest.shape()) {
        (Some(kind), _) => Event::Tcp(kind),
        (None, Shape::Ports) if digest.key.protocol() == Protocol::UDP => Event::Udp,
        (None, Shape::Request | Shape::Answer | Shape::IcmpError | Shape::IcmpOneWay) => Event::Icmp,
        _ => Event::Other,
    }
}
