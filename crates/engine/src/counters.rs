//! What is counted of every packet: dispositions, reasons, rules, denied peers and ports.

use std::num::NonZeroU16;

use vpcreplay_flow::{Brief, Digest, Direction, Disposition, PacketFacts, Reason};
use vpcreplay_policy::{EniId, Policy, Registry, RuleId};

use crate::denied::{Denied, Waiting};
use crate::refused::{Refusal, Refused, Row, refused_at};
use crate::route::{Hop, RouteId, Routes, Way};
use crate::{Denial, TopDenied, Verdict};

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP; frames without a length count 0 (S12.3).
    pub bytes: u64,
}

impl Tally {
    /// One packet.
    pub(crate) fn of(length: u32) -> Self {
        Self { packets: 1, bytes: u64::from(length) }
    }

    /// Adds a packet.
    #[inline]
    pub(crate) fn add(&mut self, length: u32) {
        self.packets += 1;
        self.bytes += u64::from(length);
    }

    /// Adds other packets.
    pub(crate) const fn add_all(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Numbers of routes by which packets are counted at first.
const MOST_PASSED: usize = 256;

/// Everything that is counted.
#[derive(Clone, Debug)]
pub struct Counters {
    /// By ENI number plus one, 0 for packets that no ENI decided; then by reason.
    tallies: Vec<[Tally; Reason::ALL.len()]>,
    rule_hits: Vec<u64>,
    /// Packets that went on with a connection and are not entered in the tallies and hits yet, by the number of their route.
    passed: Vec<Tally>,
    exceeded: Vec<u64>,
    /// Packets that a security group refused and that are not entered either.
    refused: Refused,
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
    /// Denied packets that the top lists do not have yet.
    waiting: Waiting,
}

impl Counters {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self::of_sizes(registry.eni_count(), registry.rule_count())
    }

    /// Counters for a part, to be added to these with [`Counters::add`].
    pub(crate) fn part(&self) -> Self {
        Self::of_sizes(self.exceeded.len(), self.rule_hits.len())
    }

    /// Counters at zero, for so many ENIs and rules.
    fn of_sizes(enis: usize, rules: usize) -> Self {
        Self {
            tallies: vec![[Tally::default(); Reason::ALL.len()]; enis + 1],
            rule_hits: vec![0; rules],
            passed: vec![Tally::default(); MOST_PASSED],
            exceeded: vec![0; enis],
            refused: Refused::default(),
            denied_peers: TopDenied::peers(),
            denied_services: TopDenied::services(),
            midstream_doubtful: 0,
            flows_forgotten: 0,
            sg_egress_then_nacl: 0,
            untracked_outside: 0,
            waiting: Waiting::default(),
        }
    }

    /// Takes over the denied packets of parts, in replay order.
    pub(crate) fn take_denied(&mut self, parts: &mut [&mut Self]) {
        self.waiting.take_over(parts.iter_mut().map(|part| &mut part.waiting));
    }

    /// Enters the packets denied since the last time in the top lists.
    pub(crate) fn enter_denied(&mut self) {
        self.waiting.enter([&mut self.denied_peers, &mut self.denied_services]);
    }

    /// Adds what a part counted, top lists apart.
    pub(crate) fn add(&mut self, part: &Self) {
        for (mine, its) in self.tallies.iter_mut().flatten().zip(part.tallies.iter().flatten()) {
            mine.add_all(*its);
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
            self.waiting.push(number, facts, verdict);
        } else if verdict.reason == Reason::Untracked {
            let is_outside = !policy.is_inside_vpc(facts.src) || !policy.is_inside_vpc(facts.dst);
            self.untracked_outside += u64::from(is_outside);
        }
    }

    /// Counts a rule that decided at a checkpoint, or that the connection found there remembers.
    #[inline]
    pub(crate) fn count_rule(&mut self, rule: Option<RuleId>) {
        if let Some(hits) = rule.and_then(|rule| self.rule_hits.get_mut(rule.index())) {
            *hits += 1;
        }
    }

    /// Counts a packet that went on with its connections at the hops of a route, but for the rules of the connections. The route
    /// tells rules and tally, so that for most routes they are put down later, by [`Counters::enter_counted`].
    #[inline]
    pub(crate) fn count_passed<const N: usize>(&mut self, (route, hops): (RouteId, [&Hop; N]), length: u32) {
        match self.passed.get_mut(usize::from(route)) {
            Some(tally) => tally.add(length),
            None => self.add_passed(&hops, Tally::of(length)),
        }
    }

    /// Counts a packet that is refused at a hop, and notes it for the top lists. Route and refusal tell all but that, so that it is
    /// put down later, by [`Counters::enter_counted`].
    pub(crate) fn count_refused(
        &mut self,
        (number, digest): (u64, &Digest),
        (route, hop, refusal): (RouteId, Hop, Refusal),
    ) {
        let known = refusal.pack().and_then(|why| self.refused.get_mut(route, why));
        let denial = match known {
            Some(row) => {
                row.counted.add(digest.length);
                row.denial
            }
            None => self.count_refused_anew((route, hop, refusal), digest.length),
        };
        self.list_denied(number, digest, (denial, hop.direction == Direction::Egress));
    }

    /// Counts a packet that a network ACL denies before anything else is asked.
    pub(crate) fn count_denied(&mut self, number: u64, digest: &Digest, verdict: &Verdict) {
        self.count(digest.length, verdict);
        self.count_rule(verdict.rule);
        let denial = Denial::of(verdict);
        let number_of_denial = self.waiting.number(denial);
        self.list_denied(number, digest, (number_of_denial, denial.is_egress()));
    }

    /// Where packets that took a route and were refused for a reason are counted, if there is such a place.
    #[inline]
    pub(crate) fn refused(&mut self, route: RouteId, why: NonZeroU16) -> Option<&mut Row> {
        self.refused.get_mut(route, why)
    }

    /// Notes a packet for the top lists, with the number of its denial, which is of an egress or not.
    fn list_denied(&mut self, number: u64, digest: &Digest, denial: (u32, bool)) {
        if digest.key.is_wide() {
            self.waiting.push_denied(Denied::of_digest(number, digest, denial));
        } else {
            self.list_denied_in_brief(number, digest.brief(), denial);
        }
    }

    /// The same for an IPv4 packet in brief.
    #[expect(clippy::inline_always, reason = "for most packets that are refused again")]
    #[inline(always)]
    pub(crate) fn list_denied_in_brief(&mut self, number: u64, brief: Brief, denial: (u32, bool)) {
        let keys = TopDenied::keys_in_brief(brief, denial);
        let lists = (&mut self.denied_peers, &mut self.denied_services);
        if !TopDenied::count_at_once(lists, keys, brief.length) {
            self.list_later(number, brief, denial);
        }
    }

    #[inline(never)]
    fn list_later(&mut self, number: u64, brief: Brief, denial: (u32, bool)) {
        self.waiting.push_denied(Denied::of_digest(number, &brief.whole(), denial));
    }

    /// Counts the first packet that is refused on a route for a reason, or the first since others took its row; gives the number of
    /// its denial.
    #[inline(never)]
    fn count_refused_anew(&mut self, (route, hop, refusal): (RouteId, Hop, Refusal), length: u32) -> u32 {
        let denial = self.waiting.number(Denial::of(&refused_at(hop, refusal.rule())));
        let counted = Tally::of(length);
        // What has no row is put down at once, like what loses its row.
        let to_add = match refusal.pack() {
            Some(why) => {
                let before = self.refused.put(Row { denial, route, hop, why, counted });
                before.map(|row| ((row.hop, row.refusal()), row.counted))
            }
            None => Some(((hop, refusal), counted)),
        };
        if let Some((what, counted)) = to_add {
            self.add_refused(what, counted);
        }
        denial
    }

    /// Adds packets that were refused.
    fn add_refused(&mut self, (hop, refusal): (Hop, Refusal), counted: Tally) {
        let rule = refusal.rule();
        // The network ACL behind a security group is not asked any more.
        let nacl = if hop.direction == Direction::Ingress { hop.nacl } else { None };
        for rule in nacl.into_iter().chain(rule) {
            if let Some(hits) = self.rule_hits.get_mut(rule.index()) {
                *hits += counted.packets;
            }
        }
        let Verdict { reason, .. } = refused_at(hop, rule);
        if reason == Reason::ConntrackAllowanceExceeded
            && let Some(exceeded) = self.exceeded.get_mut(hop.eni.index())
        {
            *exceeded += counted.packets;
        }
        let row = self.tallies.get_mut(hop.eni.index() + 1);
        if let Some(tally) = row.and_then(|row| row.get_mut(reason as usize)) {
            tally.add_all(counted);
        }
    }

    /// Enters what was counted by route. The model that the routes are of must still be in force.
    pub(crate) fn enter_counted(&mut self, routes: &Routes) {
        for row in self.refused.take() {
            self.add_refused((row.hop, row.refusal()), row.counted);
        }
        for (way, route) in routes.ways().zip(1..MOST_PASSED) {
            let counted = self.passed.get_mut(route).map(std::mem::take).unwrap_or_default();
            if counted.packets == 0 {
                continue;
            }
            match way {
                Way::Closed => {}
                Way::One(hop) => self.add_passed(&[hop], counted),
                Way::Two(source, destination) => self.add_passed(&[source, destination], counted),
            }
        }
    }

    /// Adds packets that went on with their connections at hops; the last one decided.
    #[inline(never)]
    fn add_passed(&mut self, hops: &[&Hop], Tally { packets, bytes }: Tally) {
        for rule in hops.iter().filter_map(|hop| hop.nacl) {
            if let Some(hits) = self.rule_hits.get_mut(rule.index()) {
                *hits += packets;
            }
        }
        let row = hops.last().and_then(|hop| self.tallies.get_mut(hop.eni.index() + 1));
        if let Some(tally) = row.and_then(|row| row.get_mut(Reason::Established as usize)) {
            tally.add_all(Tally { packets, bytes });
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

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
