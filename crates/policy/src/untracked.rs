//! Which rules make flows untracked (S6.4).

use std::net::IpAddr;

use vpcreplay_flow::{Direction, Protocol};

use crate::network::Peer;
use crate::service::{Ports, Service};

/// For each direction in which a flow is opened, family, and TCP or UDP: the ports of the answerer towards which the flow
/// is untracked.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenPorts {
    by_case: [Vec<Ports>; 8],
}

impl OpenPorts {
    /// Whether a flow opened in `direction` towards this port is untracked.
    #[inline]
    pub(crate) fn opens(&self, direction: Direction, peer: IpAddr, protocol: Protocol, port: u16) -> bool {
        let Some(case) = case(direction, peer.is_ipv4().into(), protocol) else { return false };
        let ports = self.by_case.get(case).map_or(&[][..], Vec::as_slice);
        let after = ports.partition_point(|range| range.from <= port);
        after.checked_sub(1).and_then(|at| ports.get(at)).is_some_and(|range| range.contains(port))
    }

    /// Whether there is no such port.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_case.iter().all(Vec::is_empty)
    }

    /// Works out the ports from the rules of both directions.
    pub(crate) fn of(ingress: &[(Service, Peer)], egress: &[(Service, Peer)]) -> Self {
        let mut open = Self::default();
        for direction in [Direction::Ingress, Direction::Egress] {
            let (there, back) = match direction {
                Direction::Ingress => (ingress, egress),
                Direction::Egress => (egress, ingress),
            };
            for family in [Family::V4, Family::V6] {
                for protocol in [Protocol::TCP, Protocol::UDP] {
                    let is_answer_free = open_to_all(back, family, protocol).iter().any(Ports::is_all);
                    let slot = case(direction, family, protocol).and_then(|case| open.by_case.get_mut(case));
                    if let (true, Some(slot)) = (is_answer_free, slot) {
                        *slot = joined(open_to_all(there, family, protocol));
                    }
                }
            }
        }
        open
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl From<bool> for Family {
    fn from(is_ipv4: bool) -> Self {
        if is_ipv4 { Self::V4 } else { Self::V6 }
    }
}

/// The slot of a case; `None` for protocols that are always tracked.
fn case(direction: Direction, family: Family, protocol: Protocol) -> Option<usize> {
    let transport = match protocol {
        Protocol::TCP => 0,
        Protocol::UDP => 1,
        _ => return None,
    };
    Some(transport + 2 * usize::from(family == Family::V6) + 4 * usize::from(direction == Direction::Egress))
}

/// The ports that rules open to literally every address of the family; each rule's own range, as it stands.
fn open_to_all(rules: &[(Service, Peer)], family: Family, protocol: Protocol) -> Vec<Ports> {
    let of_family = rules.iter().filter(|(_, peer)| {
        matches!(peer, Peer::Cidr(cidr) if cidr.is_everything() && Family::from(cidr.is_ipv4()) == family)
    });
    of_family
        .filter_map(|(service, _)| match *service {
            Service::All => Some(Ports::ALL),
            Service::Tcp(ports) if protocol == Protocol::TCP => Some(ports),
            Service::Udp(ports) if protocol == Protocol::UDP => Some(ports),
            _ => None,
        })
        .collect()
}

/// Sorted, and joined where they overlap.
fn joined(mut ranges: Vec<Ports>) -> Vec<Ports> {
    ranges.sort_unstable();
    let mut joined: Vec<Ports> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => joined.push(range),
        }
    }
    joined
}
