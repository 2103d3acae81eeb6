//! Captures and models from elsewhere: every one is replayed or read, or refused for a reason that a table gives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use vpcreplay_tests::{case, places, program};

/// A model for captures of anybody: one interface that owns the private addresses most captures come from.
const MODEL: &str = r#"
[options]
limit = 20
[[subnet]]
id = "subnet-1"
[[eni]]
id = "eni-1"
subnet = "subnet-1"
prefixes = ["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "2001::/16"]
security_groups = ["sg-1"]
[[security_group]]
id = "sg-1"
ingress = [{ protocol = "tcp", ports = "80", peer = "0.0.0.0/1" }, { protocol = "icmp", peer = "0.0.0.0/0" }]
egress = [{ protocol = "all", peer = "0.0.0.0/1" }, { protocol = "all", peer = "128.0.0.0/1" }, { protocol = "all", peer = "2000::/3" }]
"#;

fn main() {
    let mut trials = Vec::new();
    if let Some(folder) = places::shared("captures/real") {
        let index = places::text(&folder.join("INDEX.tsv"));
        for line in index.lines().skip(1) {
            let fields: Vec<_> = line.split('\t').collect();
            let known = rows(PACKETS).find(|row| row[0] == fields[0]);
            let packets = known.map_or(fields[7], |row| row[1]).parse::<u64>().unwrap();
            let path = folder.join(fields[0]);
            trials.push(case::trial(format!("capture {}", fields[0]), move || capture(&path, packets)));
        }
    }
    if let Some(folder) = places::shared("aws/real") {
        for path in models(&folder) {
            let name = path.strip_prefix(&folder).unwrap().display().to_string();
            trials.push(case::trial(format!("model {name}"), move || model(&path, &name)));
        }
    }
    case::run(trials);
}

/// Captures that hold another number of packets than their index says.
const PACKETS: &str = include_str!("real_captures/packets.tsv");

/// The rows of a table.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

/// Replays a capture against a small model and against the starter model made of it.
fn capture(path: &Path, packets: u64) -> Result<(), String> {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("model.toml"), MODEL).unwrap();
    let name = path.display().to_string();
    replay(folder.path(), &name, "model.toml", packets)?;
    let ran =
        program::vpcreplay(folder.path(), &["inspect", &name, "--model-out", "own.toml"], Stdio::null());
    if !ran.status.success() {
        return Err(format!("inspect: {}", String::from_utf8_lossy(&ran.stderr)));
    }
    replay(folder.path(), &name, "own.toml", packets)
}

/// S4.4: every packet has one disposition; S1.5: the number of threads changes nothing.
fn replay(folder: &Path, capture: &str, model: &str, packets: u64) -> Result<(), String> {
    let arguments = [capture, "--vpc", model, "--threads", "1"];
    let written = program::replay(folder, &arguments)?;
    let summary: Value = serde_json::from_str(&written.summary).map_err(|error| error.to_string())?;
    let by_disposition = summary["dispositions"].as_object().ok_or("no dispositions")?;
    let judged: u64 = by_disposition.values().filter_map(|tally| tally["packets"].as_u64()).sum();
    let records = written.records.lines().count() as u64;
    if (judged, records) != (packets, packets) {
        return Err(format!("{judged} dispositions, {records} records, expected {packets}"));
    }
    let again = program::replay(folder, &[capture, "--vpc", model, "--threads", "3", "--batch", "13"])?;
    if again == written { Ok(()) } else { Err(format!("{model}: three threads give something else")) }
}

/// What `check --vpc` is given: each folder of AWS CLI documents, each file of the other kinds.
fn models(folder: &Path) -> Vec<PathBuf> {
    let mut models = places::entries(&folder.join("describe"));
    models.extend(places::entries(&folder.join("terraform")));
    models.extend(places::entries(&folder.join("cloudformation")));
    models
}

/// Documents that are refused: beginnings of their paths, a part of the message, and why that is right.
const REFUSALS: &str = include_str!("real_captures/refused_models.tsv");

fn model(path: &Path, name: &str) -> Result<(), String> {
    let place = path.display().to_string();
    let ran = program::vpcreplay(path.parent().unwrap_or(path), &["check", "--vpc", &place], Stdio::null());
    let message = String::from_utf8_lossy(&ran.stderr).into_owned();
    let known = rows(REFUSALS).find(|row| name.starts_with(row[0]));
    match (ran.status.code(), known) {
        (Some(0), None) => Ok(()),
        (Some(0), Some(row)) => Err(format!("it is read now; take it off the table: {row:?}")),
        (Some(2), Some(row)) if message.contains(row[1]) => Ok(()),
        (status, row) => Err(format!("status {status:?}, table {row:?}: {message}")),
    }
}
