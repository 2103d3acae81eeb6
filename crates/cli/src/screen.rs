//! What goes to the terminal: data to standard output, all else to standard error.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use vpcreplay_replay::sinks::{Color, Style as PageStyle};

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

/// How a page is drawn there. Colours are taken out again where they are not wanted (`NO_COLOR`, no terminal).
pub(crate) fn style(channel: Channel) -> PageStyle {
    let size = match channel {
        Channel::Stdout => terminal_size::terminal_size_of(io::stdout()),
        Channel::Stderr => terminal_size::terminal_size_of(io::stderr()),
    };
    let default = PageStyle::default();
    PageStyle { color: Color::On, width: size.map_or(default.width, |(width, _)| usize::from(width.0)) }
}

/// Whether both standard output and standard error are seen by the same eyes.
pub(crate) fn is_one_terminal() -> bool {
    io::stdout().is_terminal() && io::stderr().is_terminal()
}
