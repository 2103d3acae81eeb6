//! `vpcreplay completions` and `vpcreplay man`: made from the arguments themselves.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use vpcreplay_replay::ReplayError;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Status;
use crate::failure::Failure;
use crate::screen::{self, Channel};

/// Prints a completion script.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "vpcreplay", &mut script);
    screen::print(Channel::Stdout, &String::from_utf8_lossy(&script))?;
    Ok(Status::Done)
}

/// Prints the manual page, or writes one for each command.
pub(crate) fn man(args: &ManArgs) -> Result<Status, Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.dir else {
        let page = render(command).map_err(|source| unwritable(Path::new("standard output"), source))?;
        screen::print(Channel::Stdout, &String::from_utf8_lossy(&page))?;
        return Ok(Status::Done);
    };
    fs::create_dir_all(folder).map_err(|source| unwritable(folder, source))?;
    clap_mangen::generate_to(command, folder).map_err(|source| unwritable(folder, source))?;
    Ok(Status::Done)
}

fn render(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    Ok(page)
}

fn unwritable(path: &Path, source: io::Error) -> Failure {
    ReplayError::Output { name: path.display().to_string(), source }.into()
}
