//! Which crate may depend on which: as the architecture chapter says, nothing else.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use vpcreplay_tests::places;

type Graph = BTreeMap<String, BTreeSet<String>>;

/// The normal dependencies of every member that passes `takes`, by package.
fn dependencies(takes: impl Fn(&Value) -> bool) -> Graph {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(places::workspace()).args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--locked",
    ]);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("packages are a list");
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().expect("dependencies are a list");
        // `kind` is null for normal dependencies, else `dev` or `build`.
        let normal = all.iter().filter(|dependency| dependency["kind"].is_null() && takes(dependency));
        normal.map(|dependency| name(&dependency["name"])).collect()
    };
    packages.iter().map(|package| (name(&package["name"]), of(package))).collect()
}

/// The crate's name in the architecture chapter.
fn name(package: &Value) -> String {
    let package = package.as_str().expect("packages have names");
    package.strip_prefix("vpcreplay-").unwrap_or("cli").to_owned()
}

fn is_member(dependency: &Value) -> bool {
    dependency["path"].is_string()
}

/// The `arrows` block of the architecture chapter: `crate -> crate crate`.
fn documented() -> Graph {
    let chapter = places::text(&places::workspace().join("docs/src/architecture.md"));
    let (_, block) = chapter.split_once("```arrows\n").expect("the chapter has the block");
    let (block, _) = block.split_once("```").expect("the block ends");
    let line = |line: &str| {
        let (from, to) = line.split_once("->").unwrap_or_else(|| panic!("no arrow: {line}"));
        (from.trim().to_owned(), to.split_whitespace().map(str::to_owned).collect())
    };
    block.lines().map(line).collect()
}

#[test]
fn arrows_are_those_of_the_architecture_chapter() {
    let mut actual = dependencies(is_member);
    // The chapter: these two may use everything.
    for free in ["tests", "benches"] {
        assert!(actual.remove(free).is_some(), "{free} is a member");
    }
    assert_eq!(actual, documented());
}

#[test]
fn the_vocabulary_stands_alone_and_the_testkit_on_it_only() {
    let members = dependencies(is_member);
    assert_eq!(members["testkit"], BTreeSet::from(["flow".to_owned()]));
    let all = dependencies(|_| true);
    assert_eq!(all["flow"], BTreeSet::new(), "flow has no dependency, not even an outside one");
}
