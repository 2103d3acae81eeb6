//! VPCs, subnets and prefix lists.

use std::collections::BTreeMap;

use crate::cidr::Cidr;
use crate::error::LoadError;

use super::super::draft::{Draft, Part, PrefixListBody, SubnetBody, VpcBody};
use super::collect::{Collection, Item, Kind};
use super::{Notes, dto};

pub(super) fn read(draft: &mut Draft, collection: &Collection, notes: &mut Notes) -> Result<(), LoadError> {
    for item in collection.of(Kind::Vpc) {
        let vpc: dto::Vpc = item.parse()?;
        // The first IPv4 CIDR is the primary one (S3.6).
        let mut cidrs = Vec::new();
        if let Some(primary) = &vpc.cidr_block {
            cidrs.push(notes.cidr(primary, || item.origin("CidrBlock"))?);
        }
        associated(&vpc.cidr_block_association_set, (item, "CidrBlockAssociationSet"), notes, &mut cidrs)?;
        associated(
            &vpc.ipv6_cidr_block_association_set,
            (item, "Ipv6CidrBlockAssociationSet"),
            notes,
            &mut cidrs,
        )?;
        draft.vpcs.push(item.part(None, VpcBody { cidrs }));
    }
    for item in collection.of(Kind::Subnet) {
        let subnet: dto::Subnet = item.parse()?;
        let mut cidrs = Vec::new();
        if let Some(block) = &subnet.cidr_block {
            cidrs.push(notes.cidr(block, || item.origin("CidrBlock"))?);
        }
        associated(
            &subnet.ipv6_cidr_block_association_set,
            (item, "Ipv6CidrBlockAssociationSet"),
            notes,
            &mut cidrs,
        )?;
        draft.subnets.push(item.part(subnet.vpc_id, SubnetBody { cidrs, nacl: None }));
    }
    prefix_lists(draft, collection, notes)
}

/// CIDRs that are in use.
fn associated(
    associations: &[dto::Association],
    (item, key): (&Item, &str),
    notes: &mut Notes,
    cidrs: &mut Vec<Cidr>,
) -> Result<(), LoadError> {
    for (at, association) in associations.iter().enumerate() {
        let state = association.cidr_block_state.as_ref().or(association.ipv6_cidr_block_state.as_ref());
        let is_gone = state
            .and_then(|state| state.state.as_deref())
            .is_some_and(|state| matches!(state, "disassociated" | "disassociating" | "failed" | "failing"));
        let block = association.cidr_block.as_ref().or(association.ipv6_cidr_block.as_ref());
        if let Some(block) = block.filter(|block| !is_gone && !block.is_empty()) {
            let cidr = notes.cidr(block, || item.origin(&format!("{key}[{at}]")))?;
            if !cidrs.contains(&cidr) {
                cidrs.push(cidr);
            }
        }
    }
    Ok(())
}

/// Lists by name (describe-managed-prefix-lists), with CIDRs (describe-prefix-lists), and pages of entries add up.
fn prefix_lists(draft: &mut Draft, collection: &Collection, notes: &mut Notes) -> Result<(), LoadError> {
    let mut lists: BTreeMap<&str, Part<PrefixListBody>> = BTreeMap::new();
    let items = collection.of(Kind::PrefixList).iter().chain(collection.of(Kind::PrefixListEntries));
    for item in items {
        let texts: Option<Vec<String>> = if item.value.is_array() {
            let entries: Vec<dto::PrefixListEntry> = item.parse()?;
            Some(entries.into_iter().map(|entry| entry.cidr).collect())
        } else {
            item.parse::<dto::PrefixList>()?.cidrs
        };
        let list = lists
            .entry(&item.id)
            .or_insert_with(|| Part { region: None, ..item.part(None, PrefixListBody { entries: None }) });
        for (at, text) in texts.iter().flatten().enumerate() {
            let cidr = notes.cidr(text, || item.origin(&format!("[{at}]")))?;
            list.body.entries.get_or_insert_default().push(cidr);
        }
        if texts.is_some() {
            list.body.entries.get_or_insert_default();
        }
    }
    draft.prefix_lists.extend(lists.into_values());
    Ok(())
}
