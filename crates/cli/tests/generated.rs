//! What is made from the code: schemas, reasons, completions, manual; and `inspect` with its starter model.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

mod program;

use std::collections::BTreeSet;
use std::fs;

use program::{golden, run, workplace};
use serde_json::Value;

fn schema() -> Value {
    let folder = workplace();
    let printed = run(folder.path(), &["schema"]);
    serde_json::from_str(&printed.ends_with(0).stdout).unwrap()
}

/// Checks a value against the part of JSON Schema that the schemas use.
#[track_caller]
fn conforms(value: &Value, schema: &Value, at: &str) {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_type = |wanted: &Value| wanted == name;
    let types = &schema["type"];
    assert!(
        is_type(types) || types.as_array().is_some_and(|all| all.iter().any(is_type)),
        "{at} is {value}, not {types}"
    );
    if let Some(codes) = schema["enum"].as_array() {
        assert!(codes.contains(value), "{at} is {value}, none of {codes:?}");
    }
    if let (Some(number), Some(most)) = (value.as_u64(), schema["maximum"].as_u64()) {
        assert!(number <= most, "{at} is {number}");
    }
    if let (Some(number), Some(least)) = (value.as_i64(), schema["minimum"].as_i64()) {
        assert!(number >= least, "{at} is {number}");
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(item, &schema["items"], &format!("{at}[]"));
    }
    if let Some(object) = value.as_object() {
        for (key, member) in object {
            let known = &schema["properties"][key];
            assert!(!known.is_null(), "{at}.{key} is not in the schema");
            conforms(member, known, &format!("{at}.{key}"));
        }
        for key in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(key.as_str().unwrap()), "{at} has no {key}");
        }
    }
}

/// The names of a definition's fields, in order.
fn names(schema: &Value, definition: &str) -> Vec<String> {
    let required = schema["$defs"][definition]["required"].as_array().unwrap();
    required.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_record_conforms_to_its_schema() {
    let schema = schema();
    let replays: [(&str, &[&str]); 6] = [
        ("three-tier", &["three-tier.pcap", "--vpc", "aws"]),
        ("allowance-exhausted", &["app.pcapng", "--vpc", "model.toml", "--limit", "2", "--period", "1s"]),
        ("mirror-vxlan", &["mirror.pcap", "--vpc", "model.toml", "--decap", "vxlan"]),
        ("truncated", &["cut.pcap", "--vpc", "model.toml"]),
        ("ipv6", &["web.pcap", "--vpc", "model.toml", "--multiply", "2"]),
        (
            "emergency-deny",
            &["web.pcap", "--vpc", "model.toml", "--at", "+1s=nacl-deny.toml", "--first", "40"],
        ),
    ];
    for (capture, arguments) in replays {
        let out = tempfile::tempdir().unwrap();
        let kinds = [("--out", "verdict"), ("--connections", "flow"), ("--series", "series")];
        let files: Vec<String> = kinds
            .iter()
            .map(|(_, kind)| out.path().join(format!("{kind}.jsonl")).display().to_string())
            .collect();
        let summary = out.path().join("summary.json").display().to_string();
        let mut all = vec!["run"];
        all.extend(arguments);
        all.extend(["--quiet", "--summary", &summary]);
        for ((option, _), file) in kinds.iter().zip(&files) {
            all.extend([*option, file]);
        }
        run(&golden(capture), &all).ends_with(0);
        for ((_, kind), file) in kinds.iter().zip(&files) {
            let text = fs::read_to_string(file).unwrap();
            assert!(text.lines().count() > 0);
            for line in text.lines() {
                conforms(&serde_json::from_str(line).unwrap(), &schema["$defs"][kind], kind);
                in_order(line, &names(&schema, kind));
            }
        }
        let document: Value = serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap();
        conforms(&document, &schema["$defs"]["summary"], "summary");
    }
}

/// The fields come in this order; none of their names occurs in a value before it.
#[track_caller]
fn in_order(line: &str, names: &[String]) {
    let mut rest = line;
    for name in names {
        let key = format!("\"{name}\":");
        let at = rest.find(&key).unwrap_or_else(|| panic!("{name} is missing or out of order in {line}"));
        rest = &rest[at + key.len()..];
    }
}

#[test]
fn csv_headers_are_the_names_of_the_schema() {
    let schema = schema();
    let folder = workplace();
    let kinds = [("--out", "verdict"), ("--connections", "flow"), ("--series", "series")];
    for (option, kind) in kinds {
        let file = format!("{kind}.csv");
        run(folder.path(), &["run", "web.pcap", "--vpc", "model.toml", option, &file, "--quiet"])
            .ends_with(0);
        let text = fs::read_to_string(folder.path().join(&file)).unwrap();
        assert_eq!(text.lines().next().unwrap(), names(&schema, kind).join(","));
    }
    // With copies there is one field more, the last one, and every record has it.
    for (option, kind) in [("--out", "verdict"), ("--connections", "flow")] {
        let arguments = ["run", "web.pcap", "--vpc", "model.toml", "--multiply", "2", option, "c.csv", "-q"];
        run(folder.path(), &arguments).ends_with(0);
        let text = fs::read_to_string(folder.path().join("c.csv")).unwrap();
        assert_eq!(text.lines().next().unwrap(), format!("{},copy", names(&schema, kind).join(",")));
        assert!(text.lines().skip(1).all(|line| line.ends_with(",1") || line.ends_with(",2")), "{text}");
    }
}

#[test]
fn reasons_are_listed_and_explained() {
    let folder = workplace();
    let list = run(folder.path(), &["reason"]);
    let codes: BTreeSet<&str> =
        list.ends_with(0).stdout.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(codes.len(), 20);
    for code in codes {
        let page = run(folder.path(), &["reason", code]);
        assert!(page.ends_with(0).stdout.starts_with(&format!("# `{code}`")));
    }
    run(folder.path(), &["reason", "sg-no-rules"]).is_one_error().says(&["sg-no-rules", "sg-no-rule,"]);
}

#[test]
fn completions_and_manual_cover_what_is_built_and_nothing_else() {
    let folder = workplace();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(folder.path(), &["completions", shell]);
        assert!(script.ends_with(0).stdout.contains("tcp-midstream"), "{shell}");
    }
    assert!(run(folder.path(), &["man"]).ends_with(0).stdout.contains(".TH vpcreplay 1"));
    run(folder.path(), &["man", "--dir", "pages"]).ends_with(0);
    let pages = |name: &str| fs::read_to_string(folder.path().join("pages").join(name));
    assert!(pages("vpcreplay-run.1").unwrap().contains("fail\\-on"));
    assert!(pages("vpcreplay-synth.1").unwrap().contains("vpc\\-out"));
    assert!(pages("vpcreplay-capacity.1").unwrap().contains("sweep"));
    assert!(pages("vpcreplay-diff.1").is_err());
}

#[test]
fn inspect_tells_what_is_in_a_capture() {
    let mirror = run(&golden("mirror-vxlan"), &["inspect", "mirror.pcap"]);
    assert!(mirror.ends_with(0).stdout.contains("--decap vxlan"), "{}", mirror.stdout);
    let cut = run(&golden("truncated"), &["inspect", "cut.pcap"]);
    assert!(cut.ends_with(0).stdout.contains("1 damaged place: "), "{}", cut.stdout);
    run(&golden("truncated"), &["inspect", "cut.pcap", "--strict"]).ends_with(2);
    let three = run(&golden("three-tier"), &["inspect", "three-tier.pcap"]);
    for text in ["pcap, little-endian", "Linux cooked v2", "IPv4 tcp", "10.20.1.10"] {
        assert!(three.ends_with(0).stdout.contains(text), "`{text}` is missing in {}", three.stdout);
    }
    assert!(three.stdout.lines().all(|line| line.chars().count() <= 160));
}

#[test]
fn the_starter_model_loads_and_lets_most_packets_pass() {
    let captures = [
        ("three-tier", "three-tier.pcap"),
        ("ipv6", "web.pcap"),
        ("emergency-deny", "web.pcap"),
        ("allowance-exhausted", "app.pcapng"),
    ];
    for (folder, capture) in captures {
        let out = tempfile::tempdir().unwrap();
        let model = out.path().join("starter.toml").display().to_string();
        let summary = out.path().join("summary.json").display().to_string();
        run(&golden(folder), &["inspect", capture, "--model-out", &model]).ends_with(0);
        run(&golden(folder), &["check", "--vpc", &model, "--strict"]).ends_with(0);
        run(&golden(folder), &["run", capture, "--vpc", &model, "--summary", &summary]).ends_with(0);
        let summary: Value = serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap();
        let allowed = summary["dispositions"]["allow"]["packets"].as_u64().unwrap();
        let judged = summary["packets"].as_u64().unwrap()
            - summary["dispositions"]["unjudged"]["packets"].as_u64().unwrap();
        assert!(allowed * 10 >= judged * 9 && allowed > 0, "{folder}: {allowed} of {judged}");
    }
}

#[test]
fn the_starter_model_goes_to_standard_output_too() {
    let printed = run(&golden("three-tier"), &["inspect", "three-tier.pcap", "--model-out", "-"]);
    assert!(printed.ends_with(0).stdout.starts_with("# A model to start from."));
    printed.says(&["Top talkers"]);
}
