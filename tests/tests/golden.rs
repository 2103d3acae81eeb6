//! The golden captures against their tables of expected verdicts, written by hand from the rules (captures/README.md).
#![allow(clippy::indexing_slicing, reason = "a missing field of JSON is null, and a failed test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vpcreplay_tests::compare::{self, Record};
use vpcreplay_tests::program::Written;
use vpcreplay_tests::{case, places, program};

/// The columns of a table after `frame`, and the field of the record that each stands for.
const COLUMNS: [(&str, &str); 8] = [
    ("verdict", "disposition"),
    ("reason", "reason"),
    ("checkpoint", "checkpoint"),
    ("eni", "eni"),
    ("rule", "rule"),
    ("connection", "connection"),
    ("state", "state"),
    ("cause", "cause_packet"),
];

fn main() {
    let folders = places::entries(&places::workspace().join("captures"));
    let expected = folders.iter().map(|folder| folder.join("expected")).filter(|folder| folder.is_dir());
    let trial = |table: PathBuf| {
        let folder = table.parent().and_then(Path::parent).unwrap_or(&table).to_owned();
        let name = format!("{}: {}", places::name(&folder), places::name(&table));
        case::trial(name, move || check(&folder, &table))
    };
    let tables: Vec<_> = expected.flat_map(|folder| places::files(&folder, &["tsv"])).collect();
    assert!(tables.len() > 20, "the tables are in captures/*/expected");
    case::run(tables.into_iter().map(trial).collect());
}

/// Replays what a table describes and compares every packet and every trailer.
fn check(folder: &Path, table: &Path) -> Result<(), String> {
    let text = places::text(table);
    let arguments = text.lines().next().and_then(|line| line.strip_prefix("# args: "));
    let arguments: Vec<&str> = arguments.ok_or("the first line is not `# args: …`")?.split(' ').collect();
    let written = program::replay(folder, &arguments)?;
    verdicts(&rows(&text)?, &compare::records(&written.records))?;
    trailers(&text, &written)
}

/// What a table expects of each packet, by its number.
fn rows(text: &str) -> Result<BTreeMap<u64, Vec<&str>>, String> {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
    let expected: Vec<_> = std::iter::once("frame").chain(COLUMNS.map(|(column, _)| column)).collect();
    if header != expected {
        return Err(format!("columns {header:?}, expected {expected:?}"));
    }
    let mut rows = BTreeMap::new();
    for line in lines {
        let fields: Vec<_> = line.split('\t').collect();
        let [list, verdict @ ..] = fields.as_slice() else { return Err(format!("an empty row: {line}")) };
        if verdict.len() != COLUMNS.len() {
            return Err(format!("{} fields, expected nine: {line}", fields.len()));
        }
        for packet in packets(list)? {
            if rows.insert(packet, verdict.to_vec()).is_some() {
                return Err(format!("packet {packet} is in two rows"));
            }
        }
    }
    Ok(rows)
}

/// The numbers of a list such as `1,3-5,9`.
fn packets(text: &str) -> Result<Vec<u64>, String> {
    let parse = |number: &str| number.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    let mut numbers = Vec::new();
    for item in text.split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        numbers.extend(parse(first)?..=parse(last)?);
    }
    Ok(numbers)
}

/// A value as tables write it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn verdicts(expected: &BTreeMap<u64, Vec<&str>>, records: &[Record]) -> Result<(), String> {
    let numbers: Vec<u64> = (1..=records.len() as u64).collect();
    if expected.keys().copied().collect::<Vec<_>>() != numbers {
        return Err(format!("{} packets, {} in the table", numbers.len(), expected.len()));
    }
    let mut wrong = Vec::new();
    for (record, (number, row)) in records.iter().zip(expected) {
        for ((_, field), should) in COLUMNS.iter().zip(row) {
            let is = cell(&record[*field]);
            if is != *should {
                wrong.push(format!("packet {number}: {field} is {is}, the table says {should}"));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// The trailers of a table against the summary.
fn trailers(text: &str, written: &Written) -> Result<(), String> {
    let summary: Value = serde_json::from_str(&written.summary).map_err(|error| error.to_string())?;
    let named = |list: &str, key: &str, name: &str| {
        let items = summary[list].as_array().into_iter().flatten();
        items.clone().find(|item| item[key] == name).cloned().unwrap_or_default()
    };
    for line in text.lines().filter_map(|line| line.strip_prefix("# ")) {
        let Some((kind, rest)) = line.split_once(": ") else { continue };
        let (name, count) = rest.rsplit_once(' ').unwrap_or(("total", rest));
        let is = match kind {
            "connections" => &summary["connections"],
            "exceeded" if name == "total" => &summary["conntrack_allowance_exceeded"],
            "exceeded" => &named("enis", "eni", name)["conntrack_allowance_exceeded"],
            "peak" => &named("scopes", "scope", name)["peak_occupancy"],
            _ => continue,
        };
        // What the summary does not list counts as 0.
        let is = is.as_u64().unwrap_or_default();
        if count.parse() != Ok(is) {
            return Err(format!("{kind} {name}: {is}, the table says {count}"));
        }
    }
    Ok(())
}
