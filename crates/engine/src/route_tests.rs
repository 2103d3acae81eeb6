use std::net::IpAddr;

use vpcreplay_flow::{PacketFacts, Protocol, Reason, Transport};
use vpcreplay_policy::{Document, NaclAction, Options, Policy, Registry, Selection, load};

use super::Route;
use crate::Settings;

const MODEL: &str = r#"
    vpc = [{ id = "vpc-a", cidrs = ["10.0.0.0/16"] }]
    subnet = [
        { id = "subnet-a", vpc = "vpc-a", cidrs = ["10.0.1.0/24"], nacl = "acl" },
        { id = "subnet-b", vpc = "vpc-a", cidrs = ["10.0.2.0/24"], nacl = "acl" },
    ]
    eni = [
        { id = "eni-a", subnet = "subnet-a", addresses = ["10.0.1.10", "10.0.1.11"], security_groups = [] },
        { id = "eni-b", subnet = "subnet-b", addresses = ["10.0.2.10", "10.0.2.1"], security_groups = [] },
        { id = "eni-c", subnet = "subnet-a", addresses = ["10.0.1.12"], security_groups = [] },
    ]
    nacl = [{ id = "acl", ingress = [{ rule = 1, action = "allow", peer = "0.0.0.0/0" }], egress = [] }]
"#;

/// The route of a packet from port 40000 to port 53, where only these ENIs are chosen.
fn route(protocol: Protocol, src: &str, dst: &str, chosen: Option<&[&str]>) -> Result<Route, Reason> {
    let document = Document { name: "model.toml".to_owned(), bytes: MODEL.as_bytes().to_vec() };
    let network = load(&[document], &Selection::default()).unwrap().network;
    let mut registry = Registry::new();
    let (policy, _) = Policy::compile(&network, &Options::default(), None, &mut registry).unwrap();
    let only = chosen.map(|ids| ids.iter().map(|id| registry.eni_id(id).unwrap()).collect());
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let transport = match protocol {
        Protocol::ICMPV6 => Transport::IcmpOneWay { icmp_type: 135, code: 0 },
        _ => Transport::Ports { src_port: 40000, dst_port: 53 },
    };
    let facts = PacketFacts { src: address(src), dst: address(dst), protocol, transport, length: 60 };
    Route::of(&facts, &policy, &Settings { only, ..Settings::default() })
}

// S3.8: each test goes before those after it.
#[test]
fn order() {
    let reason = |protocol, src, dst| route(protocol, src, dst, None).err();
    let udp = |src, dst| reason(Protocol::UDP, src, dst);
    assert_eq!(reason(Protocol::ICMPV6, "fe80::1", "ff02::1"), Some(Reason::Exempt), "kind before multicast");
    assert_eq!(udp("192.0.2.1", "224.0.0.1"), Some(Reason::Multicast), "before no-interface");
    assert_eq!(udp("224.0.0.1", "10.0.1.10"), None, "of the destination only");
    assert_eq!(udp("192.0.2.1", "169.254.169.254"), Some(Reason::NoInterface), "before exempt by address");
    assert_eq!(udp("10.0.1.10", "10.0.1.11"), Some(Reason::SameInterface));
    assert_eq!(udp("10.0.1.10", "10.0.1.2"), Some(Reason::Exempt));
    assert_eq!(udp("10.0.1.1", "10.0.1.10"), Some(Reason::Exempt));
}

// S3.6: an address of an ENI is never exempt, also when the ENI is not chosen and counts as not modelled.
#[test]
fn chosen_enis() {
    let udp = |src, dst, chosen| route(Protocol::UDP, src, dst, Some(chosen));
    assert_eq!(udp("10.0.2.10", "192.0.2.1", &["eni-a"]), Err(Reason::NoInterface));
    assert_eq!(udp("10.0.2.10", "10.0.2.1", &["eni-a"]), Err(Reason::NoInterface));
    let towards_unchosen = udp("10.0.1.10", "10.0.2.1", &["eni-a"]).unwrap();
    assert!(towards_unchosen.source.is_some() && towards_unchosen.destination.is_none());
    let both = udp("10.0.1.10", "10.0.2.1", &["eni-a", "eni-b"]).unwrap();
    assert!(both.source.is_some() && both.destination.is_some());
}

// S3.5, S5: within the subnet no network ACL is asked.
#[test]
fn subnet_edge() {
    let actions = |src, dst| {
        let route = route(Protocol::UDP, src, dst, None).unwrap();
        [route.source, route.destination].map(|stop| stop.map(|stop| stop.nacl.map(|found| found.action)))
    };
    assert_eq!(actions("10.0.1.10", "10.0.1.12"), [Some(None), Some(None)]);
    let crossing = [Some(Some(NaclAction::Default)), Some(Some(NaclAction::Allow))];
    assert_eq!(actions("10.0.1.10", "10.0.2.10"), crossing);
    assert_eq!(actions("192.0.2.1", "10.0.2.10"), [None, Some(Some(NaclAction::Allow))]);
}
