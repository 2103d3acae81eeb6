//! No document makes the loader panic, and every network survives being written as TOML.

use proptest::prelude::*;
use vpcreplay_policy::{Document, Network, Options, Policy, Registry, Selection, load};

const TOML: &str = r#"
[options]
profile = "nitro"
limit = 7
scope = "instance"
mode = "literal"
tcp_midstream = "either-end"
icmp_errors = "related"
decap = "geneve"
period = "1500ms"
timeouts = { udp = "40s" }
always_tracked = ["10.0.0.0/8", "eni-a"]
limits = { i-a = 3 }
[[vpc]]
id = "vpc-a"
cidrs = ["10.0.0.0/16"]
[[subnet]]
id = "subnet \"a\" \\ \u0001"
vpc = "vpc-a"
cidrs = ["10.0.1.0/24"]
nacl = "acl-a"
[[eni]]
id = "eni-a"
subnet = "subnet \"a\" \\ \u0001"
addresses = ["10.0.1.1", "::ffff:1.2.3.4"]
prefixes = ["2001:db8::/80"]
security_groups = ["sg-a"]
instance = "i-a"
interface_type = "lambda"
timeouts = { tcp-close = "1s" }
[[security_group]]
id = "sg-a"
members = ["10.9.9.9"]
ingress = [{ peer = "sg-a" }, { protocol = "tcp", ports = "1-2", peer = "pl-a" }, { protocol = "icmp", icmp = "8", peer = "::/0" }, { protocol = "50", peer = "::1" }]
[[nacl]]
id = "acl-a"
egress = [{ rule = 7, action = "deny", protocol = "icmpv6", icmp = "-1:3", peer = "::/0" }, { rule = 3, action = "allow", peer = "0.0.0.0/0" }]
[[prefix_list]]
id = "pl-a"
entries = ["10.0.0.0/8", "::/0"]
"#;

const JSON: &str = r#"{"Subnets": [{"SubnetId": "subnet-a", "VpcId": "vpc-a", "CidrBlock": "10.0.1.0/24"}],
 "NetworkInterfaces": [{"NetworkInterfaceId": "eni-a", "SubnetId": "subnet-a", "VpcId": "vpc-a", "PrivateIpAddress": "10.0.1.5", "Groups": [{"GroupId": "sg-a"}], "ConnectionTrackingConfiguration": {"UdpTimeout": 45}}],
 "SecurityGroups": [{"GroupId": "sg-a", "VpcId": "vpc-b", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "UserIdGroupPairs": [{"GroupId": "sg-far"}], "PrefixListIds": [{"PrefixListId": "pl-far"}]}]}],
 "NetworkAcls": [{"NetworkAclId": "acl-a", "VpcId": "vpc-a", "IsDefault": true, "Entries": [{"Egress": false, "Protocol": "6", "RuleAction": "allow", "RuleNumber": 200, "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 1, "To": 9}}]}]}"#;

fn load_text(bytes: Vec<u8>) -> Result<Network, String> {
    let document = Document { name: "pl-model".to_owned(), bytes };
    load(&[document], &Selection::default()).map(|loaded| loaded.network).map_err(|error| error.to_string())
}

/// What TOML has no place for is taken away: names of rules, VPCs of groups, groups that only references name.
fn comparable(mut network: Network) -> Network {
    for group in &mut network.groups {
        group.vpc = None;
        for rule in group.ingress.iter_mut().chain(&mut group.egress) {
            rule.name.clear();
        }
    }
    network.groups.retain(|group| !group.id.contains("far"));
    network.prefix_lists.retain(|list| !list.id.contains("far"));
    network.vpcs.clear();
    network
}

#[test]
fn written_as_toml_and_read_again() {
    for text in [TOML, JSON] {
        let network = load_text(text.into()).unwrap();
        let written = network.to_toml();
        let again =
            load_text(written.clone().into_bytes()).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(comparable(again), comparable(network), "{written}");
    }
}

/// Bytes cut out, doubled or replaced.
fn damaged(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let snippet = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(
            &["-1", "null", "{}", "[]", "\"\"", "99999999999999999999", "0", "}", "ü", "0.0.0.0/0"][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec((0..text.len(), 0_usize..12, snippet), 1..4).prop_map(|cuts| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, length, snippet) in cuts {
            let start = at.min(bytes.len());
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, snippet);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    // An answer or an error that says something, and a network that loads compiles.
    #[test]
    fn damaged_documents(bytes in prop_oneof![damaged(TOML), damaged(JSON), prop::collection::vec(any::<u8>(), 0..64)]) {
        match load_text(bytes) {
            Ok(network) => {
                let mut registry = Registry::new();
                Policy::compile(&network, &Options::default(), None, &mut registry).unwrap();
            }
            Err(error) => prop_assert!(error.len() > 20, "{}", error),
        }
    }
}
