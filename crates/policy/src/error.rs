//! What goes wrong while a model is loaded, and what is said about a model that loads all the same.

use std::fmt;
use std::ops::Range;

/// Why a model does not load: what, where, what was expected, what was found, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(Box<Detail>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Detail {
    problem: String,
    document: Option<String>,
    place: Option<Place>,
    expected: Option<String>,
    found: Option<String>,
    remedy: Option<String>,
}

/// Where in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A path from the top of a JSON document, such as `SecurityGroups[0].IpPermissions[2].FromPort`.
    JsonPath(String),
    /// A place in the text.
    Text {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// Bytes of the document, a byte order mark at its begin not counted.
        span: Range<usize>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JsonPath(path) => write!(f, "at {path}"),
            Self::Text { line, column, .. } => write!(f, "line {line}, column {column}"),
        }
    }
}

impl LoadError {
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

    /// The document, as the user named it.
    pub fn document(&self) -> Option<&str> {
        self.0.document.as_deref()
    }

    /// Where in the document.
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

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = &self.0;
        if let Some(document) = &detail.document {
            write!(f, "{document}")?;
            match &detail.place {
                Some(place @ Place::JsonPath(_)) => write!(f, " {place}: ")?,
                Some(place @ Place::Text { .. }) => write!(f, ", {place}: ")?,
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

impl std::error::Error for LoadError {}

/// Something in a model that is not as it should be, though it loads: named, counted, never silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// A stable kebab-case name.
    pub code: &'static str,
    /// One sentence that names what it is about.
    pub text: String,
    /// How many things it is about.
    pub count: u64,
}
