//! From a network to a policy.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use vpcreplay_flow::{Direction, Protocol, Timeouts};

use crate::always_tracked::{AlwaysTracked, is_tracked_type};
use crate::error::{LoadError, Warning};
use crate::exempt;
use crate::members::Members;
use crate::network::{Action, DEFAULT_NACL, Eni, Nacl, NaclEntry, Network, Peer, SecurityGroup};
use crate::options::{Options, Scope};
use crate::places::{Claims, Places};
use crate::policy::{CompiledEni, CompiledNacl, GroupSet, Policy};
use crate::ranges::AddressSet;
use crate::registry::{Registry, RuleId, ScopeId};
use crate::rule_table::{CompiledRule, RuleTable};
use crate::service::Service;
use crate::untracked::OpenPorts;

/// Tracked connections per scope where nobody says otherwise (S7.3).
const DEFAULT_LIMIT: u64 = 65_535;

/// See [`Policy::compile`].
pub(crate) fn compile(
    network: &Network,
    command_line: &Options,
    first: Option<&Policy>,
    registry: &mut Registry,
) -> Result<(Policy, Vec<Warning>), LoadError> {
    let options = options_in_force(network, command_line, first);
    let always_tracked = match first {
        Some(first) => first.always_tracked.clone(),
        None => AlwaysTracked::of(&options.always_tracked)?,
    };
    let places = Places::of(claims(network, registry));
    let mut compiler = Compiler::new(network, registry);
    let nacls = network.nacls.iter().map(|nacl| compiler.nacl(nacl)).collect();
    compiler.subnets()?;
    let mut policy = Policy {
        common_timeouts: timeouts(&options, command_line, None),
        enis: Vec::new(),
        timeouts: Vec::new(),
        nacls,
        group_sets: Vec::new(),
        limits: BTreeMap::new(),
        places,
        has_always_tracked: always_tracked.lists_addresses(),
        always_tracked,
        has_open_ports: false,
        inside: inside(network),
        rules_in_force: Vec::new(),
        options,
    };
    for eni in &network.enis {
        compiler.eni(&mut policy, eni, command_line)?;
    }
    policy.has_always_tracked |=
        policy.enis.iter().flatten().any(|eni| eni.is_tracked_type || eni.is_tracked_peer);
    policy.has_open_ports = policy.group_sets.iter().any(|groups| !groups.open_ports.is_empty());
    policy.rules_in_force = rules_in_force(&policy, network);
    let warnings = unbound_limits(&policy, network, compiler.registry);
    Ok((policy, warnings))
}

/// The command line over the model. What a later model may not change is the first one's (S10.1).
fn options_in_force(network: &Network, command_line: &Options, first: Option<&Policy>) -> Options {
    let own = command_line.over(&network.options);
    match first {
        None => own,
        Some(first) => Options {
            profile: own.profile,
            limit: own.limit,
            timeouts: own.timeouts,
            ..first.options.clone()
        },
    }
}

/// Profile < `[options]` < ENI < command line (S12.10).
fn timeouts(options: &Options, command_line: &Options, eni: Option<&Eni>) -> Timeouts {
    let mut timeouts = Timeouts::of(options.profile.unwrap_or_default());
    let own = eni.iter().flat_map(|eni| &eni.timeouts);
    for (name, span) in options.timeouts.iter().chain(own).chain(&command_line.timeouts) {
        timeouts.set(*name, *span);
    }
    timeouts
}

/// Addresses that belong to the model's VPCs.
fn inside(network: &Network) -> AddressSet {
    let vpcs = network.vpcs.iter().flat_map(|vpc| &vpc.cidrs);
    let subnets = network.subnets.iter().flat_map(|subnet| &subnet.cidrs);
    AddressSet::of(vpcs.chain(subnets).copied().chain(network.enis.iter().flat_map(Eni::blocks)))
}

/// What the network says of addresses; subnets have the numbers that [`Compiler::subnets`] gives them.
fn claims(network: &Network, registry: &mut Registry) -> Claims {
    let mut owned = Vec::new();
    for eni in &network.enis {
        let id = registry.intern_eni(&eni.id);
        owned.extend(eni.blocks().map(|block| (block, id)));
    }
    let numbered = (0..).zip(&network.subnets);
    let subnets = numbered.flat_map(|(number, subnet)| subnet.cidrs.iter().map(move |cidr| (*cidr, number)));
    Claims { owned, exempt: exempt::addresses(network), subnets: subnets.collect() }
}

/// What is worked out once and used by many rules and ENIs.
struct Compiler<'a> {
    network: &'a Network,
    registry: &'a mut Registry,
    groups: HashMap<&'a str, &'a SecurityGroup>,
    /// The number and the network ACL of each subnet.
    subnets: HashMap<&'a str, (u32, usize)>,
    members: Members<'a>,
    peers: HashMap<Peer, Arc<AddressSet>>,
    group_sets: HashMap<Vec<&'a str>, usize>,
}

impl<'a> Compiler<'a> {
    fn new(network: &'a Network, registry: &'a mut Registry) -> Self {
        Self {
            network,
            registry,
            groups: network.groups.iter().map(|group| (group.id.as_str(), group)).collect(),
            subnets: HashMap::new(),
            members: Members::of(network),
            peers: HashMap::new(),
            group_sets: HashMap::new(),
        }
    }

    /// Enters the subnets.
    fn subnets(&mut self) -> Result<(), LoadError> {
        let nacls: HashMap<&str, usize> =
            (0..).zip(&self.network.nacls).map(|(at, nacl)| (nacl.id.as_str(), at)).collect();
        for (number, subnet) in (0..).zip(&self.network.subnets) {
            let nacl = nacls.get(subnet.nacl.as_str()).copied();
            let nacl = nacl.ok_or_else(|| lacks("subnet", &subnet.id, "network ACL", &subnet.nacl))?;
            self.subnets.insert(&subnet.id, (number, nacl));
        }
        Ok(())
    }

    fn nacl(&mut self, nacl: &Nacl) -> CompiledNacl {
        let star = format!("{}#*", nacl.id);
        CompiledNacl {
            ingress: self.nacl_direction(&nacl.id, &nacl.ingress, Direction::Ingress),
            egress: self.nacl_direction(&nacl.id, &nacl.egress, Direction::Egress),
            final_ingress: self.registry.intern_rule(&star, Direction::Ingress),
            final_egress: self.registry.intern_rule(&star, Direction::Egress),
        }
    }

    fn nacl_direction(&mut self, nacl: &str, entries: &[NaclEntry], direction: Direction) -> RuleTable {
        let compiled = entries.iter().map(|entry| {
            let id = self.registry.intern_rule(&format!("{nacl}#{}", entry.number), direction);
            let addresses = self.addresses(&Peer::Cidr(entry.peer));
            let action = entry.action;
            // S5.2: an entry of protocol 58 looks at types only with an IPv6 CIDR.
            let service = match entry.service {
                Service::Icmpv6(..) if entry.peer.is_ipv4() => Service::Number(Protocol::ICMPV6),
                service => service,
            };
            CompiledRule { id, action, service, peer: Peer::Cidr(entry.peer), addresses }
        });
        RuleTable::new(compiled.collect())
    }

    /// The addresses that a peer stands for; none where the model lacks it.
    fn addresses(&mut self, peer: &Peer) -> Arc<AddressSet> {
        if let Some(known) = self.peers.get(peer) {
            return Arc::clone(known);
        }
        let set = Arc::new(match peer {
            Peer::Cidr(cidr) => AddressSet::of([*cidr]),
            Peer::Group(id) => self.members.addresses(id),
            Peer::PrefixList(id) => {
                let list = self.network.prefix_lists.iter().find(|list| list.id == *id);
                AddressSet::of(list.iter().flat_map(|list| &list.entries).copied())
            }
        });
        self.peers.insert(peer.clone(), Arc::clone(&set));
        set
    }

    fn eni(&mut self, policy: &mut Policy, eni: &'a Eni, command_line: &Options) -> Result<(), LoadError> {
        let id = self.registry.intern_eni(&eni.id);
        let scope = match (policy.options.scope.unwrap_or_default(), &eni.instance) {
            (Scope::Instance, Some(instance)) => instance,
            _ => &eni.id,
        };
        let scope = self.scope(policy, scope, command_line);
        let subnet = self.subnets.get(eni.subnet.as_str()).copied();
        let (subnet, nacl) = subnet.ok_or_else(|| lacks("ENI", &eni.id, "subnet", &eni.subnet))?;
        let compiled = CompiledEni {
            subnet,
            nacl,
            group_set: self.group_set(policy, eni)?,
            scope,
            is_tracked_type: eni.interface_type.as_deref().is_some_and(is_tracked_type),
            is_tracked_peer: policy.always_tracked.lists_eni(&eni.id),
        };
        if policy.enis.len() <= id.index() {
            policy.enis.resize(id.index() + 1, None);
            policy.timeouts.resize(id.index() + 1, policy.common_timeouts);
        }
        let slots = (policy.enis.get_mut(id.index()), policy.timeouts.get_mut(id.index()));
        if let (Some(slot), Some(own)) = slots {
            *slot = Some(compiled);
            *own = timeouts(&policy.options, command_line, Some(eni));
        }
        Ok(())
    }

    /// Enters a scope with its limit: 65,535 < `[options] limit` < own limit < `--limit` (S12.17).
    fn scope(&mut self, policy: &mut Policy, name: &str, command_line: &Options) -> ScopeId {
        let scope = self.registry.intern_scope(name);
        let own = || self.network.limits.get(name).copied();
        let limit = command_line.limit.or_else(own).or(policy.options.limit).unwrap_or(DEFAULT_LIMIT);
        policy.limits.insert(scope, limit);
        scope
    }

    /// The rules of an ENI's groups, compiled once for each list of groups.
    fn group_set(&mut self, policy: &mut Policy, eni: &'a Eni) -> Result<usize, LoadError> {
        let mut ids: Vec<&str> = Vec::new();
        for id in &eni.security_groups {
            if !ids.contains(&id.as_str()) {
                ids.push(id);
            }
        }
        if let Some(known) = self.group_sets.get(&ids) {
            return Ok(*known);
        }
        let mut groups = Vec::new();
        for id in &ids {
            let group = self.groups.get(id).copied();
            groups.push(group.ok_or_else(|| lacks("ENI", &eni.id, "security group", id))?);
        }
        let ingress = self.group_direction(&groups, Direction::Ingress);
        let egress = self.group_direction(&groups, Direction::Egress);
        let open_ports = OpenPorts::of(&outlines(&ingress), &outlines(&egress));
        let at = policy.group_sets.len();
        policy.group_sets.push(GroupSet {
            ingress: RuleTable::new(ingress),
            egress: RuleTable::new(egress),
            open_ports,
        });
        self.group_sets.insert(ids, at);
        Ok(at)
    }

    fn group_direction(&mut self, groups: &[&SecurityGroup], direction: Direction) -> Vec<CompiledRule> {
        let mut compiled = Vec::new();
        for group in groups {
            let rules = match direction {
                Direction::Ingress => &group.ingress,
                Direction::Egress => &group.egress,
            };
            for rule in rules {
                compiled.push(CompiledRule {
                    id: self.registry.intern_rule(&rule.name, direction),
                    action: Action::Allow,
                    service: rule.service,
                    peer: rule.peer.clone(),
                    addresses: self.addresses(&rule.peer),
                });
            }
        }
        compiled
    }
}

fn outlines(rules: &[CompiledRule]) -> Vec<(crate::service::Service, Peer)> {
    rules.iter().map(|rule| (rule.service, rule.peer.clone())).collect()
}

fn lacks(kind: &str, id: &str, part: &str, part_id: &str) -> LoadError {
    LoadError::new(format!("{kind} `{id}` refers to {part} `{part_id}`, which the model lacks"))
}

/// Rules of groups and ACLs that some ENI is under.
fn rules_in_force(policy: &Policy, network: &Network) -> Vec<RuleId> {
    let mut rules: Vec<RuleId> = Vec::new();
    for groups in &policy.group_sets {
        rules.extend(groups.ingress.ids().chain(groups.egress.ids()));
    }
    let mut nacls: Vec<usize> = policy.enis.iter().flatten().map(|eni| eni.nacl).collect();
    nacls.sort_unstable();
    nacls.dedup();
    for at in nacls {
        let is_documented = network.nacls.get(at).is_some_and(|nacl| nacl.id != DEFAULT_NACL);
        if let Some(nacl) = policy.nacls.get(at).filter(|_| is_documented) {
            rules.extend(nacl.ingress.ids().chain(nacl.egress.ids()));
        }
    }
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// Limits that bind nothing in the scope in force (S12.17).
fn unbound_limits(policy: &Policy, network: &Network, registry: &Registry) -> Vec<Warning> {
    let scopes: Vec<&str> = policy.limits.keys().map(|scope| registry.scope_name(*scope)).collect();
    let unbound: Vec<&str> =
        network.limits.keys().map(String::as_str).filter(|id| !scopes.contains(id)).collect();
    if unbound.is_empty() {
        return Vec::new();
    }
    let scope = policy.options.scope.unwrap_or_default().code();
    vec![Warning {
        code: "limit-without-effect",
        text: format!("with scope `{scope}` these limits bind nothing: {}", unbound.join(", ")),
        count: unbound.len() as u64,
    }]
}
