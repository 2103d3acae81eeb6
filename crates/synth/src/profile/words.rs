//! Small texts that profiles hold, and where they stand.

use std::ops::Range;

use serde::de::DeserializeOwned;
use vpcreplay_flow::Span;

use super::ClientPorts;
use super::dto::Word;
use crate::SynthError;
use crate::error::Place;

/// The text of a profile being read.
pub(super) struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The whole text as TOML.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Result<T, SynthError> {
        toml::from_str(self.text).map_err(|error| {
            let plain = plain(error.message());
            let problem = SynthError::new(plain);
            match error.span() {
                Some(span) => self.blame(span, problem),
                None => problem,
            }
        })
    }

    /// Reads a text; an error gets its place.
    pub(super) fn read<T>(
        &self,
        word: &Word,
        read: impl Fn(&str) -> Result<T, SynthError>,
    ) -> Result<T, SynthError> {
        read(&word.get_ref().0).map_err(|error| self.blame(word.span(), error))
    }

    /// Reads a text that may be left out.
    pub(super) fn read_or<T>(
        &self,
        word: Option<&Word>,
        default: T,
        read: impl Fn(&str) -> Result<T, SynthError>,
    ) -> Result<T, SynthError> {
        word.map_or(Ok(default), |word| self.read(word, read))
    }

    /// An error at its place.
    pub(super) fn blame(&self, span: Range<usize>, error: SynthError) -> SynthError {
        error.at(Place::of(self.text, span))
    }
}

/// A parser's message without the names of Rust's types.
fn plain(message: &str) -> String {
    message
        .replace("expected a map", "expected a table")
        .replace("expected a sequence", "expected a list")
        .replace("expected struct Spread", "expected a table")
        .replace('\n', "; ")
}

/// A length of time.
pub(super) fn span(text: &str) -> Result<Span, SynthError> {
    text.parse().map_err(|_| {
        SynthError::new(format!("`{text}` is not a duration"))
            .expected("an integer with ns, us, ms, s, m, h or d (none means seconds), such as \"350s\"")
    })
}

/// A length of time that is not zero.
pub(super) fn positive_span(text: &str) -> Result<Span, SynthError> {
    match span(text)? {
        zero if zero == Span::default() => {
            Err(SynthError::new("a duration of 0 makes no sense here")
                .expected("more than 0, such as \"10s\""))
        }
        span => Ok(span),
    }
}

/// A whole number within bounds.
pub(super) fn integer(text: &str, min: u64, max: u64) -> Result<u64, SynthError> {
    let wrong = |what: &str| {
        SynthError::new(format!("`{text}` {what}")).expected(format!("an integer from {min} to {max}"))
    };
    match text.parse::<u64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) => Err(wrong("is out of range")),
        Err(_) => Err(wrong("is not such a number")),
    }
}

/// A number within bounds.
pub(super) fn number(text: &str, min: f64, max: f64) -> Result<f64, SynthError> {
    let wrong = |what: &str| {
        SynthError::new(format!("`{text}` {what}")).expected(format!("a number from {min} to {max}"))
    };
    match text.parse::<f64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        Ok(_) => Err(wrong("is out of range")),
        Err(_) => Err(wrong("is not a number")),
    }
}

/// A part of a whole.
pub(super) fn share(text: &str) -> Result<f64, SynthError> {
    number(text, 0.0, 1.0)
}

/// A range of ports, or one.
pub(super) fn ports(text: &str) -> Result<ClientPorts, SynthError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if first >= 1 && first <= last => Ok(ClientPorts { first, last }),
        (Ok(first), Ok(last)) if first > last && last >= 1 => {
            let (first, last): (u16, u16) = (first, last);
            Err(SynthError::new(format!("the port range `{text}` is empty"))
                .remedy(format!("Write the lower port first: \"{last}-{first}\".")))
        }
        _ => Err(SynthError::new(format!("`{text}` is not a range of ports"))
            .expected("ports from 1 to 65535, such as \"32768-60999\"")),
    }
}

/// A name of a fleet or class: it becomes part of ids.
pub(super) fn name(text: &str) -> Result<String, SynthError> {
    let is_name = !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_name {
        return Ok(text.to_owned());
    }
    Err(SynthError::new(format!("`{text}` is not a name"))
        .expected("1 to 40 of the characters a-z, 0-9 and -, such as \"web\""))
}

/// One of a closed set of names.
pub(super) fn one_of<T: Copy>(values: &[(&str, T)], text: &str) -> Result<T, SynthError> {
    let found = values.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<String> = values.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        SynthError::new(format!("`{text}` is not a value of this key")).expected(names.join(" or "))
    })
}
