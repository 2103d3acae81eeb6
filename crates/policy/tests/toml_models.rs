//! Hand-written models: what they mean and how mistakes are told.
#![expect(clippy::panic, reason = "a test that cannot set up fails")]

use vpcreplay_policy::{Document, Loaded, Place, Ports, Selection, Service, load};

fn document(name: &str, text: &str) -> Document {
    Document { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
}

fn load_one(text: &str) -> Result<Loaded, String> {
    load(&[document("model.toml", text)], &Selection::default()).map_err(|error| error.to_string())
}

/// The message for a model that does not load.
fn refusal(text: &str) -> String {
    match load_one(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => {
            println!("{error}");
            error
        }
    }
}

fn assert_refused(text: &str, expected: &[&str]) {
    let error = refusal(text);
    for part in expected {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

/// A model with one more table, ENI key, group rule, or ACL entry.
fn with(extra: &str) -> String {
    format!(
        "[[subnet]]\nid = \"subnet-a\"\n[[eni]]\nid = \"eni-a\"\nsubnet = \"subnet-a\"\naddresses = [\"10.0.0.1\"]\n\
         security_groups = [\"sg-a\"]\n[[security_group]]\nid = \"sg-a\"\n{extra}\n"
    )
}

fn with_rule(rule: &str) -> String {
    with(&format!("ingress = [{{ {rule} }}]"))
}

fn with_entries(entries: &str) -> String {
    with(&format!("[[nacl]]\nid = \"acl-a\"\ningress = [{entries}]"))
}

#[test]
fn the_example_of_the_interface_loads() {
    let text = r#"
        [options]
        profile = "classic"
        [[vpc]]
        id = "vpc-shop"
        cidrs = ["10.0.0.0/16"]
        [[subnet]]
        id = "subnet-web"
        vpc = "vpc-shop"
        cidrs = ["10.0.1.0/24"]
        nacl = "acl-web"
        [[eni]]
        id = "eni-web-1"
        subnet = "subnet-web"
        addresses = ["10.0.1.10", "2001:db8::10"]
        security_groups = ["sg-web"]
        instance = "i-web-1"
        [[security_group]]
        id = "sg-web"
        ingress = [{ protocol = "tcp", ports = "443", peer = "0.0.0.0/0" },
                   { protocol = "icmp", icmp = "8:-1", peer = "sg-admin" }]
        egress = [{ protocol = "all", peer = "0.0.0.0/0" }]
        [[security_group]]
        id = "sg-admin"
        members = ["10.9.0.0/24"]
        [[nacl]]
        id = "acl-web"
        ingress = [{ rule = 100, action = "allow", protocol = "tcp", ports = "443", peer = "0.0.0.0/0" }]
        egress = [{ rule = 100, action = "allow", protocol = "tcp", ports = "1024-65535", peer = "0.0.0.0/0" }]
        [[prefix_list]]
        id = "pl-office"
        entries = ["198.51.100.0/24"]
    "#;
    let loaded = load_one(text).expect("loads");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let names: Vec<&str> = loaded.network.groups[1].egress.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["sg-admin#egress.1", "sg-admin#egress.2"]);
}

#[test]
fn unknown_keys_are_errors() {
    assert_refused(
        &with("rules = []"),
        &["model.toml, line 10, column 1", "unknown field `rules`", "ingress"],
    );
    assert_refused("[[vpcs]]\nid = \"a\"", &["line 1", "unknown field `vpcs`"]);
    assert_refused(&with_rule("port = \"1\", peer = \"0.0.0.0/0\""), &["unknown field `port`"]);
    assert_refused("[options]\nlimits = 5", &["line 2, column 10", "invalid type"]);
}

#[test]
fn broken_texts_are_errors() {
    assert_refused("[[eni]]\nid = \"a", &["line 2"]);
    assert_refused("just words", &["neither JSON nor TOML"]);
    assert_refused("  \n", &["empty"]);
    let utf16 = Document { name: "m".to_owned(), bytes: vec![0xff, 0xfe, b'{', 0] };
    assert!(load(&[utf16], &Selection::default()).unwrap_err().to_string().contains("UTF-16"));
    let binary = Document { name: "m".to_owned(), bytes: vec![b'a', 0x80] };
    assert!(load(&[binary], &Selection::default()).unwrap_err().to_string().contains("byte 1"));
    assert!(load(&[], &Selection::default()).unwrap_err().to_string().contains("no documents"));
}

#[test]
fn blocks_and_addresses() {
    assert_refused(
        &with_rule("peer = \"10.0.0.1/8\""),
        &["line 10", "`10.0.0.1/8`", "Write `10.0.0.0/8` for the block, or `10.0.0.1/32`"],
    );
    assert_refused(&with_rule("peer = \"10.0.0.0/33\""), &["is not a CIDR block"]);
    assert_refused(&with_rule("peer = \"10.0.0\""), &["is not a CIDR block"]);
    assert_refused(
        &with("[[subnet]]\nid = \"b\"\ncidrs = [\"10.0.0.0\"]"),
        &["line 12", "is not a CIDR block"],
    );
    assert_refused(
        &with("[[eni]]\nid = \"b\"\nsubnet = \"subnet-a\"\naddresses = [\"10.0.0.2/32\"]"),
        &["is not an IP address"],
    );
    assert_refused(&with("[[prefix_list]]\nid = \"p\"\nentries = [\"::1/64\"]"), &["`::/64`"]);
}

#[test]
fn services() {
    assert_refused(
        &with_rule("protocol = \"sctp\", peer = \"::/0\""),
        &["`sctp` is not a protocol", "0 to 255"],
    );
    assert_refused(&with_rule("protocol = \"256\", peer = \"::/0\""), &["`256` is not a protocol"]);
    assert_refused(&with_rule("protocol = \"tcp\", ports = \"9-1\", peer = \"::/0\""), &["empty", "`1-9`"]);
    assert_refused(&with_rule("protocol = \"tcp\", ports = \"65536\", peer = \"::/0\""), &["is not a port"]);
    assert_refused(
        &with_rule("ports = \"80\", peer = \"::/0\""),
        &["`ports` says nothing for protocol `all`"],
    );
    assert_refused(
        &with_rule("protocol = \"tcp\", icmp = \"8\", peer = \"::/0\""),
        &["`icmp` says nothing for protocol `tcp`"],
    );
    assert_refused(
        &with_rule("protocol = \"icmp\", icmp = \"8:256\", peer = \"::/0\""),
        &["ICMP type and code"],
    );
    assert_refused(&with_rule("protocol = \"tcp\""), &["missing field `peer`"]);
    load_one(&with_rule("protocol = 6, ports = 443, peer = \"::/0\"")).expect("integers read as text");
    let loaded =
        load_one(&with_rule("protocol = \"UDP\", ports = 53, peer = \"::/0\"")).expect("in any case");
    let rule = loaded.network.groups.iter().flat_map(|group| &group.ingress).next();
    assert_eq!(rule.map(|rule| rule.service), Some(Service::Udp(Ports { from: 53, to: 53 })));
}

#[test]
fn references() {
    assert_refused(&with_rule("peer = \"sg-b\""), &["line 10", "`sg-b` is not known", "sg-a", "members"]);
    assert_refused(
        &with(
            "[[prefix_list]]\nid = \"sg-a\"\nentries = []\n[[security_group]]\nid = \"x\"\ningress = [{ peer = \"sg-a\" }]",
        ),
        &["both"],
    );
    assert_refused(
        &with("[[eni]]\nid = \"b\"\nsubnet = \"subnet-b\""),
        &["line 12", "`subnet-b`", "subnet-a"],
    );
    assert_refused(
        &with("[[eni]]\nid = \"b\"\nsubnet = \"subnet-a\"\nsecurity_groups = [\"sg-z\"]"),
        &["line 13", "`sg-z`", "lacks"],
    );
    assert_refused(&with("[[subnet]]\nid = \"b\"\nvpc = \"vpc-z\""), &["`vpc-z`"]);
    assert_refused(&with("[[subnet]]\nid = \"b\"\nnacl = \"acl-z\""), &["`acl-z`", "default"]);
    assert_refused(&with_entries("{ rule = 1, action = \"deny\", peer = \"sg-a\" }"), &["knows only CIDRs"]);
}

// S5.1
#[test]
fn acl_numbers() {
    let entry = |number: i64| format!("{{ rule = {number}, action = \"allow\", peer = \"::/0\" }}");
    for number in [0, -1, 32767, 70_000] {
        assert_refused(&with_entries(&entry(number)), &["is not a rule number", "1 to 32766"]);
    }
    assert_refused(&with_entries(&format!("{}, {}", entry(5), entry(5))), &["rule number 5 occurs twice"]);
    assert_refused(
        &with_entries("{ rule = 1, action = \"permit\", peer = \"::/0\" }"),
        &["`permit`", "allow or deny"],
    );
    load_one(&with_entries(&entry(32766))).expect("the last number");
    assert_refused(&with("[[nacl]]\nid = \"default\""), &["stands for the default network ACL"]);
}

// S3.2
#[test]
fn addresses_twice() {
    let second = |rest: &str| with(&format!("[[eni]]\nid = \"eni-b\"\nsubnet = \"subnet-a\"\n{rest}"));
    assert_refused(
        &second("addresses = [\"10.0.0.1\"]"),
        &["10.0.0.1 is on two ENIs", "`eni-a`", "line 4", "`eni-b`"],
    );
    load_one(&second("prefixes = [\"10.0.0.0/28\"]")).expect("an address may lie in a prefix of another");
    let both = "[[eni]]\nid = \"eni-b\"\nsubnet = \"subnet-a\"\nprefixes = [\"10.0.0.0/28\"]\n[[eni]]\nid = \"eni-c\"\nsubnet = \"subnet-a\"\nprefixes = [\"10.0.0.0/28\"]";
    assert_refused(&with(both), &["prefix 10.0.0.0/28 is on two ENIs"]);
    assert_refused(
        &with("[[eni]]\nid = \"eni-a\"\nsubnet = \"subnet-a\""),
        &["ENI `eni-a` is described twice", "line 4"],
    );
}

const TWO_VPCS: &str = r#"
    vpc = [{ id = "vpc-a", cidrs = ["10.0.0.0/16"] }, { id = "vpc-b", cidrs = ["10.0.0.0/16"] }]
    subnet = [{ id = "subnet-a", vpc = "vpc-a" }, { id = "subnet-b", vpc = "vpc-b" }]
    eni = [{ id = "eni-a", subnet = "subnet-a", addresses = ["10.0.0.5"] }, { id = "eni-b", subnet = "subnet-b", addresses = ["10.0.0.5"] }]
    options = { limits = { eni-a = 4, eni-b = 5 } }
"#;

// S3.2: the option that selects one.
#[test]
fn vpc_selection() {
    assert_refused(TWO_VPCS, &["`--vpc-id vpc-a` or `--vpc-id vpc-b`"]);
    let select = |vpc: &str| {
        let selection = Selection { vpc_id: Some(vpc.to_owned()), region: None };
        load(&[document("m", TWO_VPCS)], &selection)
    };
    let network = select("vpc-b").expect("loads").network;
    assert_eq!((network.enis.len(), network.enis[0].id.as_str(), network.vpcs.len()), (1, "eni-b", 1));
    assert_eq!(network.limits.into_iter().collect::<Vec<_>>(), [("eni-b".to_owned(), 5)]);
    let error = select("vpc-c").unwrap_err().to_string();
    assert!(error.contains("vpc-a, vpc-b"), "{error}");
}

#[test]
fn options() {
    let options = |text: &str| with(&format!("[options]\n{text}"));
    assert_refused(
        &options("profile = \"nitro7\""),
        &["line 11, column 11", "`nitro7`", "classic, nitro, nitro-v6"],
    );
    assert_refused(&options("scope = \"host\""), &["eni, instance"]);
    assert_refused(&options("mode = \"x\""), &["causal, literal"]);
    assert_refused(&options("tcp_midstream = \"x\""), &["allow, deny, either-end"]);
    assert_refused(&options("icmp_errors = \"x\""), &["by-rule, related"]);
    assert_refused(&options("decap = \"gre\""), &["none, vxlan, geneve"]);
    assert_refused(&options("limit = -1"), &["line 11"]);
    assert_refused(&options("period = \"0\""), &["no rows"]);
    assert_refused(
        &options("timeouts = { tcp = \"5s\" }"),
        &["`tcp` is not the name of a timeout", "tcp-established"],
    );
    assert_refused(&options("timeouts = { udp = \"999ms\" }"), &["too short", "1s"]);
    assert_refused(&options("timeouts = { udp = \"soon\" }"), &["is not a duration"]);
    assert_refused(&options("always_tracked = [\"10.0.0.1/8\"]"), &["10.0.0.0/8"]);
    // S12.17
    assert_refused(&options("limits = { eni-z = 1 }"), &["`eni-z`", "no ENI or instance", "eni-a"]);
    assert_refused(
        "options = { limits = { e = 1 } }\nsubnet = [{ id = 's' }]\neni = [{ id = 'e', subnet = 's', limit = 2 }]",
        &["`e` is given two limits"],
    );
    let two = [document("a", "[options]\nlimit = 1"), document("b", "[options]\nlimit = 1")];
    assert!(load(&two, &Selection::default()).unwrap_err().to_string().contains("already"));
    // S7.3: the user's own timeouts may be anything from a second.
    load_one(&options("timeouts = { udp = \"1s\", tcp-established = \"999d\" }")).expect("loads");
}

// Columns count characters; spans count bytes.
#[test]
fn places() {
    let text = "# ünïcode\nvpc = [{ id = \"ü\", cidrs = [\"x\"] }]";
    let error = load(&[document("m", text)], &Selection::default()).unwrap_err();
    let Some(Place::Text { line, column, span }) = error.place() else { panic!("{error}") };
    assert_eq!((*line, *column, &text[span.clone()]), (2, 29, "\"x\""));
    assert_eq!(error.document(), Some("m"));
}

// Several documents make one model.
#[test]
fn documents_merge() {
    let parts = [
        document("eni", "[[eni]]\nid = 'e'\nsubnet = 's'\nsecurity_groups = ['g']"),
        document("rest", "[[subnet]]\nid = 's'\n[[security_group]]\nid = 'g'"),
        document("options", "[options]\nlimits = { e = 3 }"),
    ];
    let network = load(&parts, &Selection::default()).expect("loads").network;
    assert_eq!((network.enis.len(), network.limits.get("e")), (1, Some(&3)));
}
