//! Checks what the documents say as a whole and makes the network of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cidr::Cidr;
use crate::error::LoadError;
use crate::network::{DEFAULT_NACL, Eni, Nacl, Network, PrefixList, Subnet, Vpc};
use crate::{Loaded, Selection};

use super::draft::{Author, Draft, EniBody, Origin, Part, SubnetBody, sample};
use super::{references, select};

/// Makes the model.
pub(crate) fn assemble(mut draft: Draft, selection: &Selection) -> Result<Loaded, LoadError> {
    unique("VPC", &draft.vpcs)?;
    unique("subnet", &draft.subnets)?;
    unique("ENI", &draft.enis)?;
    unique("security group", &draft.groups)?;
    unique("network ACL", &draft.nacls)?;
    unique("prefix list", &draft.prefix_lists)?;
    reserved_nacl(&draft)?;
    let limits = limits(&draft)?;
    select::select(&mut draft, selection)?;
    let kept: BTreeSet<&str> = scope_names(&draft).collect();
    let limits = limits.into_iter().filter(|(id, _)| kept.contains(id.as_str())).collect();
    known_vpcs(&mut draft)?;
    add_unknown_subnets(&mut draft)?;
    unique_addresses(&draft)?;
    let subnets = subnets(&mut draft)?;
    let enis = enis(&draft)?;
    let groups = references::groups(&mut draft)?;
    let nacls = nacls(&draft, &subnets);
    if draft.enis.is_empty() {
        draft.warn("no-interfaces", 1, "the model has no ENI, so no packet can be judged");
    }
    let vpcs = draft.vpcs.into_iter().map(|part| Vpc { id: part.id, cidrs: part.body.cidrs });
    let prefix_lists = draft
        .prefix_lists
        .into_iter()
        .map(|part| PrefixList { id: part.id, entries: part.body.entries.unwrap_or_default() });
    let network = Network {
        vpcs: vpcs.collect(),
        subnets,
        enis,
        groups,
        nacls,
        prefix_lists: prefix_lists.collect(),
        options: draft.options,
        limits,
    };
    Ok(Loaded { network, warnings: draft.warnings })
}

/// No id twice.
fn unique<T>(kind: &str, parts: &[Part<T>]) -> Result<(), LoadError> {
    let mut seen: HashMap<&str, &Origin> = HashMap::new();
    for part in parts {
        if let Some(first) = seen.insert(&part.id, &part.origin) {
            return Err(part.origin.blame(
                LoadError::new(format!(
                    "{kind} `{}` is described twice, first in {}",
                    part.id,
                    first.describe()
                ))
                .remedy("Keep one of the two."),
            ));
        }
    }
    Ok(())
}

fn reserved_nacl(draft: &Draft) -> Result<(), LoadError> {
    match draft.nacls.iter().find(|nacl| nacl.id == DEFAULT_NACL) {
        None => Ok(()),
        Some(nacl) => Err(nacl.origin.blame(
            LoadError::new(format!("the id `{DEFAULT_NACL}` stands for the default network ACL"))
                .remedy("Give the network ACL another id, such as `acl-default`."),
        )),
    }
}

/// The ids that a limit may name: ENIs and instances.
fn scope_names(draft: &Draft) -> impl Iterator<Item = &str> {
    let instances = draft.enis.iter().filter_map(|eni| eni.body.instance.as_deref());
    draft.enis.iter().map(|eni| eni.id.as_str()).chain(instances)
}

/// One limit for each id, and no id that nobody has (S12.17).
fn limits(draft: &Draft) -> Result<BTreeMap<String, u64>, LoadError> {
    let known: BTreeSet<&str> = scope_names(draft).collect();
    let mut limits = BTreeMap::new();
    for given in &draft.limits {
        if !known.contains(given.id.as_str()) {
            return Err(given.origin.blame(
                LoadError::new(format!("a limit is given for `{}`, which is no ENI or instance", given.id))
                    .expected(nearest(&given.id, known.iter().copied()))
                    .remedy("Name an ENI or an instance of the model."),
            ));
        }
        if limits.insert(given.id.clone(), given.limit).is_some() {
            return Err(given.origin.blame(
                LoadError::new(format!("`{}` is given two limits", given.id))
                    .remedy("Keep one: the ENI's own `limit` or its line in `limits`."),
            ));
        }
    }
    Ok(limits)
}

/// What the model has, for an error about an unknown id: the most alike first.
pub(super) fn nearest<'a>(id: &str, known: impl Iterator<Item = &'a str>) -> String {
    let common = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let mut known: Vec<&str> = known.collect();
    known.sort_by_key(|other| (std::cmp::Reverse(common(other)), *other));
    match known.as_slice() {
        [] => "one of the model, which has none".to_owned(),
        [only] => format!("`{only}`, the only one of the model"),
        several => format!("one of {}", sample(several)),
    }
}

/// VPCs that subnets name: the user's must exist, AWS documents may lack them.
fn known_vpcs(draft: &mut Draft) -> Result<(), LoadError> {
    let known: BTreeSet<&str> = draft.vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for subnet in &draft.subnets {
        let Some(vpc) = subnet.vpc.as_ref().filter(|vpc| !known.contains(vpc.id.as_str())) else { continue };
        if vpc.origin.author == Author::User {
            return Err(vpc.origin.blame(
                LoadError::new(format!(
                    "subnet `{}` is in VPC `{}`, which the model lacks",
                    subnet.id, vpc.id
                ))
                .expected(nearest(&vpc.id, known.iter().copied()))
                .remedy("Add a [[vpc]] with this id, or correct it."),
            ));
        }
        missing.insert(vpc.id.clone());
    }
    if !missing.is_empty() {
        let names: Vec<String> = missing.into_iter().collect();
        let text = format!(
            "the documents do not describe these VPCs, so their DNS address and CIDRs are unknown: {}",
            sample(&names)
        );
        draft.warn("unknown-vpc", names.len(), text);
    }
    Ok(())
}

/// Subnets that ENIs name: the user's must exist; one that AWS documents lack has no known CIDRs (S3.5).
fn add_unknown_subnets(draft: &mut Draft) -> Result<(), LoadError> {
    let known: BTreeSet<&str> = draft.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
    let mut missing: BTreeMap<String, Part<SubnetBody>> = BTreeMap::new();
    for eni in &draft.enis {
        let subnet = &eni.body.subnet;
        if known.contains(subnet.id.as_str()) {
            continue;
        }
        if subnet.origin.author == Author::User {
            return Err(subnet.origin.blame(
                LoadError::new(format!(
                    "ENI `{}` is in subnet `{}`, which the model lacks",
                    eni.id, subnet.id
                ))
                .expected(nearest(&subnet.id, known.iter().copied()))
                .remedy("Add a [[subnet]] with this id, or correct it."),
            ));
        }
        missing.entry(subnet.id.clone()).or_insert_with(|| Part {
            id: subnet.id.clone(),
            vpc: eni.vpc.clone(),
            region: None,
            origin: subnet.origin.clone(),
            body: SubnetBody { cidrs: Vec::new(), nacl: None },
        });
    }
    if !missing.is_empty() {
        let names: Vec<&String> = missing.keys().collect();
        let text = format!(
            "the documents do not describe these subnets, so their network ACL judges all their traffic: {}",
            sample(&names)
        );
        draft.warn("unknown-subnet", missing.len(), text);
        draft.subnets.extend(missing.into_values());
    }
    Ok(())
}

/// No address and no prefix on two ENIs (S3.2).
fn unique_addresses(draft: &Draft) -> Result<(), LoadError> {
    let mut seen: HashMap<Cidr, &Part<EniBody>> = HashMap::new();
    for eni in &draft.enis {
        let addresses = eni.body.addresses.iter().map(|address| Cidr::of_address(*address));
        for block in addresses.chain(eni.body.prefixes.iter().copied()) {
            match seen.insert(block, eni) {
                Some(first) if first.id != eni.id => return Err(owned_twice(draft, block, (first, eni))),
                _ => {}
            }
        }
    }
    Ok(())
}

fn owned_twice(draft: &Draft, block: Cidr, (first, second): (&Part<EniBody>, &Part<EniBody>)) -> LoadError {
    let vpc_of = |eni: &Part<EniBody>| {
        let subnet = draft.subnets.iter().find(|subnet| subnet.id == eni.body.subnet.id);
        eni.vpc.clone().or_else(|| subnet?.vpc.clone()).map(|vpc| vpc.id)
    };
    let is_address = block == Cidr::of_address(block.address());
    let what = if is_address { format!("address {}", block.address()) } else { format!("prefix {block}") };
    let error = LoadError::new(format!(
        "{what} is on two ENIs, `{}` ({}) and `{}`",
        first.id,
        first.origin.describe(),
        second.id
    ));
    second.origin.blame(match (vpc_of(first), vpc_of(second)) {
        (Some(one), Some(other)) if one != other => error.remedy(format!(
            "They are of different VPCs: choose one with `--vpc-id {one}` or `--vpc-id {other}`."
        )),
        _ => error.remedy("Take it from one of the two."),
    })
}

/// Subnets with their ACL: by name, by the ACL's associations, or the default one (S6.1, S12.14).
fn subnets(draft: &mut Draft) -> Result<Vec<Subnet>, LoadError> {
    let associated = associations(draft)?;
    let known: BTreeSet<&str> = draft.nacls.iter().map(|nacl| nacl.id.as_str()).collect();
    let mut without: Vec<String> = Vec::new();
    let mut subnets = Vec::new();
    for subnet in &draft.subnets {
        let named = subnet.body.nacl.as_ref();
        if let Some(nacl) = named.filter(|nacl| !known.contains(nacl.id.as_str())) {
            return Err(nacl.origin.blame(
                LoadError::new(format!("subnet `{}` has network ACL `{}`, which the model lacks", subnet.id, nacl.id))
                    .expected(nearest(&nacl.id, known.iter().copied()))
                    .remedy("Add a [[nacl]] with this id, correct it, or leave it out for the default one (allow all)."),
            ));
        }
        let nacl = named.map(|nacl| nacl.id.clone()).or_else(|| associated.get(&subnet.id).cloned());
        if nacl.is_none() && subnet.origin.author == Author::Aws {
            without.push(subnet.id.clone());
        }
        subnets.push(Subnet {
            id: subnet.id.clone(),
            vpc: subnet.vpc.as_ref().map(|vpc| vpc.id.clone()),
            cidrs: subnet.body.cidrs.clone(),
            nacl: nacl.unwrap_or_else(|| default_nacl(draft, subnet)),
        });
    }
    if !without.is_empty() {
        let text = format!(
            "no document says which network ACL these subnets have, so they get the default one: {}",
            sample(&without)
        );
        draft.warn("default-nacl", without.len(), text);
    }
    Ok(subnets)
}

/// Which subnet each ACL says it has.
fn associations(draft: &Draft) -> Result<HashMap<String, String>, LoadError> {
    let mut associated: HashMap<String, String> = HashMap::new();
    for nacl in &draft.nacls {
        for subnet in &nacl.body.subnets {
            match associated.insert(subnet.id.clone(), nacl.id.clone()) {
                Some(other) if other != nacl.id => {
                    return Err(subnet.origin.blame(
                        LoadError::new(format!(
                            "subnet `{}` is associated with two network ACLs, `{other}` and `{}`",
                            subnet.id, nacl.id
                        ))
                        .remedy("A subnet has exactly one: collect the documents anew, at one time."),
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(associated)
}

/// The VPC's own default ACL where the documents have it, else the one that allows all.
fn default_nacl(draft: &Draft, subnet: &Part<SubnetBody>) -> String {
    let vpc = subnet.vpc.as_ref().map(|vpc| vpc.id.as_str());
    let own = draft.nacls.iter().find(|nacl| {
        nacl.body.is_default && vpc.is_some() && nacl.vpc.as_ref().map(|vpc| vpc.id.as_str()) == vpc
    });
    own.map_or_else(|| DEFAULT_NACL.to_owned(), |nacl| nacl.id.clone())
}

fn enis(draft: &Draft) -> Result<Vec<Eni>, LoadError> {
    let known: BTreeSet<&str> = draft.groups.iter().map(|group| group.id.as_str()).collect();
    let make = |part: &Part<EniBody>| {
        let body = &part.body;
        if let Some(group) = body.security_groups.iter().find(|group| !known.contains(group.id.as_str())) {
            return Err(group.origin.blame(
                LoadError::new(format!(
                    "ENI `{}` has security group `{}`, which the model lacks",
                    part.id, group.id
                ))
                .expected(nearest(&group.id, known.iter().copied()))
                .remedy("Add the group to the model: without its rules the ENI cannot be judged."),
            ));
        }
        Ok(Eni {
            id: part.id.clone(),
            subnet: body.subnet.id.clone(),
            addresses: body.addresses.clone(),
            prefixes: body.prefixes.clone(),
            security_groups: body.security_groups.iter().map(|group| group.id.clone()).collect(),
            instance: body.instance.clone(),
            interface_type: body.interface_type.clone(),
            timeouts: body.timeouts.clone(),
        })
    };
    draft.enis.iter().map(make).collect()
}

/// The ACLs, and the default one where a subnet uses it.
fn nacls(draft: &Draft, subnets: &[Subnet]) -> Vec<Nacl> {
    let documented = draft.nacls.iter().map(|part| Nacl {
        id: part.id.clone(),
        ingress: part.body.ingress.clone(),
        egress: part.body.egress.clone(),
    });
    let default = subnets.iter().any(|subnet| subnet.nacl == DEFAULT_NACL).then(Nacl::default_allow_all);
    documented.chain(default).collect()
}
