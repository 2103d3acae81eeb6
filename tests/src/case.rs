//! Tests that are not functions: one for each case, scenario or capture, so that a report names what failed.

use libtest_mimic::{Arguments, Failed, Trial};

/// A test with a name.
pub fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

/// Runs the tests and ends the process.
pub fn run(trials: Vec<Trial>) -> ! {
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}
