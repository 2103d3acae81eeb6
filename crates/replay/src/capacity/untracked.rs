//! What would untracked rules save (S6.4)?
//!
//! For each of the heaviest classes of tracked connections the smallest edit of security groups that makes it untracked
//! is made in a copy of the models, and the captures are replayed with it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use vpcreplay_capacity::{Contributor, ServiceClass, Tally};
use vpcreplay_engine::{Engine, Registry};
use vpcreplay_flow::{Direction, Disposition, Protocol, Reason};
use vpcreplay_policy::{Cidr, Network, Peer, Ports, SecurityGroup, SecurityGroupRule, Service};
use vpcreplay_sinks::capacity::UntrackedSaving;

use super::CapacityPlan;
use super::names::service_name;
use super::observer::Wanted;
use super::passes::{Ground, Pick};
use super::scopes::share;
use super::trial::{Limited, Trial, enis, policies};
use crate::ReplayError;

/// Peers that are named one by one.
const NAMED_PEERS: usize = 4;

/// The classes that are looked at.
#[derive(Default)]
pub(super) struct Candidates(Vec<Candidate>);

/// A class of connections in a scope, and the trial without it.
struct Candidate {
    scope: String,
    class: ServiceClass,
    tally: Tally,
    edit: Edit,
    trial: Trial,
}

/// What is changed, and what that opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Edit {
    edits: Vec<String>,
    exposure: Vec<String>,
    other_enis: Vec<String>,
}

impl Candidates {
    /// The heaviest classes of TCP and UDP that an edit makes untracked.
    pub(super) fn of(plan: &CapacityPlan, ground: &Ground<'_>, main: &Trial) -> Result<Self, ReplayError> {
        let mut candidates = Vec::new();
        for (scope, class, tally) in heaviest(main) {
            if candidates.len() >= plan.untracked {
                break;
            }
            let ids = enis_of(main, &scope);
            let mut networks = (*ground.networks).clone();
            let mut edit = Edit::default();
            for network in networks.all_mut() {
                let its_own = edit_network(network, &ids, class);
                // Later models repeat what the first one says.
                if edit.edits.is_empty() {
                    edit = its_own;
                }
            }
            if edit.edits.is_empty() {
                continue;
            }
            let options = plan.replay.options.clone();
            let trial = Trial::new(&Arc::new(networks), options, Wanted::default())?;
            candidates.push(Candidate { scope, class, tally, edit, trial });
        }
        Ok(Self(candidates))
    }

    /// The worlds that are due: those without limits, then, of trials that a limit binds, those with them.
    pub(super) fn picks(&mut self, limited: Limited) -> Vec<Pick<'_>> {
        let is_due = |trial: &Trial| match (limited, &trial.free) {
            (Limited::No, _) => true,
            (Limited::Yes, free) => free.as_ref().is_some_and(|free| trial.binds(&free.scopes)),
        };
        let worlds: &'static [Limited] = match limited {
            Limited::No => &[Limited::No],
            Limited::Yes => &[Limited::Yes],
        };
        let trials = self.0.iter_mut().map(|candidate| &mut candidate.trial);
        trials.filter(|trial| is_due(trial)).map(|trial| Pick { trial, worlds, has_series: false }).collect()
    }

    /// What the edits would save.
    pub(super) fn savings(&self, main: &Trial) -> Vec<UntrackedSaving> {
        let of = |candidate: &Candidate| {
            let (free, observed) = (candidate.trial.free.as_ref()?, candidate.trial.observed()?);
            let before = main.free.as_ref()?;
            let scope = candidate.scope.as_str();
            let peak = |seen: Option<&super::trial::Seen>| seen.map_or(0, |seen| seen.peak.occupancy);
            Some(UntrackedSaving {
                scope: scope.to_owned(),
                class: service_name(candidate.class),
                share: share(&candidate.tally),
                edits: candidate.edit.edits.clone(),
                demand_before: peak(before.scope(scope)),
                demand_after: peak(free.scope(scope)),
                peak_after: peak(observed.scope(scope)),
                conntrack_allowance_exceeded_after: observed.scope(scope).map_or(0, |seen| seen.exceeded),
                exposure: candidate.edit.exposure.clone(),
                newly_admitted_packets: allowed(&free.engine).saturating_sub(allowed(&before.engine)),
                other_enis: candidate.edit.other_enis.clone(),
            })
        };
        self.0.iter().filter_map(of).collect()
    }
}

fn allowed(engine: &Engine) -> u64 {
    let reasons = Reason::ALL.iter().filter(|reason| reason.disposition() == Disposition::Allow);
    reasons.map(|reason| engine.counters().total(*reason).packets).sum()
}

/// Classes of TCP and UDP in all scopes, those that take most of a table first.
fn heaviest(main: &Trial) -> Vec<(String, ServiceClass, Tally)> {
    let mut classes = Vec::new();
    let Some(observed) = &main.free else { return classes };
    for seen in &observed.scopes {
        let books = observed.meter.as_ref().and_then(|meter| meter.scope(seen.scope));
        for contribution in books.into_iter().flat_map(vpcreplay_capacity::ScopeMeter::contributions) {
            if let Some(Contributor::Service(class)) = contribution.class
                && class.port.is_some()
                && matches!(class.protocol, Protocol::TCP | Protocol::UDP)
            {
                classes.push((seen.name.clone(), class, contribution.tally));
            }
        }
    }
    classes.sort_by_key(|(scope, class, tally)| (Reverse(tally.entry_ns), scope.clone(), *class));
    classes
}

/// The ids of the ENIs whose entries a scope counts.
fn enis_of(trial: &Trial, scope: &str) -> BTreeSet<String> {
    let registry: &Registry = &trial.timeline.registry;
    let is_its = |policy: &vpcreplay_policy::Policy, eni| {
        policy.scope(eni).is_some_and(|its| registry.scope_name(its) == scope)
    };
    let all = enis(registry).filter(|eni| policies(&trial.timeline).any(|policy| is_its(policy, *eni)));
    all.map(|eni| registry.eni_name(eni).to_owned()).collect()
}

/// Adds the rules that make a class untracked at some ENIs.
fn edit_network(network: &mut Network, ids: &BTreeSet<String>, class: ServiceClass) -> Edit {
    let mut edit = Edit::default();
    let lists: Vec<Vec<String>> = network
        .enis
        .iter()
        .filter(|eni| ids.contains(&eni.id))
        .map(|eni| eni.security_groups.clone())
        .collect();
    let mut edited: BTreeSet<String> = BTreeSet::new();
    for list in lists {
        for (direction, ports) in needed(class) {
            let wanted = Wish { class, direction, ports };
            let groups = || network.groups.iter().filter(|group| list.contains(&group.id));
            if groups().any(|group| wanted.is_met_by(group)) {
                continue;
            }
            // The group that has to do with the traffic already, else the first one.
            let fitting = groups().find(|group| wanted.peers(group).next().is_some());
            let Some(id) = fitting.map(|group| group.id.clone()).or_else(|| list.first().cloned()) else {
                continue;
            };
            let now: BTreeSet<String> = groups().flat_map(|group| wanted.peers(group)).collect();
            edit.exposure.push(wanted.exposure(&now));
            edit.edits.push(wanted.text(&id));
            edited.insert(id.clone());
            if let Some(group) = network.groups.iter_mut().find(|group| group.id == id) {
                wanted.grant(group);
            }
        }
    }
    for texts in [&mut edit.edits, &mut edit.exposure] {
        let mut seen = BTreeSet::new();
        texts.retain(|text| seen.insert(text.clone()));
    }
    let has_edited = |groups: &[String]| groups.iter().any(|id| edited.contains(id));
    let others = network.enis.iter().filter(|eni| !ids.contains(&eni.id) && has_edited(&eni.security_groups));
    edit.other_enis = others.map(|eni| eni.id.clone()).collect();
    edit
}

/// What S6.4 needs: the port in the opener's direction, every port in the other.
fn needed(class: ServiceClass) -> [(Direction, Ports); 2] {
    let port = class.port.unwrap_or(0);
    [(class.direction, Ports { from: port, to: port }), (class.direction.opposite(), Ports::ALL)]
}

/// A rule that is wanted: for one protocol, open to all addresses of one family.
#[derive(Clone, Copy)]
struct Wish {
    class: ServiceClass,
    direction: Direction,
    ports: Ports,
}

impl Wish {
    fn rules<'g>(&self, group: &'g SecurityGroup) -> &'g [SecurityGroupRule] {
        match self.direction {
            Direction::Ingress => &group.ingress,
            Direction::Egress => &group.egress,
        }
    }

    fn service(&self) -> Service {
        if self.class.protocol == Protocol::TCP { Service::Tcp(self.ports) } else { Service::Udp(self.ports) }
    }

    const fn everyone(&self) -> Cidr {
        if self.class.is_ipv4 { Cidr::ALL_V4 } else { Cidr::ALL_V6 }
    }

    /// Whether one rule of the group is such a rule.
    fn is_met_by(&self, group: &SecurityGroup) -> bool {
        self.rules(group)
            .iter()
            .any(|rule| rule.peer == Peer::Cidr(self.everyone()) && self.covers(rule.service))
    }

    fn covers(&self, service: Service) -> bool {
        let has = |ports: Ports| ports.from <= self.ports.from && self.ports.to <= ports.to;
        match service {
            Service::All => true,
            Service::Tcp(ports) => self.class.protocol == Protocol::TCP && has(ports),
            Service::Udp(ports) => self.class.protocol == Protocol::UDP && has(ports),
            _ => false,
        }
    }

    /// Peers that rules of the group admit to some of the ports.
    fn peers<'g>(&'g self, group: &'g SecurityGroup) -> impl Iterator<Item = String> + 'g {
        let meets = |ports: Ports| ports.from <= self.ports.to && self.ports.from <= ports.to;
        let is_about = move |service: Service| match service {
            Service::All => true,
            Service::Tcp(ports) => self.class.protocol == Protocol::TCP && meets(ports),
            Service::Udp(ports) => self.class.protocol == Protocol::UDP && meets(ports),
            _ => false,
        };
        self.rules(group).iter().filter(move |rule| is_about(rule.service)).map(move |rule| {
            if self.covers(rule.service) {
                rule.peer.to_string()
            } else {
                format!("{} ({})", rule.peer, rule.service)
            }
        })
    }

    fn grant(&self, group: &mut SecurityGroup) {
        let rules = match self.direction {
            Direction::Ingress => &mut group.ingress,
            Direction::Egress => &mut group.egress,
        };
        let name = format!("{}#{}.{}", group.id, self.direction.name(), rules.len() + 1);
        rules.push(SecurityGroupRule { name, service: self.service(), peer: Peer::Cidr(self.everyone()) });
    }

    fn text(&self, group: &str) -> String {
        let (direction, service) = (self.direction.name(), self.service());
        let side = if self.direction == Direction::Ingress { "from" } else { "to" };
        let ports = if self.ports.is_all() { " 0-65535" } else { "" };
        format!("{group} {direction}: add {service}{ports} {side} {}", self.everyone())
    }

    fn exposure(&self, now: &BTreeSet<String>) -> String {
        let what = match (self.ports.is_all(), self.class.protocol) {
            (true, Protocol::TCP) => "every TCP port".to_owned(),
            (true, _) => "every UDP port".to_owned(),
            (false, Protocol::TCP) => format!("TCP port {}", self.ports),
            (false, _) => format!("UDP port {}", self.ports),
        };
        let family = if self.class.is_ipv4 { "IPv4" } else { "IPv6" };
        let mut named: Vec<&str> = now.iter().take(NAMED_PEERS).map(String::as_str).collect();
        if now.len() > NAMED_PEERS {
            named.push("…");
        }
        let named = if named.is_empty() { "nobody".to_owned() } else { named.join(", ") };
        match self.direction {
            Direction::Ingress => {
                format!("inbound: {what} becomes reachable from every {family} address (now: {named})")
            }
            Direction::Egress => {
                format!("outbound: {what} of every {family} address becomes reachable (now: {named})")
            }
        }
    }
}
