//! The network model and the options of the reference: plain data, named as the TOML format names it.

use std::net::IpAddr;

use vpcreplay_flow::{Direction, Profile, Span, TimeoutName};

use super::Cidr;

/// A network model (S3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// The `[options]` of the model.
    pub settings: Settings,
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Elastic network interfaces.
    pub enis: Vec<Eni>,
    /// Security groups.
    pub groups: Vec<Group>,
    /// Network ACLs.
    pub nacls: Vec<Nacl>,
    /// Managed prefix lists.
    pub prefix_lists: Vec<PrefixList>,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: String,
    /// Its CIDRs, in the order of the documents.
    pub cidrs: Vec<Cidr>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// The id of its VPC.
    pub vpc: String,
    /// Its CIDRs; may be unknown.
    pub cidrs: Vec<Cidr>,
    /// Its network ACL; `None` is the default one, which allows all (S6.1).
    pub nacl: Option<String>,
}

/// An elastic network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eni {
    /// Its id.
    pub id: String,
    /// The id of its subnet.
    pub subnet: String,
    /// Primary and secondary addresses.
    pub addresses: Vec<IpAddr>,
    /// Delegated prefixes.
    pub prefixes: Vec<Cidr>,
    /// Ids of its security groups, in order.
    pub groups: Vec<String>,
    /// The instance that it is attached to.
    pub instance: Option<String>,
    /// The interface type, as AWS names it.
    pub interface_type: Option<String>,
    /// A limit of its own (S12.17).
    pub limit: Option<u64>,
    /// Timeouts of its own (S12.10).
    pub timeouts: Vec<(TimeoutName, Span)>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: String,
    /// Ingress rules, in document order.
    pub ingress: Vec<SgRule>,
    /// Egress rules, in document order.
    pub egress: Vec<SgRule>,
    /// Addresses outside the model that count as having the group (S6.2).
    pub members: Vec<Cidr>,
}

impl Group {
    /// The rules of a direction.
    pub fn rules(&self, direction: Direction) -> &[SgRule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// A rule of a security group: allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SgRule {
    /// The `sgr-` id where it is known; else the rule is named by group, direction and place.
    pub id: Option<String>,
    /// What traffic it is about.
    pub service: Service,
    /// Whom it is about.
    pub peer: Peer,
}

/// Protocol, ports and ICMP types that a rule or an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Protocol number; `None` is all (−1).
    pub protocol: Option<u8>,
    /// First and last destination port.
    pub ports: (u16, u16),
    /// ICMP type and code; `None` is any (−1).
    pub icmp: (Option<u8>, Option<u8>),
}

impl Service {
    /// All traffic.
    pub const ALL: Self = Self { protocol: None, ports: (0, 65_535), icmp: (None, None) };

    /// A whole protocol.
    pub const fn protocol(number: u8) -> Self {
        Self { protocol: Some(number), ..Self::ALL }
    }

    /// A range of destination ports of a protocol.
    pub const fn ports(number: u8, first: u16, last: u16) -> Self {
        Self { protocol: Some(number), ports: (first, last), ..Self::ALL }
    }
}

/// The peer of a security group rule (S6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A CIDR.
    Cidr(Cidr),
    /// A managed prefix list, by id.
    PrefixList(String),
    /// A referenced security group, by id.
    Group(String),
}

/// A network ACL (S5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nacl {
    /// Its id.
    pub id: String,
    /// Ingress entries, in any order.
    pub ingress: Vec<NaclEntry>,
    /// Egress entries, in any order.
    pub egress: Vec<NaclEntry>,
}

impl Nacl {
    /// The entries of a direction.
    pub fn entries(&self, direction: Direction) -> &[NaclEntry] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// What a network ACL entry does with a packet that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lets it pass.
    Allow,
    /// Drops it.
    Deny,
}

/// A numbered entry of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NaclEntry {
    /// Rule number, 1–32766.
    pub number: u16,
    /// What it does.
    pub action: Action,
    /// What traffic it is about.
    pub service: Service,
    /// Source (ingress) or destination (egress) block.
    pub cidr: Cidr,
}

/// A managed prefix list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// Its id.
    pub id: String,
    /// Its blocks.
    pub entries: Vec<Cidr>,
}

/// The allowance scope (S7.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each ENI has its own limit.
    Eni,
    /// All ENIs of an instance share one.
    Instance,
}

/// Whether packets that would never have been sent are found (S8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are `unsent`.
    Causal,
    /// Every packet is judged.
    Literal,
}

/// What becomes of TCP that begins in the middle (S7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Midstream {
    /// The rules decide.
    Allow,
    /// Denied.
    Deny,
    /// The rules decide, of either direction.
    EitherEnd,
}

/// What becomes of ICMP errors (S6.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpErrors {
    /// The rules decide.
    ByRule,
    /// Allowed where the quoted flow has a live connection.
    Related,
}

/// Options, of a command line or of a model's `[options]`; `None` and empty: not given there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Timeout profile.
    pub profile: Option<Profile>,
    /// Connection limit of a scope.
    pub limit: Option<u64>,
    /// Limits by ENI or instance id; of a model only.
    pub limits: Vec<(String, u64)>,
    /// Allowance scope.
    pub scope: Option<Scope>,
    /// Causal or literal.
    pub mode: Option<Mode>,
    /// TCP midstream.
    pub tcp_midstream: Option<Midstream>,
    /// ICMP errors.
    pub icmp_errors: Option<IcmpErrors>,
    /// Timeouts; of two of one name the last counts.
    pub timeouts: Vec<(TimeoutName, Span)>,
    /// Peers whose flows are always tracked: CIDRs or ENI ids.
    pub always_tracked: Vec<String>,
    /// Period of the series.
    pub period: Option<Span>,
    /// How long a flow is remembered after its last packet; of a command line only.
    pub flow_memory: Option<Span>,
    /// How many flows are remembered; of a command line only.
    pub max_flows: Option<usize>,
}
