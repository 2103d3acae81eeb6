//! The engine against the slow model of the rules, on generated models and packets: every record, flow, row and counter.
//!
//! `PROPTEST_CASES` sets how many scenarios are tried, `PROPTEST_MAX_SHRINK_ITERS` how long a failure is made smaller. A
//! scenario that failed once is kept beside this file and tried again at each run.

use std::fmt::{Debug, Write as _};

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};
use vpcreplay_testkit::reference::{Scenario, replay};
use vpcreplay_testkit::strategies::scenario;
use vpcreplay_tests::engine::{outcome, outcome_of_one_batch};

/// Scenarios tried unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 1_000;

/// Smaller scenarios tried once one has failed, unless `PROPTEST_MAX_SHRINK_ITERS` says otherwise.
const SHRINKS: u32 = 20_000;

fn config() -> Config {
    let default = Config::default();
    let is_set = |variable| std::env::var_os(variable).is_some();
    Config {
        cases: if is_set("PROPTEST_CASES") { default.cases } else { CASES },
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        max_shrink_iters: if is_set("PROPTEST_MAX_SHRINK_ITERS") {
            default.max_shrink_iters
        } else {
            SHRINKS
        },
        source_file: Some(file!()),
        ..default
    }
}

/// The first items that differ, and the item before.
fn compare<T: Debug + PartialEq>(what: &str, engine: &[T], reference: &[T]) -> Result<(), String> {
    let differs = |index: &usize| engine.get(*index) != reference.get(*index);
    let Some(index) = (0..engine.len().max(reference.len())).find(differs) else { return Ok(()) };
    let (is, should) = (engine.get(index), reference.get(index));
    Err(format!("{what} {}: the engine says\n{is:#?}\nthe reference\n{should:#?}", index + 1))
}

fn check(scenario: &Scenario) -> Result<(), String> {
    let (engine, reference) = (outcome(scenario)?, replay(scenario));
    compare("record", &engine.records, &reference.records)?;
    compare("flow", &engine.flows, &reference.flows)?;
    compare("row", &engine.series, &reference.series)?;
    // What is left are the counters.
    if engine == reference {
        Ok(())
    } else {
        Err(format!("counters: {engine:#?}\nreference: {reference:#?}"))
    }
}

/// What a reader needs to see the rule at work: the difference, then everything that goes in.
fn describe(difference: &impl std::fmt::Display, scenario: &Scenario) -> String {
    let mut text = format!("{difference}\n{}", scenario.model.to_toml());
    for (time, model) in &scenario.later {
        let _ = write!(text, "\n# from {time:?} on\n{}", model.to_toml());
    }
    let _ = writeln!(text, "\narguments: {}", scenario.command.to_arguments().join(" "));
    for (number, packet) in (1..).zip(&scenario.packets) {
        let _ = writeln!(text, "{number} {} {:?}", packet.time.nanos(), packet.decoded);
    }
    text
}

#[test]
fn engine_equals_reference() {
    let compare = |scenario: Scenario| check(&scenario).map_err(TestCaseError::fail);
    match TestRunner::new(config()).run(&scenario(60), compare) {
        Ok(()) => {}
        Err(TestError::Fail(difference, scenario)) => panic!("{}", describe(&difference, &scenario)),
        Err(error) => panic!("{error}"),
    }
}

// S1.5: more packets than are on their way to the tables at once, in one batch.
#[test]
fn long_batches_equal_reference() {
    let config = Config { cases: config().cases / 25, ..config() };
    let compare = |scenario: Scenario| {
        let records = outcome_of_one_batch(&scenario).map_err(TestCaseError::fail)?.records;
        compare("record", &records, &replay(&scenario).records).map_err(TestCaseError::fail)
    };
    match TestRunner::new(config).run(&scenario(400), compare) {
        Ok(()) => {}
        Err(TestError::Fail(difference, scenario)) => panic!("{}", describe(&difference, &scenario)),
        Err(error) => panic!("{error}"),
    }
}
