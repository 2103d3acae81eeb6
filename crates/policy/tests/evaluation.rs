//! What a policy answers, rule by rule. Models are TOML; addresses mean nobody.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up fails")]

use std::net::IpAddr;

use vpcreplay_flow::{Direction, PacketFacts, Profile, Protocol, Span, TcpFlags, TimeoutName, Transport};
use vpcreplay_policy::{
    Document, EniId, LoadError, NaclAction, Options, Policy, Probe, Registry, Scope, Selection, Selector,
    Warning, load,
};

struct World {
    policy: Policy,
    registry: Registry,
    warnings: Vec<Warning>,
}

fn compile(toml: &str, options: &Options) -> Result<World, LoadError> {
    let document = Document { name: "model.toml".to_owned(), bytes: toml.as_bytes().to_vec() };
    let network = load(&[document], &Selection::default()).expect("loads").network;
    let mut registry = Registry::new();
    let (policy, warnings) = Policy::compile(&network, options, None, &mut registry)?;
    Ok(World { policy, registry, warnings })
}

fn world(toml: &str) -> World {
    compile(toml, &Options::default()).expect("compiles")
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn tcp(peer: &str, port: u16) -> Probe {
    Probe { peer: ip(peer), protocol: Protocol::TCP, selector: Selector::Port(port) }
}

fn ports(protocol: Protocol, (src, src_port): (&str, u16), (dst, dst_port): (&str, u16)) -> PacketFacts {
    let transport = match protocol {
        Protocol::TCP => Transport::Tcp { src_port, dst_port, flags: TcpFlags(2) },
        _ => Transport::Ports { src_port, dst_port },
    };
    PacketFacts { src: ip(src), dst: ip(dst), protocol, transport, length: 60 }
}

impl World {
    fn eni(&self, name: &str) -> EniId {
        self.registry.eni_id(name).unwrap()
    }

    fn group(&self, eni: &str, direction: Direction, probe: &Probe) -> Option<&str> {
        let rule = self.policy.security_group(self.eni(eni), direction, probe);
        rule.map(|rule| self.registry.rule_name(rule))
    }

    fn nacl(&self, eni: &str, direction: Direction, probe: &Probe) -> (&str, NaclAction) {
        let found = self.policy.nacl(self.eni(eni), direction, probe);
        (self.registry.rule_name(found.rule), found.action)
    }

    fn limit(&self, scope: &str) -> Option<u64> {
        let scope = self.policy.scopes().find(|known| self.registry.scope_name(*known) == scope)?;
        self.policy.limit(scope)
    }
}

const SHOP: &str = r#"
    [[vpc]]
    id = "vpc-shop"
    cidrs = ["2001:db8::/56", "10.0.0.0/16", "10.1.0.0/16"]
    [[subnet]]
    id = "subnet-web"
    vpc = "vpc-shop"
    cidrs = ["10.0.1.0/24", "2001:db8:0:1::/64"]
    nacl = "acl-web"
    [[subnet]]
    id = "subnet-dark"
    [[eni]]
    id = "eni-web"
    subnet = "subnet-web"
    addresses = ["10.0.1.10", "2001:db8:0:1::10"]
    prefixes = ["10.0.1.32/28", "10.0.1.40/30"]
    security_groups = ["sg-web", "sg-admin"]
    [[eni]]
    id = "eni-pods"
    subnet = "subnet-dark"
    addresses = ["10.0.1.33"]
    prefixes = ["10.0.1.40/29"]
    security_groups = ["sg-admin"]
    [[security_group]]
    id = "sg-web"
    ingress = [
        { protocol = "tcp", ports = "443", peer = "0.0.0.0/0" },
        { protocol = "icmp", icmp = "8:-1", peer = "10.0.0.0/8" },
        { protocol = "udp", ports = "1024-65535", peer = "pl-mixed" },
        { protocol = "47", peer = "198.51.100.7" },
        { protocol = "icmpv6", icmp = "128:0", peer = "2001:db8::/32" },
        { protocol = "icmpv6", icmp = "2:0", peer = "203.0.113.0/24" },
        { protocol = "icmp", icmp = "8:0", peer = "2001:db8:9::/48" },
        { protocol = "icmp", peer = "2001:db8:8::/48" },
        { protocol = "132", peer = "203.0.113.0/24" },
    ]
    [[security_group]]
    id = "sg-admin"
    members = ["192.0.2.1"]
    ingress = [{ protocol = "tcp", ports = "22", peer = "sg-admin" }, { protocol = "tcp", ports = "440-450", peer = "0.0.0.0/0" }]
    egress = []
    [[nacl]]
    id = "acl-web"
    ingress = [
        { rule = 200, action = "allow", protocol = "tcp", ports = "400-500", peer = "0.0.0.0/0" },
        { rule = 100, action = "deny", protocol = "tcp", ports = "443", peer = "198.51.100.0/24" },
        { rule = 300, action = "allow", peer = "::/0" },
        { rule = 301, action = "allow", protocol = "17", ports = "0-65535", peer = "0.0.0.0/0" },
    ]
    [[prefix_list]]
    id = "pl-mixed"
    entries = ["198.51.100.0/24", "2001:db8:1::/48"]
"#;

// S3.2: an address before a prefix, the longest prefix first.
#[test]
fn owners() {
    let world = world(SHOP);
    let owner = |address: &str| world.policy.owner(ip(address)).map(|eni| world.registry.eni_name(eni));
    assert_eq!(owner("10.0.1.10"), Some("eni-web"));
    assert_eq!(owner("2001:db8:0:1::10"), Some("eni-web"));
    assert_eq!(owner("10.0.1.32"), Some("eni-web"));
    assert_eq!(owner("10.0.1.33"), Some("eni-pods"), "the address goes before the prefix of another");
    assert_eq!(owner("10.0.1.41"), Some("eni-web"), "/30 before /29 before /28");
    assert_eq!(owner("10.0.1.45"), Some("eni-pods"));
    assert_eq!(owner("10.0.1.48"), None);
    assert_eq!(owner("::a00:10a"), None, "the families are apart");
}

// S3.5: the ACL is for packets that cross the edge; a subnet without known CIDRs always consults it.
#[test]
fn subnet_edge() {
    let world = world(SHOP);
    let crosses = |eni, src, dst| world.policy.crosses_subnet_edge(world.eni(eni), ip(src), ip(dst));
    assert!(!crosses("eni-web", "10.0.1.10", "10.0.1.99"));
    assert!(!crosses("eni-web", "2001:db8:0:1::10", "2001:db8:0:1::99"));
    assert!(crosses("eni-web", "10.0.1.10", "10.0.2.1"));
    assert!(crosses("eni-web", "10.0.2.1", "10.0.1.10"));
    assert!(crosses("eni-pods", "10.0.1.33", "10.0.1.33"));
}

// S3.6, S3.8
#[test]
fn exempt() {
    let world = world(SHOP);
    let by_address = |protocol, src, dst| world.policy.exempt_by_address(&ports(protocol, src, dst));
    let (eni, tcp, udp) = (("10.0.1.10", 5000), Protocol::TCP, Protocol::UDP);
    for dns in ["10.0.0.2", "10.0.1.2", "169.254.169.253"] {
        assert!(by_address(udp, eni, (dns, 53)), "{dns}");
        assert!(by_address(tcp, (dns, 53), eni), "{dns} answers");
        assert!(!by_address(udp, eni, (dns, 54)), "{dns}: only DNS");
        assert!(!by_address(udp, ("10.0.1.10", 53), (dns, 999)), "{dns}: port 53 of its own side");
    }
    assert!(!by_address(udp, eni, ("10.1.0.2", 53)), "only the VPC's first IPv4 CIDR has DNS");
    assert!(by_address(udp, ("2001:db8:0:1::10", 1), ("fd00:ec2::253", 53)));
    assert!(!by_address(udp, ("2001:db8:0:1::10", 1), ("fd00:ec2::253", 80)));
    for service in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.169.123",
        "169.254.169.250",
        "169.254.169.251",
        "10.0.1.1",
    ] {
        assert!(by_address(tcp, eni, (service, 80)), "{service}");
        assert!(by_address(udp, (service, 123), eni), "{service}");
    }
    assert!(by_address(tcp, ("2001:db8:0:1::10", 1), ("fd00:ec2::254", 80)));
    assert!(by_address(tcp, ("2001:db8:0:1::10", 1), ("fd00:ec2::123", 80)));
    assert!(!by_address(tcp, eni, ("10.0.0.1", 80)), "the router is in subnets");
    let by_kind = |facts| world.policy.exempt_by_kind(&facts);
    assert!(by_kind(ports(udp, ("0.0.0.0", 68), ("255.255.255.255", 67))));
    assert!(by_kind(ports(udp, ("10.9.9.9", 67), ("10.9.9.9", 67))));
    assert!(!by_kind(ports(udp, ("10.9.9.9", 67), ("10.9.9.9", 69))));
    assert!(!by_kind(ports(tcp, ("10.9.9.9", 67), ("10.9.9.9", 68))));
    assert!(by_kind(ports(udp, ("fe80::1", 546), ("fe80::2", 547))));
    assert!(!by_kind(ports(udp, ("fe80::1", 67), ("fe80::2", 68))));
    let discovery = |icmp_type, src| PacketFacts {
        src: ip(src),
        dst: ip(src),
        protocol: Protocol::ICMPV6,
        transport: Transport::IcmpOneWay { icmp_type, code: 0 },
        length: 60,
    };
    for (icmp_type, is_exempt) in [(132, false), (133, true), (135, true), (137, true), (138, false)] {
        assert_eq!(by_kind(discovery(icmp_type, "fe80::1")), is_exempt, "{icmp_type}");
    }
}

// S3.6: an address that a modelled ENI owns is never exempt.
#[test]
fn owned_addresses_are_not_exempt() {
    let owner = world(&SHOP.replace(
        r#"addresses = ["10.0.1.33"]"#,
        r#"addresses = ["10.0.1.33", "10.0.1.1", "10.0.1.2", "169.254.169.254"]"#,
    ));
    for address in ["10.0.1.1", "10.0.1.2", "169.254.169.254"] {
        assert!(!owner.policy.exempt_by_address(&ports(Protocol::UDP, ("10.0.1.10", 9), (address, 53))));
    }
}

// S5.1: ascending numbers, first match decides, none is denied by `*`; directions are independent.
#[test]
fn nacl_order() {
    let world = world(SHOP);
    let ingress = |probe| world.nacl("eni-web", Direction::Ingress, &probe);
    assert_eq!(ingress(tcp("198.51.100.9", 443)), ("acl-web#100", NaclAction::Deny));
    assert_eq!(ingress(tcp("203.0.113.9", 443)), ("acl-web#200", NaclAction::Allow));
    assert_eq!(ingress(tcp("203.0.113.9", 399)), ("acl-web#*", NaclAction::Default));
    // S5.2: families are apart.
    assert_eq!(ingress(tcp("2001:db8::9", 399)), ("acl-web#300", NaclAction::Allow));
    assert_eq!(
        world.nacl("eni-web", Direction::Egress, &tcp("2001:db8::9", 1)),
        ("acl-web#*", NaclAction::Default)
    );
    let unknown = |protocol| Probe { peer: ip("203.0.113.9"), protocol, selector: Selector::Unknown };
    // S2.7: unknown ports need every port.
    assert_eq!(ingress(unknown(Protocol::TCP)), ("acl-web#*", NaclAction::Default));
    assert_eq!(ingress(unknown(Protocol::UDP)), ("acl-web#301", NaclAction::Allow));
}

// S6.1: a subnet without an ACL gets the default one, which allows all; its rules are nobody's to be hit.
#[test]
fn default_nacl() {
    let world = world(SHOP);
    for peer in ["203.0.113.9", "2001:db8::9"] {
        for direction in [Direction::Ingress, Direction::Egress] {
            assert_eq!(world.nacl("eni-pods", direction, &tcp(peer, 9)).1, NaclAction::Allow);
        }
    }
    let mut in_force: Vec<&str> =
        world.policy.rules_in_force().map(|rule| world.registry.rule_name(rule)).collect();
    in_force.retain(|rule| !rule.starts_with("sg-"));
    in_force.sort_unstable();
    assert_eq!(in_force, ["acl-web#100", "acl-web#200", "acl-web#300", "acl-web#301"]);
}

// S6.2, S6.3.3: the first in the order of the ENI's groups, then of the rules.
#[test]
fn group_rules() {
    let world = world(SHOP);
    let ingress = |peer: &str, protocol, selector| {
        let probe = Probe { peer: ip(peer), protocol: Protocol(protocol), selector };
        world.group("eni-web", Direction::Ingress, &probe)
    };
    let (port, icmp) = (Selector::Port, |icmp_type, code| Selector::Icmp { icmp_type, code });
    assert_eq!(ingress("203.0.113.9", 6, port(443)), Some("sg-web#ingress.1"));
    assert_eq!(ingress("203.0.113.9", 6, port(444)), Some("sg-admin#ingress.2"));
    assert_eq!(ingress("203.0.113.9", 6, port(451)), None);
    assert_eq!(ingress("2001:db8::9", 6, port(443)), None);
    assert_eq!(ingress("10.3.0.1", 1, icmp(8, 77)), Some("sg-web#ingress.2"));
    assert_eq!(ingress("10.3.0.1", 1, icmp(0, 0)), None);
    // A prefix list has both families.
    assert_eq!(ingress("198.51.100.255", 17, port(1024)), Some("sg-web#ingress.3"));
    assert_eq!(ingress("2001:db8:1::1", 17, port(65535)), Some("sg-web#ingress.3"));
    assert_eq!(ingress("198.51.100.255", 17, Selector::Unknown), None);
    // A bare address is one address; a protocol by number ignores ports.
    assert_eq!(ingress("198.51.100.7", 47, Selector::Number), Some("sg-web#ingress.4"));
    assert_eq!(ingress("198.51.100.8", 47, Selector::Number), None);
    // S12.4
    assert_eq!(ingress("203.0.113.9", 132, Selector::Unknown), Some("sg-web#ingress.9"));
    assert_eq!(ingress("203.0.113.9", 132, port(5)), Some("sg-web#ingress.9"));
    assert_eq!(ingress("2001:db8:5::", 58, icmp(128, 0)), Some("sg-web#ingress.5"));
    assert_eq!(ingress("2001:db8:5::", 58, icmp(128, 1)), None);
    // S6.2: ICMP of the other family has no types, so that only rules for all types match.
    assert_eq!(ingress("203.0.113.9", 58, Selector::Number), None);
    assert_eq!(ingress("2001:db8:9::1", 1, Selector::Number), None);
    assert_eq!(ingress("2001:db8:8::1", 1, Selector::Number), Some("sg-web#ingress.8"));
    // Left out: allow all IPv4 and IPv6; left empty: none.
    let egress = |eni, peer| world.group(eni, Direction::Egress, &tcp(peer, 1));
    assert_eq!(egress("eni-web", "203.0.113.9"), Some("sg-web#egress.1"));
    assert_eq!(egress("eni-web", "2001:db8::9"), Some("sg-web#egress.2"));
    assert_eq!(egress("eni-pods", "203.0.113.9"), None);
}

// S6.2: addresses and prefixes of ENIs that have the group, and listed members.
#[test]
fn group_references() {
    let world = world(SHOP);
    let ssh = |peer| world.group("eni-pods", Direction::Ingress, &tcp(peer, 22));
    for member in ["10.0.1.10", "10.0.1.33", "10.0.1.47", "192.0.2.1", "2001:db8:0:1::10"] {
        assert_eq!(ssh(member), Some("sg-admin#ingress.1"), "{member}");
    }
    for stranger in ["10.0.1.48", "192.0.2.2", "2001:db8:0:1::11"] {
        assert_eq!(ssh(stranger), None, "{stranger}");
    }
}

// S6.1: no group admits nothing.
#[test]
fn no_group() {
    let world =
        world("subnet = [{ id = 's' }]\neni = [{ id = 'e', subnet = 's', addresses = ['10.0.0.1'] }]");
    assert_eq!(world.group("e", Direction::Egress, &tcp("10.0.0.9", 1)), None);
}

// S9.2: what was tried, and why.
#[test]
fn explanations() {
    let world = world(SHOP);
    let eni = world.eni("eni-web");
    let trials = world.policy.explain_security_group(eni, Direction::Ingress, &tcp("10.0.1.33", 22));
    let told: Vec<(&str, &str)> =
        trials.iter().map(|trial| (trial.text.as_str(), trial.why.as_str())).collect();
    assert_eq!(told[0], ("allow tcp 443 from 0.0.0.0/0", "port 22 is not in 443"));
    assert_eq!(told[1], ("allow icmp 8:-1 from 10.0.0.0/8", "protocol tcp is not icmp"));
    assert_eq!(told[2], ("allow udp 1024-65535 from pl-mixed", "10.0.1.33 is not in pl-mixed"));
    assert_eq!(
        told[4],
        (
            "allow icmpv6 128:0 from 2001:db8::/32",
            "10.0.1.33 is IPv4, and 2001:db8::/32 has no IPv4 addresses"
        )
    );
    assert_eq!(
        told[9],
        ("allow tcp 22 from sg-admin", "10.0.1.33 is a member of sg-admin, port 22 is in 22")
    );
    assert!(trials.iter().take(9).all(|trial| !trial.matched) && trials[9].matched && trials.len() == 10);
    let trials = world.policy.explain_nacl(eni, Direction::Egress, &tcp("10.0.1.33", 22));
    let last = trials.last().unwrap();
    assert_eq!(
        (world.registry.rule_name(last.rule), last.text.as_str(), last.matched),
        ("acl-web#*", "deny all", true)
    );
}

const OPEN: &str = r#"
    subnet = [{ id = "s" }]
    eni = [
        { id = "eni-open", subnet = "s", addresses = ["10.0.0.1"], security_groups = ["sg-open"] },
        { id = "eni-nat", subnet = "s", addresses = ["10.0.0.2"], security_groups = ["sg-open"], interface_type = "nat_gateway" },
        { id = "eni-listed", subnet = "s", addresses = ["10.0.0.3"], prefixes = ["10.0.3.0/28"], security_groups = ["sg-open"] },
        { id = "eni-tgw", subnet = "s", addresses = ["10.0.0.4"], security_groups = ["sg-open"], interface_type = "transit_gateway" },
    ]
    security_group = [{ id = "sg-open", ingress = [
        { protocol = "tcp", ports = "80-90", peer = "0.0.0.0/0" },
        { protocol = "tcp", ports = "85-100", peer = "0.0.0.0/0" },
        { protocol = "tcp", ports = "443", peer = "pl-all" },
        { protocol = "tcp", ports = "444", peer = "0.0.0.0/1" },
        { protocol = "tcp", ports = "445", peer = "128.0.0.0/1" },
        { protocol = "udp", peer = "0.0.0.0/0" },
        { protocol = "icmp", peer = "0.0.0.0/0" },
        { protocol = "tcp", ports = "80", peer = "::/0" },
    ], egress = [
        { protocol = "tcp", ports = "0-65535", peer = "0.0.0.0/0" },
        { protocol = "tcp", ports = "1-65535", peer = "::/0" },
    ] }]
    prefix_list = [{ id = "pl-all", entries = ["0.0.0.0/0"] }]
    [options]
    always_tracked = ["203.0.113.0/24", "eni-listed", "2001:db8::1"]
"#;

// S6.4: literally all addresses, and all ports of the protocol the other way.
#[test]
fn untracked() {
    let world = world(OPEN);
    let opens = |direction, protocol, port, peer| {
        world.policy.opens_untracked(world.eni("eni-open"), direction, (protocol, port), ip(peer))
    };
    let (ingress, egress) = (Direction::Ingress, Direction::Egress);
    for (port, expected) in [
        (79, false),
        (80, true),
        (90, true),
        (100, true),
        (101, false),
        (443, false),
        (444, false),
        (445, false),
    ] {
        assert_eq!(opens(ingress, Protocol::TCP, port, "198.51.100.1"), expected, "{port}");
    }
    // Ingress does not open all ports of TCP, so nothing that is opened outwards is untracked.
    assert!(!opens(egress, Protocol::TCP, 80, "198.51.100.1"));
    // Egress has no UDP at all; ICMP is never untracked.
    assert!(!opens(ingress, Protocol::UDP, 53, "198.51.100.1"));
    assert!(!opens(ingress, Protocol::ICMP, 0, "198.51.100.1"));
    // IPv6 apart: 1-65535 are not all ports.
    assert!(!opens(ingress, Protocol::TCP, 80, "2001:db8::9"));
}

// S6.4: protocol -1 opens TCP and UDP both ways.
#[test]
fn untracked_by_all_protocols() {
    let all = "{ peer = '0.0.0.0/0' }";
    let world = world(&format!(
        "subnet = [{{ id = 's' }}]\neni = [{{ id = 'e', subnet = 's', security_groups = ['g'] }}]\n\
         security_group = [{{ id = 'g', ingress = [{all}], egress = [{all}, {{ peer = '::/0' }}] }}]"
    ));
    for (protocol, expected) in [(6, true), (17, true), (1, false), (132, false)] {
        for direction in [Direction::Ingress, Direction::Egress] {
            let at = |peer| {
                world.policy.opens_untracked(world.eni("e"), direction, (Protocol(protocol), 0), ip(peer))
            };
            assert_eq!(at("192.0.2.1"), expected, "{protocol}");
            assert!(!at("2001:db8::1"), "{protocol}");
        }
    }
}

// S6.4: ports of UDP open UDP alone, and not what lies between them; all of them answer for UDP alone.
#[test]
fn untracked_udp() {
    let open = |ports| format!("{{ protocol = 'udp', ports = '{ports}', peer = '0.0.0.0/0' }}");
    let ingress = ["53", "120-130", "123"].map(open).join(", ");
    let world = world(&format!(
        "subnet = [{{ id = 's' }}]\neni = [{{ id = 'e', subnet = 's', security_groups = ['g'] }}]\n\
         security_group = [{{ id = 'g', ingress = [{ingress}], egress = [{}] }}]",
        open("0-65535")
    ));
    for (protocol, port, expected) in [(17, 53, true), (17, 54, false), (17, 125, true), (6, 53, false)] {
        let (eni, flow) = (world.eni("e"), (Protocol(protocol), port));
        assert_eq!(world.policy.opens_untracked(eni, Direction::Ingress, flow, ip("192.0.2.1")), expected);
    }
}

// S6.4, S12.15: types as self or peer, lists as peer only.
#[test]
fn always_tracked() {
    let world = world(OPEN);
    let tracked = |eni, peer| world.policy.always_tracked(world.eni(eni), ip(peer));
    assert!(!tracked("eni-open", "198.51.100.1"));
    assert!(tracked("eni-open", "203.0.113.77"));
    assert!(tracked("eni-open", "2001:db8::1"));
    assert!(tracked("eni-nat", "198.51.100.1"), "its own type");
    assert!(tracked("eni-open", "10.0.0.2"), "the peer's type");
    assert!(tracked("eni-open", "10.0.3.15"), "the peer is a listed ENI, by any address of it");
    assert!(!tracked("eni-listed", "198.51.100.1"), "a list says nothing of the ENI's own side");
    assert!(!tracked("eni-tgw", "198.51.100.1"), "transit gateways are not among the types");
    assert!(!tracked("eni-open", "10.0.0.4"), "as a peer neither, and it is not listed");
}

// S6.4: CIDRs, addresses or ENI ids; what can be none of them is refused at once, not taken for an id of a later model.
#[test]
fn always_tracked_is_read() {
    for text in ["", "203.0.113.0/33", "2001:db8:::1"] {
        let command_line = Options { always_tracked: vec![text.to_owned()], ..Options::default() };
        let Err(error) = compile(OPEN, &command_line) else { panic!("`{text}` is accepted") };
        assert!(error.to_string().contains(&format!("`{text}` is no peer")), "{error}");
    }
}

// S12.15: both lists add up and stay those of the first model; an id that no model has is an error.
#[test]
fn always_tracked_over_a_timeline() {
    let command_line = Options { always_tracked: vec!["eni-later".to_owned()], ..Options::default() };
    let first = compile(OPEN, &command_line).expect("compiles");
    let error = first.policy.check_always_tracked(&first.registry).unwrap_err();
    assert!(error.to_string().contains("eni-later"), "{error}");
    let later = "subnet = [{ id = 's' }]\neni = [{ id = 'eni-later', subnet = 's', addresses = ['10.7.7.7'] }, { id = 'eni-open', subnet = 's' }]";
    let document = Document { name: "later".to_owned(), bytes: later.into() };
    let network = load(&[document], &Selection::default()).unwrap().network;
    let mut registry = first.registry.clone();
    let (policy, _) = Policy::compile(&network, &command_line, Some(&first.policy), &mut registry).unwrap();
    first.policy.check_always_tracked(&registry).expect("a later model has it");
    let open = registry.eni_id("eni-open").unwrap();
    assert_eq!(Some(open), first.registry.eni_id("eni-open"), "numbers stay valid");
    assert!(policy.always_tracked(open, ip("203.0.113.1")) && policy.always_tracked(open, ip("10.7.7.7")));
    assert!(policy.contains(open) && !policy.contains(registry.eni_id("eni-nat").unwrap()));
    assert_eq!(policy.enis().count(), 2);
    let bad = Options { always_tracked: vec!["10.0.0.1/8".to_owned()], ..Options::default() };
    let Err(error) = compile(OPEN, &bad) else { panic!("accepted") };
    assert!(error.to_string().contains("10.0.0.0/8"), "{error}");
}

const LIMITS: &str = r#"
    [options]
    profile = "nitro"
    limit = 50
    scope = "instance"
    timeouts = { udp = "40s", icmp = 7, other = "1h" }
    limits = { i-1 = 20, eni-3 = 30, eni-2 = 5 }
    [[subnet]]
    id = "s"
    [[eni]]
    id = "eni-1"
    subnet = "s"
    instance = "i-1"
    timeouts = { udp = "45s", tcp-close = "2s" }
    [[eni]]
    id = "eni-2"
    subnet = "s"
    instance = "i-1"
    [[eni]]
    id = "eni-3"
    subnet = "s"
    [[eni]]
    id = "eni-4"
    subnet = "s"
"#;

// S7.8, S12.17
#[test]
fn limits_and_scopes() {
    let world = world(LIMITS);
    assert_eq!(world.policy.scope(world.eni("eni-1")), world.policy.scope(world.eni("eni-2")));
    assert_eq!(
        (world.limit("i-1"), world.limit("eni-3"), world.limit("eni-4")),
        (Some(20), Some(30), Some(50))
    );
    assert_eq!(world.limit("eni-2"), None, "its instance is the scope");
    assert_eq!((world.warnings[0].code, world.warnings[0].count), ("limit-without-effect", 1));
    assert!(world.warnings[0].text.ends_with(": eni-2"), "{}", world.warnings[0].text);
    let by_eni = compile(LIMITS, &Options { scope: Some(Scope::Eni), ..Options::default() }).unwrap();
    assert_eq!(
        (by_eni.limit("eni-1"), by_eni.limit("eni-2"), by_eni.limit("eni-3")),
        (Some(50), Some(5), Some(30))
    );
    let forced = compile(LIMITS, &Options { limit: Some(0), ..Options::default() }).unwrap();
    assert_eq!((forced.limit("i-1"), forced.limit("eni-3")), (Some(0), Some(0)));
    let plain = compile(&LIMITS.replace("limit = 50", ""), &Options::default()).unwrap();
    assert_eq!(plain.limit("eni-4"), Some(65_535));
}

// S7.3, S12.10: profile < [options] < ENI < command line.
#[test]
fn timeouts() {
    let mut command_line = Options { profile: Some(Profile::NitroV6), ..Options::default() };
    command_line.timeouts.insert(TimeoutName::TcpClose, Span::from_secs(3));
    let world = compile(LIMITS, &command_line).unwrap();
    let of = |eni, name| world.policy.timeouts(world.eni(eni)).get(name);
    assert_eq!(of("eni-1", TimeoutName::TcpEstablished), Span::from_secs(350));
    assert_eq!(of("eni-1", TimeoutName::Icmp), Span::from_secs(7));
    assert_eq!(of("eni-1", TimeoutName::Udp), Span::from_secs(45));
    assert_eq!(of("eni-2", TimeoutName::Udp), Span::from_secs(40));
    assert_eq!(of("eni-2", TimeoutName::Other), Span::from_secs(3600));
    assert_eq!(of("eni-1", TimeoutName::TcpClose), Span::from_secs(3));
}

// S10.1: limit, profile and timeouts follow a later model, the scope stays.
#[test]
fn later_models() {
    let first = world(LIMITS);
    let later = "[options]\nlimit = 9\nscope = 'eni'\nprofile = 'classic'\n[[subnet]]\nid = 's'\n[[eni]]\nid = 'eni-1'\nsubnet = 's'\ninstance = 'i-1'";
    let document = Document { name: "later".to_owned(), bytes: later.into() };
    let network = load(&[document], &Selection::default()).unwrap().network;
    let mut registry = first.registry.clone();
    let (policy, _) =
        Policy::compile(&network, &Options::default(), Some(&first.policy), &mut registry).unwrap();
    let eni = registry.eni_id("eni-1").unwrap();
    let scope = policy.scope(eni).unwrap();
    assert_eq!((registry.scope_name(scope), policy.limit(scope)), ("i-1", Some(9)));
    assert_eq!(policy.timeouts(eni).get(TimeoutName::Udp), Span::from_secs(180));
    let options = policy.options();
    assert_eq!((options.limit, options.scope), (Some(9), Some(Scope::Instance)), "S10.1: all but a few stay");
}

// S7.5, S12.16: the same peer, the packet's own source port.
#[test]
fn reversed_probe() {
    let facts = ports(Protocol::TCP, ("10.0.1.10", 443), ("203.0.113.9", 40_000));
    let reversed = Probe::reversed(&facts, Direction::Egress).unwrap();
    assert_eq!(reversed, tcp("203.0.113.9", 443));
    assert_eq!(Probe::of(&facts, Direction::Egress), tcp("203.0.113.9", 40_000));
    let fragment = PacketFacts { transport: Transport::Unknown, ..facts };
    assert_eq!(Probe::reversed(&fragment, Direction::Egress), None);
}

// For hints: VPC CIDRs, subnets, ENIs.
#[test]
fn inside() {
    let world = world(SHOP);
    for (address, inside) in [
        ("10.0.9.9", true),
        ("10.1.255.255", true),
        ("10.2.0.0", false),
        ("2001:db8::1", true),
        ("192.0.2.1", false),
    ] {
        assert_eq!(world.policy.is_inside_vpc(ip(address)), inside, "{address}");
    }
}

// Equal names in both directions are two rules.
#[test]
fn rule_identity() {
    let world = world(OPEN);
    let rules: Vec<_> = world.policy.rules_in_force().collect();
    assert_eq!(rules.len(), 10);
    for rule in rules {
        let name = world.registry.rule_name(rule);
        let direction = world.registry.rule_direction(rule).unwrap();
        assert!(name.starts_with(&format!("sg-open#{}.", direction.name())), "{name}");
    }
}
