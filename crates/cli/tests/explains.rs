//! `explain`: a page for every reason, and the packets it names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

mod program;

use std::fs;
use std::path::Path;

use program::{golden, ipv4, pcap, run, tcp, udp, workplace, write};

const MODEL: &str = r#"
[[vpc]]
id = "vpc-1"
cidrs = ["10.0.0.0/16"]

[[subnet]]
id = "subnet-1"
vpc = "vpc-1"
cidrs = ["10.0.1.0/24"]
nacl = "acl-1"

[[eni]]
id = "eni-1"
subnet = "subnet-1"
addresses = ["10.0.1.10", "10.0.1.11"]
security_groups = ["sg-1"]

[[eni]]
id = "eni-2"
subnet = "subnet-1"
addresses = ["10.0.1.20"]
security_groups = ["sg-2"]

[[security_group]]
id = "sg-1"
ingress = [
  { protocol = "tcp", ports = "80", peer = "198.51.100.0/24" },
  { protocol = "tcp", ports = "81", peer = "0.0.0.0/0" },
  { protocol = "udp", ports = "53", peer = "198.51.100.0/24" },
]

[[security_group]]
id = "sg-2"
ingress = []

[[nacl]]
id = "acl-1"
ingress = [
  { rule = 90, action = "deny", protocol = "tcp", ports = "22", peer = "0.0.0.0/0" },
  { rule = 100, action = "allow", protocol = "tcp", peer = "0.0.0.0/0" },
  { rule = 110, action = "allow", protocol = "icmp", peer = "0.0.0.0/0" },
]
egress = [{ rule = 100, action = "allow", protocol = "tcp", ports = "1024-65535", peer = "0.0.0.0/0" }]
"#;

const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const CLIENT: [u8; 4] = [198, 51, 100, 7];
const SERVER: [u8; 4] = [10, 0, 1, 10];

/// The packets, one for each reason: what is expected of the page beside the reason.
fn packets() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let quoted = tcp((SERVER, 80), (CLIENT, 5001), ACK);
    let unreachable: Vec<u8> = [3, 1, 0, 0, 0, 0, 0, 0].into_iter().chain(quoted).collect();
    vec![
        (
            "new",
            tcp((CLIENT, 5001), (SERVER, 80), SYN),
            &["no   acl-1#90", "yes  acl-1#100", "connection 1 is created", "120s after"],
        ),
        (
            "established",
            tcp((SERVER, 80), (CLIENT, 5001), SYN_ACK),
            &["connection 1 is live, syn-sent", "state syn-received"],
        ),
        ("midstream", tcp((CLIENT, 5002), (SERVER, 80), ACK), &["not a SYN", "connection 2 is created"]),
        ("untracked", tcp((CLIENT, 5003), (SERVER, 81), SYN), &["not tracked: 0.0.0.0/0"]),
        ("related", ipv4(1, CLIENT, SERVER, &unreachable), &["about tcp"]),
        (
            "exempt",
            udp((SERVER, 5004), ([10, 0, 0, 2], 53)),
            &["10.0.0.2 is an address of the VPC's own services"],
        ),
        ("nacl-rule", tcp((CLIENT, 5005), (SERVER, 22), SYN), &["yes  acl-1#90", "not reached: sg-ingress"]),
        ("opener-denied", tcp((SERVER, 22), (CLIENT, 5005), SYN_ACK), &["packet 7", "<- the cause"]),
        ("nacl-default", udp((CLIENT, 5006), (SERVER, 53)), &["acl-1#*", "no numbered entry matches"]),
        ("sg-no-rule", tcp((CLIENT, 5007), (SERVER, 8080), SYN), &["port 8080 is not in 80"]),
        (
            "sg-no-rule",
            tcp((SERVER, 5008), ([10, 0, 1, 20], 80), SYN),
            &["is not consulted (S3.5)", "2. nacl-egress at eni-1: skipped", "no ingress rule at all"],
        ),
        ("no-interface", tcp((CLIENT, 1), ([192, 0, 2, 1], 2), SYN), &["outside the model", "S3.3"]),
        ("same-interface", tcp((SERVER, 1), ([10, 0, 1, 11], 2), SYN), &["S3.3"]),
        ("multicast", udp((SERVER, 1), ([224, 0, 0, 251], 5353)), &["multicast"]),
        ("truncated", vec![0x45, 0, 0], &["cut off"]),
        ("malformed", vec![0x21; 30], &["malformed"]),
    ]
}

fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let frames: Vec<(u32, Vec<u8>)> =
        (0..).zip(packets()).map(|(time, (_, frame, _))| (time, frame)).collect();
    write(folder.path(), "all.pcap", pcap(&frames));
    write(folder.path(), "model.toml", MODEL);
    folder
}

fn explain(folder: &Path, packet: usize, more: &[&str]) -> String {
    let number = packet.to_string();
    let base = ["explain", "all.pcap", "--vpc", "model.toml", "--packet", &number];
    let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
    let ran = run(folder, &arguments);
    ran.ends_with(0);
    ran.stdout
}

#[test]
fn every_reason_has_a_page_that_tells_why() {
    let folder = place();
    for (index, (reason, _, texts)) in packets().into_iter().enumerate() {
        let related = ["--icmp-errors", "related"];
        let more: &[&str] = if reason == "related" { &related } else { &[] };
        let page = explain(folder.path(), index + 1, more);
        for text in texts.iter().chain(&[format!("Verdict  {} {reason}\n", disposition(reason)).as_str()]) {
            assert!(page.contains(text), "`{text}` is missing in\n{page}");
        }
        assert!(page.contains(&format!("`vpcreplay reason {reason}`")));
    }
}

fn disposition(reason: &str) -> &'static str {
    let all = vpcreplay_replay::flow::Reason::ALL;
    all.iter().find(|known| known.code() == reason).unwrap().disposition().code()
}

#[test]
fn options_change_the_page() {
    let folder = place();
    let not_syn = explain(folder.path(), 3, &["--tcp-midstream", "deny"]);
    assert!(not_syn.contains("Verdict  deny tcp-not-syn"), "{not_syn}");
    let full = explain(folder.path(), 3, &["--limit", "1"]);
    assert!(full.contains("Verdict  deny conntrack-allowance-exceeded"), "{full}");
    assert!(full.contains("eni-1 tracks 1 of 1 connections"), "{full}");
    let literal = explain(folder.path(), 8, &["--mode", "literal"]);
    assert!(!literal.contains("unsent opener-denied"), "{literal}");
}

#[test]
fn a_denied_handshake_names_its_cause() {
    let folder = workplace();
    let page = run(folder.path(), &["explain", "web.pcap", "--vpc", "model.toml", "--frame", "web.pcap:5"]);
    page.ends_with(0);
    for text in [
        "unsent handshake-denied",
        "packet 4, the SYN+ACK",
        "[SYN ACK]  deny nacl-default at nacl-egress by acl-web#*  <- the cause",
    ] {
        assert!(page.stdout.contains(text), "{}", page.stdout);
    }
}

#[test]
fn a_connection_is_explained_by_the_packet_that_creates_it() {
    let folder = golden("three-tier");
    let page = run(&folder, &["explain", "three-tier.pcap", "--vpc", "aws", "--connection", "1"]);
    assert!(page.ends_with(0).stdout.contains("it let 10 packets pass"), "{}", page.stdout);
    // A later packet of it tells which packet created it.
    let later = run(&folder, &["explain", "three-tier.pcap", "--vpc", "aws", "--packet", "35"]);
    assert!(later.ends_with(0).stdout.contains("creates connection 1"), "{}", later.stdout);
}

#[test]
fn what_is_not_in_the_replay_is_refused_with_what_there_is() {
    let folder = workplace();
    let path = folder.path();
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--packet", "15"], &["packet 15", "1 to 14"]),
        (&["--connection", "2"], &["connection 2", "1 connections"]),
        (&["--frame", "web.pcap:99"], &["frame 99 of web.pcap", "14 frames"]),
        (&["--frame", "other.pcap:1"], &["other.pcap", "web.pcap"]),
        (&["--packet", "3", "--until", "+0s"], &["packet 3", "--until"]),
    ];
    for (arguments, texts) in cases {
        let all: Vec<&str> =
            ["explain", "web.pcap", "--vpc", "model.toml"].iter().chain(arguments).copied().collect();
        run(path, &all).is_one_error().says(texts);
    }
    run(path, &["explain", "web.pcap", "--vpc", "model.toml"]).ends_with(2).says(&[
        "--packet",
        "--frame",
        "--connection",
    ]);
    run(path, &["explain", "web.pcap", "--vpc", "model.toml", "--frame", "web.pcap"])
        .ends_with(2)
        .says(&["FILE:N"]);
    run(path, &["explain", "web.pcap", "--vpc", "model.toml", "--packet", "0"])
        .ends_with(2)
        .says(&["--packet"]);
}

#[test]
fn the_json_agrees_with_the_verdict_record() {
    let folder = workplace();
    let path = folder.path();
    run(path, &["run", "web.pcap", "--vpc", "model.toml", "--out", "out.jsonl", "--quiet"]).ends_with(0);
    let records = fs::read_to_string(path.join("out.jsonl")).unwrap();
    for record in records.lines() {
        let record: serde_json::Value = serde_json::from_str(record).unwrap();
        let number = record["packet"].to_string();
        let told = run(path, &["explain", "web.pcap", "--vpc", "model.toml", "--packet", &number, "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told.ends_with(0).stdout).unwrap();
        for field in
            ["disposition", "reason", "checkpoint", "eni", "rule", "connection", "state", "cause_packet"]
        {
            assert_eq!(told["verdict"][field], record[field], "{field} of packet {number}");
        }
        for field in ["packet", "file", "frame", "time_ns", "length"] {
            assert_eq!(told["packet"][field], record[field], "{field} of packet {number}");
        }
    }
}

// The flow of a copy is its own, and so is the flow that an ICMP error quotes.
#[test]
fn a_copy_is_explained_by_its_own_flow() {
    let folder = workplace();
    let two = ["explain", "web.pcap", "--vpc", "model.toml", "--multiply", "2", "--packet", "10"];
    let page = run(folder.path(), &two);
    let page = &page.ends_with(0).stdout;
    assert!(page.starts_with("Packet 10  frame 5 of web.pcap, copy 2, "), "{page}");
    for text in ["Flow  2 packets before this one", "packet 8, the SYN+ACK", "unsent handshake-denied"] {
        assert!(page.contains(text), "`{text}` is missing in\n{page}");
    }
    let folder = place();
    for (index, (reason, ..)) in packets().into_iter().enumerate() {
        let related = if reason == "related" { "related" } else { "by-rule" };
        let more = ["--multiply", "2", "--icmp-errors", related];
        let page = explain(folder.path(), 2 * (index + 1), &more);
        assert!(page.contains(&format!("Verdict  {} {reason}\n", disposition(reason))), "{page}");
    }
}
