//! Rules about the sources themselves.

use std::path::{Path, PathBuf};

use vpcreplay_flow::Reason;
use vpcreplay_tests::places;

/// Lines that a file may have at most.
const MOST_LINES: usize = 600;
/// Crates that read no clock, file, environment variable or random number: `engine`, what is below it, and its analyses (S1.1).
const PURE: [&str; 6] = ["flow", "policy", "conntrack", "engine", "packet", "capacity"];
/// What they therefore do not name.
const IMPURE: [&str; 8] = [
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "std::fs",
    "std::env",
    "fs::read",
    "env::var",
    "rand::",
];
/// Names that say nothing about what a module owns.
const VAGUE: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared"];

/// Every Rust source of the workspace.
fn sources() -> Vec<PathBuf> {
    let root = places::workspace();
    let mut sources: Vec<_> = ["crates", "tests", "benches"]
        .iter()
        .flat_map(|folder| places::files_below(&root.join(folder)))
        .collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.retain(|path| !path.components().any(|part| part.as_os_str() == "target"));
    assert!(sources.len() > 100, "the sources were found");
    sources
}

/// The code of a source without its comments, where they take whole lines.
fn code(path: &Path) -> String {
    let text = places::text(path);
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_are_short_enough_to_be_read() {
    let length = |path: &PathBuf| places::text(path).lines().count();
    let long: Vec<_> = sources()
        .into_iter()
        .map(|path| (length(&path), path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines: {long:?}");
}

#[test]
fn modules_are_named_for_what_they_own() {
    let is_vague = |path: &PathBuf| {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let folder = path.parent().map(places::name);
        [stem, folder].into_iter().flatten().any(|name| VAGUE.contains(&name.as_str()))
    };
    let vague: Vec<_> = sources().into_iter().filter(is_vague).collect();
    assert!(vague.is_empty(), "{vague:?}");
}

/// S9.1: one page for each reason, in the program and in the book.
#[test]
fn every_reason_has_a_page_of_more_than_its_title() {
    for reason in Reason::ALL {
        let prose: Vec<_> = reason.page().lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
        assert!(prose.len() >= 5, "{}: {prose:?}", reason.code());
        assert!(reason.page().contains(reason.code()), "{} is not named on its page", reason.code());
        let chapter = places::workspace().join(format!("docs/src/reasons/{}.md", reason.code()));
        assert!(chapter.exists(), "{} is missing", chapter.display());
    }
}

/// S1.1: time comes only from packets.
#[test]
fn engine_and_below_read_no_clock_file_variable_or_random_number() {
    let pure = |path: &PathBuf| {
        PURE.iter().any(|name| path.starts_with(places::workspace().join("crates").join(name).join("src")))
    };
    let mut seen = 0;
    for path in sources().into_iter().filter(pure) {
        seen += 1;
        let code = code(&path);
        if let Some(found) = IMPURE.iter().find(|name| code.contains(**name)) {
            panic!("{}: {found}", path.display());
        }
    }
    assert!(seen > 40, "{seen} sources");
}
