//! The rules that the conformance cases name are the ones that a policy finds, wherever a record shows a look-up that no
//! state decided. Without the shared folder the test says so and passes.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up fails")]

use std::path::Path;

use serde_json::Value;
use vpcreplay_flow::{Direction, Protocol};
use vpcreplay_policy::{Document, NaclAction, Options, Policy, Probe, Registry, Selection, Selector, load};

fn compile(path: &Path) -> (Policy, Registry) {
    let mut paths = if path.is_dir() {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    } else {
        vec![path.to_owned()]
    };
    paths.sort();
    let read = |path: &std::path::PathBuf| Document {
        name: path.to_string_lossy().into_owned(),
        bytes: std::fs::read(path).unwrap(),
    };
    let documents: Vec<Document> = paths.iter().map(read).collect();
    let network = load(&documents, &Selection::default()).unwrap().network;
    let mut registry = Registry::new();
    let (policy, _) = Policy::compile(&network, &Options::default(), None, &mut registry).unwrap();
    (policy, registry)
}

fn number(record: &Value, key: &str) -> Option<u16> {
    record[key].as_u64().map(|number| u16::try_from(number).unwrap())
}

/// The question that the packet of a record asked at the checkpoint of the record.
fn probe(record: &Value) -> (Direction, Probe) {
    let direction = if record["checkpoint"].as_str().unwrap().ends_with("ingress") {
        Direction::Ingress
    } else {
        Direction::Egress
    };
    let peer = if direction == Direction::Ingress { "src" } else { "dst" };
    let peer: std::net::IpAddr = record[peer].as_str().unwrap().parse().unwrap();
    let protocol = Protocol(u8::try_from(number(record, "protocol").unwrap()).unwrap());
    let own_icmp = if peer.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 };
    let byte = |key| number(record, key).map(|number| u8::try_from(number).unwrap());
    let selector = match (number(record, "dst_port"), byte("icmp_type"), byte("icmp_code")) {
        (Some(port), ..) => Selector::Port(port),
        (None, Some(icmp_type), Some(code)) => Selector::Icmp { icmp_type, code },
        _ if protocol.has_ports() || protocol == own_icmp => Selector::Unknown,
        _ => Selector::Number,
    };
    (direction, Probe { peer, protocol, selector })
}

#[test]
fn rules_of_the_records() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    if !root.is_dir() {
        eprintln!("SKIPPED: {} is not there", root.display());
        return;
    }
    let mut compared = [0; 3];
    for case in std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(command) = std::fs::read_to_string(case.join("cmd.txt")) else { continue };
        // Later models and rules of the opposite direction are another test's matter.
        if command.contains("--at ") || command.contains("either-end") {
            continue;
        }
        let toml = case.join("model.toml");
        let (policy, registry) = compile(&if toml.exists() { toml } else { case.join("model") });
        for line in std::fs::read_to_string(case.join("expected.jsonl")).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let reason = record["reason"].as_str().unwrap();
            let looked_up = [
                "new",
                "untracked",
                "midstream",
                "sg-no-rule",
                "conntrack-allowance-exceeded",
                "tcp-not-syn",
            ];
            let is_nacl = reason.starts_with("nacl-");
            if !is_nacl && !looked_up.contains(&reason) {
                continue;
            }
            let (direction, probe) = probe(&record);
            let eni = registry.eni_id(record["eni"].as_str().unwrap()).unwrap();
            let found = if is_nacl {
                let found = policy.nacl(eni, direction, &probe);
                let expected = if reason == "nacl-rule" { NaclAction::Deny } else { NaclAction::Default };
                assert_eq!(found.action, expected, "{}: {line}", case.display());
                Some(found.rule)
            } else {
                policy.security_group(eni, direction, &probe)
            };
            let named = found.map(|rule| registry.rule_name(rule));
            assert_eq!(named, record["rule"].as_str(), "{}: {line}", case.display());
            compared[usize::from(is_nacl)] += 1;
            // S6.4 seen from the opener: a bare SYN that was let in.
            let is_bare_syn = number(&record, "tcp_flags").is_some_and(|flags| flags & 0b1_0110 == 0b10);
            let Selector::Port(port) = probe.selector else { continue };
            if is_bare_syn && ["new", "untracked"].contains(&reason) && !command.contains("always-tracked") {
                let opens = policy.opens_untracked(eni, direction, (probe.protocol, port), probe.peer);
                let untracked = opens && !policy.always_tracked(eni, probe.peer);
                assert_eq!(untracked, reason == "untracked", "{}: {line}", case.display());
                compared[2] += 1;
            }
        }
    }
    assert!(compared[0] > 1000 && compared[1] > 100 && compared[2] > 100, "{compared:?}");
}
