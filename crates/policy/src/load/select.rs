//! `--vpc-id` and `--region`: which part of the documents makes the model.

use std::collections::{BTreeSet, HashMap};

use crate::Selection;
use crate::error::LoadError;

use super::draft::{Draft, EniBody, Part, sample};

/// Drops what is not selected.
pub(crate) fn select(draft: &mut Draft, selection: &Selection) -> Result<(), LoadError> {
    if let Some(region) = &selection.region {
        by_region(draft, region)?;
    }
    if let Some(vpc) = &selection.vpc_id {
        by_vpc(draft, vpc)?;
    }
    Ok(())
}

/// Keeps what is of the region, and what no document places in any.
fn by_region(draft: &mut Draft, region: &str) -> Result<(), LoadError> {
    let of_subnet: HashMap<String, String> =
        draft.subnets.iter().filter_map(|subnet| Some((subnet.id.clone(), subnet.region.clone()?))).collect();
    for eni in &mut draft.enis {
        if eni.region.is_none() {
            eni.region = of_subnet.get(&eni.body.subnet.id).cloned();
        }
    }
    let of_vpc: HashMap<String, String> = draft
        .subnets
        .iter()
        .filter_map(|subnet| Some((subnet.vpc.as_ref()?.id.clone(), subnet.region.clone()?)))
        .collect();
    for vpc in &mut draft.vpcs {
        vpc.region = vpc.region.take().or_else(|| of_vpc.get(&vpc.id).cloned());
    }
    by_their_vpc(&mut draft.groups, &of_vpc);
    by_their_vpc(&mut draft.nacls, &of_vpc);
    let regions: BTreeSet<&str> = regions(&draft.vpcs)
        .chain(regions(&draft.subnets))
        .chain(regions(&draft.enis))
        .chain(regions(&draft.groups))
        .chain(regions(&draft.nacls))
        .collect();
    if !regions.contains(region) {
        let known: Vec<&str> = regions.into_iter().collect();
        let found = if known.is_empty() { "no region at all".to_owned() } else { sample(&known) };
        return Err(LoadError::new(format!("nothing in the documents is of region `{region}`"))
            .found(found)
            .remedy("Name a region of the documents, or leave --region out."));
    }
    keep(&mut draft.vpcs, region);
    keep(&mut draft.subnets, region);
    keep(&mut draft.enis, region);
    keep(&mut draft.groups, region);
    keep(&mut draft.nacls, region);
    Ok(())
}

fn keep<T>(parts: &mut Vec<Part<T>>, region: &str) {
    parts.retain(|part| part.region.as_deref().is_none_or(|own| own == region));
}

/// Gives parts whose own region is not known that of their VPC.
fn by_their_vpc<T>(parts: &mut [Part<T>], of_vpc: &HashMap<String, String>) {
    for part in parts {
        let of_its_vpc = part.vpc.as_ref().and_then(|vpc| of_vpc.get(&vpc.id).cloned());
        part.region = part.region.take().or(of_its_vpc);
    }
}

fn regions<T>(parts: &[Part<T>]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| part.region.as_deref())
}

/// Keeps one VPC. Groups stay where an ENI of that VPC has them, ACLs and groups of no known VPC stay too.
fn by_vpc(draft: &mut Draft, vpc: &str) -> Result<(), LoadError> {
    let of_subnet: HashMap<&str, &str> = draft
        .subnets
        .iter()
        .filter_map(|subnet| Some((subnet.id.as_str(), subnet.vpc.as_ref()?.id.as_str())))
        .collect();
    let vpc_of = |eni: &Part<EniBody>| {
        let own = eni.vpc.as_ref().map(|own| own.id.clone());
        own.or_else(|| of_subnet.get(eni.body.subnet.id.as_str()).map(|vpc| (*vpc).to_owned()))
    };
    let owners: Vec<Option<String>> = draft.enis.iter().map(vpc_of).collect();
    let known: BTreeSet<&str> = draft
        .vpcs
        .iter()
        .map(|known| known.id.as_str())
        .chain(of_subnet.values().copied())
        .chain(owners.iter().flatten().map(String::as_str))
        .collect();
    if !known.contains(vpc) {
        let known: Vec<&str> = known.into_iter().collect();
        return Err(LoadError::new(format!("no document has VPC `{vpc}`"))
            .found(if known.is_empty() { "no VPC at all".to_owned() } else { sample(&known) })
            .remedy("Name one of these with --vpc-id."));
    }
    let mut owner = owners.into_iter();
    draft.enis.retain(|_| owner.next().flatten().is_some_and(|own| own == vpc));
    draft.vpcs.retain(|part| part.id == vpc);
    draft.subnets.retain(|part| part.vpc.as_ref().is_some_and(|own| own.id == vpc));
    let used: BTreeSet<&str> =
        draft.enis.iter().flat_map(|eni| &eni.body.security_groups).map(|group| group.id.as_str()).collect();
    draft
        .groups
        .retain(|part| used.contains(part.id.as_str()) || part.vpc.as_ref().is_none_or(|own| own.id == vpc));
    draft.nacls.retain(|part| part.vpc.as_ref().is_none_or(|own| own.id == vpc));
    Ok(())
}
