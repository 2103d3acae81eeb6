//! Packet tables: one row a packet, and the verdict that it has to have.

use vpcreplay_flow::Timestamp;

use super::time::{T0, offset};
use crate::write::TimedFrame;

/// What a row expects of the fields of a record: the field's name and its value, where `None` is null.
pub type Verdict = Vec<(&'static str, Option<String>)>;

/// One row of a packet table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The letter of the capture that holds it.
    pub file: char,
    /// The packet.
    pub frame: TimedFrame,
    /// What its record must say.
    pub verdict: Verdict,
    /// The packet as the page writes it.
    pub text: String,
}

/// Columns that are compared, and the record's field of each.
const COMPARED: [(&str, &str); 12] = [
    ("verdict", "disposition"),
    ("reason", "reason"),
    ("rule", "rule"),
    ("connection", "connection"),
    ("state", "state"),
    ("checkpoint", "checkpoint"),
    ("eni", "eni"),
    ("cause", "cause_packet"),
    ("vni", "vni"),
    ("endpoint", "gwlb_endpoint"),
    ("protocol", "protocol"),
    ("length", "length"),
];
/// Columns that every packet table has.
const NEEDED: [&str; 7] = ["time", "packet", "verdict", "reason", "rule", "connection", "state"];

/// The cells of a table's line.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|');
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

/// Whether a line is the header of a packet table.
pub(super) fn is_header(line: &str) -> bool {
    line.starts_with('|') && {
        let names = cells(line);
        ["time", "packet", "verdict"].iter().all(|name| names.iter().any(|cell| cell == name))
    }
}

/// The rows of a packet table: header, rule, rows.
pub(super) fn rows(lines: &[&str]) -> Result<Vec<Row>, String> {
    let names = cells(lines[0]);
    let known = |name: &String| {
        NEEDED.contains(&name.as_str())
            || ["file", "why"].contains(&name.as_str())
            || COMPARED.iter().any(|(column, _)| column == name)
    };
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!("unknown column `{unknown}`"));
    }
    if let Some(missing) = NEEDED.iter().find(|name| !names.iter().any(|cell| cell == *name)) {
        return Err(format!("the column `{missing}` is missing"));
    }
    let mut now = 0;
    let row = |line: &&str| row(&names, line, &mut now).map_err(|error| format!("{line}: {error}"));
    lines[2..].iter().map(row).collect()
}

fn row(names: &[String], line: &str, now: &mut i64) -> Result<Row, String> {
    let cells = cells(line);
    if cells.len() != names.len() {
        return Err(format!("{} cells, expected {}", cells.len(), names.len()));
    }
    let cell = |name: &str| names.iter().position(|column| column == name).map(|at| cells[at].as_str());
    let time = cell("time").unwrap_or_default();
    *now = match time.strip_prefix('+') {
        Some(step) => *now + offset(step)?,
        None => offset(time)?,
    };
    let text = cell("packet").unwrap_or_default();
    let frame = super::packet(text)?;
    let expected = |(column, field): &(&str, &'static str)| {
        let value = cell(column).filter(|value| !value.is_empty())?;
        Some((*field, (value != "-").then(|| value.to_owned())))
    };
    Ok(Row {
        file: cell("file").and_then(|letter| letter.chars().next()).unwrap_or('a'),
        frame: TimedFrame { time: Timestamp::from_nanos(T0 + *now), frame },
        verdict: COMPARED.iter().filter_map(expected).collect(),
        text: text.to_owned(),
    })
}
