//! What went wrong, as one message: what, where, and the remedy.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;

use vpcreplay_replay::policy::{LoadError, Place};
use vpcreplay_replay::synth::SynthError;
use vpcreplay_replay::{CaptureError, ReplayError};

use crate::exit::Status;
use crate::screen;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A usage or input error, with the remedy where it is not part of the text.
    Error {
        /// What and where.
        text: String,
        /// What to do.
        help: Option<String>,
    },
    /// Whoever read standard output has gone. That is no error: they have seen enough.
    BrokenPipe,
    /// The user stopped it before there was anything to tell.
    Stopped(String),
}

impl Failure {
    /// An error whose text says everything.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::Error { text: text.into(), help: None }
    }

    /// An error and what to do about it.
    pub(crate) fn with_help(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Error { text: text.into(), help: Some(help.into()) }
    }

    /// Prints the message and says how the program ends.
    pub(crate) fn report(&self) -> Status {
        match self {
            Self::BrokenPipe => Status::Done,
            Self::Stopped(text) => {
                screen::warning(text);
                Status::Interrupted
            }
            Self::Error { text, help } => {
                screen::error(text, help.as_deref());
                Status::Refused
            }
        }
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Output { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => {
                Self::BrokenPipe
            }
            ReplayError::Output { name, source } => Self::with_help(
                format!("{name}: cannot be written: {source}"),
                "name a file in a folder that exists and that you may write to, on a disk with room",
            ),
            ReplayError::Model(error) => model_error(&error),
            ReplayError::Capture(error @ CaptureError::CutShort { .. }) => Self::Stopped(error.to_string()),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<SynthError> for Failure {
    fn from(error: SynthError) -> Self {
        let mut text = String::new();
        if let Some(document) = error.document() {
            let _ = write!(text, "{document}");
            text.push_str(&error.place().map_or_else(|| ": ".to_owned(), |place| format!(", {place}: ")));
        }
        text.push_str(error.problem());
        if let Some((document, place)) = error.document().zip(error.place()) {
            let shown = excerpt(document, (place.line, place.column), &place.span);
            text.push_str(&shown.unwrap_or_default());
        }
        add_parts(&mut text, [("expected", error.expected_text()), ("found", error.found_text())]);
        Self::Error { text, help: error.remedy_text().map(str::to_owned) }
    }
}

/// A model error, its parts in lines of their own and the place in the text shown.
fn model_error(error: &LoadError) -> Failure {
    let mut text = String::new();
    if let Some(document) = error.document() {
        let _ = write!(text, "{document}");
        match error.place() {
            Some(place @ Place::JsonPath(_)) => {
                let _ = write!(text, " {place}: ");
            }
            Some(place @ Place::Text { .. }) => {
                let _ = write!(text, ", {place}: ");
            }
            None => text.push_str(": "),
        }
    }
    text.push_str(error.problem());
    if let (Some(document), Some(Place::Text { line, column, span })) = (error.document(), error.place()) {
        text.push_str(&excerpt(document, (*line, *column), span).unwrap_or_default());
    }
    add_parts(&mut text, [("expected", error.expected_text()), ("found", error.found_text())]);
    Failure::Error { text, help: error.remedy_text().map(str::to_owned) }
}

fn add_parts(text: &mut String, parts: [(&str, Option<&str>); 2]) {
    for (label, part) in parts {
        if let Some(part) = part {
            let _ = write!(text, "\n  {label} {part}");
        }
    }
}

/// The line of the document that the error is about, the place underlined.
fn excerpt(document: &str, (line, column): (usize, usize), span: &Range<usize>) -> Option<String> {
    let document = std::fs::read_to_string(document).ok()?;
    let content = document.lines().nth(line.checked_sub(1)?)?;
    let before = column.checked_sub(1)?;
    let length = content.chars().count();
    // A line that is not fit to be shown, or a place that the file on disk does not have any more.
    if length > 160 || before > length {
        return None;
    }
    let marked = document
        .get(span.clone())
        .map_or(1, |text| text.lines().next().map_or(1, |first| first.chars().count()));
    let gutter = " ".repeat(line.to_string().len());
    let underline = "^".repeat(marked.clamp(1, (length - before).max(1)));
    let indent: String = content.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    Some(format!("\n  {gutter} |\n  {line} | {content}\n  {gutter} | {indent}{underline}"))
}
