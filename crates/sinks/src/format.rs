//! Which format a record file has: its extension tells.

use std::fmt;
use std::path::{Path, PathBuf};

/// A format of record files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// RFC 4180 with a header line; what is null is empty. Lines end with a line feed.
    Csv,
}

/// Extensions that the page on output formats names and that are not built yet.
const NOT_BUILT: [&str; 2] = ["parquet", "arrow"];

impl Format {
    /// The format of a file by its extension, in any case; `-`, standard output, is JSON Lines.
    ///
    /// # Errors
    /// The extension is missing, unknown, or of a format that is not built yet.
    pub fn from_path(path: &Path) -> Result<Self, FormatError> {
        if path.as_os_str() == "-" {
            return Ok(Self::JsonLines);
        }
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("jsonl") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv),
            _ => Err(FormatError { path: path.to_owned(), extension }),
        }
    }
}

/// Why a path does not choose a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    path: PathBuf,
    extension: Option<String>,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.extension.as_deref() {
            Some(known) if NOT_BUILT.contains(&known) => {
                write!(f, "`{path}`: the format .{known} is not built yet; use .jsonl or .csv")
            }
            Some(other) => write!(
                f,
                "`{path}`: the extension .{other} names no known format; expected .jsonl (JSON Lines) or .csv"
            ),
            None => write!(
                f,
                "`{path}` has no extension, which chooses the format; expected .jsonl (JSON Lines) or .csv, or - for JSON Lines on standard output"
            ),
        }
    }
}

impl std::error::Error for FormatError {}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
