//! What the AWS CLI prints: what it means, what is warned of, what is refused.
#![expect(clippy::panic, reason = "a test that cannot set up fails")]

use vpcreplay_flow::{Span, TimeoutName};
use vpcreplay_policy::{Action, DEFAULT_NACL, Document, Loaded, Peer, Ports, Selection, Service, load};

const SUBNET: &str = r#"{"Subnets": [{"SubnetId": "subnet-a", "VpcId": "vpc-a", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-west-2a",
    "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": "2001:db8::/64", "Ipv6CidrBlockState": {"State": "associated"}},
                                    {"Ipv6CidrBlock": "2001:db8:1::/64", "Ipv6CidrBlockState": {"State": "disassociated"}}]}]}"#;
const VPC: &str = r#"{"Vpcs": [{"VpcId": "vpc-a", "CidrBlock": "10.0.0.0/16",
    "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
                                {"CidrBlock": "10.5.0.0/16", "CidrBlockState": {"State": "associated"}}]}]}"#;
const ENI: &str = r#"{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-a", "SubnetId": "subnet-a", "VpcId": "vpc-a", "InterfaceType": "interface",
    "PrivateIpAddress": "10.0.1.5", "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.5"}, {"PrivateIpAddress": "10.0.1.6"}],
    "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}], "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.1.64/28"}], "Ipv6Prefixes": [{"Ipv6Prefix": "2001:db8::a:0/112"}],
    "Groups": [{"GroupId": "sg-a", "GroupName": "a"}], "Attachment": {"InstanceId": "i-a"},
    "ConnectionTrackingConfiguration": {"TcpEstablishedTimeout": 350, "UdpTimeout": 45}}]}"#;
const GROUP: &str = r#"{"SecurityGroups": [{"GroupId": "sg-a", "VpcId": "vpc-a", "IpPermissions": [
    {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 444, "UserIdGroupPairs": [{"GroupId": "sg-a"}], "PrefixListIds": [{"PrefixListId": "pl-a"}],
     "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}]},
    {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.9.0.0/16"}], "Ipv6Ranges": null}], "IpPermissionsEgress": []}]}"#;
const ACL: &str = r#"{"NetworkAcls": [{"NetworkAclId": "acl-a", "VpcId": "vpc-a", "IsDefault": true, "Associations": [{"SubnetId": "subnet-a"}], "Entries": [
    {"Egress": false, "Protocol": "6", "RuleAction": "allow", "RuleNumber": 200, "CidrBlock": "0.0.0.0/0", "PortRange": {"From": 1, "To": 9}},
    {"Egress": false, "Protocol": "1", "RuleAction": "deny", "RuleNumber": 100, "CidrBlock": "10.0.0.0/8", "IcmpTypeCode": {"Type": 8, "Code": -1}},
    {"Egress": false, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767, "CidrBlock": "0.0.0.0/0"},
    {"Egress": true, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32768, "Ipv6CidrBlock": "::/0"}]}]}"#;
const LIST: &str = r#"{"Entries": [{"Cidr": "192.0.2.0/24"}]}"#;

fn all() -> Vec<(&'static str, String)> {
    [
        ("subnets.json", SUBNET),
        ("vpcs.json", VPC),
        ("enis.json", ENI),
        ("groups.json", GROUP),
        ("acls.json", ACL),
        ("dir/pl-a.json", LIST),
    ]
    .map(|(name, text)| (name, text.to_owned()))
    .into()
}

fn load_all(documents: &[(&str, String)], selection: &Selection) -> Result<Loaded, String> {
    let documents: Vec<Document> = documents
        .iter()
        .map(|(name, text)| Document { name: (*name).to_owned(), bytes: text.as_bytes().to_vec() })
        .collect();
    load(&documents, selection).map_err(|error| error.to_string())
}

/// The whole model with one document changed.
fn changed(from: &str, to: &str) -> Result<Loaded, String> {
    let documents: Vec<_> = all().into_iter().map(|(name, text)| (name, text.replace(from, to))).collect();
    load_all(&documents, &Selection::default())
}

/// The whole model and one more document.
fn and(name: &'static str, text: &str) -> Result<Loaded, String> {
    let mut documents = all();
    documents.push((name, text.to_owned()));
    load_all(&documents, &Selection::default())
}

fn assert_refused(result: Result<Loaded, String>, expected: &[&str]) {
    let Err(error) = result else { panic!("accepted, not refused for {expected:?}") };
    println!("{error}");
    for part in expected {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

fn codes(loaded: &Loaded) -> Vec<(&str, u64)> {
    loaded.warnings.iter().map(|warning| (warning.code, warning.count)).collect()
}

#[test]
fn a_whole_model() {
    let loaded = load_all(&all(), &Selection::default()).expect("loads");
    assert_eq!(codes(&loaded), []);
    let network = loaded.network;
    let eni = &network.enis[0];
    assert_eq!(eni.addresses.len(), 3);
    assert_eq!(eni.prefixes.len(), 2);
    assert_eq!(eni.instance.as_deref(), Some("i-a"));
    assert_eq!(eni.timeouts.get(&TimeoutName::TcpEstablished), Some(&Span::from_secs(350)));
    assert_eq!(network.subnets[0].cidrs.len(), 2, "a CIDR that is gone does not count");
    assert_eq!(network.vpcs[0].cidrs.len(), 2);
    assert_eq!(network.subnets[0].nacl, "acl-a");
    let entries: Vec<_> =
        network.nacls[0].ingress.iter().map(|entry| (entry.number, entry.action, entry.service)).collect();
    assert_eq!(
        entries,
        [
            (100, Action::Deny, Service::Icmp(Some(8), None)),
            (200, Action::Allow, Service::Tcp(Ports { from: 1, to: 9 }))
        ]
    );
    assert!(network.nacls[0].egress.is_empty());
}

// The `rule` row of the interface: each peer is one rule, by kind of peer, whatever the order of the keys.
#[test]
fn rule_names_and_order() {
    let network = load_all(&all(), &Selection::default()).unwrap().network;
    let rules: Vec<_> =
        network.groups[0].ingress.iter().map(|rule| (rule.name.as_str(), rule.peer.to_string())).collect();
    let expected = [
        ("sg-a#ingress.1", "0.0.0.0/0"),
        ("sg-a#ingress.2", "10.0.0.0/8"),
        ("sg-a#ingress.3", "::/0"),
        ("sg-a#ingress.4", "pl-a"),
        ("sg-a#ingress.5", "sg-a"),
        ("sg-a#ingress.6", "10.9.0.0/16"),
    ];
    assert_eq!(rules, expected.map(|(name, peer)| (name, peer.to_owned())));
    assert!(matches!(network.groups[0].ingress[4].peer, Peer::Group(_)));
    assert!(matches!(network.groups[0].ingress[3].peer, Peer::PrefixList(_)));
}

// S12.11: rules with ids stand in place of the permissions.
#[test]
fn rules_with_ids() {
    let rules = r#"{"SecurityGroupRules": [
        {"SecurityGroupRuleId": "sgr-2", "GroupId": "sg-a", "IsEgress": false, "IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "ReferencedGroupInfo": {"GroupId": "sg-b"}},
        {"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-a", "IsEgress": true, "IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "CidrIpv6": "::/0"},
        {"SecurityGroupRuleId": "sgr-3", "GroupId": "sg-b", "IsEgress": false, "IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIpv4": "10.0.0.0/8"}]}"#;
    let network = and("rules.json", rules).expect("loads").network;
    let names = |group: usize| -> Vec<&str> {
        let group = &network.groups[group];
        group.ingress.iter().chain(&group.egress).map(|rule| rule.name.as_str()).collect()
    };
    assert_eq!(names(0), ["sgr-2", "sgr-1"]);
    assert_eq!((network.groups[1].id.as_str(), names(1)), ("sg-b", vec!["sgr-3"]), "known by its rules only");
    assert_eq!(network.groups[0].ingress[0].service, Service::Icmp(Some(8), None));
}

// AWS prints open ends of ranges as -1 or leaves them out.
#[test]
fn services() {
    let of = |permission: &str| {
        let loaded = changed(r#"{"IpProtocol": "-1", "#, &format!("{{{permission}, "))?;
        Ok(loaded.network.groups[0].ingress[5].service)
    };
    let expect = |permission: &str, service: Service| {
        assert_eq!(of(permission), Ok::<_, String>(service), "{permission}");
    };
    expect(r#""IpProtocol": "tcp", "FromPort": -1, "ToPort": 50"#, Service::Tcp(Ports { from: 0, to: 50 }));
    expect(
        r#""IpProtocol": "udp", "FromPort": 30, "ToPort": -1"#,
        Service::Udp(Ports { from: 30, to: 65535 }),
    );
    expect(r#""IpProtocol": "6""#, Service::Tcp(Ports::ALL));
    // Tools that write the documents of AWS do not all keep its lower case.
    expect(r#""IpProtocol": "TCP", "FromPort": 22, "ToPort": 22"#, Service::Tcp(Ports { from: 22, to: 22 }));
    expect(r#""IpProtocol": "IcmpV6""#, Service::Icmpv6(None, None));
    expect(r#""IpProtocol": 17, "FromPort": null"#, Service::Udp(Ports::ALL));
    expect(r#""IpProtocol": "icmp", "FromPort": -1, "ToPort": 9"#, Service::Icmp(None, Some(9)));
    expect(r#""IpProtocol": "58", "FromPort": 128, "ToPort": 0"#, Service::Icmpv6(Some(128), Some(0)));
    expect(
        r#""IpProtocol": "50", "FromPort": 1, "ToPort": 2"#,
        Service::Number(vpcreplay_flow::Protocol(50)),
    );
    let error = of(r#""IpProtocol": "tcp", "FromPort": 9, "ToPort": 1"#).unwrap_err();
    assert!(
        error.contains("groups.json at SecurityGroups[0].IpPermissions[1]") && error.contains("9 to 1"),
        "{error}"
    );
    let error = of(r#""IpProtocol": "quic""#).unwrap_err();
    assert!(error.contains("`quic` is not a protocol"), "{error}");
}

#[test]
fn wrong_shapes_have_a_path() {
    assert_refused(
        changed("\"FromPort\": 443", "\"FromPort\": \"https\""),
        &["SecurityGroups[0].IpPermissions[0].FromPort", "invalid type"],
    );
    assert_refused(
        changed("10.9.0.0/16", "10.9.0.0/99"),
        &["IpPermissions[1].IpRanges[0].CidrIp", "`10.9.0.0/99`"],
    );
    assert_refused(
        changed("\"10.0.1.6\"", "\"10.0.1.x\""),
        &["enis.json at NetworkInterfaces[0]", "`10.0.1.x`"],
    );
    assert_refused(
        changed("\"RuleNumber\": 200", "\"RuleNumber\": 0"),
        &["acls.json at NetworkAcls[0].Entries[0]", "1 to 32766"],
    );
    assert_refused(changed("\"RuleNumber\": 200", "\"RuleNumber\": 32767"), &["32767"]);
    assert_refused(
        changed("\"RuleAction\": \"allow\"", "\"RuleAction\": \"reject\""),
        &["Entries[0]", "allow or deny"],
    );
    assert_refused(
        changed("\"SubnetId\": \"subnet-a\", \"VpcId\": \"vpc-a\", \"CidrBlock\"", "\"CidrBlock\""),
        &["subnets.json at Subnets[0]", "`SubnetId`"],
    );
    assert_refused(
        changed("[{\"VpcId\": \"vpc-a\", \"CidrBlock\"", "[{]"),
        &["vpcs.json, line 1, column", "not valid JSON"],
    );
}

// S7.3: the ranges of the EC2 API.
#[test]
fn timeout_ranges() {
    for (from, to) in [
        ("\"UdpTimeout\": 45", "\"UdpTimeout\": 61"),
        ("\"TcpEstablishedTimeout\": 350", "\"TcpEstablishedTimeout\": 59"),
        ("\"UdpTimeout\": 45", "\"UdpStreamTimeout\": 181"),
    ] {
        assert_refused(changed(from, to), &["ConnectionTrackingConfiguration.", "outside the range"]);
    }
    assert!(changed("\"UdpTimeout\": 45", "\"UdpTimeout\": null").is_ok());
}

#[test]
fn pages_and_duplicates() {
    let again = and("more.json", GROUP).expect("the same words twice");
    assert_eq!(again.network.groups.len(), 1);
    assert_refused(
        and("more.json", &GROUP.replace("443", "442")),
        &["more.json at SecurityGroups[0]", "described twice and differently", "groups.json"],
    );
    let entry = r#"{"Egress": false, "Protocol": "6", "RuleAction": "allow", "RuleNumber": 100, "CidrBlock": "10.0.0.0/8"},"#;
    assert_refused(
        changed("\"Entries\": [\n", &format!("\"Entries\": [{entry}")),
        &["Entries[2]", "rule number 100 of `acl-a` occurs twice"],
    );
    let half = changed("{\"Vpcs\":", "{\"NextToken\": \"abc\", \"Vpcs\":").unwrap();
    assert_eq!(codes(&half), [("missing-pages", 1)]);
    let other = and("acls2.json", &ACL.replace("acl-a", "acl-b"));
    assert_refused(other, &["subnet `subnet-a` is associated with two network ACLs"]);
}

#[test]
fn what_is_missing() {
    let without = |name: &str| {
        let documents: Vec<_> = all().into_iter().filter(|(known, _)| *known != name).collect();
        load_all(&documents, &Selection::default())
    };
    // S6.1
    assert_refused(
        without("groups.json"),
        &["enis.json at NetworkInterfaces[0].Groups[0]", "`sg-a`, which the model lacks"],
    );
    let no_acl = without("acls.json").unwrap();
    assert_eq!(
        (codes(&no_acl), no_acl.network.subnets[0].nacl.as_str()),
        (vec![("default-nacl", 1)], DEFAULT_NACL)
    );
    let no_subnet = without("subnets.json").unwrap();
    assert_eq!(codes(&no_subnet), [("unknown-subnet", 1)]);
    assert_eq!(
        (no_subnet.network.subnets[0].nacl.as_str(), no_subnet.network.subnets[0].cidrs.len()),
        ("acl-a", 0)
    );
    assert_eq!(codes(&without("vpcs.json").unwrap()), [("unknown-vpc", 1)]);
    let no_list = without("dir/pl-a.json").unwrap();
    assert_eq!(codes(&no_list), [("unresolved-reference", 1)]);
    assert!(no_list.warnings[0].text.contains("pl-a"));
    assert_eq!(codes(&without("enis.json").unwrap()), [("no-interfaces", 1)]);
    // S12.14: the VPC's own default ACL.
    let own = changed("\"Associations\": [{\"SubnetId\": \"subnet-a\"}]", "\"Associations\": []").unwrap();
    assert_eq!((codes(&own), own.network.subnets[0].nacl.as_str()), (vec![("default-nacl", 1)], "acl-a"));
}

#[test]
fn prefix_lists() {
    let named = r#"{"PrefixLists": [{"PrefixListId": "pl-a", "PrefixListName": "office", "MaxEntries": 5}]}"#;
    let both = and("lists.json", named).unwrap();
    assert_eq!((codes(&both), both.network.prefix_lists[0].entries.len()), (vec![], 1));
    let documents: Vec<_> = all()
        .into_iter()
        .map(
            |(name, text)| {
                if name == "dir/pl-a.json" { ("lists.json", named.to_owned()) } else { (name, text) }
            },
        )
        .collect();
    assert_eq!(
        codes(&load_all(&documents, &Selection::default()).unwrap()),
        [("prefix-list-without-entries", 1)]
    );
    let wrapped =
        and("any.json", r#"{"PrefixListId": "pl-b", "Entries": [{"Cidr": "::/0"}, {"Cidr": "10.0.0.0/8"}]}"#)
            .unwrap();
    assert_eq!(wrapped.network.prefix_lists[1].entries.len(), 2);
    let described =
        and("aws.json", r#"{"PrefixLists": [{"PrefixListId": "pl-s3", "Cidrs": ["3.5.0.0/20"]}]}"#).unwrap();
    assert_eq!(described.network.prefix_lists[1].entries.len(), 1);
    assert_refused(and("entries.json", LIST), &["which prefix list", "PrefixListId"]);
}

#[test]
fn instances() {
    let instance = r#"{"Reservations": [{"Instances": [
        {"InstanceId": "i-a", "NetworkInterfaces": [{"NetworkInterfaceId": "eni-a", "SubnetId": "subnet-a", "VpcId": "vpc-a", "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.5"}, {"PrivateIpAddress": "10.0.1.6"}], "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}], "Groups": [{"GroupId": "sg-a"}]}]},
        {"InstanceId": "i-b", "NetworkInterfaces": [{"NetworkInterfaceId": "eni-b", "SubnetId": "subnet-a", "VpcId": "vpc-a", "PrivateIpAddress": "10.0.1.9", "Groups": [{"GroupId": "sg-a"}]}]},
        {"InstanceId": "i-c", "NetworkInterfaces": []}]}]}"#;
    let loaded = and("instances.json", instance).unwrap();
    assert_eq!(codes(&loaded), []);
    let enis: Vec<_> =
        loaded.network.enis.iter().map(|eni| (eni.id.as_str(), eni.instance.as_deref())).collect();
    assert_eq!(enis, [("eni-a", Some("i-a")), ("eni-b", Some("i-b"))]);
    assert_eq!(loaded.network.enis[0].prefixes.len(), 2, "describe-network-interfaces counts");
    let differing = and("instances.json", &instance.replace("10.0.1.6", "10.0.1.7")).unwrap();
    assert_eq!(codes(&differing), [("conflicting-documents", 1)]);
    let odd = r#"{"Reservations": [{"Instances": [{"InstanceId": "i-d", "PrivateIpAddress": "10.0.1.7"}]}]}"#;
    assert_eq!(codes(&and("instances.json", odd).unwrap()), [("instance-without-interfaces", 1)]);
    assert_refused(and("r.json", r#"{"Reservations": [{}]}"#), &["r.json at Reservations[0]"]);
}

#[test]
fn named_warnings() {
    let loaded = and("routes.json", r#"{"RouteTables": [], "ResponseMetadata": {}}"#).unwrap();
    assert_eq!(codes(&loaded), [("not-used", 1)]);
    assert!(loaded.warnings[0].text.contains("routes.json (RouteTables)"));
    assert_eq!(codes(&changed("10.9.0.0/16", "10.9.9.9/16").unwrap()), [("cidr-normalised", 1)]);
    assert_eq!(codes(&changed("[{\"CidrIp\": \"10.9.0.0/16\"}]", "[]").unwrap()), [("rule-without-peer", 1)]);
    assert_eq!(
        codes(&changed("[{\"GroupId\": \"sg-a\"}]", "[{\"GroupId\": \"sg-peer\"}]").unwrap()),
        [("unresolved-reference", 1)]
    );
    assert_eq!(
        codes(&changed("[{\"GroupId\": \"sg-a\", \"GroupName\": \"a\"}]", "[]").unwrap()),
        [("eni-without-groups", 1)]
    );
}

#[test]
fn wrappings() {
    let placebo = format!("{{\"status_code\": 200, \"data\": {GROUP}}}");
    assert_eq!(changed(GROUP, &placebo).expect("a recorded answer").network.groups.len(), 1);
    let single = ENI.strip_prefix("{\"NetworkInterfaces\": [").unwrap().strip_suffix("]}").unwrap();
    assert_eq!(changed(ENI, single).expect("one object").network.enis.len(), 1);
    let list = ENI.strip_prefix("{\"NetworkInterfaces\": ").unwrap().strip_suffix('}').unwrap();
    assert_eq!(changed(ENI, list).expect("a list").network.enis.len(), 1);
    let bom = format!("\u{feff}{ENI}");
    assert_eq!(changed(ENI, &bom).expect("a byte order mark").network.enis.len(), 1);
    assert_refused(and("x.json", r#"[{"Name": "a", "ID": "sg-1"}]"#), &["x.json at [0]", "--query"]);
    assert_refused(and("x.json", r#"{"a": 1}"#), &["no document of a model", "an object with a"]);
    assert_refused(and("x.json", "{}"), &["an empty object"]);
    assert_refused(
        and("x.json", r#"{"SecurityGroups": {}}"#),
        &["x.json at SecurityGroups", "is not a list"],
    );
    assert_refused(and("x.json", r#"{"SecurityGroups": [],}"#), &["line 1, column 23", "trailing comma"]);
}

// Formats that are known by name and not read yet.
#[test]
fn other_formats() {
    assert_refused(
        and("x", r#"{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}"#),
        &["a CloudFormation template"],
    );
    assert_refused(
        and("x", r#"{"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup"}}}"#),
        &["a CloudFormation template"],
    );
    assert_refused(
        and("x", "Resources:\n  A:\n    Type: AWS::EC2::VPC\n"),
        &["a CloudFormation template (YAML)"],
    );
    assert_refused(
        and("x", r#"{"format_version": "1.2", "terraform_version": "1.9", "planned_values": {}}"#),
        &["a Terraform plan"],
    );
    assert_refused(
        and(
            "x",
            r#"{"version": 4, "terraform_version": "1.9", "serial": 1, "lineage": "", "resources": []}"#,
        ),
        &["a Terraform state"],
    );
    assert_refused(and("x", "resource \"aws_vpc\" \"a\" {\n}\n"), &["Terraform source"]);
}

#[test]
fn regions() {
    let mut documents = all();
    documents.push((
        "eu-north-1/subnets.json",
        r#"{"Subnets": [{"SubnetId": "subnet-n", "VpcId": "vpc-n", "CidrBlock": "10.0.1.0/24"}]}"#.to_owned(),
    ));
    documents.push(("eu-north-1/enis.json", r#"{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-n", "SubnetId": "subnet-n", "VpcId": "vpc-n", "PrivateIpAddress": "10.0.1.5"}]}"#.to_owned()));
    let of = |region: Option<&str>| {
        load_all(&documents, &Selection { vpc_id: None, region: region.map(str::to_owned) })
    };
    assert_refused(of(None), &["10.0.1.5 is on two ENIs", "--vpc-id vpc-a", "--vpc-id vpc-n"]);
    let ids =
        |region| of(Some(region)).unwrap().network.enis.into_iter().map(|eni| eni.id).collect::<Vec<_>>();
    assert_eq!(ids("us-west-2"), ["eni-a"]);
    assert_eq!(ids("eu-north-1"), ["eni-n"]);
    assert_refused(of(Some("eu-west-1")), &["eu-north-1, us-west-2"]);
}

// A TOML document beside AWS documents: options, members of groups of other accounts, …
#[test]
fn mixed_with_toml() {
    let toml = "[options]\nlimits = { i-a = 7 }\n[[eni]]\nid = 'eni-x'\nsubnet = 'subnet-a'\naddresses = ['10.0.1.99']\nsecurity_groups = ['sg-a']";
    let network = and("extra.toml", toml).expect("loads").network;
    assert_eq!((network.enis.len(), network.limits.get("i-a")), (2, Some(&7)));
}
