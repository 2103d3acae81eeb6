//! Who fills a table.

use crate::capacity::{Contributor, ScopeCapacity, Share};
use crate::number::{grouped, percent};
use crate::screen::Section;
use crate::screen::line::{Line, Role, bar};

/// Kinds and how many of each are shown.
const SHOWN: [(&str, usize); 6] =
    [("peer", 3), ("service", 3), ("rule", 3), ("protocol", 2), ("state", 3), ("fate", 4)];
/// Columns of a kind, a bar, and a number.
const KIND: usize = 10;
const BAR: usize = 8;
const NUMBER: usize = 10;

pub(super) fn section(scope: &ScopeCapacity, width: usize) -> Section {
    let all = &scope.entries;
    if all.connections == 0 {
        return Section::new();
    }
    let name = width.saturating_sub(2 + KIND + 2 * (NUMBER + 1) + 2 + BAR + 2 + NUMBER).clamp(12, 40);
    let title = format!("Who fills {}", scope.scope);
    let head = Line::title(title.chars().take(KIND + name + 2).collect::<String>());
    let used = title.chars().count().min(KIND + name + 2);
    let head = head
        .plain(" ".repeat((2 + KIND + name).saturating_sub(used)))
        .right(Role::Quiet, "of time", NUMBER)
        .plain(" ".repeat(BAR + 2))
        .right(Role::Quiet, "at peak", NUMBER)
        .right(Role::Quiet, "idle", NUMBER + 1);
    let mut lines = vec![head];
    for (kind, most) in SHOWN {
        let its_own = scope.contributors.iter().filter(|row| row.kind == kind);
        let rows = its_own.enumerate().take(most);
        lines.extend(rows.map(|(place, row)| line(row, all, (place == 0, name))));
    }
    let total = format!(
        "  {} connections, {} entry-seconds, {} of them idle after the last packet",
        grouped(all.connections),
        seconds(all.entry_ns),
        share(all.idle_ns, all.entry_ns)
    );
    lines.push(Line::new().quiet(total));
    lines
}

fn line(row: &Contributor, all: &Share, (is_first, name): (bool, usize)) -> Line {
    let Contributor { kind, key, share: its } = row;
    let (part, whole) = scaled(its.entry_ns, all.entry_ns);
    Line::new()
        .quiet(format!("  {:KIND$}", if is_first { kind } else { "" }))
        .left(Role::Plain, key, name)
        .right(Role::Plain, &share(its.entry_ns, all.entry_ns), NUMBER)
        .plain("  ")
        .left(Role::Plain, &bar(part, whole, BAR), BAR)
        .right(Role::Plain, &grouped(its.at_peak), NUMBER)
        .right(Role::Quiet, &share(its.idle_ns, its.entry_ns), NUMBER + 1)
}

/// A share of two long times in percent.
fn share(part: u128, whole: u128) -> String {
    let (part, whole) = scaled(part, whole);
    percent(part, whole)
}

/// Two numbers as such of 64 bits with the same ratio, nearly.
fn scaled(part: u128, whole: u128) -> (u64, u64) {
    let shift = (128 - whole.max(part).leading_zeros()).saturating_sub(64);
    (u64::try_from(part >> shift).unwrap_or(u64::MAX), u64::try_from(whole >> shift).unwrap_or(u64::MAX))
}

fn seconds(ns: u128) -> String {
    grouped(u64::try_from(ns / 1_000_000_000).unwrap_or(u64::MAX))
}
