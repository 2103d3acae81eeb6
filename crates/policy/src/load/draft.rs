//! What the documents say, before it is checked as a whole.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use vpcreplay_flow::{Span, TimeoutName};

use crate::cidr::Cidr;
use crate::error::{LoadError, Place, Warning};
use crate::network::NaclEntry;
use crate::options::Options;
use crate::service::Service;

/// Who wrote a document: what the user writes must hold, what AWS prints may be one account's part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    User,
    Aws,
}

/// Where something was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) document: Arc<str>,
    pub(crate) author: Author,
    pub(crate) place: Place,
}

impl Origin {
    /// The error, with this as its place.
    pub(crate) fn blame(&self, error: LoadError) -> LoadError {
        error.in_document(&*self.document).at(self.place.clone())
    }

    /// The place in words, for an error that points elsewhere.
    pub(crate) fn describe(&self) -> String {
        match &self.place {
            place @ Place::JsonPath(_) => format!("{} {place}", self.document),
            place @ Place::Text { .. } => format!("{}, {place}", self.document),
        }
    }
}

/// A reference by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ref {
    pub(crate) id: String,
    pub(crate) origin: Origin,
}

/// A part of the model with its origin and what selects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<T> {
    pub(crate) id: String,
    pub(crate) vpc: Option<Ref>,
    pub(crate) region: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) body: T,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VpcBody {
    pub(crate) cidrs: Vec<Cidr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubnetBody {
    pub(crate) cidrs: Vec<Cidr>,
    pub(crate) nacl: Option<Ref>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EniBody {
    pub(crate) subnet: Ref,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) prefixes: Vec<Cidr>,
    pub(crate) security_groups: Vec<Ref>,
    pub(crate) instance: Option<String>,
    pub(crate) interface_type: Option<String>,
    pub(crate) timeouts: BTreeMap<TimeoutName, Span>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupBody {
    pub(crate) members: Vec<Cidr>,
    pub(crate) ingress: Vec<DraftRule>,
    pub(crate) egress: Vec<DraftRule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftRule {
    pub(crate) name: String,
    pub(crate) service: Service,
    pub(crate) peer: DraftPeer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DraftPeer {
    Cidr(Cidr),
    Group(Ref),
    PrefixList(Ref),
    /// A security group or a prefix list: the user's text does not say which.
    Named(Ref),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NaclBody {
    pub(crate) is_default: bool,
    /// Subnets that the ACL says it is associated with.
    pub(crate) subnets: Vec<Ref>,
    pub(crate) ingress: Vec<NaclEntry>,
    pub(crate) egress: Vec<NaclEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrefixListBody {
    /// `None` where a document names the list without its entries.
    pub(crate) entries: Option<Vec<Cidr>>,
}

/// A limit of one ENI or instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitOf {
    pub(crate) id: String,
    pub(crate) limit: u64,
    pub(crate) origin: Origin,
}

/// Everything that the documents say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) vpcs: Vec<Part<VpcBody>>,
    pub(crate) subnets: Vec<Part<SubnetBody>>,
    pub(crate) enis: Vec<Part<EniBody>>,
    pub(crate) groups: Vec<Part<GroupBody>>,
    pub(crate) nacls: Vec<Part<NaclBody>>,
    pub(crate) prefix_lists: Vec<Part<PrefixListBody>>,
    pub(crate) options: Options,
    /// The document that has `[options]`.
    pub(crate) options_origin: Option<Origin>,
    pub(crate) limits: Vec<LimitOf>,
    pub(crate) warnings: Vec<Warning>,
}

impl Draft {
    /// Notes something that the user should know.
    pub(crate) fn warn(&mut self, code: &'static str, count: usize, text: impl Into<String>) {
        self.warnings.push(Warning { code, text: text.into(), count: count as u64 });
    }
}

/// The first few of many names, in words.
pub(crate) fn sample<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
