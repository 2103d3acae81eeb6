//! What a scenario expects of the outputs.

use serde_json::Value;
use vpcreplay_testkit::scenario::{Block, Row, Section, T0, offset};
use vpcreplay_tests::compare::{self, Record};
use vpcreplay_tests::program::Written;

use crate::capture::Packaging;

/// Compares everything that the scenario says.
pub(crate) fn everything(section: &Section, written: &Written) -> Result<(), String> {
    let summary: Value = serde_json::from_str(&written.summary).expect("the summary is JSON");
    let mut failures = Vec::new();
    failures.extend(records(section, &compare::records(&written.records)));
    failures.extend(counters(section, &summary).err());
    failures.extend(warnings(section, &summary).err());
    failures.extend(connections(section, &compare::records(&written.connections)).err());
    failures.extend(series(section, &compare::rows(&written.series)).err());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// Whether a replay gave what the first one did.
pub(crate) fn same_as_first(first: &Written, written: &Written, packaging: &Packaging) -> Result<(), String> {
    // Summaries name the format of each capture, so they are compared only within one packaging.
    let has_same_summary = !packaging.is_the_first() || first.summary == written.summary;
    let differing = [
        ("records", first.records == written.records),
        ("connections", first.connections == written.connections),
        ("series", first.series == written.series),
        ("summary", has_same_summary),
    ];
    match differing.iter().find(|(_, is_same)| !is_same) {
        Some((what, _)) => Err(format!("{what}: not as in the first replay (S1.5)")),
        None => Ok(()),
    }
}

/// A value as the pages write it; `None` is null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn records(section: &Section, records: &[Record]) -> Vec<String> {
    let mut failures = Vec::new();
    if records.len() != section.rows.len() {
        failures.push(format!("{} records for {} rows", records.len(), section.rows.len()));
    }
    for (index, (row, record)) in section.rows.iter().zip(records).enumerate() {
        let wrong: Vec<String> = differences(row, record);
        if !wrong.is_empty() {
            failures.push(format!("packet {}: {}\n    {}", index + 1, row.text, wrong.join(", ")));
        }
    }
    failures
}

fn differences(row: &Row, record: &Record) -> Vec<String> {
    let show = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
    let compared = row.verdict.iter().map(|(field, expected)| (field, expected, text(&record[*field])));
    compared
        .filter(|(_, expected, actual)| *expected != actual)
        .map(|(field, expected, actual)| format!("{field} is {}, expected {}", show(&actual), show(expected)))
        .collect()
}

fn counters(section: &Section, summary: &Value) -> Result<(), String> {
    for line in section.blocks("counters").flat_map(Block::lines) {
        let (name, expected) = line.split_once('=').ok_or(format!("{line}: expected name = integer"))?;
        let name = name.trim();
        let place = if name == "conntrack_allowance_exceeded" { summary } else { &summary["counters"] };
        if text(&place[name]).as_deref() != Some(expected.trim()) {
            return Err(format!("counter {name} is {}, expected {}", place[name], expected.trim()));
        }
    }
    Ok(())
}

fn warnings(section: &Section, summary: &Value) -> Result<(), String> {
    let warnings = summary["warnings"].as_array().expect("warnings are a list");
    for line in section.blocks("warning").flat_map(Block::lines) {
        if !warnings.iter().any(|warning| warning.to_string().contains(line)) {
            return Err(format!("no warning contains `{line}`: {warnings:?}"));
        }
    }
    Ok(())
}

/// Whether a value has what is expected: of an object the named fields, of a list all items.
fn has(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| actual.get(name).is_some_and(|is| has(is, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(is, should)| has(is, should))
        }
        _ => actual == expected,
    }
}

fn connections(section: &Section, flows: &[Record]) -> Result<(), String> {
    let Some(block) = section.blocks("connections").next() else { return Ok(()) };
    let expected = compare::records(&block.text);
    let wrong = flows.iter().zip(&expected).find(|(actual, expected)| {
        !has(&Value::Object((*actual).clone()), &Value::Object((*expected).clone()))
    });
    if let Some((actual, expected)) = wrong {
        return Err(format!(
            "flow {}\nexpected {}",
            Value::Object(actual.clone()),
            Value::Object(expected.clone())
        ));
    }
    if flows.len() == expected.len() {
        Ok(())
    } else {
        Err(format!("{} flows, expected {}", flows.len(), expected.len()))
    }
}

fn series(section: &Section, rows: &[Record]) -> Result<(), String> {
    let Some(block) = section.blocks("series").next() else { return Ok(()) };
    let expected = compare::rows(&block.text);
    for (actual, expected) in rows.iter().zip(&expected) {
        for (column, value) in expected {
            let value = text(value).unwrap_or_default();
            let (column, value) = if column == "period_start" {
                ("period_start_ns", (T0 + offset(&value)?).to_string())
            } else {
                (column.as_str(), value)
            };
            if text(&actual[column]).as_deref() != Some(&value) {
                return Err(format!("{column} is {}, expected {value}: {actual:?}", actual[column]));
            }
        }
    }
    if rows.len() == expected.len() {
        Ok(())
    } else {
        Err(format!("{} rows of the series, expected {}", rows.len(), expected.len()))
    }
}
