//! Who denied, and whom: rules with the peers and ports they denied most.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde::Serialize;
use vpcreplay_engine::{Denial, DenialKey, EniId, Registry, RuleId, Tally, TopDenied};
use vpcreplay_flow::{Checkpoint, Protocol, Reason};

use super::Amount;

/// Entries of a top list over all rules.
const TOP_OVERALL: usize = 20;
/// Entries of a top list of one rule.
const TOP_OF_RULE: usize = 10;

/// Who denied, and whom. Peers and ports are exact for the first 65,536 distinct keys in replay order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// By rule, or by ENI where no single rule denies; most packets first.
    pub by: Vec<DeniedBy>,
    /// Peers over all rules.
    pub peers: Peers,
    /// Protocols and destination ports over all rules.
    pub services: Services,
    /// Packets whose peer came after the first 65,536 keys.
    pub other_peers: Amount,
    /// Packets whose protocol and port came after the first 65,536 keys.
    pub other_services: Amount,
}

/// What one rule of a network ACL, or one ENI, denied for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeniedBy {
    /// The reason.
    pub reason: &'static str,
    /// The checkpoint.
    pub checkpoint: Option<&'static str>,
    /// The rules that decided: one for a network ACL; none where no rule matched.
    pub rules: Vec<String>,
    /// The ENIs where.
    pub enis: Vec<String>,
    /// Packets denied; a lower bound once `other_peers` and `other_services` both count some.
    #[serde(flatten)]
    pub total: Amount,
    /// The peers.
    pub peers: Peers,
    /// The protocols and destination ports.
    pub services: Services,
}

/// Peers denied, most packets first. The peer is the source of ingress and the destination of egress.
pub type Peers = Ranked<Peer>;

/// Protocols and destination ports denied, most packets first.
pub type Services = Ranked<Service>;

/// The first entries of a list by packets, and how many distinct ones there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ranked<T> {
    /// How many there are in all.
    pub distinct: u64,
    /// The first of them.
    pub top: Vec<T>,
}

impl<T> Default for Ranked<T> {
    fn default() -> Self {
        Self { distinct: 0, top: Vec::new() }
    }
}

/// A peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Packets denied.
    #[serde(flatten)]
    pub total: Amount,
}

/// A protocol and destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// IANA number.
    pub protocol: u8,
    /// Destination port; null without ports, or where it is not known.
    pub port: Option<u16>,
    /// Packets denied.
    #[serde(flatten)]
    pub total: Amount,
}

/// What is summed up in one entry: a network ACL denies by its rule, whatever the ENI; all else by its ENI.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    reason: Reason,
    checkpoint: Option<Checkpoint>,
    eni: Option<EniId>,
    rule: Option<RuleId>,
}

impl Group {
    fn of(denial: &Denial) -> Self {
        let Denial { reason, checkpoint, eni, rule } = *denial;
        match reason {
            Reason::NaclRule | Reason::NaclDefault => Self { reason, checkpoint, eni: None, rule },
            _ => Self { reason, checkpoint, eni, rule: None },
        }
    }
}

/// Packets by what denied them and whom. Maps without order: the lists may be long, and only their tops are told.
#[derive(Default)]
struct Sums {
    rules: BTreeSet<RuleId>,
    enis: BTreeSet<EniId>,
    by_peer: Amount,
    by_service: Amount,
    peers: HashMap<IpAddr, Amount>,
    services: HashMap<(Protocol, Option<u16>), Amount>,
}

impl Sums {
    fn add(&mut self, key: DenialKey, tally: Tally) {
        match key {
            DenialKey::Peer(peer) => {
                self.by_peer.add(tally.into());
                self.peers.entry(peer).or_default().add(tally.into());
            }
            DenialKey::Service(protocol, port) => {
                self.by_service.add(tally.into());
                self.services.entry((protocol, port)).or_default().add(tally.into());
            }
        }
    }

    /// Adds the peers and services of others; their rules and ENIs are of no account any more.
    fn add_all(&mut self, other: &Self) {
        for (peer, amount) in &other.peers {
            self.peers.entry(*peer).or_default().add(*amount);
        }
        for (service, amount) in &other.services {
            self.services.entry(*service).or_default().add(*amount);
        }
    }

    /// Each list may have left out packets of late keys; the fuller one is nearer to the truth.
    fn total(&self) -> Amount {
        if self.by_peer.packets >= self.by_service.packets { self.by_peer } else { self.by_service }
    }

    fn ranked(&self, count: usize) -> (Peers, Services) {
        let peers = self.peers.iter().map(|(address, total)| Peer { address: *address, total: *total });
        let services = self.services.iter().map(|((protocol, port), total)| Service {
            protocol: protocol.0,
            port: *port,
            total: *total,
        });
        (
            rank(peers, count, |peer| (Reverse(peer.total.packets), peer.address)),
            rank(services, count, |service| (Reverse(service.total.packets), service.protocol, service.port)),
        )
    }
}

/// The first so many in an order in which no two are equal.
fn rank<T, K: Ord>(all: impl Iterator<Item = T>, count: usize, order: impl Fn(&T) -> K) -> Ranked<T> {
    let mut top: Vec<T> = all.collect();
    let distinct = top.len() as u64;
    if count < top.len() {
        top.select_nth_unstable_by_key(count, &order);
        top.truncate(count);
    }
    top.sort_unstable_by_key(order);
    Ranked { distinct, top }
}

impl Denied {
    pub(super) fn collect(peers: &TopDenied, services: &TopDenied, registry: &Registry) -> Self {
        let mut groups: BTreeMap<Group, Sums> = BTreeMap::new();
        for ((denial, key), tally) in peers.exact().chain(services.exact()) {
            let sums = groups.entry(Group::of(&denial)).or_default();
            sums.add(key, tally);
            sums.rules.extend(denial.rule);
            sums.enis.extend(denial.eni);
        }
        let mut by: Vec<DeniedBy> =
            groups.iter().map(|(group, sums)| DeniedBy::new(*group, sums, registry)).collect();
        by.sort_by_key(|entry| Reverse(entry.total.packets));
        let overall = groups.into_values().reduce(|mut sums, others| {
            sums.add_all(&others);
            sums
        });
        let (top_peers, top_services) = overall.unwrap_or_default().ranked(TOP_OVERALL);
        Self {
            by,
            peers: top_peers,
            services: top_services,
            other_peers: peers.others().into(),
            other_services: services.others().into(),
        }
    }
}

impl DeniedBy {
    fn new(group: Group, sums: &Sums, registry: &Registry) -> Self {
        let (peers, services) = sums.ranked(TOP_OF_RULE);
        Self {
            reason: group.reason.code(),
            checkpoint: group.checkpoint.map(Checkpoint::code),
            rules: sums.rules.iter().map(|rule| registry.rule_name(*rule).to_owned()).collect(),
            enis: sums.enis.iter().map(|eni| registry.eni_name(*eni).to_owned()).collect(),
            total: sums.total(),
            peers,
            services,
        }
    }
}
