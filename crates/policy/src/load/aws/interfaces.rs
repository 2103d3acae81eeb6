//! Network interfaces: of describe-network-interfaces, and those that describe-instances carries.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use vpcreplay_flow::{Span, TimeoutName};

use crate::error::LoadError;

use super::super::draft::{Draft, EniBody, Origin, Part, Ref};
use super::collect::{Collection, Item, Kind};
use super::{Notes, address, dto};

pub(super) fn read(draft: &mut Draft, collection: &Collection, notes: &mut Notes) -> Result<(), LoadError> {
    let mut enis: Vec<Part<EniBody>> = Vec::new();
    for item in collection.of(Kind::NetworkInterface) {
        enis.push(interface(item, notes)?);
    }
    let known: HashMap<String, usize> = (0..).zip(&enis).map(|(at, eni)| (eni.id.clone(), at)).collect();
    for instance in collection.of(Kind::Instance) {
        for item in interfaces_of(instance, notes)? {
            let mut eni = interface(&item, notes)?;
            eni.body.instance = Some(instance.id.clone());
            eni.region = eni.region.or_else(|| instance.region());
            match known.get(&eni.id).and_then(|at| enis.get_mut(*at)) {
                Some(described) => merge(described, eni, notes),
                None => enis.push(eni),
            }
        }
    }
    notes
        .without_groups
        .extend(enis.iter().filter(|eni| eni.body.security_groups.is_empty()).map(|eni| eni.id.clone()));
    draft.enis.extend(enis);
    Ok(())
}

/// The interfaces of an instance, as objects of their own.
fn interfaces_of(instance: &Item, notes: &mut Notes) -> Result<Vec<Item>, LoadError> {
    let list = match instance.value.get("NetworkInterfaces") {
        Some(Value::Array(list)) => list.as_slice(),
        _ => &[],
    };
    if list.is_empty() && instance.value.get("PrivateIpAddress").is_some_and(|address| !address.is_null()) {
        notes.without_interfaces.push(instance.id.clone());
    }
    let make = |(at, value): (usize, &Value)| {
        let place = format!("NetworkInterfaces[{at}]");
        let Origin { document, place, .. } = instance.origin(&place);
        let path = match place {
            crate::Place::JsonPath(path) => path,
            crate::Place::Text { .. } => String::new(),
        };
        let id = value.get("NetworkInterfaceId").and_then(Value::as_str).map(str::to_owned);
        let item = Item { id: id.clone().unwrap_or_default(), value: value.clone(), document, path };
        match id {
            Some(_) => Ok(item),
            None => Err(item.origin("").blame(LoadError::new("the interface has no `NetworkInterfaceId`"))),
        }
    };
    list.iter().enumerate().map(make).collect()
}

/// describe-network-interfaces counts; describe-instances says the instance, and what the other leaves out.
fn merge(described: &mut Part<EniBody>, other: Part<EniBody>, notes: &mut Notes) {
    if contradict(&described.body, &other.body) {
        notes.conflicting.push(other.id.clone());
    }
    let (own, other_body) = (&mut described.body, other.body);
    own.instance = own.instance.take().or(other_body.instance);
    own.interface_type = own.interface_type.take().or(other_body.interface_type);
    if own.prefixes.is_empty() {
        own.prefixes = other_body.prefixes;
    }
    if own.timeouts.is_empty() {
        own.timeouts = other_body.timeouts;
    }
    described.region = described.region.take().or(other.region);
}

/// Whether two documents say different things of one ENI. What one of them leaves out is no contradiction.
fn contradict(own: &EniBody, other: &EniBody) -> bool {
    let groups = |eni: &EniBody| -> BTreeSet<String> {
        eni.security_groups.iter().map(|group| group.id.clone()).collect()
    };
    let addresses = |eni: &EniBody| -> BTreeSet<_> { eni.addresses.iter().copied().collect() };
    let prefixes = |eni: &EniBody| -> BTreeSet<_> { eni.prefixes.iter().map(ToString::to_string).collect() };
    let (own_prefixes, other_prefixes) = (prefixes(own), prefixes(other));
    let are_types_given = own.interface_type.is_some() && other.interface_type.is_some();
    let are_prefixes_given = !own_prefixes.is_empty() && !other_prefixes.is_empty();
    let are_timeouts_given = !own.timeouts.is_empty() && !other.timeouts.is_empty();
    groups(own) != groups(other)
        || addresses(own) != addresses(other)
        || own.instance.as_ref().is_some_and(|instance| Some(instance) != other.instance.as_ref())
        || (are_types_given && own.interface_type != other.interface_type)
        || (are_prefixes_given && own_prefixes != other_prefixes)
        || (are_timeouts_given && own.timeouts != other.timeouts)
}

fn interface(item: &Item, notes: &mut Notes) -> Result<Part<EniBody>, LoadError> {
    let eni: dto::NetworkInterface = item.parse()?;
    let mut addresses = Vec::new();
    let listed = eni.private_ip_addresses.iter().map(|private| private.private_ip_address.as_str());
    let ipv6 = eni.ipv6_addresses.iter().map(|address| address.ipv6_address.as_str());
    for text in eni.private_ip_address.as_deref().into_iter().chain(listed).chain(ipv6) {
        let parsed = address(text, || item.origin(""))?;
        if !addresses.contains(&parsed) {
            addresses.push(parsed);
        }
    }
    let mut prefixes = Vec::new();
    for prefix in eni.ipv4_prefixes.iter().chain(&eni.ipv6_prefixes) {
        for text in prefix.ipv4_prefix.iter().chain(&prefix.ipv6_prefix) {
            prefixes.push(notes.cidr(text, || item.origin(""))?);
        }
    }
    let group = |(at, group): (usize, &dto::GroupOf)| Ref {
        id: group.group_id.clone(),
        origin: item.origin(&format!("Groups[{at}]")),
    };
    let Some(subnet) = eni.subnet_id else {
        let error = LoadError::new(format!("ENI `{}` names no subnet", item.id)).expected("a key `SubnetId`");
        return Err(item.origin("").blame(error));
    };
    let body = EniBody {
        subnet: Ref { id: subnet, origin: item.origin("SubnetId") },
        addresses,
        prefixes,
        security_groups: eni.groups.iter().enumerate().map(group).collect(),
        instance: eni.attachment.and_then(|attachment| attachment.instance_id),
        interface_type: eni.interface_type,
        timeouts: timeouts(item, eni.connection_tracking_configuration.as_ref())?,
    };
    Ok(item.part(eni.vpc_id, body))
}

/// The ENI's own timeouts, in the ranges that the EC2 API takes (S7.3).
fn timeouts(
    item: &Item,
    configuration: Option<&dto::ConnectionTracking>,
) -> Result<BTreeMap<TimeoutName, Span>, LoadError> {
    let Some(given) = configuration else { return Ok(BTreeMap::new()) };
    let ranges = [
        (TimeoutName::TcpEstablished, "TcpEstablishedTimeout", given.tcp_established_timeout, 60..=432_000),
        (TimeoutName::Udp, "UdpTimeout", given.udp_timeout, 30..=60),
        (TimeoutName::UdpStream, "UdpStreamTimeout", given.udp_stream_timeout, 60..=180),
    ];
    let mut timeouts = BTreeMap::new();
    for (name, key, seconds, range) in ranges {
        let Some(seconds) = seconds else { continue };
        if !range.contains(&seconds) {
            let origin = item.origin(&format!("ConnectionTrackingConfiguration.{key}"));
            return Err(origin.blame(
                LoadError::new(format!("{key} is outside the range of the EC2 API"))
                    .expected(format!("{} to {} seconds", range.start(), range.end()))
                    .found(seconds.to_string())
                    .remedy("Correct the document; what-if timeouts of any length go into `[options]` or --timeout."),
            ));
        }
        timeouts.insert(name, Span::from_secs(seconds));
    }
    Ok(timeouts)
}
