//! A small reader of the hand-written TOML model, independent of the policy crate.

use std::path::Path;

use toml::Value;
use vpcreplay_flow::{Profile, TimeoutName};
use vpcreplay_testkit::reference::{
    Action, Eni, Group, IcmpErrors, Midstream, Mode, Model, Nacl, NaclEntry, Peer, PrefixList, Scope,
    Service, Settings, SgRule, Subnet, Vpc,
};

use crate::aws;

/// The number of a protocol as models name it; `None` is all.
pub(crate) fn protocol_number(name: &str) -> Option<u8> {
    match name {
        "-1" | "all" => None,
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmp" => Some(1),
        "icmpv6" => Some(58),
        number => Some(number.parse().unwrap()),
    }
}

/// A model from a file.
pub(crate) fn read(path: &Path) -> Model {
    parse(&std::fs::read_to_string(path).unwrap())
}

/// A model from its text.
pub(crate) fn parse(text: &str) -> Model {
    let document: Value = toml::from_str::<toml::Table>(text).unwrap().into();
    Model {
        settings: document.get("options").map(settings).unwrap_or_default(),
        vpcs: list(&document, "vpc", |vpc| Vpc { id: string(vpc, "id"), cidrs: parsed(vpc, "cidrs") }),
        subnets: list(&document, "subnet", |subnet| Subnet {
            id: string(subnet, "id"),
            vpc: string(subnet, "vpc"),
            cidrs: parsed(subnet, "cidrs"),
            nacl: optional(subnet, "nacl"),
        }),
        enis: list(&document, "eni", eni),
        groups: list(&document, "security_group", |group| Group {
            id: string(group, "id"),
            ingress: rules(group, "ingress"),
            egress: match group.get("egress") {
                Some(_) => rules(group, "egress"),
                None => ["0.0.0.0/0", "::/0"].map(|all| rule(Service::ALL, all)).to_vec(),
            },
            members: parsed(group, "members"),
        }),
        nacls: list(&document, "nacl", |nacl| Nacl {
            id: string(nacl, "id"),
            ingress: list(nacl, "ingress", entry),
            egress: list(nacl, "egress", entry),
        }),
        prefix_lists: list(&document, "prefix_list", |prefix_list| PrefixList {
            id: string(prefix_list, "id"),
            entries: parsed(prefix_list, "entries"),
        }),
    }
}

fn list<T>(value: &Value, key: &str, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().map(read).collect()
}

fn optional(value: &Value, key: &str) -> Option<String> {
    value.get(key).map(|text| text.as_str().unwrap().to_owned())
}

fn string(value: &Value, key: &str) -> String {
    optional(value, key).unwrap()
}

fn parsed<T: std::str::FromStr>(value: &Value, key: &str) -> Vec<T> {
    list(value, key, |text| text.as_str().unwrap().parse().ok().unwrap())
}

fn number(value: &Value) -> u64 {
    u64::try_from(value.as_integer().unwrap()).unwrap()
}

fn timeouts(value: &Value) -> Vec<(TimeoutName, vpcreplay_flow::Span)> {
    let table = value.get("timeouts").and_then(Value::as_table);
    let one = |(name, span): (&String, &Value)| {
        let text = span.as_str().map_or_else(|| number(span).to_string(), str::to_owned);
        (TimeoutName::parse(name).unwrap(), text.parse().unwrap())
    };
    table.into_iter().flatten().map(one).collect()
}

fn eni(value: &Value) -> Eni {
    Eni {
        id: string(value, "id"),
        subnet: string(value, "subnet"),
        addresses: parsed(value, "addresses"),
        prefixes: parsed(value, "prefixes"),
        groups: parsed(value, "security_groups"),
        instance: optional(value, "instance"),
        interface_type: optional(value, "interface_type"),
        limit: value.get("limit").map(number),
        timeouts: timeouts(value),
    }
}

fn service(value: &Value) -> Service {
    let protocol = optional(value, "protocol").and_then(|name| protocol_number(&name));
    let bounds = match (optional(value, "ports"), optional(value, "icmp")) {
        (Some(ports), _) => {
            let (first, last) = ports.split_once('-').unwrap_or((&ports, &ports));
            (first.parse().unwrap(), last.parse().unwrap())
        }
        (_, Some(icmp)) => {
            let (icmp_type, code) = icmp.split_once(':').unwrap();
            (icmp_type.parse().unwrap(), code.parse().unwrap())
        }
        _ => (-1, -1),
    };
    aws::service(protocol, bounds)
}

fn rule(service: Service, peer: &str) -> SgRule {
    let peer = match peer.parse() {
        Ok(cidr) => Peer::Cidr(cidr),
        Err(_) if peer.starts_with("pl-") => Peer::PrefixList(peer.to_owned()),
        Err(_) => Peer::Group(peer.to_owned()),
    };
    SgRule { id: None, service, peer }
}

fn rules(value: &Value, key: &str) -> Vec<SgRule> {
    list(value, key, |value| rule(service(value), &string(value, "peer")))
}

fn entry(value: &Value) -> NaclEntry {
    NaclEntry {
        number: u16::try_from(number(&value["rule"])).unwrap(),
        action: if string(value, "action") == "allow" { Action::Allow } else { Action::Deny },
        service: service(value),
        cidr: string(value, "peer").parse().unwrap(),
    }
}

fn settings(value: &Value) -> Settings {
    let mut settings = Settings {
        profile: optional(value, "profile").map(|name| Profile::parse(&name).unwrap()),
        limit: value.get("limit").map(number),
        timeouts: timeouts(value),
        always_tracked: parsed(value, "always_tracked"),
        period: optional(value, "period").map(|span| span.parse().unwrap()),
        ..Settings::default()
    };
    for (id, limit) in value.get("limits").and_then(Value::as_table).into_iter().flatten() {
        settings.limits.push((id.clone(), number(limit)));
    }
    for key in ["scope", "mode", "tcp_midstream", "icmp_errors"] {
        if let Some(name) = optional(value, key) {
            choose(&mut settings, &key.replace('_', "-"), &name);
        }
    }
    settings
}

/// Sets an option that has a closed set of values; false where the name is none of these.
pub(crate) fn choose(settings: &mut Settings, option: &str, value: &str) -> bool {
    match (option, value) {
        ("scope", "eni") => settings.scope = Some(Scope::Eni),
        ("scope", "instance") => settings.scope = Some(Scope::Instance),
        ("mode", "causal") => settings.mode = Some(Mode::Causal),
        ("mode", "literal") => settings.mode = Some(Mode::Literal),
        ("tcp-midstream", "allow") => settings.tcp_midstream = Some(Midstream::Allow),
        ("tcp-midstream", "deny") => settings.tcp_midstream = Some(Midstream::Deny),
        ("tcp-midstream", "either-end") => settings.tcp_midstream = Some(Midstream::EitherEnd),
        ("icmp-errors", "by-rule") => settings.icmp_errors = Some(IcmpErrors::ByRule),
        ("icmp-errors", "related") => settings.icmp_errors = Some(IcmpErrors::Related),
        _ => return false,
    }
    true
}
