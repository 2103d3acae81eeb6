//! A network as a hand-written model: to keep, to read, to change.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Write};

use vpcreplay_flow::{Decap, Profile};

use crate::network::{
    DEFAULT_NACL, Eni, NaclEntry, Network, Peer, PrefixList, SecurityGroup, SecurityGroupRule, Subnet, Vpc,
};
use crate::options::{IcmpErrors, Mode, Options, Scope, TcpMidstream};
use crate::service::Service;

impl Network {
    /// The network as a TOML model that loads to the same network.
    ///
    /// Rules are named by their position then; `sgr-` ids and the VPCs of groups have no place in TOML. What the
    /// documents lack but rules refer to becomes an empty group or list, which matches nothing either.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        self.write_options(out)?;
        let known: BTreeSet<&str> = self.vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
        let named: BTreeSet<&str> = self.subnets.iter().filter_map(|subnet| subnet.vpc.as_deref()).collect();
        for vpc in &self.vpcs {
            write_vpc(out, vpc)?;
        }
        for id in named.difference(&known) {
            write_vpc(out, &Vpc { id: (*id).to_owned(), cidrs: Vec::new() })?;
        }
        self.subnets.iter().try_for_each(|subnet| write_subnet(out, subnet))?;
        self.enis.iter().try_for_each(|eni| write_eni(out, eni))?;
        self.groups.iter().try_for_each(|group| write_group(out, group))?;
        for nacl in self.nacls.iter().filter(|nacl| nacl.id != DEFAULT_NACL) {
            writeln!(out, "\n[[nacl]]\nid = {}", Quoted(&nacl.id))?;
            write_entries(out, "ingress", &nacl.ingress)?;
            write_entries(out, "egress", &nacl.egress)?;
        }
        self.prefix_lists.iter().try_for_each(|list| write_list(out, list))?;
        self.write_unresolved(out)
    }

    fn write_options(&self, out: &mut String) -> fmt::Result {
        if self.options == Options::default() && self.limits.is_empty() {
            return Ok(());
        }
        let options = &self.options;
        writeln!(out, "[options]")?;
        let decap = options.decap.map(|decap| match decap {
            Decap::None => "none",
            Decap::Vxlan => "vxlan",
            Decap::Geneve => "geneve",
        });
        let words = [
            ("profile", options.profile.map(Profile::code)),
            ("scope", options.scope.map(Scope::code)),
            ("mode", options.mode.map(Mode::code)),
            ("tcp_midstream", options.tcp_midstream.map(TcpMidstream::code)),
            ("icmp_errors", options.icmp_errors.map(IcmpErrors::code)),
            ("decap", decap),
        ];
        for (key, value) in words {
            value.iter().try_for_each(|value| writeln!(out, "{key} = {}", Quoted(value)))?;
        }
        options.limit.iter().try_for_each(|limit| writeln!(out, "limit = {limit}"))?;
        options.period.iter().try_for_each(|period| writeln!(out, "period = \"{period}\""))?;
        let timeouts = options.timeouts.iter().map(|(name, span)| format!("{} = \"{span}\"", name.code()));
        write_table(out, "timeouts", timeouts)?;
        write_texts(out, "always_tracked", &options.always_tracked)?;
        let limits = self.limits.iter().map(|(id, limit)| format!("{} = {limit}", Quoted(id)));
        write_table(out, "limits", limits)
    }

    /// Empty groups and lists for references that lead nowhere.
    fn write_unresolved(&self, out: &mut String) -> fmt::Result {
        let rules = self.groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
        let peers: BTreeSet<&Peer> = rules.map(|rule| &rule.peer).collect();
        for peer in peers {
            match peer {
                Peer::Group(id) if self.groups.iter().all(|group| group.id != *id) => {
                    writeln!(
                        out,
                        "\n# The documents lack this group.\n[[security_group]]\nid = {}",
                        Quoted(id)
                    )?;
                    writeln!(out, "egress = []")?;
                }
                Peer::PrefixList(id) if self.prefix_lists.iter().all(|list| list.id != *id) => {
                    writeln!(out, "\n# The documents lack this list.")?;
                    write_list(out, &PrefixList { id: id.clone(), entries: Vec::new() })?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn write_vpc(out: &mut String, vpc: &Vpc) -> fmt::Result {
    writeln!(out, "\n[[vpc]]\nid = {}", Quoted(&vpc.id))?;
    write_texts(out, "cidrs", &vpc.cidrs)
}

fn write_subnet(out: &mut String, subnet: &Subnet) -> fmt::Result {
    writeln!(out, "\n[[subnet]]\nid = {}", Quoted(&subnet.id))?;
    subnet.vpc.iter().try_for_each(|vpc| writeln!(out, "vpc = {}", Quoted(vpc)))?;
    write_texts(out, "cidrs", &subnet.cidrs)?;
    if subnet.nacl == DEFAULT_NACL { Ok(()) } else { writeln!(out, "nacl = {}", Quoted(&subnet.nacl)) }
}

fn write_eni(out: &mut String, eni: &Eni) -> fmt::Result {
    writeln!(out, "\n[[eni]]\nid = {}\nsubnet = {}", Quoted(&eni.id), Quoted(&eni.subnet))?;
    write_texts(out, "addresses", &eni.addresses)?;
    write_texts(out, "prefixes", &eni.prefixes)?;
    write_texts(out, "security_groups", &eni.security_groups)?;
    eni.instance.iter().try_for_each(|instance| writeln!(out, "instance = {}", Quoted(instance)))?;
    eni.interface_type.iter().try_for_each(|kind| writeln!(out, "interface_type = {}", Quoted(kind)))?;
    let timeouts = eni.timeouts.iter().map(|(name, span)| format!("{} = \"{span}\"", name.code()));
    write_table(out, "timeouts", timeouts)
}

fn write_group(out: &mut String, group: &SecurityGroup) -> fmt::Result {
    writeln!(out, "\n[[security_group]]\nid = {}", Quoted(&group.id))?;
    write_texts(out, "members", &group.members)?;
    write_rules(out, "ingress", &group.ingress)?;
    write_rules(out, "egress", &group.egress)
}

fn write_rules(out: &mut String, key: &str, rules: &[SecurityGroupRule]) -> fmt::Result {
    let lines = rules
        .iter()
        .map(|rule| format!("{}, peer = {}", ServiceKeys(rule.service), Quoted(&rule.peer.to_string())));
    write_rows(out, key, lines)
}

fn write_entries(out: &mut String, key: &str, entries: &[NaclEntry]) -> fmt::Result {
    let lines = entries.iter().map(|entry| {
        let NaclEntry { number, action, service, peer } = entry;
        format!("rule = {number}, action = \"{action}\", {}, peer = \"{peer}\"", ServiceKeys(*service))
    });
    write_rows(out, key, lines)
}

fn write_rows(out: &mut String, key: &str, rows: impl Iterator<Item = String>) -> fmt::Result {
    writeln!(out, "{key} = [")?;
    for row in rows {
        writeln!(out, "  {{ {row} }},")?;
    }
    writeln!(out, "]")
}

fn write_list(out: &mut String, list: &PrefixList) -> fmt::Result {
    writeln!(out, "\n[[prefix_list]]\nid = {}", Quoted(&list.id))?;
    let entries: Vec<String> = list.entries.iter().map(|entry| format!("\"{entry}\"")).collect();
    writeln!(out, "entries = [{}]", entries.join(", "))
}

/// A list of texts, left out when empty.
fn write_texts<T: Display>(out: &mut String, key: &str, values: &[T]) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    let quoted: Vec<String> = values.iter().map(|value| Quoted(&value.to_string()).to_string()).collect();
    writeln!(out, "{key} = [{}]", quoted.join(", "))
}

/// A table of pairs, left out when empty.
fn write_table(out: &mut String, key: &str, pairs: impl Iterator<Item = String>) -> fmt::Result {
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { Ok(()) } else { writeln!(out, "{key} = {{ {} }}", pairs.join(", ")) }
}

/// A text as a basic string of TOML.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

/// Protocol, ports and ICMP as keys of a rule.
struct ServiceKeys(Service);

impl Display for ServiceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |part: Option<u8>| part.map_or(-1, i16::from);
        match self.0 {
            Service::All => write!(f, "protocol = \"all\""),
            Service::Tcp(ports) => write!(f, "protocol = \"tcp\", ports = \"{ports}\""),
            Service::Udp(ports) => write!(f, "protocol = \"udp\", ports = \"{ports}\""),
            Service::Icmp(icmp_type, code) => {
                write!(f, "protocol = \"icmp\", icmp = \"{}:{}\"", number(icmp_type), number(code))
            }
            Service::Icmpv6(icmp_type, code) => {
                write!(f, "protocol = \"icmpv6\", icmp = \"{}:{}\"", number(icmp_type), number(code))
            }
            Service::Number(protocol) => write!(f, "protocol = \"{}\"", protocol.0),
        }
    }
}
