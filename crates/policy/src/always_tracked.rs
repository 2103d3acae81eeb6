//! Peers whose flows are tracked whatever the rules (S6.4, S12.15).

use std::net::IpAddr;

use crate::cidr::{Cidr, CidrError};
use crate::error::LoadError;
use crate::ranges::AddressSet;
use crate::registry::Registry;

/// The interface types that AWS always tracks, in both spellings that it uses.
const TRACKED_TYPES: [&str; 6] = [
    "nat_gateway",
    "natGateway",
    "network_load_balancer",
    "vpc_endpoint",
    "lambda",
    "global_accelerator_managed",
];

/// Whether AWS tracks every flow of interfaces of this type.
pub(crate) fn is_tracked_type(interface_type: &str) -> bool {
    TRACKED_TYPES.contains(&interface_type)
}

/// The peers that the user lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlwaysTracked {
    addresses: AddressSet,
    eni_ids: Vec<String>,
}

/// A listed peer.
pub(crate) enum ListedPeer {
    Addresses(Cidr),
    Eni(String),
}

impl ListedPeer {
    /// Reads a CIDR, an address or an ENI id.
    pub(crate) fn parse(text: &str) -> Result<Self, LoadError> {
        match Cidr::parse_or_address(text) {
            Ok(cidr) => Ok(Self::Addresses(cidr)),
            Err(CidrError::HostBits(cidr)) => {
                Err(LoadError::new(format!("`{text}` has bits set beyond its prefix length"))
                    .remedy(format!("Write `{cidr}`.")))
            }
            Err(CidrError::Syntax) if text.is_empty() || text.contains(['/', ':']) => {
                Err(LoadError::new(format!("`{text}` is no peer"))
                    .expected("a CIDR, an address or the id of an ENI"))
            }
            Err(CidrError::Syntax) => Ok(Self::Eni(text.to_owned())),
        }
    }
}

impl AlwaysTracked {
    /// Reads the lists of the model and of the command line, which add up.
    pub(crate) fn of(listed: &[String]) -> Result<Self, LoadError> {
        let (mut cidrs, mut eni_ids) = (Vec::new(), Vec::new());
        for text in listed {
            match ListedPeer::parse(text) {
                Ok(ListedPeer::Addresses(cidr)) => cidrs.push(cidr),
                Ok(ListedPeer::Eni(id)) => eni_ids.push(id),
                Err(error) => return Err(error.in_document("always_tracked")),
            }
        }
        Ok(Self { addresses: AddressSet::of(cidrs), eni_ids })
    }

    /// Whether any address is listed.
    pub(crate) fn lists_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Whether the address itself is listed.
    pub(crate) fn lists(&self, peer: IpAddr) -> bool {
        self.addresses.contains(peer)
    }

    /// Whether the ENI is listed.
    pub(crate) fn lists_eni(&self, id: &str) -> bool {
        self.eni_ids.iter().any(|listed| listed == id)
    }

    /// Every listed id must be an ENI of some model.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), LoadError> {
        match self.eni_ids.iter().find(|id| registry.eni_id(id).is_none()) {
            None => Ok(()),
            Some(id) => Err(LoadError::new(format!("`{id}` in always_tracked is no ENI of any model"))
                .expected("the id of an ENI of the model, a CIDR or an address")
                .remedy("Correct the id, or name the peer by its address.")),
        }
    }
}
