//! The commands.

mod capacity;
mod captures;
mod check;
mod explain;
mod generate;
mod inspect;
mod reason;
mod run;
mod schema;
mod synth;

use crate::args::Command;
use crate::exit::Status;
use crate::failure::Failure;

/// Does what the command line asks for.
pub(crate) fn dispatch(command: Command) -> Result<Status, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Capacity(args) => capacity::capacity(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Check(args) => check::check(&args),
        Command::Synth(args) => synth::synth(&args),
        Command::Reason(args) => reason::reason(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
        Command::Diff(_) => Err(unbuilt("diff")),
    }
}

fn unbuilt(command: &str) -> Failure {
    Failure::with_help(
        format!("`vpcreplay {command}` is not built yet"),
        "`vpcreplay --help` lists the commands that are",
    )
}
