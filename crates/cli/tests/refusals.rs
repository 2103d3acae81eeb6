//! Inputs that cannot be used: one message each, which names the place and the remedy, and exit status 2.

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

use program::{run, workplace, write};

fn run_with(folder: &Path, more: &[&str]) -> program::Ran {
    let arguments: Vec<&str> =
        ["run", "web.pcap", "--vpc", "model.toml"].iter().chain(more).copied().collect();
    run(folder, &arguments)
}

#[test]
fn captures_that_are_none() {
    let folder = workplace();
    let path = folder.path();
    write(path, "empty.pcap", "");
    write(path, "text.pcap", "hello, this is no capture\n");
    write(path, "header.pcap", [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
    fs::create_dir(path.join("folder")).unwrap();
    write(path, "folder/notes.txt", "nothing here");
    let cases: [(&str, &[&str]); 5] = [
        ("missing.pcap", &["missing.pcap: cannot be read", "check the path"]),
        ("empty.pcap", &["empty.pcap: not a capture: found an empty file", "name a capture"]),
        ("text.pcap", &["text.pcap: not a capture: found text", "expected pcap or pcapng"]),
        ("header.pcap", &["header.pcap: not a capture", "after 8 of 24 bytes"]),
        ("folder", &["folder: a directory without captures", "name the directory that holds the captures"]),
    ];
    for (capture, texts) in cases {
        run(path, &["run", capture, "--vpc", "model.toml"]).is_one_error().says(texts);
        run(path, &["inspect", capture]).is_one_error().says(texts);
    }
    run(path, &["run", "-", "-", "--vpc", "model.toml"]).is_one_error().says(&["standard input", "once"]);
}

#[test]
fn models_that_do_not_load() {
    let base = fs::read_to_string(program::golden("ephemeral-port-pitfall").join("model.toml")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(base.contains(from), "the model has no {from}");
        base.replacen(from, to, 1)
    };
    let cases = [
        ("wrong JSON", "{ \"SecurityGroups\": [".to_owned(), vec!["model.toml"]),
        (
            "an unknown key",
            with("[[eni]]\n", "[[eni]]\ncolour = \"red\"\n"),
            vec!["model.toml, line", "colour"],
        ),
        (
            "a bad CIDR",
            with("10.30.0.0/16", "10.30.0.1/16"),
            vec!["model.toml, line", "10.30.0.1/16", "10.30.0.0/16"],
        ),
        ("rule number 0", with("rule = 100", "rule = 0"), vec!["model.toml, line", "32766"]),
        ("a rule number twice", with("rule = 110", "rule = 100"), vec!["model.toml, line", "100"]),
        (
            "an address twice",
            format!(
                "{base}\n[[eni]]\nid = \"eni-twin\"\nsubnet = \"subnet-web\"\naddresses = [\"10.30.1.10\"]\nsecurity_groups = []\n"
            ),
            vec!["10.30.1.10", "eni-web", "eni-twin"],
        ),
    ];
    for (what, model, texts) in cases {
        let folder = workplace();
        write(folder.path(), "model.toml", model);
        for command in [&["run", "web.pcap", "--vpc", "model.toml"][..], &["check", "--vpc", "model.toml"]] {
            let ran = run(folder.path(), command);
            eprintln!("{what}: {}", ran.stderr);
            ran.is_one_error().says(&texts);
        }
    }
    let folder = workplace();
    run(folder.path(), &["check", "--vpc", "nowhere"]).is_one_error().says(&["nowhere", "--vpc"]);
    fs::create_dir(folder.path().join("hollow")).unwrap();
    run(folder.path(), &["check", "--vpc", "hollow"]).is_one_error().says(&["hollow", "inspect"]);
}

#[test]
fn option_values_that_are_none_name_what_is_allowed() {
    let folder = workplace();
    let cases: [(&[&str], &[&str]); 13] = [
        (&["--profile", "nitro7"], &["--profile", "classic", "nitro-v6"]),
        (&["--scope", "vpc"], &["--scope", "eni", "instance"]),
        (&["--mode", "maybe"], &["causal", "literal"]),
        (&["--tcp-midstream", "no"], &["allow", "deny", "either-end"]),
        (&["--icmp-errors", "no"], &["by-rule", "related"]),
        (&["--decap", "gre"], &["none", "vxlan", "geneve"]),
        (&["--fail-on", "never"], &["deny", "exceeded"]),
        (&["--timeout", "upd=3s"], &["upd", "udp-stream"]),
        (&["--timeout", "udp=1ms"], &["at least 1s"]),
        (&["--timeout", "udp=soon"], &["soon", "350s"]),
        (&["--at", "noon=model.toml"], &["noon", "RFC 3339"]),
        (&["--threads", "0"], &["at least 1"]),
        (&["--period", "0s"], &["more than zero"]),
    ];
    for (arguments, texts) in cases {
        let ran = run_with(folder.path(), arguments);
        ran.ends_with(2).says(texts);
        assert!(ran.stdout.is_empty());
    }
    run_with(folder.path(), &["--eni", "eni-nobody"]).is_one_error().says(&["eni-nobody", "eni-web"]);
    run_with(folder.path(), &["--always-tracked", "eni-nobody"]).is_one_error().says(&["eni-nobody"]);
    run_with(folder.path(), &["--colour"]).ends_with(2).says(&["--colour"]);
}

#[test]
fn what_is_not_built_yet_is_refused_by_its_name() {
    let folder = workplace();
    let ran = run(folder.path(), &["diff", "web.pcap", "--before", "a", "--after", "b"]);
    ran.is_one_error().says(&["diff", "not built yet"]);
    run(folder.path(), &["diff", "--help"]).is_one_error().says(&["diff", "not built yet"]);
    for option in ["--flow-logs", "--annotate", "--split", "--metrics", "--report"] {
        run_with(folder.path(), &[option, "x"]).is_one_error().says(&[option, "not built yet"]);
    }
    for file in ["out.parquet", "out.arrow"] {
        run_with(folder.path(), &["--out", file]).is_one_error().says(&["--out", file, "not built yet"]);
    }
    write(folder.path(), "template.yaml", "AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n");
    run(folder.path(), &["check", "--vpc", "template.yaml"]).is_one_error().says(&["CloudFormation"]);
    let help = run(folder.path(), &["--help"]);
    assert!(!help.ends_with(0).stdout.contains("  diff "), "{}", help.stdout);
}

#[test]
fn outputs_that_would_destroy_something() {
    let folder = workplace();
    let path = folder.path();
    let capture = fs::read(path.join("web.pcap")).unwrap();
    fs::copy(path.join("web.pcap"), path.join("web.jsonl")).unwrap();
    fs::create_dir(path.join("captures")).unwrap();
    fs::copy(path.join("web.pcap"), path.join("captures/one.csv")).unwrap();
    run(path, &["run", "web.jsonl", "--vpc", "model.toml", "--out", "./web.jsonl"]).is_one_error().says(&[
        "--out",
        "web.jsonl",
        "overwritten",
    ]);
    run(path, &["run", "captures", "--vpc", "model.toml", "--series", "captures/one.csv"])
        .is_one_error()
        .says(&["--series", "one.csv", "overwritten"]);
    assert_eq!(fs::read(path.join("web.jsonl")).unwrap(), capture);
    assert_eq!(fs::read(path.join("captures/one.csv")).unwrap(), capture);
    run(path, &["inspect", "web.pcap", "--model-out", "web.pcap"]).is_one_error().says(&["overwritten"]);
    run_with(path, &["--out", "a.jsonl", "--connections", "./a.jsonl"]).is_one_error().says(&[
        "--out",
        "--connections",
        "both",
    ]);
    run_with(path, &["--out", "-", "--summary", "-"]).is_one_error().says(&["standard output"]);
    fs::create_dir(path.join("model")).unwrap();
    fs::copy(path.join("model.toml"), path.join("model/model.toml")).unwrap();
    run(path, &["run", "web.pcap", "--vpc", "model", "--summary", "model/summary.json"])
        .is_one_error()
        .says(&["part of the model"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = workplace();
    for (option, file) in [("--out", "no/such/folder/x.jsonl"), ("--summary", "no/such/folder/x.json")] {
        run_with(folder.path(), &[option, file]).is_one_error().says(&[file, "cannot be written", "help:"]);
    }
    run_with(folder.path(), &["--out", "x.txt"]).is_one_error().says(&["x.txt", ".jsonl", ".csv"]);
    run_with(folder.path(), &["--summary", "x.csv"]).is_one_error().says(&["x.csv", ".json"]);
}

#[test]
fn growth_that_makes_no_sense() {
    let folder = workplace();
    let path = folder.path();
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--multiply", "0"], &["--multiply", "from 1 to 65535"]),
        (&["--multiply", "65536"], &["--multiply", "from 1 to 65535"]),
        (&["--multiply", "many"], &["--multiply", "from 1 to 65535"]),
        (&["--speed", "0"], &["--speed", "a decimal number above 0"]),
        (&["--speed", "-2"], &["--speed"]),
        (&["--speed", "1e3"], &["--speed", "such as 2, 0.5 or 10.25"]),
        (&["--multiply-shift", "5s"], &["--multiply"]),
        (&["--multiply", "2", "--seed", "1"], &["--multiply-shift"]),
        (
            &["--multiply", "257", "--multiply-shift", "5s"],
            &["at most 256 copies", "leave --multiply-shift out"],
        ),
    ];
    for (arguments, texts) in cases {
        run_with(path, arguments).is_one_error().says(texts);
    }
    // What can be read only once cannot be read for every copy.
    let shifted = ["run", "-", "--vpc", "model.toml", "--multiply", "2", "--multiply-shift", "5s"];
    run(path, &shifted).is_one_error().says(&["standard input: can be read only once", "Save the capture"]);
}
