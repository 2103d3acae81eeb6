//! Decoded facts against those of tshark, on captures from elsewhere: outer addresses, protocol, ports, ICMP, TCP flags.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use vpcreplay_tests::compare::{self, Record};
use vpcreplay_tests::{case, places, program};

/// Fields of tshark, and the field of the record that the first of them with a value stands for.
const FIELDS: [(&str, &[&str]); 8] = [
    ("src", &["ip.src", "ipv6.src"]),
    ("dst", &["ip.dst", "ipv6.dst"]),
    ("protocol", &["ip.proto"]),
    ("src_port", &["tcp.srcport", "udp.srcport", "sctp.srcport"]),
    ("dst_port", &["tcp.dstport", "udp.dstport", "sctp.dstport"]),
    ("icmp_type", &["icmp.type", "icmpv6.type"]),
    ("icmp_code", &["icmp.code", "icmpv6.code"]),
    ("tcp_flags", &["tcp.flags"]),
];

/// Differences that are known: capture, field (`*` for all), and why.
const KNOWN: &str = include_str!("tshark/known_differences.tsv");

fn main() {
    let folder = places::shared("captures/real");
    let has_tshark = Command::new("tshark").arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !has_tshark {
        eprintln!("SKIPPED: tshark is not installed");
    }
    let files = folder.filter(|_| has_tshark).map(|folder| places::entries(&folder)).unwrap_or_default();
    let captures = files.into_iter().filter(|path| places::name(path) != "INDEX.tsv");
    case::run(captures.map(|path| case::trial(places::name(&path), move || check(&path))).collect());
}

fn check(path: &Path) -> Result<(), String> {
    let name = places::name(path);
    let known: Vec<&str> = KNOWN.lines().filter(|line| line.split('\t').next() == Some(&name)).collect();
    let is_known =
        |field: &str| known.iter().any(|line| [Some("*"), Some(field)].contains(&line.split('\t').nth(1)));
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("model.toml"), MODEL).unwrap();
    let written = program::replay(folder.path(), &[&path.display().to_string(), "--vpc", "model.toml"])?;
    let (ours, theirs) = (compare::records(&written.records), dissect(path)?);
    if ours.len() != theirs.len() {
        return Err(format!("{} packets, tshark {}", ours.len(), theirs.len()));
    }
    let mut wrong = Vec::new();
    for (record, row) in ours.iter().zip(&theirs) {
        for (place, (field, _)) in FIELDS.iter().enumerate() {
            if !is_known(field) && differs(record, field, &row[place]) {
                wrong
                    .push(format!("{} {field}: {}, tshark {}", record["packet"], record[*field], row[place]));
            }
        }
    }
    wrong.truncate(12);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Nobody's interface: what is compared is known before any rule is asked.
const MODEL: &str = "[[subnet]]\nid = \"s\"\n[[eni]]\nid = \"e\"\nsubnet = \"s\"\naddresses = [\"192.0.2.1\"]\nsecurity_groups = []\n";

/// What tshark says of each frame: for each field the first value, or nothing.
fn dissect(path: &Path) -> Result<Vec<Vec<String>>, String> {
    let mut tshark = Command::new("tshark");
    // Neither reassembly nor anything else that moves facts to another frame.
    tshark.args(["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-T", "fields"]);
    tshark.args(["-E", "separator=/t", "-E", "occurrence=f"]).arg("-r").arg(path);
    for name in FIELDS.iter().flat_map(|(_, names)| *names) {
        tshark.args(["-e", name]);
    }
    let output = tshark.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = |line: &str| {
        let mut values = line.split('\t');
        let mut first = |names: &[&str]| {
            let values: Vec<&str> = names.iter().map(|_| values.next().unwrap_or_default()).collect();
            values.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_owned()
        };
        FIELDS.iter().map(|(_, names)| first(names)).collect()
    };
    Ok(text.lines().map(row).collect())
}

/// Where both say something, they say the same. What only one of them says is a matter of S2.3 (all or none), S2.5
/// (snaplen) and S2.7 (later fragments), which other tests check.
fn differs(record: &Record, field: &str, theirs: &str) -> bool {
    let ours = match &record[field] {
        Value::Null => return false,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let theirs = match theirs.strip_prefix("0x") {
        // tshark adds the flags beside the byte: reserved bits and AE.
        Some(hex) => (u32::from_str_radix(hex, 16).unwrap_or_default() & 0xff).to_string(),
        None => theirs.to_owned(),
    };
    !theirs.is_empty() && ours != theirs
}
