//! What is wrong with a profile or with the bounds of a capture.

use std::fmt;
use std::ops::Range;

/// Why there is no capture: what, where, what was expected, what was found, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthError(Box<Detail>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Detail {
    problem: String,
    document: Option<String>,
    place: Option<Place>,
    expected: Option<String>,
    found: Option<String>,
    remedy: Option<String>,
}

/// A place in the text of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes of the text.
    pub span: Range<usize>,
}

impl Place {
    /// Line and column of a span of a text.
    pub(crate) fn of(text: &str, span: Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
            span,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl SynthError {
    /// An error with nothing but its problem.
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self(Box::new(Detail { problem: problem.into(), ..Detail::default() }))
    }

    pub(crate) fn in_document(mut self, document: impl Into<String>) -> Self {
        self.0.document.get_or_insert(document.into());
        self
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.0.found = Some(found.into());
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// What is wrong, in one sentence.
    pub fn problem(&self) -> &str {
        &self.0.problem
    }

    /// The profile, as the user named it.
    pub fn document(&self) -> Option<&str> {
        self.0.document.as_deref()
    }

    /// Where in the profile.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// What would have been right.
    pub fn expected_text(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    /// What is there instead.
    pub fn found_text(&self) -> Option<&str> {
        self.0.found.as_deref()
    }

    /// What to do about it.
    pub fn remedy_text(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }
}

impl fmt::Display for SynthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &self.0;
        if let Some(document) = &detail.document {
            write!(f, "{document}")?;
            match &detail.place {
                Some(place) => write!(f, ", {place}: ")?,
                None => write!(f, ": ")?,
            }
        }
        write!(f, "{}", detail.problem)?;
        if let Some(expected) = &detail.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(found) = &detail.found {
            write!(f, "; found {found}")?;
        }
        if let Some(remedy) = &detail.remedy {
            write!(f, ". {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SynthError {}
