//! The program against the cases that an independent implementation of the semantics computed: every record, field
//! and order of all three outputs.
#![allow(clippy::unwrap_used, reason = "a case that cannot be read is a failed test")]

use std::path::Path;

use vpcreplay_tests::{case, compare, places, program};

fn main() {
    let folders = places::shared("conformance").map(|folder| places::entries(&folder)).unwrap_or_default();
    let cases = folders.into_iter().filter(|folder| folder.join("cmd.txt").exists());
    case::run(cases.map(|folder| case::trial(places::name(&folder), move || check(&folder))).collect());
}

/// Replays a case and compares its three outputs.
fn check(folder: &Path) -> Result<(), String> {
    let command = places::text(&folder.join("cmd.txt"));
    let arguments: Vec<_> = command.split_whitespace().collect();
    let written = program::replay(folder, &arguments)?;
    let expected = |name: &str| places::text(&folder.join(name));
    let all = [
        json("record", "packet", &written.records, &expected("expected.jsonl")),
        json("flow", "flow", &written.connections, &expected("expected-connections.jsonl")),
        csv(&written.series, &expected("expected-series.csv")),
    ];
    let failures: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(format!("run {command}\n{}", failures.join("\n"))) }
}

fn json(what: &str, key: &str, actual: &str, expected: &str) -> Result<(), String> {
    compare::same(what, key, &compare::records(actual), &compare::records(expected))?;
    let (is, should) = (compare::field_names(actual), compare::field_names(expected));
    if is == should { Ok(()) } else { Err(format!("fields of a {what}: {is:?}, expected {should:?}")) }
}

fn csv(actual: &str, expected: &str) -> Result<(), String> {
    compare::same("row", "period_start_ns", &compare::rows(actual), &compare::rows(expected))?;
    let header = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let (is, should) = (header(actual), header(expected));
    if is == should { Ok(()) } else { Err(format!("columns of the series: {is}, expected {should}")) }
}
