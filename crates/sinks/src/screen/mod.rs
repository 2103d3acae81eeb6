//! The first screen: what a person wants to know of a replay, on one page.

mod capacity;
mod denied;
mod line;
mod sections;
mod tracking;

use std::fmt;

use line::Line;
pub(crate) use sections::moment;

use crate::Summary;
use crate::capacity::CapacityReport;

/// How the first screen is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether it has colours.
    pub color: Color,
    /// Columns of the terminal; lines are at most 100 columns long, and the page needs 60 to be readable.
    pub width: usize,
}

/// Whether text has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    #[default]
    Off,
    /// ANSI escape sequences.
    On,
}

/// The longest line.
const MAX_WIDTH: usize = 100;
/// Below this many columns lines are cut no further.
const MIN_WIDTH: usize = 60;

impl Default for Style {
    fn default() -> Self {
        Self { color: Color::Off, width: MAX_WIDTH }
    }
}

impl Summary {
    /// The first screen, with a line feed at the end of every line.
    pub fn render(&self, style: Style) -> String {
        let width = style.width.clamp(MIN_WIDTH, MAX_WIDTH);
        page(sections::all(self, width), style.color, width)
    }
}

impl CapacityReport {
    /// The page for people, with a line feed at the end of every line.
    pub fn render(&self, style: Style) -> String {
        let width = style.width.clamp(MIN_WIDTH, MAX_WIDTH);
        page(capacity::all(self, width), style.color, width)
    }
}

/// Sections with empty lines between them; those without lines are left out.
fn page(sections: Vec<Section>, color: Color, width: usize) -> String {
    let mut text = String::new();
    for section in sections {
        if section.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        for line in section {
            line.write(&mut text, color, width);
            text.push('\n');
        }
    }
    text
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::default()))
    }
}

/// Lines that belong together; an empty line comes before the next section.
type Section = Vec<Line>;

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
