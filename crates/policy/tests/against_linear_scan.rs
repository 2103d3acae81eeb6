//! The compiled tables give what a plain scan over the rules gives, on generated models and packets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up fails")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use vpcreplay_flow::{Direction, Protocol};
use vpcreplay_policy::{
    Action, Document, EniId, Nacl, NaclAction, NaclEntry, Network, Options, Peer, Policy, Probe, Registry,
    SecurityGroup, Selection, Selector, Service, load,
};

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

// S5.2, S6.2, S2.7, written down once more without the compiled tables.
fn service_matches(service: Service, probe: &Probe) -> bool {
    if service.protocol().is_some_and(|protocol| protocol != probe.protocol) {
        return false;
    }
    // S2.4: ICMP has types in its own IP version only.
    let own = if probe.peer.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 };
    let selector = match probe.selector {
        Selector::Icmp { .. } if probe.protocol != own => Selector::Number,
        selector => selector,
    };
    match (service, selector) {
        (Service::Tcp(ports) | Service::Udp(ports), Selector::Port(port)) => {
            ports.from <= port && port <= ports.to
        }
        (Service::Tcp(ports) | Service::Udp(ports), _) => ports.from == 0 && ports.to == 65535,
        (
            Service::Icmp(own_type, own_code) | Service::Icmpv6(own_type, own_code),
            Selector::Icmp { icmp_type, code },
        ) => own_type.is_none_or(|own| own == icmp_type) && own_code.is_none_or(|own| own == code),
        (Service::Icmp(own_type, own_code) | Service::Icmpv6(own_type, own_code), _) => {
            own_type.is_none() && own_code.is_none()
        }
        (Service::All | Service::Number(_), _) => true,
    }
}

fn peer_matches(network: &Network, peer: &Peer, address: IpAddr) -> bool {
    match peer {
        Peer::Cidr(cidr) => cidr.contains(address),
        Peer::PrefixList(id) => {
            let list = network.prefix_lists.iter().find(|list| list.id == *id);
            list.is_some_and(|list| list.entries.iter().any(|entry| entry.contains(address)))
        }
        Peer::Group(id) => {
            let listed = network.groups.iter().find(|group| group.id == *id);
            listed.is_some_and(|group| group.members.iter().any(|member| member.contains(address)))
                || scan_owner(network, address).is_some_and(|owner| {
                    network.enis.iter().any(|eni| eni.id == owner && eni.security_groups.contains(id))
                })
        }
    }
}

fn scan_groups(network: &Network, eni: &str, direction: Direction, probe: &Probe) -> Option<String> {
    let eni = network.enis.iter().find(|known| known.id == eni).unwrap();
    let groups =
        eni.security_groups.iter().map(|id| network.groups.iter().find(|group| group.id == *id).unwrap());
    let rules = groups.flat_map(|group: &SecurityGroup| match direction {
        Direction::Ingress => &group.ingress,
        Direction::Egress => &group.egress,
    });
    rules
        .filter(|rule| service_matches(rule.service, probe) && peer_matches(network, &rule.peer, probe.peer))
        .map(|rule| rule.name.clone())
        .next()
}

fn scan_nacl(network: &Network, eni: &str, direction: Direction, probe: &Probe) -> (String, NaclAction) {
    let eni = network.enis.iter().find(|known| known.id == eni).unwrap();
    let subnet = network.subnets.iter().find(|subnet| subnet.id == eni.subnet).unwrap();
    let nacl: &Nacl = network.nacls.iter().find(|nacl| nacl.id == subnet.nacl).unwrap();
    let entries: &Vec<NaclEntry> = match direction {
        Direction::Ingress => &nacl.ingress,
        Direction::Egress => &nacl.egress,
    };
    // S5.2: protocol 58 with an IPv4 CIDR is any other number.
    let by_number = |entry: &NaclEntry| {
        matches!(entry.service, Service::Icmpv6(..))
            && entry.peer.is_ipv4()
            && probe.protocol == Protocol::ICMPV6
    };
    let matching = entries.iter().filter(|entry| {
        entry.peer.contains(probe.peer) && (by_number(entry) || service_matches(entry.service, probe))
    });
    match matching.min_by_key(|entry| entry.number) {
        Some(entry) if entry.action == Action::Allow => {
            (format!("{}#{}", nacl.id, entry.number), NaclAction::Allow)
        }
        Some(entry) => (format!("{}#{}", nacl.id, entry.number), NaclAction::Deny),
        None => (format!("{}#*", nacl.id), NaclAction::Default),
    }
}

fn scan_owner(network: &Network, address: IpAddr) -> Option<String> {
    let by_address = network.enis.iter().find(|eni| eni.addresses.contains(&address));
    let blocks = network.enis.iter().flat_map(|eni| eni.prefixes.iter().map(move |prefix| (eni, prefix)));
    let longest =
        blocks.filter(|(_, prefix)| prefix.contains(address)).max_by_key(|(_, prefix)| prefix.length());
    by_address.or(longest.map(|(eni, _)| eni)).map(|eni| eni.id.clone())
}

fn check(network: &Network, probes: &[Probe]) {
    let mut registry = Registry::new();
    let (policy, _) = Policy::compile(network, &Options::default(), None, &mut registry).expect("compiles");
    for eni in &network.enis {
        let id: EniId = registry.eni_id(&eni.id).unwrap();
        for (direction, probe) in
            DIRECTIONS.iter().flat_map(|direction| probes.iter().map(move |p| (*direction, p)))
        {
            let named = |rule| registry.rule_name(rule).to_owned();
            let group_rule = policy.security_group(id, direction, probe).map(named);
            assert_eq!(group_rule, scan_groups(network, &eni.id, direction, probe), "{probe:?}");
            let trials = policy.explain_security_group(id, direction, probe);
            let explained = trials.iter().find(|trial| trial.matched).map(|trial| named(trial.rule));
            assert_eq!(explained, group_rule, "{probe:?} {trials:?}");
            let nacl = policy.nacl(id, direction, probe);
            assert_eq!(
                (named(nacl.rule), nacl.action),
                scan_nacl(network, &eni.id, direction, probe),
                "{probe:?}"
            );
            let last = policy.explain_nacl(id, direction, probe).pop().unwrap();
            assert_eq!((last.rule, last.matched), (nacl.rule, true));
            let owner = policy.owner(probe.peer).map(|owner| registry.eni_name(owner).to_owned());
            assert_eq!(owner, scan_owner(network, probe.peer), "{}", probe.peer);
        }
    }
}

/// Few addresses, so that rules and packets meet.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = (0_u8..4, any::<bool>(), 0_u8..6).prop_map(|(third, high, fourth)| {
        let base = if high { 250 } else { 0 };
        IpAddr::V4(Ipv4Addr::new(10, 0, third, base + fourth))
    });
    let v6 = (0_u16..3, 0_u16..6)
        .prop_map(|(net, host)| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, net, 0, 0, 0, host)));
    prop_oneof![
        5 => v4,
        3 => v6,
        1 => Just(IpAddr::V4(Ipv4Addr::BROADCAST)),
        1 => Just(IpAddr::V6(Ipv6Addr::from_bits(u128::MAX))),
    ]
}

fn block() -> impl Strategy<Value = String> {
    (address(), 0_u8..=32, any::<u8>()).prop_map(|(address, v4_length, v6_length)| match address {
        IpAddr::V4(v4) => {
            let length = if v4_length < 8 { v4_length } else { 20 + v4_length % 13 };
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let length = if v6_length < 32 { v6_length % 4 } else { 60 + v6_length % 69 };
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    })
}

/// Protocol, ports and ICMP of a rule, as TOML.
fn traffic() -> impl Strategy<Value = String> {
    let ports = (0_u16..6, 0_u16..6).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let ports = prop_oneof![4 => ports, 1 => Just("0-65535".to_owned()), 1 => Just("4-65535".to_owned())];
    let icmp = (-1_i16..3, -1_i16..3).prop_map(|(icmp_type, code)| format!("{icmp_type}:{code}"));
    prop_oneof![
        (prop_oneof![Just("tcp"), Just("udp"), Just("6"), Just("17")], ports)
            .prop_map(|(protocol, ports)| format!("protocol = \"{protocol}\", ports = \"{ports}\"")),
        (prop_oneof![Just("icmp"), Just("icmpv6")], icmp)
            .prop_map(|(protocol, icmp)| format!("protocol = \"{protocol}\", icmp = \"{icmp}\"")),
        prop_oneof![Just("all"), Just("tcp"), Just("icmp"), Just("58"), Just("47"), Just("132")]
            .prop_map(|protocol| format!("protocol = \"{protocol}\"")),
    ]
}

fn group_rules(most: usize) -> impl Strategy<Value = String> {
    let peer = prop_oneof![6 => block(), 1 => Just("pl-mixed".to_owned()), 1 => Just("sg-a".to_owned()), 1 => Just("sg-b".to_owned())];
    let rule = (traffic(), peer).prop_map(|(traffic, peer)| format!("{{ {traffic}, peer = \"{peer}\" }}"));
    prop::collection::vec(rule, 0..most).prop_map(|rules| format!("[{}]", rules.join(", ")))
}

fn nacl_rules() -> impl Strategy<Value = String> {
    let entry = (traffic(), block(), any::<bool>());
    prop::collection::btree_map(1_u16..=32766, entry, 0..12).prop_map(|entries| {
        // Not in the order of their numbers, which must not matter.
        let text = entries.iter().rev().map(|(number, (traffic, peer, allows))| {
            let action = if *allows { "allow" } else { "deny" };
            format!("{{ rule = {number}, action = \"{action}\", {traffic}, peer = \"{peer}\" }}")
        });
        format!("[{}]", text.collect::<Vec<_>>().join(", "))
    })
}

fn model(most_rules: usize) -> impl Strategy<Value = Network> {
    let rules = || group_rules(most_rules);
    ((rules(), rules(), rules(), rules()), (nacl_rules(), nacl_rules()), prop::collection::vec(block(), 0..4)).prop_map(
        |((a_in, a_out, b_in, b_out), (nacl_in, nacl_out), list)| {
            let toml = format!(
                r#"
                subnet = [{{ id = "subnet-a", nacl = "acl-a" }}]
                eni = [
                    {{ id = "eni-1", subnet = "subnet-a", addresses = ["10.0.0.1", "2001:db8::1"], prefixes = ["10.0.1.0/24", "10.0.0.0/22"], security_groups = ["sg-a", "sg-b"] }},
                    {{ id = "eni-2", subnet = "subnet-a", addresses = ["10.0.1.2"], prefixes = ["10.0.1.0/30", "2001:db8:0:1::/80"], security_groups = ["sg-b"] }},
                ]
                security_group = [
                    {{ id = "sg-a", ingress = {a_in}, egress = {a_out} }},
                    {{ id = "sg-b", members = ["10.0.3.0/31"], ingress = {b_in}, egress = {b_out} }},
                ]
                nacl = [{{ id = "acl-a", ingress = {nacl_in}, egress = {nacl_out} }}]
                prefix_list = [{{ id = "pl-mixed", entries = {list:?} }}]
                "#
            );
            let document = Document { name: "model.toml".to_owned(), bytes: toml.into_bytes() };
            load(&[document], &Selection::default()).map(|loaded| loaded.network).unwrap()
        },
    )
}

fn probe() -> impl Strategy<Value = Probe> {
    let port = prop_oneof![6 => 0_u16..8, 1 => Just(65535)];
    let selector = prop_oneof![
        4 => port.prop_map(Selector::Port),
        4 => (0_u8..4, 0_u8..4).prop_map(|(icmp_type, code)| Selector::Icmp { icmp_type, code }),
        1 => Just(Selector::Number),
        1 => Just(Selector::Unknown),
    ];
    let protocol = prop_oneof![
        4 => Just(6_u8), 3 => Just(17), 3 => Just(1), 3 => Just(58), 1 => Just(47), 1 => Just(132), 1 => any::<u8>()
    ];
    (address(), protocol, selector).prop_map(|(peer, protocol, selector)| {
        let protocol = Protocol(protocol);
        // Only what a decoded packet can be: ports with TCP and the like, types with ICMP.
        let selector = match selector {
            Selector::Port(_) if !protocol.has_ports() => Selector::Number,
            Selector::Icmp { .. } if protocol != Protocol::ICMP && protocol != Protocol::ICMPV6 => {
                Selector::Unknown
            }
            fitting => fitting,
        };
        Probe { peer, protocol, selector }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_models(network in model(10), probes in prop::collection::vec(probe(), 60)) {
        check(&network, &probes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    // Both groups together have more rules than one chunk of the classifier.
    #[test]
    fn large_models(network in model(1400), probes in prop::collection::vec(probe(), 40)) {
        check(&network, &probes);
    }
}
