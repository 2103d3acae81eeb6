//! The path of a packet and its checkpoints (S3.3–S3.8, S4, S6).

use std::net::{IpAddr, Ipv4Addr};

use vpcreplay_flow::{
    Checkpoint, Direction, End, PacketFacts, Protocol, Reason, TcpKind, Timestamp, Transport,
};

use super::causality::tcp_kind;
use super::connection::{Connection, Ending};
use super::model::{Eni, IcmpErrors, Midstream, Model, Subnet};
use super::replay::Replay;
use super::rules::{Detail, NaclDenial, View};
use super::series::{Event, Happening};

/// What became of a packet, and where.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) reason: Reason,
    pub(super) place: Option<(Checkpoint, String)>,
    pub(super) rule: Option<String>,
    pub(super) connection: Option<(u64, &'static str)>,
    pub(super) cause_packet: Option<u64>,
}

impl Verdict {
    /// A verdict of a reason alone.
    pub(super) const fn bare(reason: Reason) -> Self {
        Self { reason, place: None, rule: None, connection: None, cause_packet: None }
    }
}

impl Model {
    /// S3.8: what is decided before the path: exempt, or unjudged.
    pub(super) fn before_path(&self, facts: &PacketFacts) -> Option<Reason> {
        if is_exempt_by_kind(facts) {
            return Some(Reason::Exempt);
        }
        if is_multicast(facts.dst) {
            return Some(Reason::Multicast); // S3.7
        }
        let (source, destination) = (self.owner(facts.src), self.owner(facts.dst));
        match (source, destination) {
            (None, None) => return Some(Reason::NoInterface), // S3.3
            (Some(source), Some(destination)) if source.id == destination.id => {
                return Some(Reason::SameInterface); // S3.3
            }
            _ => {}
        }
        let ports = facts.transport.ports();
        let is_exempt = self.is_exempt(facts.src, ports.map(|ports| ports.0))
            || self.is_exempt(facts.dst, ports.map(|ports| ports.1));
        is_exempt.then_some(Reason::Exempt)
    }

    /// S3.6: whether an address (with the port on its side) is exempt.
    fn is_exempt(&self, address: IpAddr, port: Option<u16>) -> bool {
        const EXEMPT: [&str; 8] = [
            "169.254.169.254", // instance metadata
            "fd00:ec2::254",
            "169.254.170.2",   // ECS task metadata
            "169.254.170.23",  // EKS pod identity
            "169.254.169.123", // Amazon Time Sync
            "fd00:ec2::123",
            "169.254.169.250", // Windows activation
            "169.254.169.251",
        ];
        const DNS: [&str; 2] = ["169.254.169.253", "fd00:ec2::253"];
        if self.owner(address).is_some() {
            return false; // an address that a modelled ENI owns is never exempt
        }
        let is = |text: &&str| text.parse() == Ok(address);
        if EXEMPT.iter().any(is) {
            return true;
        }
        let subnet_cidrs = || self.subnets.iter().flat_map(|subnet| &subnet.cidrs);
        // The VPC router: base+1 of each subnet's IPv4 CIDRs.
        if subnet_cidrs().any(|cidr| cidr.ipv4_at(1) == Some(address)) {
            return true;
        }
        // Amazon DNS: base+2 of each VPC's first IPv4 CIDR, and of each subnet's IPv4 CIDRs; port 53 on that side.
        let first_cidrs =
            self.vpcs.iter().filter_map(|vpc| vpc.cidrs.iter().find(|cidr| cidr.address.is_ipv4()));
        let is_dns = DNS.iter().any(is)
            || first_cidrs.chain(subnet_cidrs()).any(|cidr| cidr.ipv4_at(2) == Some(address));
        is_dns && port == Some(53)
    }
}

/// S3.6: neighbour discovery and DHCP, whatever the addresses.
fn is_exempt_by_kind(facts: &PacketFacts) -> bool {
    if facts.protocol == Protocol::ICMPV6 && facts.src.is_ipv6() {
        return facts.transport.icmp().is_some_and(|(icmp_type, _)| (133..=137).contains(&icmp_type));
    }
    let (client, server) = if facts.src.is_ipv4() { (68, 67) } else { (546, 547) };
    let is_dhcp_port = |port: u16| port == client || port == server;
    facts.protocol == Protocol::UDP
        && facts.transport.ports().is_some_and(|(src, dst)| is_dhcp_port(src) && is_dhcp_port(dst))
}

/// S3.7.
fn is_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4 == Ipv4Addr::BROADCAST,
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

/// S3.5: whether both addresses lie in the CIDRs of the one subnet.
fn is_inside(subnet: &Subnet, facts: &PacketFacts) -> bool {
    let holds = |address| subnet.cidrs.iter().any(|cidr| cidr.contains(address));
    holds(facts.src) && holds(facts.dst)
}

impl Replay {
    /// S4: the checkpoints in order; the first that denies ends the path.
    pub(super) fn take_path(&mut self, facts: &PacketFacts, flow: Option<usize>, now: Timestamp) -> Verdict {
        let source = self.world.model.owner(facts.src).cloned();
        let destination = self.world.model.owner(facts.dst).cloned();
        let mut verdict = Verdict::bare(Reason::NoInterface);
        if let Some(eni) = &source {
            verdict = self.security_groups(eni, Direction::Egress, (facts, flow), now);
            if verdict.reason.disposition() != vpcreplay_flow::Disposition::Allow {
                return verdict;
            }
            if let Some(mut denied) = self.network_acl(eni, Direction::Egress, facts) {
                // S9.2: with the connection and state that SG egress just made or refreshed (S4.3).
                denied.connection = verdict.connection;
                return denied;
            }
        }
        if let Some(eni) = &destination {
            if let Some(denied) = self.network_acl(eni, Direction::Ingress, facts) {
                return denied;
            }
            verdict = self.security_groups(eni, Direction::Ingress, (facts, flow), now);
        }
        verdict // S9.1: with two SG checkpoints, of the last one
    }

    /// S5: the denial by the network ACL of the ENI's subnet, if it is consulted and denies.
    fn network_acl(&self, eni: &Eni, direction: Direction, facts: &PacketFacts) -> Option<Verdict> {
        let subnet = self.world.model.subnet_of(eni);
        if is_inside(subnet, facts) {
            return None;
        }
        let checkpoint = match direction {
            Direction::Egress => Checkpoint::NaclEgress,
            Direction::Ingress => Checkpoint::NaclIngress,
        };
        let denial = self.world.model.nacl(subnet, direction, &View::of(facts, direction)).err()?;
        let (reason, rule) = match denial {
            NaclDenial::Rule(rule) => (Reason::NaclRule, rule),
            NaclDenial::Default(rule) => (Reason::NaclDefault, rule),
        };
        Some(Verdict { place: Some((checkpoint, eni.id.clone())), rule: Some(rule), ..Verdict::bare(reason) })
    }

    /// S6.3: the security groups of an ENI.
    fn security_groups(
        &mut self,
        eni: &Eni,
        direction: Direction,
        (facts, flow): (&PacketFacts, Option<usize>),
        now: Timestamp,
    ) -> Verdict {
        let checkpoint = match direction {
            Direction::Egress => Checkpoint::SgEgress,
            Direction::Ingress => Checkpoint::SgIngress,
        };
        let place = Some((checkpoint, eni.id.clone()));
        if let Some(verdict) = self.by_connection(eni, facts, now) {
            return Verdict { place, ..verdict };
        }
        Verdict { place, ..self.by_rules(eni, direction, (facts, flow), now) }
    }

    /// S6.3.1 and S6.3.2: what live connections say.
    fn by_connection(&mut self, eni: &Eni, facts: &PacketFacts, now: Timestamp) -> Option<Verdict> {
        // S6.3.1: an ICMP error whose quoted flow has a live connection: no refresh, no entry, no rule.
        if let Transport::IcmpError { quoted: Some(quoted), .. } = facts.transport
            && self.world.icmp_errors() == IcmpErrors::Related
            && let Some(entry) = self
                .connections
                .iter()
                .find(|entry| entry.is_live() && entry.eni == eni.id && entry.key == self.in_copy(quoted))
        {
            let connection = Some((entry.number, entry.state.name()));
            return Some(Verdict { connection, ..Verdict::bare(Reason::Related) });
        }
        // S6.3.2: a live connection with this flow key.
        let (key, sender) = self.key_of(facts)?;
        let tcp = tcp_kind(facts);
        let index = self
            .connections
            .iter()
            .position(|entry| entry.is_live() && entry.eni == eni.id && entry.key == key)?;
        if tcp == Some(TcpKind::Syn) && self.connections[index].reopens() {
            self.end(index, now, Ending::Reopened); // S7.6: removed, whatever follows
            return None;
        }
        let entry = &mut self.connections[index];
        entry.advance(sender, tcp);
        // S7.2: every packet allowed on it refreshes it; S10.1: by the timeouts of the model in force.
        entry.deadline = now.after(self.world.timeout(eni, entry.timeout()));
        Some(Verdict {
            rule: Some(entry.rule.clone()), // S9.2: the rule that the connection remembers
            connection: Some((entry.number, entry.state.name())),
            ..Verdict::bare(Reason::Established)
        })
    }

    /// S6.3.3: no connection: the rules decide.
    fn by_rules(
        &mut self,
        eni: &Eni,
        direction: Direction,
        (facts, flow): (&PacketFacts, Option<usize>),
        now: Timestamp,
    ) -> Verdict {
        let tcp = tcp_kind(facts);
        let is_midstream = tcp.is_some_and(|kind| kind != TcpKind::Syn); // S7.5
        let forward = self.world.model.sg_rule(eni, direction, &View::of(facts, direction));
        let reversed =
            self.reversed_rule(eni, direction, facts).filter(|_| is_midstream && forward.is_none());
        if reversed.is_some() && self.world.midstream() == Midstream::Allow {
            self.out.midstream_doubtful += 1; // S7.5, S12.16
        }
        let turned = reversed.is_some() && self.world.midstream() == Midstream::EitherEnd;
        let Some(rule) = forward.or_else(|| reversed.filter(|_| turned)) else {
            return Verdict::bare(Reason::SgNoRule);
        };
        let ruled = |reason| Verdict { rule: Some(rule.clone()), ..Verdict::bare(reason) };
        // S2.7: unknown ports create no connection. S6.3.3a; S12.16: never by the reversed rule only.
        let Some((key, sender)) = self.key_of(facts) else { return ruled(Reason::Untracked) };
        if !turned && self.is_untracked(eni, direction, facts, flow) {
            return ruled(Reason::Untracked);
        }
        // S6.3.3b
        if is_midstream && self.world.midstream() == Midstream::Deny {
            return ruled(Reason::TcpNotSyn);
        }
        // S6.3.3c, S7.8
        let scope = self.world.scope_of(eni);
        if self.occupancy(&scope) >= self.world.limit_of(eni) {
            *self.out.exceeded.entry(eni.id.clone()).or_default() += 1;
            self.series.log(Event { time: now, scope, what: Happening::Exceeded });
            return ruled(Reason::ConntrackAllowanceExceeded);
        }
        // S6.3.3d
        let number = self.connections.len() as u64 + 1;
        let flow = flow.map(|index| self.flows[index].number);
        let mut entry = Connection::created_by(number, flow, &eni.id, (key, sender), tcp);
        if turned {
            entry.turn_round();
        }
        entry.rule.clone_from(&rule);
        entry.deadline = now.after(self.world.timeout(eni, entry.timeout()));
        let connection = Some((number, entry.state.name()));
        self.connections.push(entry);
        self.series.log(Event { time: now, scope, what: Happening::Created });
        let reason = if is_midstream { Reason::Midstream } else { Reason::New };
        Verdict { connection, ..ruled(reason) }
    }

    /// S7.5: the rule of the opposite direction that admits the reversed flow of a TCP packet.
    fn reversed_rule(&self, eni: &Eni, direction: Direction, facts: &PacketFacts) -> Option<String> {
        let Transport::Tcp { src_port, .. } = facts.transport else { return None };
        let view = View { detail: Detail::Port(src_port), ..View::of(facts, direction) };
        self.world.model.sg_rule(eni, direction.opposite(), &view)
    }

    /// S7.8: the number of live entries in a scope.
    fn occupancy(&self, scope: &str) -> u64 {
        let in_scope = |entry: &&Connection| {
            self.world.model.eni(&entry.eni).is_some_and(|eni| self.world.scope_of(eni) == *scope)
        };
        self.connections.iter().filter(|entry| entry.is_live()).filter(in_scope).count() as u64
    }

    /// S6.4: whether the flow of a packet is untracked at an ENI.
    fn is_untracked(
        &self,
        eni: &Eni,
        direction: Direction,
        facts: &PacketFacts,
        flow: Option<usize>,
    ) -> bool {
        if !matches!(facts.protocol, Protocol::TCP | Protocol::UDP) {
            return false;
        }
        let peer = if direction == Direction::Egress { facts.dst } else { facts.src };
        let Some((key, sender)) = self.key_of(facts) else { return false };
        if self.world.is_always_tracked(eni, peer) {
            return false;
        }
        let seen_from = |opener: End| {
            let opener_direction = if opener == sender { direction } else { direction.opposite() };
            self.world.is_untracked_from(eni, opener_direction, (&key, opener.other()))
        };
        match flow.and_then(|index| self.flows[index].opener) {
            Some(opener) => seen_from(opener),
            None => seen_from(End::A) || seen_from(End::B), // none is remembered: so from either end
        }
    }
}
