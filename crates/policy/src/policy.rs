//! One generation of a compiled model: it answers for packets and never changes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use vpcreplay_flow::{Direction, PacketFacts, Protocol, Timeouts};

use crate::always_tracked::AlwaysTracked;
use crate::compile;
use crate::error::{LoadError, Warning};
use crate::exempt;
use crate::network::Network;
use crate::options::Options;
use crate::places::{AddressPlace, Places};
use crate::probe::Probe;
use crate::ranges::AddressSet;
use crate::registry::{EniId, Registry, RuleId, ScopeId};
use crate::rule_table::RuleTable;
use crate::untracked::OpenPorts;

/// What a network ACL says of a packet (S5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NaclMatch {
    /// The entry that decided.
    pub rule: RuleId,
    /// What it says.
    pub action: NaclAction,
}

impl NaclMatch {
    /// Said for an ENI that the generation lacks.
    const OF_NO_ENI: Self = Self { rule: RuleId(0), action: NaclAction::Default };
}

/// What an entry of a network ACL says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NaclAction {
    /// A numbered entry allows it.
    Allow,
    /// A numbered entry denies it.
    Deny,
    /// No numbered entry matches: the final `*` denies it.
    Default,
}

/// One rule tried for one packet, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTrial {
    /// The rule.
    pub rule: RuleId,
    /// What it says, such as `allow tcp 443 from 10.0.0.0/8`.
    pub text: String,
    /// Whether it matched.
    pub matched: bool,
    /// Why, such as `port 22 is not in 443`.
    pub why: String,
}

/// One generation of a compiled model; immutable.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) options: Options,
    /// By the ENI's number; `None` for ENIs of other generations.
    pub(crate) enis: Vec<Option<CompiledEni>>,
    /// By the ENI's number; the common ones for ENIs of other generations. Apart, since most packets need nothing else.
    pub(crate) timeouts: Vec<Timeouts>,
    pub(crate) nacls: Vec<CompiledNacl>,
    pub(crate) group_sets: Vec<GroupSet>,
    pub(crate) limits: BTreeMap<ScopeId, u64>,
    pub(crate) places: Places,
    pub(crate) always_tracked: AlwaysTracked,
    /// Whether there are flows that [`Policy::always_tracked`] is for: mostly there are none.
    pub(crate) has_always_tracked: bool,
    /// Whether any rules make flows untracked (S6.4).
    pub(crate) has_open_ports: bool,
    /// Addresses of VPCs, subnets and ENIs.
    pub(crate) inside: AddressSet,
    pub(crate) rules_in_force: Vec<RuleId>,
    /// Timeouts of no ENI in particular.
    pub(crate) common_timeouts: Timeouts,
}

/// What the hot path needs of an ENI.
#[derive(Clone, Debug)]
pub(crate) struct CompiledEni {
    /// Its subnet's number, for [`Places`].
    pub(crate) subnet: u32,
    /// Its subnet's network ACL.
    pub(crate) nacl: usize,
    pub(crate) group_set: usize,
    pub(crate) scope: ScopeId,
    /// By its own interface type (S6.4), for both sides.
    pub(crate) is_tracked_type: bool,
    /// By its id in `always_tracked`, as peer only (S12.15).
    pub(crate) is_tracked_peer: bool,
}

/// A network ACL, each direction with the rule that its final `*` is.
#[derive(Clone, Debug)]
pub(crate) struct CompiledNacl {
    pub(crate) ingress: RuleTable,
    pub(crate) egress: RuleTable,
    pub(crate) final_ingress: RuleId,
    pub(crate) final_egress: RuleId,
}

impl CompiledNacl {
    #[inline]
    pub(crate) fn direction(&self, direction: Direction) -> (&RuleTable, RuleId) {
        match direction {
            Direction::Ingress => (&self.ingress, self.final_ingress),
            Direction::Egress => (&self.egress, self.final_egress),
        }
    }
}

/// The rules of a list of security groups, in order; ENIs with the same list share it.
#[derive(Clone, Debug)]
pub(crate) struct GroupSet {
    pub(crate) ingress: RuleTable,
    pub(crate) egress: RuleTable,
    pub(crate) open_ports: OpenPorts,
}

impl GroupSet {
    #[inline]
    pub(crate) fn direction(&self, direction: Direction) -> &RuleTable {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

impl Policy {
    /// Compiles a network under the options of the command line. `first` is the first generation of the timeline,
    /// whose options other than limit, profile and timeouts stay (S10.1, S12.15).
    ///
    /// # Errors
    /// Options of the command line that cannot be read; a network that refers to what it lacks.
    pub fn compile(
        network: &Network,
        command_line: &Options,
        first: Option<&Policy>,
        registry: &mut Registry,
    ) -> Result<(Policy, Vec<Warning>), LoadError> {
        compile::compile(network, command_line, first, registry)
    }

    /// Checks that every ENI id in `always_tracked` is an ENI of some model (S12.15). To be asked of the first generation
    /// once all models of the timeline are compiled.
    ///
    /// # Errors
    /// The first id that no model has.
    pub fn check_always_tracked(&self, registry: &Registry) -> Result<(), LoadError> {
        self.always_tracked.check(registry)
    }

    /// The options in force: the command line over the model's, `always_tracked` of both.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The ENI that owns an address (S3.2).
    #[inline]
    pub fn owner(&self, address: IpAddr) -> Option<EniId> {
        self.place(address).owner()
    }

    /// What the model says of an address by itself.
    #[inline]
    pub fn place(&self, address: IpAddr) -> &AddressPlace {
        self.places.at(address)
    }

    /// Whether the ENI is part of this generation.
    pub fn contains(&self, eni: EniId) -> bool {
        self.eni(eni).is_some()
    }

    /// The ENIs of this generation, ascending.
    pub fn enis(&self) -> impl Iterator<Item = EniId> {
        let numbered = (0_u32..).zip(&self.enis);
        numbered.filter_map(|(number, eni)| eni.as_ref().map(|_| EniId(number)))
    }

    /// The allowance scope of an ENI (S7.8).
    #[inline]
    pub fn scope(&self, eni: EniId) -> Option<ScopeId> {
        self.eni(eni).map(|eni| eni.scope)
    }

    /// The allowance scopes of this generation, ascending.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeId> {
        self.limits.keys().copied()
    }

    /// How many connections a scope may track (S12.17); `None` where this generation has no such scope.
    pub fn limit(&self, scope: ScopeId) -> Option<u64> {
        self.limits.get(&scope).copied()
    }

    /// The timeouts in force at an ENI (S7.3, S12.10); those of no ENI in particular where this generation lacks it.
    #[inline]
    pub fn timeouts(&self, eni: EniId) -> &Timeouts {
        self.timeouts.get(eni.index()).unwrap_or(&self.common_timeouts)
    }

    /// Whether a packet is exempt whatever its addresses: neighbour discovery and DHCP (S3.6, S3.8).
    #[inline]
    pub fn exempt_by_kind(&self, facts: &PacketFacts) -> bool {
        exempt::is_exempt_kind(facts)
    }

    /// Whether a packet is exempt because of one of its addresses (S3.6). An address that an ENI owns never is.
    #[inline]
    pub fn exempt_by_address(&self, facts: &PacketFacts) -> bool {
        let (src_port, dst_port) = facts.transport.ports().unzip();
        self.place(facts.src).is_exempt(src_port) || self.place(facts.dst).is_exempt(dst_port)
    }

    /// Whether a packet crosses the edge of the ENI's subnet: not when both addresses lie in its CIDRs (S3.5).
    #[inline]
    pub fn crosses_subnet_edge(&self, eni: EniId, src: IpAddr, dst: IpAddr) -> bool {
        self.eni(eni).is_none_or(|eni| self.crosses_edge_at(eni, (self.place(src), self.place(dst))))
    }

    #[inline]
    fn crosses_edge_at(&self, eni: &CompiledEni, (src, dst): (&AddressPlace, &AddressPlace)) -> bool {
        !(self.places.lies_in(src, eni.subnet) && self.places.lies_in(dst, eni.subnet))
    }

    /// What the network ACL of the ENI's subnet says of a packet between two places (S5); `None` where both lie in the subnet
    /// (S3.5). Asked for an ENI of another generation it denies by rule 0.
    #[expect(clippy::inline_always, reason = "callers that know the shape of the packet are compiled for it")]
    #[inline(always)]
    pub fn nacl_between(
        &self,
        eni: EniId,
        direction: Direction,
        facts: &PacketFacts,
        places: (&AddressPlace, &AddressPlace),
    ) -> Option<NaclMatch> {
        let Some(eni) = self.eni(eni) else { return Some(NaclMatch::OF_NO_ENI) };
        if !self.crosses_edge_at(eni, places) {
            return None;
        }
        Some(self.nacl_of(eni, direction, &Probe::of(facts, direction)))
    }

    /// What the network ACL of the ENI's subnet says (S5). Asked for an ENI of another generation it denies by rule 0.
    #[inline]
    pub fn nacl(&self, eni: EniId, direction: Direction, probe: &Probe) -> NaclMatch {
        self.eni(eni).map_or(NaclMatch::OF_NO_ENI, |eni| self.nacl_of(eni, direction, probe))
    }

    #[expect(clippy::inline_always, reason = "callers that know the shape of the packet are compiled for it")]
    #[inline(always)]
    fn nacl_of(&self, eni: &CompiledEni, direction: Direction, probe: &Probe) -> NaclMatch {
        let Some(nacl) = self.nacls.get(eni.nacl) else { return NaclMatch::OF_NO_ENI };
        let (table, last) = nacl.direction(direction);
        table.first(probe).unwrap_or(NaclMatch { rule: last, action: NaclAction::Default })
    }

    /// The first rule of the ENI's security groups that matches, in the order of the groups and of their rules (S6.2).
    #[expect(clippy::inline_always, reason = "callers that know the shape of the packet are compiled for it")]
    #[inline(always)]
    pub fn security_group(&self, eni: EniId, direction: Direction, probe: &Probe) -> Option<RuleId> {
        self.group_set(eni)?.direction(direction).first(probe).map(|found| found.rule)
    }

    /// Whether the rules make a flow untracked that is opened in `direction` at this ENI, in this protocol towards this
    /// port of the answerer (S6.4). Of the peer only the family counts.
    #[inline]
    pub fn opens_untracked(
        &self,
        eni: EniId,
        direction: Direction,
        (protocol, answerer_port): (Protocol, u16),
        peer: IpAddr,
    ) -> bool {
        self.has_open_ports
            && self
                .group_set(eni)
                .is_some_and(|groups| groups.open_ports.opens(direction, peer, protocol, answerer_port))
    }

    /// Whether flows between the ENI and the peer are tracked whatever the rules (S6.4): by the interface type of
    /// either, or because the peer is listed.
    #[inline]
    pub fn always_tracked(&self, eni: EniId, peer: IpAddr) -> bool {
        self.has_always_tracked && self.is_always_tracked(eni, peer)
    }

    fn is_always_tracked(&self, eni: EniId, peer: IpAddr) -> bool {
        let peer_eni = || self.owner(peer).and_then(|owner| self.eni(owner));
        self.eni(eni).is_some_and(|eni| eni.is_tracked_type)
            || self.always_tracked.lists(peer)
            || peer_eni().is_some_and(|peer| peer.is_tracked_type || peer.is_tracked_peer)
    }

    /// The rules that can decide anything, ascending: of groups that some ENI has, and numbered entries of ACLs that the
    /// subnet of some ENI uses. The default ACL that no document describes is left out.
    pub fn rules_in_force(&self) -> impl Iterator<Item = RuleId> {
        self.rules_in_force.iter().copied()
    }

    /// Whether an address belongs to a VPC, a subnet or an ENI of the model.
    pub fn is_inside_vpc(&self, address: IpAddr) -> bool {
        self.inside.contains(address)
    }

    /// The security group rules tried up to the first match, and why each did or did not match.
    pub fn explain_security_group(&self, eni: EniId, direction: Direction, probe: &Probe) -> Vec<RuleTrial> {
        self.group_set(eni)
            .map_or_else(Vec::new, |groups| groups.direction(direction).explain(direction, probe))
    }

    /// The network ACL entries tried up to the first match, and why each did or did not match. The final `*` is the last.
    pub fn explain_nacl(&self, eni: EniId, direction: Direction, probe: &Probe) -> Vec<RuleTrial> {
        let nacl = self.eni(eni).and_then(|eni| self.nacls.get(eni.nacl));
        let Some(nacl) = nacl else { return Vec::new() };
        let (table, last) = nacl.direction(direction);
        let mut trials = table.explain(direction, probe);
        if !trials.last().is_some_and(|trial| trial.matched) {
            trials.push(RuleTrial {
                rule: last,
                text: "deny all".to_owned(),
                matched: true,
                why: "no numbered entry matches".to_owned(),
            });
        }
        trials
    }

    #[inline]
    fn eni(&self, eni: EniId) -> Option<&CompiledEni> {
        self.enis.get(eni.index())?.as_ref()
    }

    #[inline]
    fn group_set(&self, eni: EniId) -> Option<&GroupSet> {
        self.group_sets.get(self.eni(eni)?.group_set)
    }
}
