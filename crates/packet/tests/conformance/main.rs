//! Every frame of the conformance cases, against the records of an independent implementation of the rules.
//!
//! The cases are not part of the repository; where they are absent the test says so and passes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod captures;

use std::path::{Path, PathBuf};

use captures::Frame;
use serde_json::{Value, json};
use vpcreplay_flow::{Cause, Clock, Decap, Decoded, LinkType, Timestamp};
use vpcreplay_packet::{DecodedFrame, FragmentTable, decode};

/// Merges captures by timestamp, ties by file order (S1.3).
fn merge(files: Vec<Vec<Frame>>) -> Vec<Frame> {
    let mut heads: Vec<_> = files.into_iter().map(|frames| frames.into_iter().peekable()).collect();
    let mut merged = Vec::new();
    loop {
        let next = heads
            .iter_mut()
            .enumerate()
            .filter_map(|(file, frames)| frames.peek().map(|frame| (frame.time_ns, file)))
            .min();
        let Some((_, file)) = next else { return merged };
        merged.extend(heads[file].next());
    }
}

const FIELDS: [&str; 11] = [
    "src",
    "dst",
    "protocol",
    "src_port",
    "dst_port",
    "icmp_type",
    "icmp_code",
    "tcp_flags",
    "length",
    "vni",
    "gwlb_endpoint",
];

const CAUSES: [(&str, Cause); 4] = [
    ("not-ip", Cause::NotIp),
    ("truncated", Cause::Truncated),
    ("malformed", Cause::Malformed),
    ("unsupported-link-type", Cause::UnsupportedLinkType),
];

/// A decoded frame as a record shows it; `cause` is null for a packet with facts.
fn record(frame: &DecodedFrame) -> Value {
    let mut record = json!({ "vni": frame.tunnel.map(|tunnel| tunnel.vni),
        "gwlb_endpoint": frame.tunnel.and_then(|tunnel| tunnel.gwlb_endpoint).map(|id| format!("{id:016x}")) });
    match frame.decoded {
        Decoded::Packet(facts) => {
            record["src"] = json!(facts.src);
            record["dst"] = json!(facts.dst);
            record["protocol"] = json!(facts.protocol.0);
            record["length"] = json!(facts.length);
            record["src_port"] = json!(facts.transport.ports().map(|(src, _)| src));
            record["dst_port"] = json!(facts.transport.ports().map(|(_, dst)| dst));
            record["icmp_type"] = json!(facts.transport.icmp().map(|(icmp_type, _)| icmp_type));
            record["icmp_code"] = json!(facts.transport.icmp().map(|(_, code)| code));
            record["tcp_flags"] = json!(facts.transport.tcp_flags().map(|flags| flags.0));
        }
        Decoded::Unjudged(cause, header) => {
            record["cause"] = json!(CAUSES.iter().find(|(_, each)| *each == cause).map(|(code, _)| code));
            if let Some(header) = header {
                record["src"] = json!(header.src);
                record["dst"] = json!(header.dst);
                record["protocol"] = json!(header.protocol.map(|protocol| protocol.0));
                record["length"] = json!(header.length);
            }
        }
    }
    record
}

fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let reason = &expected["reason"];
    let is_cause = CAUSES.iter().any(|(code, _)| reason == code);
    let expected_cause = if is_cause { reason } else { &Value::Null };
    let causes = std::iter::once(("cause", expected_cause, &actual["cause"]));
    FIELDS
        .iter()
        .map(|field| (*field, &expected[*field], &actual[*field]))
        .chain(causes)
        .filter(|(_, expected, actual)| expected != actual)
        .map(|(field, expected, actual)| format!("{field}: expected {expected}, found {actual}"))
        .collect()
}

fn check(case: &Path) -> (usize, Vec<String>) {
    let command = std::fs::read_to_string(case.join("cmd.txt")).unwrap();
    let words: Vec<&str> = command.split_whitespace().collect();
    let captures = words.iter().take_while(|word| !word.starts_with("--"));
    let frames = merge(captures.map(|name| captures::read(&case.join(name))).collect());
    let decap = match words.iter().position(|word| *word == "--decap").map(|at| words[at + 1]) {
        Some("vxlan") => Decap::Vxlan,
        Some("geneve") => Decap::Geneve,
        _ => Decap::None,
    };
    let expected = std::fs::read_to_string(case.join("expected.jsonl")).unwrap();
    let expected: Vec<Value> = expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(expected.len(), frames.len(), "{}: frames", case.display());

    let (mut clock, mut table) = (Clock::default(), FragmentTable::new());
    let mut wrong = Vec::new();
    for (frame, expected) in frames.iter().zip(&expected) {
        let stamp = Timestamp::from_nanos(frame.time_ns);
        assert_eq!(expected["time_ns"], json!(frame.time_ns), "{}", case.display());
        let (now, _) = clock.observe(stamp);
        let mut decoded = decode(LinkType(frame.link_type), &frame.bytes, frame.original_length, decap);
        table.resolve(&mut decoded, now);
        let found = differences(expected, &record(&decoded));
        if !found.is_empty() {
            wrong.push(format!(
                "{} packet {} link type {} original length {}: {}\n    {:02x?}",
                case.display(),
                expected["packet"],
                frame.link_type,
                frame.original_length,
                found.join("; "),
                frame.bytes
            ));
        }
    }
    (frames.len(), wrong)
}

// S2.2–S2.7, S12.1–S12.5, S12.13
#[test]
fn every_frame_of_every_case_decodes_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let Ok(entries) = std::fs::read_dir(&root) else {
        eprintln!("SKIPPED: no conformance cases at {}", root.display());
        return;
    };
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.retain(|case| case.join("cmd.txt").is_file());
    cases.sort();
    let (mut frames, mut wrong) = (0, Vec::new());
    for case in &cases {
        let (count, found) = check(case);
        frames += count;
        wrong.extend(found);
    }
    eprintln!("{} cases, {frames} frames", cases.len());
    assert!(wrong.is_empty(), "{} frames differ:\n{}", wrong.len(), wrong.join("\n"));
}
