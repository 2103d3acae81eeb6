//! The user's own table of instance names and limits.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    limits: Spanned<BTreeMap<String, Spanned<i64>>>,
}

/// Why a text is no table of limits, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    line: usize,
    column: usize,
    problem: String,
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, problem } = self;
        write!(
            f,
            "line {line}, column {column}: {problem}; expected a table such as\n  [limits]\n  \"m6i.large\" = 100000"
        )
    }
}

impl std::error::Error for LimitError {}

/// Reads a table of names and limits: `[limits]` with one number for each name. They come by limit, then by name.
///
/// # Errors
/// What is wrong, and where.
pub fn parse_limits(text: &str) -> Result<Vec<(String, u64)>, LimitError> {
    let at = |byte: usize, problem: String| {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        LimitError { line, column, problem }
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let place = error.span().map_or(0, |span| span.start);
        at(place, plain(error.message()))
    })?;
    let place = file.limits.span().start;
    let limits = file.limits.into_inner();
    if limits.is_empty() {
        return Err(at(place, "the table has no limit".to_owned()));
    }
    let mut read = Vec::new();
    for (name, limit) in limits {
        let value = u64::try_from(*limit.get_ref()).ok().filter(|limit| *limit > 0);
        let value = value.ok_or_else(|| {
            at(limit.span().start, format!("`{name}`: {} is no limit, which is at least 1", limit.get_ref()))
        })?;
        read.push((name, value));
    }
    read.sort_by(|(left, low), (right, high)| (low, left).cmp(&(high, right)));
    Ok(read)
}

/// A parser's message without the names of Rust's types, in one line.
fn plain(message: &str) -> String {
    message
        .replace("expected i64", "expected a number")
        .replace("expected a map", "expected a table")
        .replace('\n', "; ")
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
