//! Every scenario page: each section's packets are built, replayed and compared with its table, as the pages' README
//! specifies; and the pages together meet every rule and every reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

#[path = "scenarios/capture.rs"]
mod capture;
#[path = "scenarios/coverage.rs"]
mod coverage;
#[path = "scenarios/expect.rs"]
mod expect;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vpcreplay_testkit::scenario::{Block, Page, Section};
use vpcreplay_tests::program::{self, Refused, Written};
use vpcreplay_tests::{case, places};

/// Threads and packets in a batch; all must give the same (S1.5).
const WAYS: [[&str; 4]; 4] = [
    ["--threads", "1", "--batch", "1024"],
    ["--threads", "1", "--batch", "1"],
    ["--threads", "2", "--batch", "7"],
    ["--threads", "8", "--batch", "3"],
];

/// The pages, by path.
fn pages() -> Vec<PathBuf> {
    let mut pages = places::files(&places::workspace().join("tests/scenarios"), &["md"]);
    pages.retain(|path| places::name(path) != "README.md");
    pages
}

fn main() {
    let mut trials = Vec::new();
    for path in pages() {
        let name = places::name(&path).replace(".md", "");
        match Page::parse(&places::text(&path)) {
            Ok(page) => trials.extend(scenarios(&name, &page)),
            Err(error) => trials.push(case::trial(format!("{name} is a page"), || Err(error))),
        }
    }
    trials.push(case::trial("every rule has a scenario", coverage::every_rule));
    trials.push(case::trial("every reason is in a row", coverage::every_reason));
    case::run(trials);
}

fn scenarios(name: &str, page: &Page) -> Vec<libtest_mimic::Trial> {
    let scenarios = page.sections.iter().filter(|section| section.is_scenario());
    let trial = |section: &Section| {
        let (model, section) = (page.model.clone(), section.clone());
        let title = format!("{name}: {}", section.title);
        case::trial(title, move || check(model.as_deref(), &section))
    };
    scenarios.map(trial).collect()
}

/// Replays a scenario in every packaging and way.
fn check(model: Option<&str>, section: &Section) -> Result<(), String> {
    let folder = TempDir::new().unwrap();
    let mut arguments = capture::names(section);
    arguments.extend(write_models(folder.path(), model, section));
    for block in section.blocks("args") {
        arguments.extend(block.text.split_whitespace().map(str::to_owned));
    }
    let mut first: Option<Written> = None;
    for packaging in capture::packagings(section) {
        capture::write(folder.path(), section, &packaging)?;
        for way in WAYS {
            let all: Vec<&str> = arguments.iter().map(String::as_str).chain(way).collect();
            let replayed = program::replay(folder.path(), &all);
            if section.blocks("error").next().is_some() {
                refused(section, replayed)?;
                continue;
            }
            let written = replayed?;
            match &first {
                None => {
                    expect::everything(section, &written)?;
                    first = Some(written);
                }
                Some(first) => expect::same_as_first(first, &written, &packaging)
                    .map_err(|error| format!("{packaging:?} {way:?}: {error}"))?,
            }
        }
    }
    let Some(first) = first else { return Ok(()) };
    let mut written = program::replay_without_connections(folder.path(), &arguments)?;
    if let Some(last) = capture::packagings(section).last() {
        written.connections.clone_from(&first.connections);
        expect::same_as_first(&first, &written, last)
            .map_err(|error| format!("without flow records: {error}"))?;
    }
    Ok(())
}

/// The models of a scenario as files, and the arguments that name them.
fn write_models(folder: &Path, inherited: Option<&str>, section: &Section) -> Vec<String> {
    let path = |name: &str| folder.join(name);
    let own = section.blocks("toml").find(|block| block.word("later").is_none());
    let mut vpc = "model.toml";
    if section.blocks("json").next().is_some() {
        vpc = "model";
        fs::create_dir_all(path(vpc)).unwrap();
        for block in section.blocks("json") {
            fs::write(path(vpc).join(block.word("file").expect("a json block has a file")), &block.text)
                .unwrap();
        }
    } else {
        let text = own.map(|block| block.text.as_str()).or(inherited);
        fs::write(path(vpc), text.expect("a scenario has a model")).unwrap();
    }
    let mut arguments = vec!["--vpc".to_owned(), vpc.to_owned()];
    let later = section.blocks("toml").filter_map(|block| block.word("later").map(|time| (time, block)));
    for (index, (time, block)) in later.enumerate() {
        let name = format!("later-{index}.toml");
        fs::write(path(&name), &block.text).unwrap();
        arguments.extend(["--at".to_owned(), format!("{time}={name}")]);
    }
    arguments
}

/// A scenario with an `error` block: status 2 and a message that contains every line.
fn refused(section: &Section, replayed: Result<Written, Refused>) -> Result<(), String> {
    let Err(refused) = replayed else { return Err("it was not refused".to_owned()) };
    if refused.status != Some(2) {
        return Err(format!("expected status 2: {}", String::from(refused)));
    }
    // The message breaks its lines where it likes.
    let message = refused.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = section.blocks("error").flat_map(Block::lines);
    match lines.find(|line| !message.contains(line)) {
        Some(missing) => Err(format!("the message does not contain `{missing}`: {}", refused.message)),
        None => Ok(()),
    }
}
