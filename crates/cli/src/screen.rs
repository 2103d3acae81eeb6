//! What goes to the terminal: data to standard output, all else to standard error.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::failure::Failure;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// Where the text of a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Standard output: it is what was asked for.
    Stdout,
    /// Standard error: standard output carries records.
    Stderr,
}

/// Writes text, as it is.
pub(crate) fn print(channel: Channel, text: &str) -> Result<(), Failure> {
    let written = match channel {
        Channel::Stdout => {
            let mut out = anstream::stdout().lock();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        }
        Channel::Stderr => anstream::stderr().lock().write_all(text.as_bytes()),
    };
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::BrokenPipe),
        Err(error) => Err(Failure::new(format!("standard output: cannot be written: {error}"))),
    }
}

/// Reports an error on standard error.
pub(crate) fn error(text: &str, help: Option<&str>) {
    labelled(ERROR, "error", text);
    if let Some(help) = help {
        labelled(HELP, "help", help);
    }
}

/// Reports a warning on standard error.
pub(crate) fn warning(text: &str) {
    labelled(WARNING, "warning", text);
}

/// Says something on standard error.
pub(crate) fn note(text: &str) {
    // Nobody can be told that standard error is gone.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

fn labelled(style: Style, label: &str, text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{style}{label}{style:#}: {text}");
}
