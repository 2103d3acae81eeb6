//! Network ACLs.

use std::collections::BTreeMap;

use vpcreplay_flow::Protocol;

use crate::error::LoadError;
use crate::network::{Action, NaclEntry};
use crate::service::Service;

use super::super::draft::{Draft, NaclBody, Ref};
use super::super::read;
use super::super::toml_model::action;
use super::collect::{Collection, Item, Kind};
use super::groups::{icmp, ports};
use super::{Notes, dto};

pub(super) fn read(draft: &mut Draft, collection: &Collection, notes: &mut Notes) -> Result<(), LoadError> {
    for item in collection.of(Kind::NetworkAcl) {
        let nacl: dto::NetworkAcl = item.parse()?;
        let subnet = |(at, association): (usize, &dto::AclAssociation)| {
            let origin = item.origin(&format!("Associations[{at}].SubnetId"));
            association.subnet_id.clone().map(|id| Ref { id, origin })
        };
        let body = NaclBody {
            is_default: nacl.is_default,
            subnets: nacl.associations.iter().enumerate().filter_map(subnet).collect(),
            ingress: entries(item, nacl.entries.iter().map(|entry| (!entry.egress).then_some(entry)), notes)?,
            egress: entries(item, nacl.entries.iter().map(|entry| entry.egress.then_some(entry)), notes)?,
        };
        draft.nacls.push(item.part(nacl.vpc_id, body));
    }
    Ok(())
}

/// The numbered entries of one direction; those of the other are `None`, so that positions stay.
fn entries<'a>(
    item: &Item,
    list: impl Iterator<Item = Option<&'a dto::AclEntry>>,
    notes: &mut Notes,
) -> Result<Vec<NaclEntry>, LoadError> {
    let mut entries: BTreeMap<u16, NaclEntry> = BTreeMap::new();
    for (at, entry) in list.enumerate().filter_map(|(at, entry)| Some((at, entry?))) {
        let path = format!("Entries[{at}]");
        let blame = |error: LoadError| item.origin(&path).blame(error);
        let Some(read) = read_entry(item, &path, entry, notes)? else { continue };
        let number = read.number;
        // Pages that overlap give an entry twice in the same words.
        match entries.insert(number, read.clone()) {
            Some(first) if first != read => {
                return Err(blame(
                    LoadError::new(format!(
                        "rule number {number} of `{}` occurs twice in one direction",
                        item.id
                    ))
                    .remedy("Collect the document anew: AWS keeps a number once in each direction."),
                ));
            }
            _ => {}
        }
    }
    Ok(entries.into_values().collect())
}

/// An entry; `None` for the final one, which is implied.
fn read_entry(
    item: &Item,
    path: &str,
    entry: &dto::AclEntry,
    notes: &mut Notes,
) -> Result<Option<NaclEntry>, LoadError> {
    let blame = |error: LoadError| item.origin(path).blame(error);
    let action = action(&entry.rule_action).map_err(blame)?;
    let service = service(entry).map_err(blame)?;
    let Some(text) = entry.cidr_block.as_deref().or(entry.ipv6_cidr_block.as_deref()) else {
        return Err(blame(
            LoadError::new("the entry has no CIDR").expected("a key `CidrBlock` or `Ipv6CidrBlock`"),
        ));
    };
    let peer = notes.cidr(text, || item.origin(path))?;
    let is_final = matches!(entry.rule_number, 32767 | 32768);
    if is_final && action == Action::Deny && service == Service::All && peer.is_everything() {
        return Ok(None);
    }
    let number = u16::try_from(entry.rule_number).ok().filter(|number| (1..=32766).contains(number));
    let number = number.ok_or_else(|| {
        blame(
            LoadError::new(format!("{} is not the number of an entry", entry.rule_number))
                .expected("a number from 1 to 32766, or 32767 and 32768 for the final entries that deny all"),
        )
    })?;
    Ok(Some(NaclEntry { number, action, service, peer }))
}

fn service(entry: &dto::AclEntry) -> Result<Service, LoadError> {
    let range = entry.port_range.as_ref().map_or((None, None), |range| (range.from, range.to));
    let types = entry.icmp_type_code.as_ref().map_or((None, None), |types| (types.icmp_type, types.code));
    Ok(match read::protocol(&entry.protocol.0)? {
        None => Service::All,
        Some(Protocol::TCP) => Service::Tcp(ports(range)?),
        Some(Protocol::UDP) => Service::Udp(ports(range)?),
        Some(Protocol::ICMP) => icmp(types).map(|(icmp_type, code)| Service::Icmp(icmp_type, code))?,
        Some(Protocol::ICMPV6) => icmp(types).map(|(icmp_type, code)| Service::Icmpv6(icmp_type, code))?,
        Some(other) => Service::Number(other),
    })
}
