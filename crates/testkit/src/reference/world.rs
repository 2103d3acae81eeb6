//! Options in force: which of command line, model and ENI decides (S7.3, S10.1, S12.10, S12.17).

use std::net::IpAddr;

use vpcreplay_flow::{Direction, End, FlowKey, Span, TimeoutName, Timeouts};

use super::Cidr;
use super::model::{Eni, IcmpErrors, Midstream, Mode, Model, Scope, Settings};

/// The model in force and the options over it.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// The model in force.
    pub(super) model: Model,
    /// The command line.
    command: Settings,
    /// The `[options]` of the first model: options other than limit, profile and timeouts stay (S10.1).
    first: Settings,
}

/// Interface types that AWS always tracks (S6.4).
const ALWAYS_TRACKED_TYPES: [&str; 6] = [
    "nat_gateway",
    "natGateway",
    "network_load_balancer",
    "vpc_endpoint",
    "lambda",
    "global_accelerator_managed",
];

impl World {
    /// The first model under a command line.
    pub(super) fn new(model: &Model, command: &Settings) -> Self {
        Self { model: model.clone(), command: command.clone(), first: model.settings.clone() }
    }

    /// Allowance scope.
    fn scope(&self) -> Scope {
        self.command.scope.or(self.first.scope).unwrap_or(Scope::Eni)
    }

    /// Causal or literal.
    pub(super) fn mode(&self) -> Mode {
        self.command.mode.or(self.first.mode).unwrap_or(Mode::Causal)
    }

    /// TCP midstream.
    pub(super) fn midstream(&self) -> Midstream {
        self.command.tcp_midstream.or(self.first.tcp_midstream).unwrap_or(Midstream::Allow)
    }

    /// ICMP errors.
    pub(super) fn icmp_errors(&self) -> IcmpErrors {
        self.command.icmp_errors.or(self.first.icmp_errors).unwrap_or(IcmpErrors::ByRule)
    }

    /// Period of the series in ns.
    pub(super) fn period(&self) -> i64 {
        let period = self.command.period.or(self.first.period).unwrap_or(Span::from_secs(60));
        i64::try_from(period.nanos()).unwrap_or(i64::MAX)
    }

    /// Flow memory.
    pub(super) fn flow_memory(&self) -> Span {
        self.command.flow_memory.unwrap_or(Span::from_secs(300))
    }

    /// How many flows are remembered at most.
    pub(super) fn max_flows(&self) -> usize {
        self.command.max_flows.unwrap_or(4_194_304)
    }

    /// Id of the allowance scope of an ENI (S7.8).
    pub(super) fn scope_of(&self, eni: &Eni) -> String {
        match (self.scope(), &eni.instance) {
            (Scope::Instance, Some(instance)) => instance.clone(),
            _ => eni.id.clone(),
        }
    }

    /// S12.17: 65,535 < `[options] limit` < own limit < `--limit`.
    pub(super) fn limit_of(&self, eni: &Eni) -> u64 {
        let scope = self.scope_of(eni);
        let named = self.model.settings.limits.iter().find(|(id, _)| *id == scope).map(|(_, limit)| *limit);
        // An ENI's own limit binds only where the ENI is the scope.
        let own = if scope == eni.id { eni.limit.or(named) } else { named };
        self.command.limit.or(own).or(self.model.settings.limit).unwrap_or(65_535)
    }

    /// S12.10: profile < `[options]` < ENI < command line.
    pub(super) fn timeout(&self, eni: &Eni, name: TimeoutName) -> Span {
        let options = &self.model.settings;
        let profile = self.command.profile.or(options.profile).unwrap_or_default();
        let mut timeout = Timeouts::of(profile).get(name);
        for (given, span) in options.timeouts.iter().chain(&eni.timeouts).chain(&self.command.timeouts) {
            if *given == name {
                timeout = *span;
            }
        }
        timeout
    }

    /// S6.4: whether flows between an ENI and a peer address are tracked always.
    pub(super) fn is_always_tracked(&self, eni: &Eni, peer: IpAddr) -> bool {
        let tracked_type = |eni: &Eni| {
            eni.interface_type.as_deref().is_some_and(|name| ALWAYS_TRACKED_TYPES.contains(&name))
        };
        let owner = self.model.owner(peer);
        // As self or peer.
        tracked_type(eni)
            || owner.is_some_and(tracked_type)
            // S12.15: the two lists add up and name peers only.
            || self.command.always_tracked.iter().chain(&self.first.always_tracked).any(|entry| {
                match entry.parse::<Cidr>() {
                    Ok(cidr) => cidr.contains(peer),
                    Err(_) => owner.is_some_and(|owner| owner.id == *entry),
                }
            })
    }

    /// S6.4: whether a TCP or UDP flow whose opener's packets pass the ENI in `direction` is untracked there.
    pub(super) fn is_untracked_from(
        &self,
        eni: &Eni,
        direction: Direction,
        (key, answerer): (&FlowKey, End),
    ) -> bool {
        let (protocol, port) = (key.protocol().0, key.port(answerer).unwrap_or(0));
        let family = key.address(answerer);
        let of_protocol = |wanted: Option<u8>| wanted.is_none_or(|number| number == protocol);
        // Seen from its opener, allowed by a rule whose peer is literally all addresses,
        let allowed = self.model.has_open_rule(eni, direction, family, |rule| {
            let service = &rule.service;
            of_protocol(service.protocol)
                && (service.protocol.is_none() || (service.ports.0..=service.ports.1).contains(&port))
        });
        // and in the opposite direction one rule allows all ports of that protocol to the same CIDR.
        let opposite = self.model.has_open_rule(eni, direction.opposite(), family, |rule| {
            let service = &rule.service;
            of_protocol(service.protocol) && (service.protocol.is_none() || service.ports == (0, 65_535))
        });
        allowed && opposite
    }
}
