//! What the rules of security groups refer to.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::LoadError;
use crate::network::{Peer, SecurityGroup, SecurityGroupRule};

use super::assemble::nearest;
use super::draft::{Draft, DraftPeer, DraftRule, Ref};

/// The groups with what their rules refer to.
pub(crate) fn groups(draft: &mut Draft) -> Result<Vec<SecurityGroup>, LoadError> {
    let mut references = References {
        groups: draft.groups.iter().map(|group| group.id.clone()).collect(),
        lists: draft.prefix_lists.iter().map(|list| (list.id.clone(), list.body.entries.is_some())).collect(),
        unknown: BTreeMap::new(),
        without_entries: BTreeMap::new(),
    };
    let mut groups = Vec::new();
    for part in &draft.groups {
        groups.push(SecurityGroup {
            id: part.id.clone(),
            vpc: part.vpc.as_ref().map(|vpc| vpc.id.clone()),
            members: part.body.members.clone(),
            ingress: references.rules(&part.body.ingress)?,
            egress: references.rules(&part.body.egress)?,
        });
    }
    for (id, rules) in references.unknown {
        let text = format!("{} to `{id}`, which the documents lack: no packet matches there", refer(rules));
        draft.warn("unresolved-reference", rules, text);
    }
    for (id, rules) in references.without_entries {
        let text = format!(
            "{} to prefix list `{id}`, whose entries the documents lack: no packet matches there",
            refer(rules)
        );
        draft.warn("prefix-list-without-entries", rules, text);
    }
    Ok(groups)
}

fn refer(rules: usize) -> String {
    if rules == 1 { "1 rule refers".to_owned() } else { format!("{rules} rules refer") }
}

/// What rules may refer to, and the references that led nowhere, with the number of rules.
struct References {
    groups: BTreeSet<String>,
    lists: BTreeMap<String, bool>,
    unknown: BTreeMap<String, usize>,
    without_entries: BTreeMap<String, usize>,
}

impl References {
    fn rules(&mut self, rules: &[DraftRule]) -> Result<Vec<SecurityGroupRule>, LoadError> {
        let resolve = |rule: &DraftRule| {
            let peer = self.peer(&rule.peer)?;
            Ok(SecurityGroupRule { name: rule.name.clone(), service: rule.service, peer })
        };
        rules.iter().map(resolve).collect()
    }

    fn peer(&mut self, peer: &DraftPeer) -> Result<Peer, LoadError> {
        match peer {
            DraftPeer::Cidr(cidr) => Ok(Peer::Cidr(*cidr)),
            DraftPeer::Group(group) => {
                if !self.groups.contains(&group.id) {
                    *self.unknown.entry(group.id.clone()).or_default() += 1;
                }
                Ok(Peer::Group(group.id.clone()))
            }
            DraftPeer::PrefixList(list) => {
                match self.lists.get(&list.id) {
                    Some(true) => {}
                    Some(false) => *self.without_entries.entry(list.id.clone()).or_default() += 1,
                    None => *self.unknown.entry(list.id.clone()).or_default() += 1,
                }
                Ok(Peer::PrefixList(list.id.clone()))
            }
            DraftPeer::Named(named) => self.named(named),
        }
    }

    fn named(&mut self, named: &Ref) -> Result<Peer, LoadError> {
        match (self.groups.contains(&named.id), self.lists.contains_key(&named.id)) {
            (true, false) => Ok(Peer::Group(named.id.clone())),
            (false, true) => self.peer(&DraftPeer::PrefixList(named.clone())),
            (true, true) => Err(named.origin.blame(
                LoadError::new(format!("peer `{}` is both a security group and a prefix list", named.id))
                    .remedy("Give one of the two another id."),
            )),
            (false, false) => {
                let known = self.groups.iter().chain(self.lists.keys()).map(String::as_str);
                Err(named.origin.blame(
                    LoadError::new(format!("peer `{}` is not known", named.id))
                        .expected(format!("a CIDR, an address, or {}", nearest(&named.id, known)))
                        .remedy("A group outside the model is a [[security_group]] with its addresses as `members`."),
                ))
            }
        }
    }
}
