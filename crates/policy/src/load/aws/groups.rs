//! Security groups and their rules.

use std::collections::{HashMap, HashSet};

use vpcreplay_flow::{Direction, Protocol};

use crate::error::LoadError;
use crate::service::{Ports, Service};

use super::super::draft::{Draft, DraftPeer, DraftRule, GroupBody, Ref};
use super::super::read;
use super::super::toml_model::rule_name;
use super::collect::{Collection, Item, Kind};
use super::{Notes, dto};

pub(super) fn read(draft: &mut Draft, collection: &Collection, notes: &mut Notes) -> Result<(), LoadError> {
    let mut by_rule = rules_by_group(collection, notes)?;
    let mut described = HashSet::new();
    for item in collection.of(Kind::SecurityGroup) {
        let group: dto::SecurityGroup = item.parse()?;
        // Rules with ids stand in place of the permissions (S12.11).
        let body = match by_rule.remove(&item.id) {
            Some((_, body)) => body,
            None => GroupBody {
                members: Vec::new(),
                ingress: permissions(item, (&group.ip_permissions, Direction::Ingress), notes)?,
                egress: permissions(item, (&group.ip_permissions_egress, Direction::Egress), notes)?,
            },
        };
        described.insert(item.id.clone());
        draft.groups.push(item.part(group.vpc_id, body));
    }
    // Groups that only their rules are known of.
    let mut others: Vec<(String, (&Item, GroupBody))> = by_rule.into_iter().collect();
    others.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (id, (item, body)) in others {
        let mut part = item.part(None, body);
        part.id = id;
        draft.groups.push(part);
    }
    Ok(())
}

/// The rules of describe-security-group-rules, in document order, by group.
fn rules_by_group<'a>(
    collection: &'a Collection,
    notes: &mut Notes,
) -> Result<HashMap<String, (&'a Item, GroupBody)>, LoadError> {
    let mut groups: HashMap<String, (&Item, GroupBody)> = HashMap::new();
    for item in collection.of(Kind::SecurityGroupRule) {
        let rule: dto::SecurityGroupRule = item.parse()?;
        let service = service(&rule.ip_protocol, (rule.from_port, rule.to_port))
            .map_err(|error| item.origin("").blame(error))?;
        let (_, body) = groups.entry(rule.group_id.clone()).or_insert_with(|| {
            (item, GroupBody { members: Vec::new(), ingress: Vec::new(), egress: Vec::new() })
        });
        let name = rule.security_group_rule_id.clone();
        match peer_of_rule(item, rule.cidr_ipv4.as_deref().or(rule.cidr_ipv6.as_deref()), &rule, notes)? {
            Some(peer) if rule.is_egress => body.egress.push(DraftRule { name, service, peer }),
            Some(peer) => body.ingress.push(DraftRule { name, service, peer }),
            None => notes.without_peer.push(item.origin("").describe()),
        }
    }
    Ok(groups)
}

fn peer_of_rule(
    item: &Item,
    cidr: Option<&str>,
    rule: &dto::SecurityGroupRule,
    notes: &mut Notes,
) -> Result<Option<DraftPeer>, LoadError> {
    if let Some(text) = cidr {
        return notes.cidr(text, || item.origin("")).map(|cidr| Some(DraftPeer::Cidr(cidr)));
    }
    let origin = item.origin("");
    if let Some(id) = rule.prefix_list_id.clone() {
        return Ok(Some(DraftPeer::PrefixList(Ref { id, origin })));
    }
    let group = rule.referenced_group_info.as_ref();
    Ok(group.map(|group| DraftPeer::Group(Ref { id: group.group_id.clone(), origin })))
}

/// The rules of a list of permissions: each peer is one.
fn permissions(
    item: &Item,
    (permissions, direction): (&[dto::IpPermission], Direction),
    notes: &mut Notes,
) -> Result<Vec<DraftRule>, LoadError> {
    let key = match direction {
        Direction::Ingress => "IpPermissions",
        Direction::Egress => "IpPermissionsEgress",
    };
    let mut rules = Vec::new();
    for (at, permission) in permissions.iter().enumerate() {
        let path = format!("{key}[{at}]");
        let service = service(&permission.ip_protocol, (permission.from_port, permission.to_port))
            .map_err(|error| item.origin(&path).blame(error))?;
        let peers = peers(item, &path, permission, notes)?;
        if peers.is_empty() {
            notes.without_peer.push(format!("{} of {}", path, item.id));
        }
        for peer in peers {
            let name = rule_name(&item.id, direction, rules.len() + 1);
            rules.push(DraftRule { name, service, peer });
        }
    }
    Ok(rules)
}

/// The peers of a permission: `IpRanges`, `Ipv6Ranges`, `PrefixListIds`, `UserIdGroupPairs`, in this order.
fn peers(
    item: &Item,
    path: &str,
    permission: &dto::IpPermission,
    notes: &mut Notes,
) -> Result<Vec<DraftPeer>, LoadError> {
    let mut peers = Vec::new();
    for (at, range) in permission.ip_ranges.iter().enumerate() {
        let origin = || item.origin(&format!("{path}.IpRanges[{at}].CidrIp"));
        peers.push(DraftPeer::Cidr(notes.cidr(&range.cidr_ip, origin)?));
    }
    for (at, range) in permission.ipv6_ranges.iter().enumerate() {
        let origin = || item.origin(&format!("{path}.Ipv6Ranges[{at}].CidrIpv6"));
        peers.push(DraftPeer::Cidr(notes.cidr(&range.cidr_ipv6, origin)?));
    }
    for (at, list) in permission.prefix_list_ids.iter().enumerate() {
        let origin = item.origin(&format!("{path}.PrefixListIds[{at}]"));
        peers.push(DraftPeer::PrefixList(Ref { id: list.prefix_list_id.clone(), origin }));
    }
    for (at, pair) in permission.user_id_group_pairs.iter().enumerate() {
        let origin = item.origin(&format!("{path}.UserIdGroupPairs[{at}]"));
        // Old documents name groups of EC2-Classic only by name: an id that no document has.
        let id = pair.group_id.clone().or_else(|| pair.group_name.clone());
        let id = id.ok_or_else(|| {
            origin.blame(LoadError::new("the group has neither id nor name").expected("a key `GroupId`"))
        })?;
        peers.push(DraftPeer::Group(Ref { id, origin }));
    }
    Ok(peers)
}

/// Protocol and ports as AWS prints them: −1 and null are all; an open end of a port range too.
fn service(protocol: &dto::ProtocolText, ends: (Option<i64>, Option<i64>)) -> Result<Service, LoadError> {
    Ok(match read::protocol(&protocol.0)? {
        None => Service::All,
        Some(Protocol::TCP) => Service::Tcp(ports(ends)?),
        Some(Protocol::UDP) => Service::Udp(ports(ends)?),
        Some(Protocol::ICMP) => icmp(ends).map(|(icmp_type, code)| Service::Icmp(icmp_type, code))?,
        Some(Protocol::ICMPV6) => icmp(ends).map(|(icmp_type, code)| Service::Icmpv6(icmp_type, code))?,
        Some(other) => Service::Number(other),
    })
}

/// A range of ports; an end that is −1 or null is open.
pub(super) fn ports((from, to): (Option<i64>, Option<i64>)) -> Result<Ports, LoadError> {
    let open = |end: Option<i64>, otherwise: u16| match end {
        None | Some(-1) => Some(otherwise),
        Some(port) => u16::try_from(port).ok(),
    };
    match (open(from, 0), open(to, u16::MAX)) {
        (Some(from), Some(to)) if from <= to => Ok(Ports { from, to }),
        _ => {
            let end = |end: Option<i64>| end.map_or_else(|| "null".to_owned(), |port| port.to_string());
            Err(LoadError::new("this is not a range of ports")
                .expected("ports from 0 to 65535, the lower one first")
                .found(format!("{} to {}", end(from), end(to))))
        }
    }
}

/// ICMP type and code; −1 or null is all.
pub(super) fn icmp(
    (icmp_type, code): (Option<i64>, Option<i64>),
) -> Result<(Option<u8>, Option<u8>), LoadError> {
    let part = |part: Option<i64>| match part {
        None | Some(-1) => Ok(None),
        Some(number) => u8::try_from(number).map(Some).map_err(|_| {
            LoadError::new("this is not an ICMP type and code")
                .expected("numbers from 0 to 255, or -1 for all")
                .found(number.to_string())
        }),
    };
    Ok((part(icmp_type)?, part(code)?))
}
