//! The validated network: plain values that anybody may read (S3.1).

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use vpcreplay_flow::{Span, TimeoutName};

use crate::cidr::Cidr;
use crate::options::Options;
use crate::service::Service;

/// The id of the network ACL that a subnet gets where the documents name none: it allows all (S6.1, S12.14).
pub const DEFAULT_NACL: &str = "default";

/// A network model. What one part says of another by its id holds, unless a warning said that it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// VPCs, by id.
    pub vpcs: Vec<Vpc>,
    /// Subnets, by id.
    pub subnets: Vec<Subnet>,
    /// Elastic network interfaces, by id.
    pub enis: Vec<Eni>,
    /// Security groups, by id.
    pub groups: Vec<SecurityGroup>,
    /// Network ACLs, by id; the default one too where a subnet uses it.
    pub nacls: Vec<Nacl>,
    /// Prefix lists, by id.
    pub prefix_lists: Vec<PrefixList>,
    /// `[options]`.
    pub options: Options,
    /// Limits of single ENIs and instances, by their id (S12.17).
    pub limits: BTreeMap<String, u64>,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: String,
    /// Its CIDRs; Amazon DNS is at base+2 of the first IPv4 one (S3.6).
    pub cidrs: Vec<Cidr>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its VPC, where known.
    pub vpc: Option<String>,
    /// Its CIDRs; empty where unknown, and then its network ACL is always consulted (S3.5).
    pub cidrs: Vec<Cidr>,
    /// Its network ACL.
    pub nacl: String,
}

/// An elastic network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eni {
    /// Its id.
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// Primary and secondary addresses of both families.
    pub addresses: Vec<IpAddr>,
    /// Delegated prefixes.
    pub prefixes: Vec<Cidr>,
    /// Its security groups, in their order.
    pub security_groups: Vec<String>,
    /// The instance that it is attached to.
    pub instance: Option<String>,
    /// Its interface type, such as `nat_gateway`.
    pub interface_type: Option<String>,
    /// Timeouts of its own.
    pub timeouts: BTreeMap<TimeoutName, Span>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: String,
    /// Its VPC, where known.
    pub vpc: Option<String>,
    /// Addresses outside the model that the user lists as members (S6.2).
    pub members: Vec<Cidr>,
    /// Rules for packets towards the ENI, in document order.
    pub ingress: Vec<SecurityGroupRule>,
    /// Rules for packets away from the ENI, in document order.
    pub egress: Vec<SecurityGroupRule>,
}

/// A rule of a security group: it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupRule {
    /// Its name in records: the `sgr-` id where known, else group, direction and position.
    pub name: String,
    /// Protocol, ports, ICMP types.
    pub service: Service,
    /// The other side.
    pub peer: Peer,
}

/// The other side of a security group rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The addresses of a block.
    Cidr(Cidr),
    /// The entries of a prefix list; nothing where the model lacks it.
    PrefixList(String),
    /// The members of a security group; nothing where the model lacks it.
    Group(String),
}

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nacl {
    /// Its id.
    pub id: String,
    /// Entries for packets into the subnet, by ascending number; the final `*` is implied.
    pub ingress: Vec<NaclEntry>,
    /// Entries for packets out of the subnet, by ascending number.
    pub egress: Vec<NaclEntry>,
}

/// A numbered entry of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NaclEntry {
    /// Its number, 1 to 32766.
    pub number: u16,
    /// Whether it allows or denies.
    pub action: Action,
    /// Protocol, ports, ICMP types.
    pub service: Service,
    /// The other side.
    pub peer: Cidr,
}

/// What an entry of a network ACL does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The packet passes.
    Allow,
    /// The packet is denied.
    Deny,
}

/// A prefix list; it may have blocks of both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// Its id.
    pub id: String,
    /// Its blocks.
    pub entries: Vec<Cidr>,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(cidr) => cidr.fmt(f),
            Self::PrefixList(id) | Self::Group(id) => f.write_str(id),
        }
    }
}

impl Eni {
    /// Its addresses, as blocks of one, and its delegated prefixes.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Cidr> {
        let addresses = self.addresses.iter().map(|address| Cidr::of_address(*address));
        addresses.chain(self.prefixes.iter().copied())
    }
}

impl Nacl {
    /// The default network ACL: allows everything (S6.1), by the entries that AWS gives it.
    pub(crate) fn default_allow_all() -> Self {
        let entry = |number, peer| NaclEntry { number, action: Action::Allow, service: Service::All, peer };
        let entries = vec![entry(100, Cidr::ALL_V4), entry(101, Cidr::ALL_V6)];
        Self { id: DEFAULT_NACL.to_owned(), ingress: entries.clone(), egress: entries }
    }
}
