//! The reference against the expectations of an independent implementation of the same rules (all of S3–S10, S12).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a case that cannot be read is a failed test"
)]

mod aws;
mod case;
mod frames;
mod toml_model;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vpcreplay_testkit::reference::{FlowRecord, Outcome, Record, SeriesRow, replay};

/// The folder of the cases; not part of every checkout.
fn cases() -> Option<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    if !root.is_dir() {
        eprintln!("SKIPPED: no conformance cases at {}", root.display());
        return None;
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "the folder of the cases is empty");
    let only = std::env::var("CASE").ok();
    Some(
        folders
            .into_iter()
            .filter(|folder| only.as_ref().is_none_or(|name| folder.ends_with(name)))
            .collect(),
    )
}

fn record(record: &Record) -> Value {
    json!({
        "disposition": record.disposition.code(),
        "reason": record.reason.code(),
        "checkpoint": record.checkpoint.map(vpcreplay_flow::Checkpoint::code),
        "eni": record.eni,
        "rule": record.rule,
        "connection": record.connection,
        "state": record.state,
        "cause_packet": record.cause_packet,
    })
}

fn flow(flow: &FlowRecord) -> Value {
    json!({
        "flow": flow.flow, "protocol": flow.protocol,
        "src": flow.src.to_string(), "src_port": flow.src_port,
        "dst": flow.dst.to_string(), "dst_port": flow.dst_port, "icmp_id": flow.icmp_id,
        "first_ns": flow.first_ns, "last_ns": flow.last_ns,
        "packets_forward": flow.packets_forward, "packets_reverse": flow.packets_reverse,
        "bytes_forward": flow.bytes_forward, "bytes_reverse": flow.bytes_reverse,
        "allowed_forward": flow.allowed_forward, "allowed_reverse": flow.allowed_reverse,
        "denied_forward": flow.denied_forward, "denied_reverse": flow.denied_reverse,
        "unsent_forward": flow.unsent_forward, "unsent_reverse": flow.unsent_reverse,
        "connection_count": flow.connection_count,
        "connections": flow.connections.iter().map(|entry| json!({
            "connection": entry.connection, "eni": entry.eni, "state": entry.state, "end": entry.end,
        })).collect::<Vec<_>>(),
        "outcome": flow.outcome,
    })
}

fn row(row: &SeriesRow) -> String {
    let SeriesRow { scope, period_start_ns, periods, occupancy_max, occupancy_last, .. } = row;
    let SeriesRow { created, expired, reopened, removed, conntrack_allowance_exceeded: exceeded, .. } = row;
    format!(
        "{scope},{period_start_ns},{periods},{occupancy_max},{occupancy_last},{created},{expired},{reopened},{removed},{exceeded}"
    )
}

/// The first difference of two lists.
fn first_difference<T: PartialEq + std::fmt::Display>(
    what: &str,
    ours: &[T],
    theirs: &[T],
) -> Option<String> {
    let at = (0..ours.len().max(theirs.len())).find(|index| ours.get(*index) != theirs.get(*index))?;
    let show = |list: &[T]| list.get(at).map_or("nothing".to_owned(), ToString::to_string);
    Some(format!("{what} {}: reference\n  {}\nexpected\n  {}", at + 1, show(ours), show(theirs)))
}

/// What differs in a case.
fn differences(case: &case::Case, outcome: &Outcome) -> Vec<String> {
    let ours: Vec<Value> = outcome.records.iter().map(record).collect();
    let judging = |expected: &Value| {
        let keys =
            ["disposition", "reason", "checkpoint", "eni", "rule", "connection", "state", "cause_packet"];
        keys.iter()
            .map(|key| ((*key).to_owned(), expected[key].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let theirs: Vec<Value> = case.records.iter().map(judging).collect();
    let flows: Vec<Value> = outcome.flows.iter().map(flow).collect();
    let rows: Vec<String> = outcome.series.iter().map(row).collect();
    let expected_rows: Vec<String> = case.series.lines().skip(1).map(str::to_owned).collect();
    [
        first_difference("record", &ours, &theirs),
        first_difference("flow", &flows, &case.flows),
        first_difference("series row", &rows, &expected_rows),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn reference_agrees_with_the_independent_implementation() {
    let Some(folders) = cases() else { return };
    let mut failures = Vec::new();
    for folder in folders {
        let case = case::read(&folder);
        let outcome = replay(&case.scenario);
        for difference in differences(&case, &outcome) {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            failures.push(format!("{name}: {difference}"));
        }
    }
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures.join("\n"));
}

/// The TOML that a model writes is read back as the same model.
#[test]
fn models_survive_their_own_toml() {
    let Some(folders) = cases() else { return };
    for folder in folders {
        let model = case::read(&folder).scenario.model;
        assert_eq!(toml_model::parse(&model.to_toml()), model, "{}", folder.display());
    }
}
