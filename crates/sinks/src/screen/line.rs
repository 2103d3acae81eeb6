//! Lines of coloured text, cut to the width of the terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};

use super::Color;
use crate::number::grouped;

/// What a piece of text is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Title,
    Good,
    Bad,
    Doubtful,
    Quiet,
}

impl Role {
    const fn ansi(self) -> Ansi {
        match self {
            Self::Plain => Ansi::new(),
            Self::Title => Ansi::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Quiet => Ansi::new().dimmed(),
        }
    }

    /// The colour of a disposition.
    pub(super) fn of_disposition(code: &str) -> Self {
        match code {
            "allow" => Self::Good,
            "deny" => Self::Bad,
            "unsent" => Self::Doubtful,
            _ => Self::Quiet,
        }
    }
}

/// A line of text in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line(Vec<(Role, String)>);

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn title(text: impl Into<String>) -> Self {
        Self::new().add(Role::Title, text)
    }

    /// This line and a piece of text.
    pub(super) fn add(mut self, role: Role, text: impl Into<String>) -> Self {
        self.0.push((role, text.into()));
        self
    }

    pub(super) fn plain(self, text: impl Into<String>) -> Self {
        self.add(Role::Plain, text)
    }

    pub(super) fn quiet(self, text: impl Into<String>) -> Self {
        self.add(Role::Quiet, text)
    }

    /// A piece at the left of a column.
    pub(super) fn left(self, role: Role, text: &str, width: usize) -> Self {
        self.add(role, format!("{:width$}", cut(text, width)))
    }

    /// A piece at the right of a column.
    pub(super) fn right(self, role: Role, text: &str, width: usize) -> Self {
        self.add(role, format!("{text:>width$}"))
    }

    /// Appends the line, cut to the width, without blanks at its end.
    pub(super) fn write(&self, out: &mut String, color: Color, width: usize) {
        let last = self.0.iter().rposition(|(_, text)| !text.trim_end().is_empty());
        let Some(last) = last else { return };
        let total: usize = self.0.iter().map(|(_, text)| text.chars().count()).sum();
        let total = if let Some((_, text)) = self.0.get(last) {
            let tail: usize = self.0.iter().skip(last).map(|(_, text)| text.chars().count()).sum();
            total - tail + text.trim_end().chars().count()
        } else {
            total
        };
        let mut room = if total > width { width.saturating_sub(1) } else { total };
        for (role, text) in &self.0 {
            let piece: String = text.chars().take(room).map(printable).collect();
            room -= piece.chars().count();
            paint(out, color, *role, &piece);
        }
        if total > width {
            out.push('…');
        }
    }
}

/// Names come from files: they must not steer the terminal.
fn printable(letter: char) -> char {
    if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }
}

fn paint(out: &mut String, color: Color, role: Role, text: &str) {
    let ansi = role.ansi();
    if color == Color::Off || role == Role::Plain || text.trim().is_empty() {
        out.push_str(text);
    } else {
        // Writing to a String does not fail.
        let _ = write!(out, "{ansi}{text}{ansi:#}");
    }
}

/// A text of at most `width` characters; what is longer ends in `…`.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// As many entries as fit in `width` characters, and how many of `count` there are beyond them.
pub(super) fn list(entries: impl IntoIterator<Item = String>, count: u64, width: usize) -> String {
    let mut text = String::new();
    let mut shown = 0;
    for entry in entries {
        let separator = if shown == 0 { "" } else { ", " };
        let rest = rest(count.saturating_sub(shown + 1));
        let needed = text.chars().count() + separator.len() + entry.chars().count() + rest.len();
        // The first entry is shown in any case; the line is cut.
        if shown > 0 && needed > width {
            break;
        }
        text.push_str(separator);
        text.push_str(&entry);
        shown += 1;
    }
    text + &rest(count.saturating_sub(shown))
}

fn rest(count: u64) -> String {
    if count == 0 { String::new() } else { format!(", {} more", grouped(count)) }
}

/// Words in lines of at most `width` characters; a longer word has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A bar of `width` columns for a share, in eighths of a column; what is not nothing shows.
pub(super) fn bar(part: u64, whole: u64, width: usize) -> String {
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if part == 0 || whole == 0 {
        return String::new();
    }
    let steps = u128::from(part.min(whole)) * 8 * width as u128 / u128::from(whole);
    let steps = usize::try_from(steps).unwrap_or(usize::MAX).max(1);
    let mut text = "█".repeat(steps / 8);
    if let Some(rest) = (steps % 8).checked_sub(1).and_then(|rest| EIGHTHS.get(rest)) {
        text.push(*rest);
    }
    text
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
