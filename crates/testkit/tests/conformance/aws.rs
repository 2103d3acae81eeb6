//! A small reader of AWS CLI documents, independent of the policy crate.

use std::path::Path;

use serde_json::Value;
use vpcreplay_flow::{Span, TimeoutName};
use vpcreplay_testkit::reference::{
    Action, Cidr, Eni, Group, Model, Nacl, NaclEntry, Peer, PrefixList, Service, SgRule, Subnet, Vpc,
};

/// A model from a folder of documents.
pub(crate) fn read(folder: &Path) -> Model {
    let mut model = Model::default();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let documents: Vec<Value> =
        files.iter().map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect();
    for document in &documents {
        model.vpcs.extend(list(&document["Vpcs"], vpc));
        model.subnets.extend(list(&document["Subnets"], subnet));
        model.enis.extend(list(&document["NetworkInterfaces"], eni));
        model.groups.extend(list(&document["SecurityGroups"], group));
        model.nacls.extend(list(&document["NetworkAcls"], nacl));
        if let Some(id) = document["PrefixListId"].as_str() {
            let entries = list(&document["Entries"], |entry| cidr(&entry["Cidr"]));
            model.prefix_lists.push(PrefixList { id: id.to_owned(), entries });
        }
    }
    for acl in documents.iter().flat_map(|document| list(&document["NetworkAcls"], Value::clone)) {
        for association in list(&acl["Associations"], Value::clone) {
            for subnet in model.subnets.iter_mut().filter(|s| s.id == association["SubnetId"]) {
                subnet.nacl = Some(text(&acl["NetworkAclId"]));
            }
        }
        // S12.14: a subnet without one gets the VPC's own default ACL.
        if acl["IsDefault"] == true {
            for subnet in model.subnets.iter_mut().filter(|s| s.vpc == acl["VpcId"]) {
                subnet.nacl.get_or_insert(text(&acl["NetworkAclId"]));
            }
        }
    }
    model
}

fn list<T>(value: &Value, read: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(read).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn cidr(value: &Value) -> Cidr {
    text(value).parse().unwrap()
}

fn vpc(value: &Value) -> Vpc {
    let mut cidrs = vec![cidr(&value["CidrBlock"])];
    for block in list(&value["CidrBlockAssociationSet"], |a| cidr(&a["CidrBlock"])) {
        if !cidrs.contains(&block) {
            cidrs.push(block);
        }
    }
    cidrs.extend(list(&value["Ipv6CidrBlockAssociationSet"], |a| cidr(&a["Ipv6CidrBlock"])));
    Vpc { id: text(&value["VpcId"]), cidrs }
}

fn subnet(value: &Value) -> Subnet {
    let mut cidrs = vec![cidr(&value["CidrBlock"])];
    cidrs.extend(list(&value["Ipv6CidrBlockAssociationSet"], |a| cidr(&a["Ipv6CidrBlock"])));
    Subnet { id: text(&value["SubnetId"]), vpc: text(&value["VpcId"]), cidrs, nacl: None }
}

fn eni(value: &Value) -> Eni {
    let mut addresses = list(&value["PrivateIpAddresses"], |a| text(&a["PrivateIpAddress"]).parse().unwrap());
    addresses.extend(list(&value["Ipv6Addresses"], |a| {
        text(&a["Ipv6Address"]).parse::<std::net::IpAddr>().unwrap()
    }));
    let mut prefixes = list(&value["Ipv4Prefixes"], |p| cidr(&p["Ipv4Prefix"]));
    prefixes.extend(list(&value["Ipv6Prefixes"], |p| cidr(&p["Ipv6Prefix"])));
    let tracking = &value["ConnectionTrackingConfiguration"];
    let timeouts = [
        ("TcpEstablishedTimeout", TimeoutName::TcpEstablished),
        ("UdpTimeout", TimeoutName::Udp),
        ("UdpStreamTimeout", TimeoutName::UdpStream),
    ];
    Eni {
        id: text(&value["NetworkInterfaceId"]),
        subnet: text(&value["SubnetId"]),
        addresses,
        prefixes,
        groups: list(&value["Groups"], |g| text(&g["GroupId"])),
        instance: value["Attachment"]["InstanceId"].as_str().map(str::to_owned),
        interface_type: value["InterfaceType"].as_str().map(str::to_owned),
        limit: None,
        timeouts: timeouts
            .into_iter()
            .filter_map(|(key, name)| tracking[key].as_u64().map(|secs| (name, Span::from_secs(secs))))
            .collect(),
    }
}

fn group(value: &Value) -> Group {
    Group {
        id: text(&value["GroupId"]),
        ingress: list(&value["IpPermissions"], permission).concat(),
        egress: list(&value["IpPermissionsEgress"], permission).concat(),
        members: Vec::new(),
    }
}

/// Each peer of a permission is one rule, in the order the interface page gives.
fn permission(value: &Value) -> Vec<SgRule> {
    let number = value["IpProtocol"].as_str().map(crate::toml_model::protocol_number).unwrap();
    let bounds = |key: &str| value[key].as_i64().unwrap_or(-1);
    let service = service(number, (bounds("FromPort"), bounds("ToPort")));
    let mut peers = list(&value["IpRanges"], |range| Peer::Cidr(cidr(&range["CidrIp"])));
    peers.extend(list(&value["Ipv6Ranges"], |range| Peer::Cidr(cidr(&range["CidrIpv6"]))));
    peers.extend(list(&value["PrefixListIds"], |list| Peer::PrefixList(text(&list["PrefixListId"]))));
    peers.extend(list(&value["UserIdGroupPairs"], |pair| Peer::Group(text(&pair["GroupId"]))));
    peers.into_iter().map(|peer| SgRule { id: None, service, peer }).collect()
}

/// `FromPort` and `ToPort` are ports, or ICMP type and code; −1 is any.
pub(crate) fn service(protocol: Option<u8>, (from, to): (i64, i64)) -> Service {
    let code = |value: i64| u8::try_from(value).ok();
    match protocol {
        Some(1 | 58) => Service { protocol, icmp: (code(from), code(to)), ..Service::ALL },
        _ if from < 0 => Service { protocol, ..Service::ALL },
        _ => Service {
            protocol,
            ports: (u16::try_from(from).unwrap(), u16::try_from(to).unwrap()),
            ..Service::ALL
        },
    }
}

fn nacl(value: &Value) -> Nacl {
    let side = |egress: bool| {
        list(&value["Entries"], Value::clone)
            .iter()
            .filter(|entry| entry["Egress"] == egress && entry["RuleNumber"].as_u64().unwrap() < 32_767)
            .map(entry)
            .collect()
    };
    Nacl { id: text(&value["NetworkAclId"]), ingress: side(false), egress: side(true) }
}

fn entry(value: &Value) -> NaclEntry {
    let number = crate::toml_model::protocol_number(value["Protocol"].as_str().unwrap());
    let (pair, names) = match number {
        Some(1 | 58) => (&value["IcmpTypeCode"], ["Type", "Code"]),
        _ => (&value["PortRange"], ["From", "To"]),
    };
    let [from, to] = names.map(|name| pair[name].as_i64().unwrap_or(-1));
    let block = if value["CidrBlock"].is_string() { &value["CidrBlock"] } else { &value["Ipv6CidrBlock"] };
    NaclEntry {
        number: u16::try_from(value["RuleNumber"].as_u64().unwrap()).unwrap(),
        action: if value["RuleAction"] == "allow" { Action::Allow } else { Action::Deny },
        service: service(number, (from, to)),
        cidr: cidr(block),
    }
}
