//! `vpcreplay synth`: captures, models, profiles, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

mod program;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use program::{program, ran, run, write};
use serde_json::Value;

const NAMES: [&str; 6] =
    ["short-lived-http", "long-lived-websocket", "dns-resolver", "syn-flood", "nat-gateway", "mixed"];

const MINE: &str = r#"
[[fleet]]
name = "web"

[[class]]
name = "visitors"
protocol = "tcp"
from = "internet"
to = "web"
port = 443
rate = 10
arrivals = "regular"
"#;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_capture_and_its_model_replay_without_a_denial() {
    let folder = folder();
    for name in NAMES {
        let made = run(
            folder.path(),
            &["synth", name, "--packets", "3000", "-o", "made.pcap", "--vpc-out", "made.toml"],
        );
        made.ends_with(0).says(&["3,000 packets", "made.pcap", "seed 1", "packets/s", "--vpc made.toml"]);
        assert!(made.stdout.is_empty());
        run(folder.path(), &["check", "--vpc", "made.toml", "--strict"]).ends_with(0);
        let replay =
            ["run", "made.pcap", "--vpc", "made.toml", "--summary", "s.json", "--fail-on", "deny", "-q"];
        run(folder.path(), &replay).ends_with(0);
        let summary: Value =
            serde_json::from_slice(&fs::read(folder.path().join("s.json")).unwrap()).unwrap();
        assert_eq!(summary["dispositions"]["allow"]["packets"], 3_000, "{name}");
        assert_eq!(summary["counters"]["clock_regressions"], 0, "{name}");
    }
}

#[test]
fn profiles_are_listed_and_printed() {
    let folder = folder();
    let list = run(folder.path(), &["synth", "--list"]);
    list.ends_with(0);
    let printed = run(folder.path(), &["synth", "mixed", "--print"]);
    assert!(printed.ends_with(0).stdout.contains("[[class]]"));
    for name in NAMES {
        let lines = list.stdout.lines().filter(|line| line.starts_with(&format!("{name} "))).count();
        assert_eq!(lines, 1, "{name} is listed");
    }
    // What is printed is a profile that gives the same capture under its own name.
    write(folder.path(), "mine.toml", &printed.stdout);
    for (profile, file) in [("mixed", "a.pcap"), ("mine.toml", "b.pcap"), ("./mine.toml", "c.pcap")] {
        run(folder.path(), &["synth", profile, "--packets", "500", "-q", "-o", file])
            .ends_with(0)
            .is_silent();
    }
    let bytes = |file: &str| fs::read(folder.path().join(file)).unwrap();
    assert!(bytes("a.pcap") == bytes("b.pcap") && bytes("a.pcap") == bytes("c.pcap"));
}

#[test]
fn bounds_and_options_do_what_they_say() {
    let folder = folder();
    write(folder.path(), "mine.toml", MINE);
    let made = |options: &[&str]| {
        let mut arguments = vec!["synth", "mine.toml", "-o", "x.pcap"];
        arguments.extend(options);
        run(folder.path(), &arguments).ends_with(0).stderr.clone()
    };
    assert!(made(&["--duration", "20s"]).contains("200 connections"));
    assert!(made(&["--duration", "20s", "--rate", "40"]).contains("800 connections"));
    assert!(made(&["--connections", "7"]).contains("\n7 connections"));
    assert!(made(&["--connections", "7"]).contains(" 0 open at the end"));
    assert!(made(&["--packets", "9"]).starts_with("9 packets"));
    assert!(made(&["--packets", "9", "--duration", "1ms"]).starts_with("1 packet ("));
    assert!(made(&[]).contains("600 connections"), "a minute when nothing is said");
    let first = fs::read(folder.path().join("x.pcap")).unwrap();
    assert_eq!(first[..4], 0xa1b2_3c4d_u32.to_le_bytes());
    assert_eq!(first[24..28], 1_767_225_600_u32.to_le_bytes());
    assert!(made(&["--seed", "7"]).contains("seed 7"));
    assert!(fs::read(folder.path().join("x.pcap")).unwrap() != first);
    assert!(made(&["--start", "2030-05-01T00:00:00Z"]).contains("2030-05-01T00:00:00.000Z"));
}

#[test]
fn standard_output_is_a_capture_and_a_broken_pipe_no_error() {
    let folder = folder();
    let arguments = ["synth", "mixed", "--packets", "300", "-o", "-"];
    let piped = program(folder.path(), &arguments).output().unwrap();
    run(folder.path(), &["synth", "mixed", "--packets", "300", "-o", "file.pcap", "-q"]).ends_with(0);
    assert!(piped.status.success());
    assert!(piped.stdout == fs::read(folder.path().join("file.pcap")).unwrap());
    assert!(String::from_utf8(piped.stderr).unwrap().contains("300 packets"));
    let mut child = program(folder.path(), &["synth", "mixed", "-o", "-", "--duration", "365d"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 10_000]).unwrap();
    drop(out);
    ran(&child.wait_with_output().unwrap()).ends_with(0).is_silent();
}

#[test]
fn the_model_alone_and_on_standard_output() {
    let folder = folder();
    let model = run(folder.path(), &["synth", "nat-gateway", "--vpc-out", "-"]);
    assert!(model.ends_with(0).stdout.contains("interface_type = \"nat_gateway\""));
    run(folder.path(), &["synth", "nat-gateway", "--vpc-out", "m.toml"]).ends_with(0);
    assert_eq!(fs::read_to_string(folder.path().join("m.toml")).unwrap(), model.stdout);
}

#[test]
fn profiles_with_errors_name_the_place_and_the_remedy() {
    let folder = folder();
    write(folder.path(), "typo.toml", MINE.replace("port = 443", "prot = 443"));
    run(folder.path(), &["synth", "typo.toml", "-o", "x.pcap"]).is_one_error().says(&[
        "typo.toml, line 10, column 1",
        "prot",
        "10 | prot = 443",
        "^^^^",
        "`port`",
    ]);
    write(folder.path(), "share.toml", format!("{MINE}half_open = 0.7\nreset = 0.7\n"));
    run(folder.path(), &["synth", "share.toml", "-o", "x.pcap"]).is_one_error().says(&[
        "share.toml, line 6",
        "more than the whole",
        "expected half_open",
        "found 1.4",
    ]);
    write(folder.path(), "fleet.toml", MINE.replace("to = \"web\"", "to = \"app\""));
    run(folder.path(), &["synth", "fleet.toml", "-o", "x.pcap"]).is_one_error().says(&[
        "there is no fleet `app`",
        "\"internet\" or \"web\"",
        "help: Add a `[[fleet]]`",
    ]);
    write(folder.path(), "bytes.toml", [0xff, 0xfe, 0x00]);
    run(folder.path(), &["synth", "bytes.toml", "-o", "x.pcap"])
        .is_one_error()
        .says(&["bytes.toml", "help:"]);
    assert!(!folder.path().join("x.pcap").exists(), "nothing is written");
}

#[test]
fn arguments_without_sense_are_refused() {
    let folder = folder();
    let path = folder.path();
    write(path, "mine.toml", MINE);
    run(path, &["synth", "mixxed", "-o", "x"]).is_one_error().says(&["mixxed", "mixed", "--list"]);
    run(path, &["synth", "no/such.toml", "-o", "x"]).is_one_error().says(&["no/such.toml", "cannot be read"]);
    run(path, &["synth", "mixed", "-o", "no/such/x"])
        .is_one_error()
        .says(&["no/such/x", "cannot be written"]);
    run(path, &["synth", "mine.toml", "-o", "./mine.toml"]).is_one_error().says(&["profile", "overwritten"]);
    run(path, &["synth", "mine.toml", "-o", "x.pcap", "--vpc-out", "mine.toml"])
        .is_one_error()
        .says(&["--vpc-out", "overwritten"]);
    assert_eq!(fs::read_to_string(path.join("mine.toml")).unwrap(), MINE);
    run(path, &["synth", "mixed", "-o", "x", "--vpc-out", "./x"]).is_one_error().says(&["both go to"]);
    run(path, &["synth", "mixed", "-o", "-", "--vpc-out", "-"]).is_one_error().says(&["standard output"]);
    usage(path, &["synth"], &["PROFILE"]);
    usage(path, &["synth", "mixed"], &["--output"]);
    usage(path, &["synth", "mixed", "-o", "x", "--packets", "0"], &["--packets"]);
    usage(path, &["synth", "mixed", "-o", "x", "--duration", "0s"], &["more than zero"]);
    usage(path, &["synth", "mixed", "-o", "x", "--rate=-1"], &["above 0"]);
    usage(path, &["synth", "mixed", "-o", "x", "--rate", "much"], &["above 0"]);
    usage(path, &["synth", "mixed", "-o", "x", "--start", "+5s"], &["RFC 3339"]);
    run(path, &["synth", "mixed", "-o", "x", "--start", "2200-01-01T00:00:00Z"])
        .is_one_error()
        .says(&["2106"]);
    run(path, &["synth", "mixed", "-o", "x", "--rate", "1e30"]).is_one_error().says(&["rate", "1000000000"]);
}

/// Refused by the parser of arguments.
#[track_caller]
fn usage(folder: &Path, arguments: &[&str], texts: &[&str]) {
    let ran = run(folder, arguments);
    ran.ends_with(2).says(texts);
    assert!(ran.stdout.is_empty());
}
