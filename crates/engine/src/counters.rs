//! What is counted of every packet: dispositions, reasons, rules, denied peers and ports.

use std::net::IpAddr;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vpcreplay_flow::{Checkpoint, Disposition, PacketFacts, Protocol, Reason};
use vpcreplay_policy::{EniId, Policy, Registry, RuleId};

use crate::Verdict;

/// Distinct keys that a top list counts exactly; packets of later keys are counted together.
const EXACT_KEYS: usize = 65_536;

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP; frames without a length count 0 (S12.3).
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, length: u32) {
        self.packets += 1;
        self.bytes += u64::from(length);
    }
}

/// Who denied: the reason, where, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// Where.
    pub checkpoint: Option<Checkpoint>,
    /// At which ENI.
    pub eni: Option<EniId>,
    /// By which rule.
    pub rule: Option<RuleId>,
}

/// A key of a top list of denied packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenialKey {
    /// The peer: the source of ingress, the destination of egress.
    Peer(IpAddr),
    /// The protocol and the destination port, where it is known.
    Service(Protocol, Option<u16>),
}

/// Denied packets by a key, exact for the first 65,536 distinct keys in replay order.
#[derive(Clone, Debug, Default)]
pub struct TopDenied {
    exact: HashMap<(Denial, DenialKey), Tally, FxBuildHasher>,
    others: Tally,
}

impl TopDenied {
    fn count(&mut self, key: (Denial, DenialKey), length: u32) {
        let is_full = self.exact.len() >= EXACT_KEYS;
        match self.exact.get_mut(&key) {
            Some(tally) => tally.add(length),
            None if is_full => self.others.add(length),
            None => self.exact.entry(key).or_default().add(length),
        }
    }

    /// The exact counts, in order of their keys.
    pub fn exact(&self) -> Vec<((Denial, DenialKey), Tally)> {
        let mut exact: Vec<_> = self.exact.iter().map(|(key, tally)| (*key, *tally)).collect();
        exact.sort_by_key(|(key, _)| *key);
        exact
    }

    /// Packets whose key came after the first 65,536.
    pub const fn others(&self) -> Tally {
        self.others
    }
}

/// A denied packet that is not in the top lists yet.
#[derive(Clone, Copy, Debug)]
struct Denied {
    number: u64,
    denial: Denial,
    peer: IpAddr,
    service: (Protocol, Option<u16>),
    length: u32,
}

/// Everything that is counted.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// By ENI number plus one, 0 for packets that no ENI decided; then by reason.
    tallies: Vec<[Tally; Reason::ALL.len()]>,
    rule_hits: Vec<u64>,
    exceeded: Vec<u64>,
    /// Packets denied, by peer.
    pub denied_peers: TopDenied,
    /// Packets denied, by protocol and port.
    pub denied_services: TopDenied,
    /// Packets denied `sg-no-rule` that `tcp-midstream = either-end` would have admitted (S7.5, S12.16).
    pub midstream_doubtful: u64,
    /// Packets of flows that were not remembered because too many are (S7.0).
    pub flows_forgotten: u64,
    /// Packets that a security group let out and tracked, and the network ACL behind it denied (S4.3).
    pub sg_egress_then_nacl: u64,
    /// Packets judged untracked towards or from addresses outside the model's VPCs (S6.4).
    pub untracked_outside: u64,
    /// Denied packets that the top lists do not have yet: entered together, waiting for the memory of one does not hold
    /// up the next.
    denied: Vec<Denied>,
}

impl Counters {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            tallies: vec![[Tally::default(); Reason::ALL.len()]; registry.eni_count() + 1],
            rule_hits: vec![0; registry.rule_count()],
            exceeded: vec![0; registry.eni_count()],
            ..Self::default()
        }
    }

    /// Counters for a part, to be added to these with [`Counters::add`].
    pub(crate) fn part(&self) -> Self {
        Self {
            tallies: vec![[Tally::default(); Reason::ALL.len()]; self.tallies.len()],
            rule_hits: vec![0; self.rule_hits.len()],
            exceeded: vec![0; self.exceeded.len()],
            ..Self::default()
        }
    }

    /// Takes over the denied packets of parts, in replay order.
    pub(crate) fn take_denied(&mut self, parts: &mut [&mut Self]) {
        for part in parts {
            self.denied.append(&mut part.denied);
        }
        self.denied.sort_unstable_by_key(|packet| packet.number);
    }

    /// Enters the packets denied since the last time in the top lists.
    pub(crate) fn enter_denied(&mut self) {
        let mut denied = std::mem::take(&mut self.denied);
        for packet in denied.drain(..) {
            self.enter(&packet);
        }
        self.denied = denied;
    }

    /// Adds what a part counted, top lists apart.
    pub(crate) fn add(&mut self, part: &Self) {
        for (mine, its) in self.tallies.iter_mut().flatten().zip(part.tallies.iter().flatten()) {
            mine.packets += its.packets;
            mine.bytes += its.bytes;
        }
        let (hits, exceeded) = (self.rule_hits.iter_mut(), self.exceeded.iter_mut());
        for (mine, its) in hits.chain(exceeded).zip(part.rule_hits.iter().chain(&part.exceeded)) {
            *mine += its;
        }
        self.midstream_doubtful += part.midstream_doubtful;
        self.flows_forgotten += part.flows_forgotten;
        self.sg_egress_then_nacl += part.sg_egress_then_nacl;
        self.untracked_outside += part.untracked_outside;
    }

    /// Counts a packet's verdict.
    #[inline]
    pub(crate) fn count(&mut self, length: u32, verdict: &Verdict) {
        let row = verdict.eni.map_or(0, |eni| eni.index() + 1);
        let cell = self.tallies.get_mut(row).and_then(|row| row.get_mut(verdict.reason as usize));
        if let Some(tally) = cell {
            tally.add(length);
        }
    }

    /// Counts what is told of denied and untracked packets beside.
    pub(crate) fn note(&mut self, number: u64, (facts, verdict): (&PacketFacts, &Verdict), policy: &Policy) {
        if verdict.disposition() == Disposition::Deny {
            self.denied.push(Denied::of(number, facts, verdict));
        } else if verdict.reason == Reason::Untracked {
            let is_outside = !policy.is_inside_vpc(facts.src) || !policy.is_inside_vpc(facts.dst);
            self.untracked_outside += u64::from(is_outside);
        }
    }

    /// Enters a denied packet in the top lists.
    fn enter(&mut self, packet: &Denied) {
        let Denied { denial, peer, service: (protocol, port), length, .. } = *packet;
        self.denied_peers.count((denial, DenialKey::Peer(peer)), length);
        self.denied_services.count((denial, DenialKey::Service(protocol, port)), length);
    }

    /// Counts a rule that decided at a checkpoint, or that the connection found there remembers.
    #[inline]
    pub(crate) fn count_rule(&mut self, rule: Option<RuleId>) {
        if let Some(hits) = rule.and_then(|rule| self.rule_hits.get_mut(rule.index())) {
            *hits += 1;
        }
    }

    pub(crate) fn count_exceeded(&mut self, eni: EniId) {
        if let Some(exceeded) = self.exceeded.get_mut(eni.index()) {
            *exceeded += 1;
        }
    }

    /// Packets with a reason at an ENI; with `None` those that no ENI decided.
    pub fn tally(&self, eni: Option<EniId>, reason: Reason) -> Tally {
        let row = eni.map_or(0, |eni| eni.index() + 1);
        self.tallies.get(row).and_then(|row| row.get(reason as usize)).copied().unwrap_or_default()
    }

    /// Packets with a reason, everywhere.
    pub fn total(&self, reason: Reason) -> Tally {
        let cells = self.tallies.iter().filter_map(|row| row.get(reason as usize));
        cells.fold(Tally::default(), |sum, cell| Tally {
            packets: sum.packets + cell.packets,
            bytes: sum.bytes + cell.bytes,
        })
    }

    /// How often a rule decided at a checkpoint: as the match of a packet, or as the rule that the packet's
    /// connection remembers.
    pub fn rule_hits(&self, rule: RuleId) -> u64 {
        self.rule_hits.get(rule.index()).copied().unwrap_or(0)
    }

    /// Packets that the allowance denied at an ENI (S7.8).
    pub fn exceeded(&self, eni: EniId) -> u64 {
        self.exceeded.get(eni.index()).copied().unwrap_or(0)
    }
}

impl Denied {
    fn of(number: u64, facts: &PacketFacts, verdict: &Verdict) -> Self {
        let Verdict { reason, checkpoint, eni, rule, .. } = *verdict;
        let is_egress = matches!(checkpoint, Some(Checkpoint::SgEgress | Checkpoint::NaclEgress));
        Self {
            number,
            denial: Denial { reason, checkpoint, eni, rule },
            peer: if is_egress { facts.dst } else { facts.src },
            service: (facts.protocol, facts.transport.ports().map(|(_, dst_port)| dst_port)),
            length: facts.length,
        }
    }
}
