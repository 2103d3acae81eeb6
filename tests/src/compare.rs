//! Comparing what the program wrote with what was expected, so that the first differences can be read.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// How many differences a message shows.
const SHOWN: usize = 5;

/// A record as it was written.
pub type Record = Map<String, Value>;

/// The records of JSON Lines.
pub fn records(text: &str) -> Vec<Record> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
}

/// The rows of CSV without quoting, each as its fields by name.
pub fn rows(text: &str) -> Vec<Record> {
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| {
        let fields: Vec<_> = line.split(',').collect();
        assert_eq!(fields.len(), header.len(), "{line}");
        header.iter().zip(fields).map(|(name, field)| ((*name).to_owned(), Value::from(field))).collect()
    };
    lines.map(row).collect()
}

/// The differences between two lists of records in order, the first few in words. `key` names the field that numbers them.
///
/// # Errors
/// The differences.
pub fn same(what: &str, key: &str, actual: &[Record], expected: &[Record]) -> Result<(), String> {
    let mut report = String::new();
    let mut count = 0_usize;
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        if actual == expected {
            continue;
        }
        count += 1;
        if count <= SHOWN {
            let number = expected.get(key).map_or_else(String::new, ToString::to_string);
            let _ = writeln!(report, "{what} {} ({key} {number}):", index + 1);
            describe(&mut report, actual, expected);
        }
    }
    if actual.len() != expected.len() {
        let _ = writeln!(report, "{} of {what}, expected {}", actual.len(), expected.len());
    } else if count == 0 {
        return Ok(());
    }
    Err(format!("{what}: {count} differ\n{report}"))
}

fn describe(report: &mut String, actual: &Record, expected: &Record) {
    let names: std::collections::BTreeSet<_> = actual.keys().chain(expected.keys()).collect();
    for name in names {
        let (is, should) = (actual.get(name), expected.get(name));
        if is != should {
            let show = |value: Option<&Value>| value.map_or("absent".to_owned(), ToString::to_string);
            let _ = writeln!(report, "    {name}: {} expected {}", show(is), show(should));
        }
    }
    let _ = writeln!(report, "    expected {}", Value::Object(expected.clone()));
}

/// The names of the fields of the first record of JSON Lines, in the order written.
pub fn field_names(text: &str) -> Vec<String> {
    let first = text.lines().next().unwrap_or("{}");
    let mut parts = serde_json::Deserializer::from_str(first);
    serde::Deserializer::deserialize_map(&mut parts, Names).expect("a record is an object")
}

/// Collects the names of an object in their order.
struct Names;

impl<'de> serde::de::Visitor<'de> for Names {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        while let Some((name, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
            names.push(name);
        }
        Ok(names)
    }
}
