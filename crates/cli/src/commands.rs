//! The commands.

mod captures;
mod run;

use crate::args::Command;
use crate::exit::Status;
use crate::failure::Failure;

/// Does what the command line asks for.
pub(crate) fn dispatch(command: Command) -> Result<Status, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Diff(_) => Err(unbuilt("diff")),
        Command::Capacity(_) => Err(unbuilt("capacity")),
        Command::Synth(_) => Err(unbuilt("synth")),
        _ => Err(unbuilt("this")),
    }
}

fn unbuilt(command: &str) -> Failure {
    Failure::with_help(
        format!("`vpcreplay {command}` is not built yet"),
        "`vpcreplay --help` lists the commands that are",
    )
}
