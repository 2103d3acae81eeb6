//! The vpcreplay command line: arguments in, a plan for the library, its results on the screen.

mod args;
mod commands;
mod destinations;
mod exit;
mod failure;
mod plan;
mod progress;
mod screen;
mod values;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::dispatch(cli.command) {
        Ok(status) => status.into(),
        Err(failure) => failure.report().into(),
    }
}
