//! The same traffic, told differently, gives the same (S1.5): threads, batches, formats, compression, rotated pieces,
//! standard input; and the order of a group's rules changes no verdict (S6.1).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

#[path = "metamorphic/packaging.rs"]
mod packaging;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use vpcreplay_testkit::reference::{Outcome, Scenario};
use vpcreplay_testkit::strategies::scenario;
use vpcreplay_tests::compare::{self, Record};
use vpcreplay_tests::program::{Written, replay, replay_from};
use vpcreplay_tests::{case, engine, places};

const THREADS: [&str; 4] = ["1", "2", "3", "8"];
const BATCHES: [&str; 4] = ["1", "7", "64", "1024"];

fn main() {
    let mut trials = vec![case::trial("order of rules in a group", order_of_rules)];
    for (name, folder, arguments) in replays() {
        let (same, other) = ((folder.clone(), arguments.clone()), (folder, arguments));
        trials.push(case::trial(format!("{name}: threads and batches"), move || ways(&same.0, &same.1)));
        if other.1.get(1).is_some_and(|next| next == "--vpc") {
            trials.push(case::trial(format!("{name}: packaging"), move || packagings(&other.0, &other.1)));
        }
    }
    case::run(trials);
}

/// What is replayed: every golden table, and every conformance case where they are there.
fn replays() -> Vec<(String, PathBuf, Vec<String>)> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let mut replays = Vec::new();
    for folder in places::entries(&places::workspace().join("captures")) {
        let tables = folder.join("expected");
        if tables.is_dir() {
            for table in places::files(&tables, &["tsv"]) {
                let text = places::text(&table);
                let line = text.lines().next().and_then(|line| line.strip_prefix("# args: "));
                let name = format!("{} {}", places::name(&folder), places::name(&table));
                replays.push((name, folder.clone(), words(line.expect("tables begin with their arguments"))));
            }
        }
    }
    for folder in places::shared("conformance").map(|folder| places::entries(&folder)).unwrap_or_default() {
        if folder.is_dir() {
            replays.push((
                places::name(&folder),
                folder.clone(),
                words(&places::text(&folder.join("cmd.txt"))),
            ));
        }
    }
    replays
}

/// S1.5: any number of threads and any batch size.
fn ways(folder: &Path, arguments: &[String]) -> Result<(), String> {
    let first = replay(folder, arguments)?;
    for (thread, batch) in THREADS.iter().flat_map(|thread| BATCHES.map(|batch| (*thread, batch))) {
        // Half of the combinations, so that all together stay quick; each number is met with two of the others.
        let is_taken = (thread.len() + thread.parse::<usize>().unwrap() + batch.len()) % 2 == 0;
        if is_taken {
            let way = ["--threads", thread, "--batch", batch].map(str::to_owned);
            let written = replay(folder, &[arguments, &way].concat())?;
            if written != first {
                return Err(format!("{way:?}: {}", first_difference(&written, &first)));
            }
        }
    }
    Ok(())
}

fn first_difference(written: &Written, first: &Written) -> String {
    let parts = [
        (&written.records, &first.records),
        (&written.connections, &first.connections),
        (&written.series, &first.series),
        (&written.summary, &first.summary),
    ];
    let mut lines = parts.iter().flat_map(|(is, should)| is.lines().zip(should.lines()));
    let found = lines.find(|(is, should)| is != should);
    found.map_or("lines are missing".to_owned(), |(is, should)| format!("{is}\nexpected {should}"))
}

/// S1.5: a capture whole, in other formats, compressed, in pieces, in a folder, on standard input.
fn packagings(folder: &Path, arguments: &[String]) -> Result<(), String> {
    let first = replay(folder, arguments)?;
    let capture = folder.join(&arguments[0]);
    let frames = packaging::frames(&capture);
    let out = packaging::copy(folder);
    let options = arguments[1..].to_vec();
    for (what, bytes) in packaging::whole(&capture, &frames) {
        // Under the same name: content alone tells a format (S2.1).
        std::fs::write(out.path().join(&arguments[0]), bytes).unwrap();
        let written = replay(out.path(), arguments)?;
        same(what, &[], &written, &first)?;
        if what == "zstd" {
            let input = Stdio::from(File::open(out.path().join(&arguments[0])).unwrap());
            let written = replay_from(out.path(), &[&["-".to_owned()], &options[..]].concat(), input)?;
            same("standard input", &["file"], &written, &first)?;
        }
    }
    let pieces = packaging::pieces(&frames, &out.path().join("pieces"));
    for captures in [vec!["pieces".to_owned()], pieces] {
        let written = replay(out.path(), &[&captures, &options[..]].concat())?;
        same(&format!("{captures:?}"), &["file", "frame"], &written, &first)?;
    }
    Ok(())
}

/// All outputs are the same, but for some fields of the records.
fn same(what: &str, but: &[&str], written: &Written, first: &Written) -> Result<(), String> {
    let has_same_records = if but.is_empty() {
        written.records == first.records
    } else {
        without(written, but) == without(first, but)
    };
    if has_same_records && written.connections == first.connections && written.series == first.series {
        return Ok(());
    }
    Err(format!("{what}: {}", first_difference(written, first)))
}

/// The records without some fields.
fn without(written: &Written, fields: &[&str]) -> Vec<Record> {
    let mut records = compare::records(&written.records);
    for record in &mut records {
        record.retain(|name, _| !fields.contains(&name.as_str()));
    }
    records
}

/// S6.1: groups have no order of rules; which rule is named may differ, nothing else.
fn order_of_rules() -> Result<(), String> {
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let nameless = |scenario: &Scenario| -> Result<Outcome, TestCaseError> {
        let mut outcome = engine::outcome(scenario).map_err(TestCaseError::fail)?;
        for record in &mut outcome.records {
            record.rule = None;
        }
        Ok(outcome)
    };
    let check = |scenario: Scenario| {
        let mut reversed = scenario.clone();
        let models = reversed.later.iter_mut().map(|(_, model)| model).chain([&mut reversed.model]);
        for group in models.flat_map(|model| &mut model.groups) {
            group.ingress.reverse();
            group.egress.reverse();
        }
        let is_same = nameless(&scenario)? == nameless(&reversed)?;
        if is_same { Ok(()) } else { Err(TestCaseError::fail("a verdict depends on the order of rules")) }
    };
    runner.run(&scenario(40), check).map_err(|error| error.to_string())
}
