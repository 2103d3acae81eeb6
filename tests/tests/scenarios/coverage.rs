//! The pages together: every rule is cited, every reason appears.

use std::collections::BTreeSet;

use vpcreplay_flow::Reason;
use vpcreplay_testkit::scenario::Page;
use vpcreplay_tests::places;

use crate::pages;

/// The rules that a text names in sections 1 to 10, such as `S7.2` (of `S7.2a` and `S6.3.3` the rule that holds it).
fn rules(text: &str) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for (at, _) in text.match_indices('S') {
        let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        let section = number(&text[at + 1..]);
        let Some(rest) = text[at + 1 + section.len()..].strip_prefix('.') else { continue };
        let rule = number(rest);
        if section.parse().is_ok_and(|section: u8| (1..=10).contains(&section)) && !rule.is_empty() {
            rules.insert(format!("S{section}.{rule}"));
        }
    }
    rules
}

/// The numbers of all rules, from the text that defines them.
fn defined() -> BTreeSet<String> {
    if let Some(path) = places::shared("design/semantics.md") {
        let text = places::text(&path);
        let definitions = text.lines().filter_map(|line| line.strip_prefix("- S"));
        return definitions.flat_map(|line| rules(&format!("S{line}")).into_iter().take(1)).collect();
    }
    rules(&places::text(&places::workspace().join("docs/src/semantics.md")))
}

/// Every rule of S1 to S10 is cited by a page.
pub(crate) fn every_rule() -> Result<(), String> {
    let cited = pages().iter().flat_map(|path| rules(&places::text(path))).collect();
    let defined = defined();
    assert!(defined.len() > 50, "{defined:?}");
    let missing: Vec<_> = defined.difference(&cited).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no page cites {missing:?}")) }
}

/// Every reason is expected by a row.
pub(crate) fn every_reason() -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for path in pages() {
        let page = Page::parse(&places::text(&path))?;
        let rows = page.sections.iter().flat_map(|section| &section.rows);
        let cells = rows.flat_map(|row| &row.verdict).filter(|(field, _)| *field == "reason");
        seen.extend(cells.filter_map(|(_, reason)| reason.clone()));
    }
    let missing: Vec<_> =
        Reason::ALL.map(Reason::code).into_iter().filter(|code| !seen.contains(*code)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no row has {missing:?}")) }
}
