//! The network model that fits a profile: hand-written TOML, under which all that the profile sends may pass.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::addresses::{self, Block};
use crate::profile::{Class, Egress, Fleet, Kind, Party, Profile};

/// A TOML model with the interfaces of a profile and rules that let pass what its classes send, and little more.
pub fn model(profile: &Profile) -> String {
    let mut text = String::new();
    line(
        &mut text,
        "# The network of a synthetic capture: its rules let pass what the profile sends, and little more.",
    );
    if !profile.description.is_empty() {
        line(
            &mut text,
            &format!("# Profile {}: {}.", one_line(&profile.name), one_line(&profile.description)),
        );
    }
    line(&mut text, "\n[[vpc]]\nid = \"vpc-synth\"");
    line(&mut text, &format!("cidrs = [{}]", addresses::VPC.map(|cidr| format!("\"{cidr}\"")).join(", ")));
    for (index, fleet) in profile.fleets.iter().enumerate() {
        let place = Place { profile, index };
        subnet(&mut text, fleet, index);
        enis(&mut text, fleet, place);
        group(&mut text, fleet, place);
        nacl(&mut text, fleet, place);
    }
    text
}

/// Writes to a String, which does not fail.
fn line(text: &mut String, content: &str) {
    let _ = writeln!(text, "{content}");
}

/// A text of the user as part of a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn subnet(text: &mut String, fleet: &Fleet, index: usize) {
    let (v4, v6) = addresses::subnet(index);
    let name = &fleet.name;
    line(text, &format!("\n# Fleet {name}.\n[[subnet]]\nid = \"subnet-{name}\"\nvpc = \"vpc-synth\""));
    line(text, &format!("cidrs = [\"{v4}\", \"{v6}\"]\nnacl = \"acl-{name}\""));
}

fn enis(text: &mut String, fleet: &Fleet, place: Place<'_>) {
    let block = Block::of_fleet(place.index, fleet.enis);
    let name = &fleet.name;
    for eni in 0..fleet.enis {
        line(text, &format!("\n[[eni]]\nid = \"eni-{name}-{}\"\nsubnet = \"subnet-{name}\"", eni + 1));
        let mut addresses = vec![format!("\"{}\"", Ipv4Addr::from_bits(block.v4(eni)))];
        if place.has_ipv6() {
            addresses.push(format!("\"{}\"", Ipv6Addr::from_bits(block.v6(eni))));
        }
        line(text, &format!("addresses = [{}]\nsecurity_groups = [\"sg-{name}\"]", addresses.join(", ")));
        match &fleet.interface_type {
            Some(kind) => line(text, &format!("interface_type = \"{kind}\"")),
            None => line(text, &format!("instance = \"i-{name}-{}\"", eni / fleet.enis_per_instance + 1)),
        }
        if let Some(limit) = fleet.limit {
            line(text, &format!("limit = {limit}"));
        }
        if !fleet.timeouts.is_empty() {
            let timeouts: Vec<String> =
                fleet.timeouts.iter().map(|(name, span)| format!("{} = \"{span}\"", name.code())).collect();
            line(text, &format!("timeouts = {{ {} }}", timeouts.join(", ")));
        }
    }
}

fn group(text: &mut String, fleet: &Fleet, place: Place<'_>) {
    line(text, &format!("\n[[security_group]]\nid = \"sg-{}\"", fleet.name));
    let rules = |side: Side| -> BTreeSet<String> {
        place.classes(side).flat_map(|class| place.group_rules(class, side)).collect()
    };
    rows(text, "ingress", rules(Side::To));
    match fleet.egress {
        Egress::Needed => rows(text, "egress", rules(Side::From)),
        Egress::All => line(text, "# egress left out: everything is allowed out, as AWS does by default"),
    }
}

fn nacl(text: &mut String, fleet: &Fleet, place: Place<'_>) {
    line(text, &format!("\n[[nacl]]\nid = \"acl-{}\"", fleet.name));
    // Requests go in at the asked end and out at the asking one; answers the other way, to the client's ports.
    for (key, requests, answers) in [("ingress", Side::To, Side::From), ("egress", Side::From, Side::To)] {
        let asked =
            place.classes(requests).flat_map(|class| place.nacl_rules(class, requests, Message::Request));
        let answered =
            place.classes(answers).flat_map(|class| place.nacl_rules(class, answers, Message::Answer));
        let rules: BTreeSet<String> = asked.chain(answered).collect();
        let numbered = (1..)
            .zip(rules)
            .map(|(number, rule)| format!("rule = {}, action = \"allow\", {rule}", number * 10 + 90));
        rows(text, key, numbered);
    }
}

fn rows(text: &mut String, key: &str, rows: impl IntoIterator<Item = String>) {
    line(text, &format!("{key} = ["));
    for row in rows {
        line(text, &format!("  {{ {row} }},"));
    }
    line(text, "]");
}

/// The end of a class that a fleet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    From,
    To,
}

/// What passes a network ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Request,
    Answer,
}

/// A fleet of a profile.
#[derive(Clone, Copy)]
struct Place<'a> {
    profile: &'a Profile,
    index: usize,
}

impl<'a> Place<'a> {
    /// The classes in which the fleet is this end.
    fn classes(self, side: Side) -> impl Iterator<Item = &'a Class> {
        let own = Party::Fleet(self.index);
        self.profile.classes.iter().filter(move |class| match side {
            Side::From => class.from == own,
            Side::To => class.to == own,
        })
    }

    fn has_ipv6(self) -> bool {
        self.classes(Side::From).chain(self.classes(Side::To)).any(|class| class.ipv6 > 0.0)
    }

    fn group_rules(self, class: &Class, side: Side) -> Vec<String> {
        let services = services(class, Message::Request);
        let peer = match if side == Side::From { class.to } else { class.from } {
            Party::Fleet(index) => {
                let name = self.profile.fleets.get(index).map_or("", |fleet| &fleet.name);
                [Some(format!("sg-{name}")), Some(format!("sg-{name}"))]
            }
            Party::Internet => everyone(class),
        };
        let rules = services.into_iter().zip(peer);
        rules.filter_map(|(service, peer)| Some(format!("{}, peer = \"{}\"", service?, peer?))).collect()
    }

    fn nacl_rules(self, class: &Class, side: Side, message: Message) -> Vec<String> {
        if addresses::is_within(class) {
            // Inside a subnet no network ACL is asked (S3.5).
            return Vec::new();
        }
        let peer = match if side == Side::From { class.to } else { class.from } {
            Party::Fleet(index) => {
                let (v4, v6) = addresses::subnet(index);
                [Some(v4), Some(v6)]
            }
            Party::Internet => everyone(class),
        };
        let rules = services(class, message).into_iter().zip(peer);
        rules.filter_map(|(service, peer)| Some(format!("{}, peer = \"{}\"", service?, peer?))).collect()
    }
}

/// All addresses of the families that a class has.
fn everyone(class: &Class) -> [Option<String>; 2] {
    [(class.ipv6 < 1.0).then(|| "0.0.0.0/0".to_owned()), (class.ipv6 > 0.0).then(|| "::/0".to_owned())]
}

/// Protocol and ports of a class, of IPv4 and of IPv6, where it has the family.
fn services(class: &Class, message: Message) -> [Option<String>; 2] {
    let ports = match message {
        Message::Request => class.port.to_string(),
        Message::Answer => format!("{}-{}", class.ports.first, class.ports.last),
    };
    let of = |protocol: &str| format!("protocol = \"{protocol}\", ports = \"{ports}\"");
    let (v4, v6) = match (class.kind, message) {
        (Kind::Tcp, _) => (of("tcp"), of("tcp")),
        (Kind::Udp | Kind::Dns, _) => (of("udp"), of("udp")),
        (Kind::Icmp, Message::Request) => (echo("icmp", 8), echo("icmpv6", 128)),
        (Kind::Icmp, Message::Answer) => (echo("icmp", 0), echo("icmpv6", 129)),
    };
    [(class.ipv6 < 1.0).then_some(v4), (class.ipv6 > 0.0).then_some(v6)]
}

fn echo(protocol: &str, kind: u8) -> String {
    format!("protocol = \"{protocol}\", icmp = \"{kind}:-1\"")
}
