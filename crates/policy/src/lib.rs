//! The network model: loaded, validated, compiled, evaluated without state.
//!
//! [`load`] turns documents (AWS CLI output, TOML) into a validated [`Network`]; [`Policy::compile`] turns a network into
//! one immutable generation that answers for a packet without allocating. Rule numbers such as `S6.2` refer to the
//! semantics chapter of the documentation.

mod always_tracked;
mod cidr;
mod classifier;
mod compile;
mod error;
mod exempt;
mod intervals;
mod load;
mod members;
mod network;
mod options;
mod places;
mod policy;
mod probe;
mod ranges;
mod registry;
mod rule_table;
mod service;
mod subnet_sets;
mod to_toml;
mod untracked;

pub use cidr::Cidr;
pub use error::{LoadError, Place, Warning};
pub use load::load;
pub use network::{
    Action, DEFAULT_NACL, Eni, Nacl, NaclEntry, Network, Peer, PrefixList, SecurityGroup, SecurityGroupRule,
    Subnet, Vpc,
};
pub use options::{IcmpErrors, Mode, Options, Scope, TcpMidstream};
pub use places::AddressPlace;
pub use policy::{NaclAction, NaclMatch, Policy, RuleTrial};
pub use probe::{Probe, Selector};
pub use registry::{EniId, Registry, RuleId, ScopeId};
pub use service::{Ports, Service};

/// One document of a model.
#[derive(Clone, Debug)]
pub struct Document {
    /// As the user named it.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Which part of the documents makes the model.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only this VPC.
    pub vpc_id: Option<String>,
    /// Only VPCs of this region.
    pub region: Option<String>,
}

/// A model that loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The validated network.
    pub network: Network,
    /// What the user should know about it.
    pub warnings: Vec<Warning>,
}
