//! The network model that fits a profile: hand-written TOML, under which all that the profile sends may pass.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
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
    let rules = |side: Side| -> BTreeSet<Rule> {
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
        let asked = place.classes(requests).flat_map(|class| entries(class, requests, Message::Request));
        let answered = place.classes(answers).flat_map(|class| entries(class, answers, Message::Answer));
        let all: BTreeSet<Rule> = asked.chain(answered).collect();
        let needed = all.iter().filter(|rule| !all.iter().any(|other| other != *rule && other.covers(rule)));
        let numbered = (10..)
            .zip(needed)
            .map(|(number, rule)| format!("rule = {}, action = \"allow\", {rule}", number * 10));
        rows(text, key, numbered);
    }
}

fn rows(text: &mut String, key: &str, rows: impl IntoIterator<Item = impl fmt::Display>) {
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

    /// What a security group lets in or out for a class: requests; answers pass by themselves.
    fn group_rules(self, class: &Class, side: Side) -> Vec<Rule> {
        let of_group = |name: &String| [format!("sg-{name}"), format!("sg-{name}")];
        let peers = match side.other(class) {
            Party::Fleet(index) => self.profile.fleets.get(index).map(|fleet| of_group(&fleet.name)),
            Party::Internet => None,
        };
        rules(class, Message::Request, peers.unwrap_or_else(everyone))
    }
}

impl Side {
    /// Who is at the other end of a class.
    const fn other(self, class: &Class) -> Party {
        match self {
            Self::From => class.to,
            Self::To => class.from,
        }
    }
}

const ALL_V4: &str = "0.0.0.0/0";
const ALL_V6: &str = "::/0";

/// All addresses of each family.
fn everyone() -> [String; 2] {
    [ALL_V4.to_owned(), ALL_V6.to_owned()]
}

/// A rule: protocol, ports or the type of ICMP, and the peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    protocol: &'static str,
    first: u16,
    last: u16,
    peer: String,
}

impl Rule {
    /// Whether it, as an entry of a network ACL, lets pass all that the other does.
    fn covers(&self, other: &Self) -> bool {
        let has_peer = match self.peer.as_str() {
            ALL_V4 => !other.peer.contains(':'),
            ALL_V6 => other.peer.contains(':'),
            peer => peer == other.peer,
        };
        let has_ports = self.first <= other.first && self.last >= other.last;
        self.protocol == other.protocol && has_peer && has_ports
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, first, last, peer } = self;
        write!(f, "protocol = \"{protocol}\", ")?;
        match *protocol {
            "icmp" | "icmpv6" => write!(f, "icmp = \"{first}:-1\"")?,
            _ if first == last => write!(f, "ports = \"{first}\"")?,
            _ => write!(f, "ports = \"{first}-{last}\"")?,
        }
        write!(f, ", peer = \"{peer}\"")
    }
}

/// What the network ACL of a fleet, which is this end of a class, lets pass for it.
fn entries(class: &Class, side: Side, message: Message) -> Vec<Rule> {
    if addresses::is_within(class) {
        // Inside a subnet no network ACL is asked (S3.5).
        return Vec::new();
    }
    let peers = match side.other(class) {
        Party::Fleet(index) => addresses::subnet(index).into(),
        Party::Internet => everyone(),
    };
    rules(class, message, peers)
}

/// A rule of a class for each family that it has.
fn rules(class: &Class, message: Message, [v4_peer, v6_peer]: [String; 2]) -> Vec<Rule> {
    let (first, last) = match message {
        Message::Request => (class.port, class.port),
        Message::Answer => (class.ports.first, class.ports.last),
    };
    let (v4, v6) = match (class.kind, message) {
        (Kind::Tcp, _) => (("tcp", first, last), ("tcp", first, last)),
        (Kind::Udp | Kind::Dns, _) => (("udp", first, last), ("udp", first, last)),
        (Kind::Icmp, Message::Request) => (("icmp", 8, 8), ("icmpv6", 128, 128)),
        (Kind::Icmp, Message::Answer) => (("icmp", 0, 0), ("icmpv6", 129, 129)),
    };
    let of = |(protocol, first, last), peer| Rule { protocol, first, last, peer };
    let narrow = (class.ipv6 < 1.0).then(|| of(v4, v4_peer));
    let wide = (class.ipv6 > 0.0).then(|| of(v6, v6_peer));
    narrow.into_iter().chain(wide).collect()
}
