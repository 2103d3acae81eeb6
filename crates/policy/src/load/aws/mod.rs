//! Reads what the AWS CLI prints.

mod collect;
mod dto;
mod groups;
mod interfaces;
mod nacls;
mod places;
mod region;

use serde::Deserialize;

use crate::cidr::{Cidr, CidrError};
use crate::error::LoadError;

pub(crate) use collect::Collection;
use collect::Item;

use super::draft::{Draft, Origin, Part, Ref, sample};
use super::read;

/// Things that are not as AWS prints them but have a plain meaning, with the number of times.
#[derive(Debug, Default)]
struct Notes {
    /// Blocks with host bits.
    normalised: Vec<String>,
    /// Permissions without a peer.
    without_peer: Vec<String>,
    /// Instances that have an address but list no interfaces.
    without_interfaces: Vec<String>,
    /// Interfaces that two kinds of documents describe differently.
    conflicting: Vec<String>,
    /// Interfaces without groups, which admit nothing.
    without_groups: Vec<String>,
}

/// Makes parts of a model of the collected objects.
pub(crate) fn read_into(draft: &mut Draft, collection: &Collection) -> Result<(), LoadError> {
    let mut notes = Notes::default();
    places::read(draft, collection, &mut notes)?;
    interfaces::read(draft, collection, &mut notes)?;
    groups::read(draft, collection, &mut notes)?;
    nacls::read(draft, collection, &mut notes)?;
    notes.tell(draft);
    if !collection.unused.is_empty() {
        let text = format!("a model does not use: {}", sample(&collection.unused));
        draft.warn("not-used", collection.unused.len(), text);
    }
    for (key, pages) in &collection.pages {
        if pages.last == 0 {
            let text = format!(
                "every page of {key} says that another follows, so one is missing: {}",
                sample(&pages.with_next)
            );
            draft.warn("missing-pages", pages.with_next.len(), text);
        }
    }
    Ok(())
}

impl Notes {
    fn tell(&self, draft: &mut Draft) {
        let notes = [
            (
                "cidr-normalised",
                &self.normalised,
                "bits beyond the prefix length are taken as 0, as EC2 does, in",
            ),
            ("rule-without-peer", &self.without_peer, "permissions that name no peer give no rule"),
            (
                "instance-without-interfaces",
                &self.without_interfaces,
                "instances that list no network interfaces are left out",
            ),
            (
                "conflicting-documents",
                &self.conflicting,
                "describe-instances differs from describe-network-interfaces, which counts, for",
            ),
            (
                "eni-without-groups",
                &self.without_groups,
                "ENIs without a security group admit nothing (S6.1)",
            ),
        ];
        for (code, names, text) in notes {
            if !names.is_empty() {
                draft.warn(code, names.len(), format!("{text}: {}", sample(names)));
            }
        }
    }

    /// A block as EC2 would keep it: bits beyond the prefix length are cleared.
    fn cidr(&mut self, text: &str, origin: impl Fn() -> Origin) -> Result<Cidr, LoadError> {
        match Cidr::parse(text) {
            Ok(cidr) => Ok(cidr),
            Err(CidrError::HostBits(cidr)) => {
                self.normalised.push(format!("{text} ({})", origin().describe()));
                Ok(cidr)
            }
            Err(CidrError::Syntax) => read::cidr(text).map_err(|error| origin().blame(error)),
        }
    }
}

impl Item {
    /// Reads the object; an error gets the path to where it went wrong.
    fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, LoadError> {
        serde_path_to_error::deserialize(&self.value).map_err(|error| {
            let inner = error.path().to_string();
            let origin = self.origin(if inner == "." { "" } else { &inner });
            origin.blame(LoadError::new(read::plain(&error.into_inner().to_string())))
        })
    }

    fn part<T>(&self, vpc: Option<String>, body: T) -> Part<T> {
        Part {
            id: self.id.clone(),
            vpc: vpc.map(|id| Ref { id, origin: self.origin("VpcId") }),
            region: self.region(),
            origin: self.origin(""),
            body,
        }
    }
}

/// An address of the object.
fn address(text: &str, origin: impl Fn() -> Origin) -> Result<std::net::IpAddr, LoadError> {
    read::address(text).map_err(|error| origin().blame(error))
}
