//! A page: a title, prose, a model, and sections with blocks and one packet table each.

use super::table::{Row, is_header, rows};

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first word of its info string.
    pub kind: String,
    /// The other words, `key=value`.
    pub words: Vec<(String, String)>,
    /// Its content.
    pub text: String,
}

impl Block {
    /// The value of a word of the info string.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.words.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Its lines that are not blank.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(str::trim).filter(|line| !line.is_empty())
    }
}

/// A section under a `##` title.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// The rows of its packet table.
    pub rows: Vec<Row>,
}

impl Section {
    /// The blocks of a kind.
    pub fn blocks<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }

    /// Whether it is a scenario, not prose alone.
    pub fn is_scenario(&self) -> bool {
        !self.rows.is_empty() || self.blocks("error").next().is_some()
    }
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The model that its sections inherit.
    pub model: Option<String>,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// Something in it is not of the grammar.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().collect();
        let mut page = Self::default();
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at];
            if let Some(title) = line.strip_prefix("## ") {
                page.sections.push(Section { title: title.trim().to_owned(), ..Section::default() });
            } else if let Some(info) = line.strip_prefix("```") {
                let length = lines[at + 1..].iter().position(|line| line.starts_with("```"));
                let end = at + 1 + length.ok_or_else(|| format!("line {}: the block never ends", at + 1))?;
                page.add(block(info, &lines[at + 1..end]));
                at = end;
            } else if is_header(line) {
                let length = lines[at..].iter().take_while(|line| line.starts_with('|')).count();
                let parsed =
                    rows(&lines[at..at + length]).map_err(|error| format!("line {}: {error}", at + 1))?;
                let section = page.sections.last_mut().ok_or("a packet table outside of a section")?;
                if !section.rows.is_empty() {
                    return Err(format!("line {}: a second packet table in `{}`", at + 1, section.title));
                }
                section.rows = parsed;
                at += length - 1;
            }
            at += 1;
        }
        Ok(page)
    }

    fn add(&mut self, block: Block) {
        match self.sections.last_mut() {
            Some(section) => section.blocks.push(block),
            None if block.kind == "toml" => self.model = Some(block.text),
            None => {}
        }
    }
}

fn block(info: &str, lines: &[&str]) -> Block {
    let mut words = info.split_whitespace();
    let kind = words.next().unwrap_or_default().to_owned();
    let pair = |word: &str| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    Block { kind, words: words.filter_map(pair).collect(), text: lines.join("\n") + "\n" }
}
