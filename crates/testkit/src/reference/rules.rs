//! Who owns an address, and which rule matches: linear scans (S3, S5, S6.2).

use std::net::IpAddr;

use vpcreplay_flow::{Direction, PacketFacts, Protocol, Transport};

use super::model::{Action, Eni, Group, Model, Peer, Service, SgRule, Subnet};

/// What of a packet a rule's service is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Detail {
    /// A destination port.
    Port(u16),
    /// ICMP type and code.
    Icmp(u8, u8),
    /// Nothing but the protocol number.
    Nothing,
    /// A later fragment whose first was not seen (S2.7).
    Unknown,
}

/// A packet as a rule sees it: the far address, the protocol and the destination port or ICMP type.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) peer: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) detail: Detail,
}

impl View {
    /// The packet as rules of a direction see it: peer is the source at ingress, the destination at egress.
    pub(super) fn of(facts: &PacketFacts, direction: Direction) -> Self {
        let peer = match direction {
            Direction::Ingress => facts.src,
            Direction::Egress => facts.dst,
        };
        let detail = match facts.transport {
            Transport::Tcp { dst_port, .. } | Transport::Ports { dst_port, .. } => Detail::Port(dst_port),
            Transport::IcmpQuery { icmp_type, code, .. }
            | Transport::IcmpError { icmp_type, code, .. }
            | Transport::IcmpOneWay { icmp_type, code } => Detail::Icmp(icmp_type, code),
            Transport::Other => Detail::Nothing,
            Transport::Unknown => Detail::Unknown,
        };
        Self { peer, protocol: facts.protocol, detail }
    }
}

/// S5.2, S6.2: whether protocol, ports and ICMP type match.
pub(super) fn service_matches(service: &Service, view: &View) -> bool {
    let Some(protocol) = service.protocol else { return true }; // −1: ports and types are ignored
    if protocol != view.protocol.0 {
        return false;
    }
    match protocol {
        // TCP, UDP: the destination port range, inclusive.
        6 | 17 => match view.detail {
            Detail::Port(port) => service.ports.0 <= port && port <= service.ports.1,
            _ => service.ports == (0, 65_535), // S2.7: covers every port
        },
        // ICMP, ICMPv6: type and code, −1 = all.
        1 | 58 => match view.detail {
            Detail::Icmp(icmp_type, code) => {
                service.icmp.0.is_none_or(|wanted| wanted == icmp_type)
                    && service.icmp.1.is_none_or(|wanted| wanted == code)
            }
            _ => service.icmp == (None, None), // S2.7: covers every type
        },
        _ => true, // any other number: ports and types are ignored
    }
}

impl Model {
    /// S3.2: the ENI that owns an address; an address before a delegated prefix, the longest prefix first.
    pub(super) fn owner(&self, address: IpAddr) -> Option<&Eni> {
        if let Some(eni) = self.enis.iter().find(|eni| eni.addresses.contains(&address)) {
            return Some(eni);
        }
        let longest = |eni: &Eni| {
            eni.prefixes.iter().filter(|prefix| prefix.contains(address)).map(|prefix| prefix.length).max()
        };
        self.enis.iter().filter(|eni| longest(eni).is_some()).max_by_key(|eni| longest(eni))
    }

    /// The ENI with an id.
    pub(super) fn eni(&self, id: &str) -> Option<&Eni> {
        self.enis.iter().find(|eni| eni.id == id)
    }

    /// The subnet of an ENI.
    pub(super) fn subnet_of(&self, eni: &Eni) -> &Subnet {
        self.subnets.iter().find(|subnet| subnet.id == eni.subnet).expect("every ENI has a subnet")
    }

    /// S6.2: whether the peer of a rule covers an address.
    fn peer_covers(&self, peer: &Peer, address: IpAddr) -> bool {
        match peer {
            Peer::Cidr(cidr) => cidr.contains(address),
            Peer::PrefixList(id) => self
                .prefix_lists
                .iter()
                .filter(|list| list.id == *id)
                .any(|list| list.entries.iter().any(|entry| entry.contains(address))),
            Peer::Group(id) => {
                self.owner(address).is_some_and(|eni| eni.groups.contains(id))
                    || self
                        .groups
                        .iter()
                        .filter(|group| group.id == *id)
                        .any(|group| group.members.iter().any(|member| member.contains(address)))
            }
        }
    }

    /// The groups of an ENI, in its order.
    fn groups_of<'a>(&'a self, eni: &'a Eni) -> impl Iterator<Item = &'a Group> {
        eni.groups.iter().filter_map(|id| self.groups.iter().find(|group| group.id == *id))
    }

    /// S6.3.3: the name of the first rule of a direction that admits the packet.
    pub(super) fn sg_rule(&self, eni: &Eni, direction: Direction, view: &View) -> Option<String> {
        for group in self.groups_of(eni) {
            for (index, rule) in group.rules(direction).iter().enumerate() {
                if service_matches(&rule.service, view) && self.peer_covers(&rule.peer, view.peer) {
                    let place = || format!("{}#{}.{}", group.id, direction.name(), index + 1);
                    return Some(rule.id.clone().unwrap_or_else(place));
                }
            }
        }
        None
    }

    /// S6.4: whether a rule of a direction that satisfies `wanted` has literally all addresses of a family as peer.
    pub(super) fn has_open_rule(
        &self,
        eni: &Eni,
        direction: Direction,
        family: IpAddr,
        wanted: impl Fn(&SgRule) -> bool,
    ) -> bool {
        self.groups_of(eni).flat_map(|group| group.rules(direction)).any(|rule| {
            matches!(rule.peer, Peer::Cidr(cidr) if cidr.is_all_of_family(family)) && wanted(rule)
        })
    }

    /// S5.1: what the network ACL of a subnet says, and by which rule; `Ok` lets pass.
    pub(super) fn nacl(&self, subnet: &Subnet, direction: Direction, view: &View) -> Result<(), NaclDenial> {
        // S6.1: a subnet without a network ACL gets the default one, which allows all.
        let Some(id) = &subnet.nacl else { return Ok(()) };
        let nacl = self.nacls.iter().find(|nacl| nacl.id == *id).expect("every named network ACL exists");
        let mut entries: Vec<_> = nacl.entries(direction).iter().collect();
        entries.sort_by_key(|entry| entry.number); // ascending rule number
        for entry in entries {
            // S5.2: family and CIDR (a CIDR never contains an address of the other family), then the service.
            // S5.2: protocol 58 with an IPv4 CIDR is any other number: types are ignored.
            let is_by_number =
                entry.service.protocol == Some(58) && view.peer.is_ipv4() && view.protocol.0 == 58;
            if entry.cidr.contains(view.peer) && (is_by_number || service_matches(&entry.service, view)) {
                return match entry.action {
                    Action::Allow => Ok(()),
                    Action::Deny => Err(NaclDenial::Rule(format!("{id}#{}", entry.number))),
                };
            }
        }
        Err(NaclDenial::Default(format!("{id}#*")))
    }
}

/// The entry of a network ACL that denied.
#[derive(Clone, Debug)]
pub(super) enum NaclDenial {
    /// A numbered one.
    Rule(String),
    /// The last one, `*`.
    Default(String),
}
