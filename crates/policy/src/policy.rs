//! One generation of a compiled model: it answers for packets and never changes.

use std::net::IpAddr;

use vpcreplay_flow::{Direction, PacketFacts, Protocol, Timeouts};

use crate::error::{LoadError, Warning};
use crate::network::Network;
use crate::options::Options;
use crate::probe::Probe;
use crate::registry::{EniId, Registry, RuleId, ScopeId};

/// What a network ACL says of a packet (S5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NaclMatch {
    /// The entry that decided.
    pub rule: RuleId,
    /// What it says.
    pub action: NaclAction,
}

/// What an entry of a network ACL says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    timeouts: Timeouts,
}

impl Policy {
    /// Compiles a network under the options of the command line. `first` is the first generation of the timeline,
    /// whose `scope` and `always_tracked` stay (S10.1, S12.15).
    ///
    /// # Errors
    /// Options of the command line that cannot be read.
    pub fn compile(
        network: &Network,
        command_line: &Options,
        first: Option<&Policy>,
        registry: &mut Registry,
    ) -> Result<(Policy, Vec<Warning>), LoadError> {
        let _ = (network, command_line, first, registry);
        Err(LoadError::new("not built yet"))
    }

    /// Checks that every ENI id in `always_tracked` is an ENI of some model (S12.15). To be asked of the first generation
    /// once all models of the timeline are compiled.
    ///
    /// # Errors
    /// The first id that no model has.
    pub fn check_always_tracked(&self, registry: &Registry) -> Result<(), LoadError> {
        let _ = registry;
        Ok(())
    }

    /// The options in force: the command line over the model's, `always_tracked` of both.
    pub fn options(&self) -> &Options {
        todo!()
    }

    /// The ENI that owns an address (S3.2).
    pub fn owner(&self, address: IpAddr) -> Option<EniId> {
        let _ = address;
        None
    }

    /// Whether the ENI is part of this generation.
    pub fn contains(&self, eni: EniId) -> bool {
        let _ = eni;
        false
    }

    /// The ENIs of this generation, ascending.
    pub fn enis(&self) -> impl Iterator<Item = EniId> {
        std::iter::empty()
    }

    /// The allowance scope of an ENI (S7.8).
    pub fn scope(&self, eni: EniId) -> Option<ScopeId> {
        let _ = eni;
        None
    }

    /// The allowance scopes of this generation, ascending.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeId> {
        std::iter::empty()
    }

    /// How many connections a scope may track (S12.17); `None` where this generation has no such scope.
    pub fn limit(&self, scope: ScopeId) -> Option<u64> {
        let _ = scope;
        None
    }

    /// The timeouts in force at an ENI (S7.3, S12.10); those of no ENI in particular where this generation lacks it.
    pub fn timeouts(&self, eni: EniId) -> &Timeouts {
        let _ = eni;
        &self.timeouts
    }

    /// Whether a packet is exempt whatever its addresses: neighbour discovery and DHCP (S3.6, S3.8).
    pub fn exempt_by_kind(&self, facts: &PacketFacts) -> bool {
        let _ = facts;
        false
    }

    /// Whether a packet is exempt because of one of its addresses (S3.6).
    pub fn exempt_by_address(&self, facts: &PacketFacts) -> bool {
        let _ = facts;
        false
    }

    /// Whether a packet crosses the edge of the ENI's subnet: not when both addresses lie in its CIDRs (S3.5).
    pub fn crosses_subnet_edge(&self, eni: EniId, src: IpAddr, dst: IpAddr) -> bool {
        let _ = (eni, src, dst);
        true
    }

    /// What the network ACL of the ENI's subnet says (S5). An ENI of another generation is denied by rule 0.
    pub fn nacl(&self, eni: EniId, direction: Direction, probe: &Probe) -> NaclMatch {
        let _ = (eni, direction, probe);
        NaclMatch { rule: RuleId(0), action: NaclAction::Default }
    }

    /// The first rule of the ENI's security groups that matches, in the order of the groups and of their rules (S6.2).
    pub fn security_group(&self, eni: EniId, direction: Direction, probe: &Probe) -> Option<RuleId> {
        let _ = (eni, direction, probe);
        None
    }

    /// Whether the rules make a flow untracked that is opened in `direction` at this ENI, towards `answerer_port`
    /// (S6.4). Only the family of `peer` counts.
    pub fn opens_untracked(
        &self,
        eni: EniId,
        direction: Direction,
        (protocol, answerer_port): (Protocol, u16),
        peer: IpAddr,
    ) -> bool {
        let _ = (eni, direction, protocol, answerer_port, peer);
        false
    }

    /// Whether flows between the ENI and the peer are tracked whatever the rules (S6.4): by the interface type of
    /// either, or because the peer is listed.
    pub fn always_tracked(&self, eni: EniId, peer: IpAddr) -> bool {
        let _ = (eni, peer);
        false
    }

    /// The rules that can decide anything: of groups that some ENI has, and numbered entries of ACLs that the subnet
    /// of some ENI uses. The default ACL that no document describes is left out.
    pub fn rules_in_force(&self) -> impl Iterator<Item = RuleId> {
        std::iter::empty()
    }

    /// Whether an address belongs to a VPC, a subnet or an ENI of the model.
    pub fn is_inside_vpc(&self, address: IpAddr) -> bool {
        let _ = address;
        false
    }

    /// The security group rules tried up to the first match, and why each did or did not match.
    pub fn explain_security_group(&self, eni: EniId, direction: Direction, probe: &Probe) -> Vec<RuleTrial> {
        let _ = (eni, direction, probe);
        Vec::new()
    }

    /// The network ACL entries tried up to the first match, and why each did or did not match.
    pub fn explain_nacl(&self, eni: EniId, direction: Direction, probe: &Probe) -> Vec<RuleTrial> {
        let _ = (eni, direction, probe);
        Vec::new()
    }
}
