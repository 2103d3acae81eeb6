//! A model to start from: the guessed local addresses of a capture as ENIs, with rules for what they are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcreplay_flow::{Decap, Protocol};

use crate::inspect::{Inspection, LocalAddress, Service};

const HEAD: &str = "\
# A model to start from. The addresses below are guessed from a capture: they are an end of most of its packets.
# Edit it until it is your network, then replay the capture through it:
#
#   vpcreplay check --vpc THIS_FILE              does it load, and what is in it?
#   vpcreplay run CAPTURE --vpc THIS_FILE        what would the rules let pass?
#   vpcreplay explain CAPTURE --vpc THIS_FILE --packet N
#
# Unknown keys are errors, so a typing mistake does not go unseen.
";

const OPTIONS: &str = "
[options]
# Idle timeouts: \"classic\", \"nitro\" (Nitro instances) or \"nitro-v6\" (version 6 of Nitro: TCP established 350 s).
# profile = \"classic\"
# Tracked connections allowed for each ENI. AWS publishes no figures; ask `ethtool -S` on the instance.
# limit = 65535
# How TCP is judged whose beginning was not captured: \"allow\", \"deny\" or \"either-end\".
# tcp_midstream = \"either-end\"
";

const GROUP: &str = "
# Security groups only allow, and they are stateful: answers to what they let in or out always pass.
# A rule of 0.0.0.0/0 in one direction with all ports open to 0.0.0.0/0 in the other makes flows *untracked*:
# AWS keeps no entry for them, and each packet is judged by the rules.
# ICMP errors about a connection are packets of their own: { protocol = \"icmp\", icmp = \"3:-1\", peer = \"0.0.0.0/0\" }
# lets in what path MTU discovery needs.
";

const NACL: &str = "
# A network ACL is stateless: every packet is judged alone, answers too. Entries are tried in the order of their numbers,
# the first that matches decides, and what none matches is denied. The pitfall: answers go to the ephemeral port of
# whoever asked, so a list that lets in tcp 443 must let out tcp 1024-65535 as well. This one allows everything.
";

/// A TOML model for the captures that were inspected. It loads, and most packets of the captures pass.
pub fn starter_model(inspection: &Inspection) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(OPTIONS);
    if let Some(code) = decap_code(inspection.decap) {
        line(&mut text, "# The tunnel that is taken off each packet.");
        line(&mut text, &format!("decap = \"{code}\""));
    }
    if inspection.local.is_empty() {
        line(&mut text, "\n# No local address could be guessed from the capture: add ENIs of your own.");
    }
    let subnets = subnets(&inspection.local);
    vpc(&mut text, &subnets);
    for (number, (block, locals)) in subnets.iter().enumerate() {
        subnet(&mut text, number + 1, *block, locals);
    }
    text.push_str(GROUP);
    for local in &inspection.local {
        group(&mut text, local);
    }
    nacl(&mut text);
    text
}

/// Writes to a String, which does not fail.
fn line(text: &mut String, content: &str) {
    let _ = writeln!(text, "{content}");
}

const fn decap_code(decap: Decap) -> Option<&'static str> {
    match decap {
        Decap::None => None,
        Decap::Vxlan => Some("vxlan"),
        Decap::Geneve => Some("geneve"),
    }
}

/// Addresses by the block that is taken for their subnet: /24, or /64 for IPv6.
type Subnets<'a> = BTreeMap<Block, Vec<&'a LocalAddress>>;

/// A CIDR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    address: IpAddr,
    length: u8,
}

impl Block {
    /// The block of this length, of IPv4 or IPv6, that an address lies in.
    fn around(address: IpAddr, v4: u8, v6: u8) -> Self {
        match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(v4)).unwrap_or(0);
                Self { address: Ipv4Addr::from_bits(address.to_bits() & mask).into(), length: v4 }
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(v6)).unwrap_or(0);
                Self { address: Ipv6Addr::from_bits(address.to_bits() & mask).into(), length: v6 }
            }
        }
    }

    fn text(self) -> String {
        format!("{}/{}", self.address, self.length)
    }
}

fn subnets(locals: &[LocalAddress]) -> Subnets<'_> {
    let mut subnets = Subnets::new();
    for local in locals {
        subnets.entry(Block::around(local.address, 24, 64)).or_default().push(local);
    }
    subnets
}

fn vpc(text: &mut String, subnets: &Subnets<'_>) {
    let mut blocks: Vec<Block> = subnets.keys().map(|block| Block::around(block.address, 16, 56)).collect();
    blocks.sort();
    blocks.dedup();
    let cidrs: Vec<String> = blocks.iter().map(|block| format!("\"{}\"", block.text())).collect();
    line(
        text,
        "\n# The VPC. Amazon DNS answers at the second address after the base of its first IPv4 block.",
    );
    line(text, "[[vpc]]");
    line(text, "id = \"vpc-captured\"");
    line(text, &format!("cidrs = [{}]", cidrs.join(", ")));
}

fn subnet(text: &mut String, number: usize, block: Block, locals: &[&LocalAddress]) {
    line(text, "\n# A subnet, its size guessed. Traffic inside it does not meet the network ACL.");
    line(text, "[[subnet]]");
    line(text, &format!("id = \"subnet-{number}\""));
    line(text, "vpc = \"vpc-captured\"");
    line(text, &format!("cidrs = [\"{}\"]", block.text()));
    line(text, "nacl = \"acl-captured\"");
    for local in locals {
        line(text, &format!("\n# One end of {} of {} packets.", local.packets, local.of));
        line(text, "[[eni]]");
        line(text, &format!("id = \"eni-{}\"", slug(local.address)));
        line(text, &format!("subnet = \"subnet-{number}\""));
        line(
            text,
            &format!("addresses = [\"{}\"] # all addresses of the interface, IPv6 too", local.address),
        );
        line(text, &format!("security_groups = [\"sg-{}\"]", slug(local.address)));
        line(
            text,
            "# instance = \"i-…\" # ENIs of one instance share its allowance with scope = \"instance\"",
        );
    }
}

fn group(text: &mut String, local: &LocalAddress) {
    line(text, "\n[[security_group]]");
    line(text, &format!("id = \"sg-{}\"", slug(local.address)));
    if local.more_services > 0 {
        line(
            text,
            &format!("# It was asked for {} services more, which are left out here.", local.more_services),
        );
    }
    line(
        text,
        "# What it was asked for in the capture. Narrow the peers: CIDRs, other groups (\"sg-…\"), prefix lists (\"pl-…\").",
    );
    line(text, "ingress = [");
    let everyone = if local.address.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    let rules: BTreeSet<String> =
        local.services.iter().filter_map(|service| rule(*service, everyone)).collect();
    for rule in rules {
        line(text, &format!("  {rule},"));
    }
    line(text, "]");
    line(text, "# egress left out: everything is allowed out, as AWS does by default");
}

/// The rule that lets requests for a service in. Of other protocols rules know the number only (S6.2).
fn rule(service: Service, everyone: &str) -> Option<String> {
    let peer = format!("peer = \"{everyone}\"");
    match (service.protocol, service.port) {
        (Protocol::TCP, Some(port)) => Some(format!("{{ protocol = \"tcp\", ports = \"{port}\", {peer} }}")),
        (Protocol::UDP, Some(port)) => Some(format!("{{ protocol = \"udp\", ports = \"{port}\", {peer} }}")),
        (Protocol::ICMP, None) => Some(format!("{{ protocol = \"icmp\", icmp = \"8:-1\", {peer} }}")),
        (Protocol::ICMPV6, None) => Some(format!("{{ protocol = \"icmpv6\", icmp = \"128:-1\", {peer} }}")),
        (Protocol(number), Some(_)) => Some(format!("{{ protocol = \"{number}\", {peer} }}")),
        (_, None) => None,
    }
}

fn nacl(text: &mut String) {
    text.push_str(NACL);
    line(text, "[[nacl]]");
    line(text, "id = \"acl-captured\"");
    for direction in ["ingress", "egress"] {
        line(text, &format!("{direction} = ["));
        line(text, "  { rule = 100, action = \"allow\", protocol = \"all\", peer = \"0.0.0.0/0\" },");
        line(text, "  { rule = 101, action = \"allow\", protocol = \"all\", peer = \"::/0\" },");
        line(text, "]");
    }
}

/// An address as part of an id.
fn slug(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "-")
}
