//! The page of a capacity analysis.

mod contributors;
mod scope;
mod what_if;

use super::Section;
use super::line::{Line, Role};
use super::sections;
use crate::capacity::CapacityReport;
use crate::number::{counted, grouped};

/// Scopes that are told of at length; who fills it is told of the first.
const MAX_SCOPES: usize = 3;
/// Scopes that have a line each.
const MAX_LINES: usize = 8;

/// All sections, in their order; empty ones are left out.
pub(super) fn all(report: &CapacityReport, width: usize) -> Vec<Section> {
    let mut all = vec![sections::header(&report.replay, width)];
    for scope in report.scopes.iter().take(MAX_SCOPES) {
        all.push(scope::section(scope, width));
    }
    all.extend(report.scopes.first().map(|scope| contributors::section(scope, width)));
    all.push(others(report));
    all.extend(report.sweeps.iter().map(|sweep| what_if::sweep(sweep, report, width)));
    all.push(what_if::fits(report));
    all.push(what_if::untracked(report, width));
    all.push(what_if::linux(report, width));
    all.push(sections::warnings(&report.replay, width));
    all
}

/// Scopes beyond the first ones, a line each.
fn others(report: &CapacityReport) -> Section {
    let rest = report.scopes.get(MAX_SCOPES..).unwrap_or_default();
    let mut lines = Section::new();
    if !rest.is_empty() {
        lines.push(Line::title("Other allowance scopes"));
        lines.extend(rest.iter().take(MAX_LINES).map(scope::line));
    }
    if let Some(more) = rest.len().checked_sub(MAX_LINES).filter(|more| *more > 0) {
        lines.push(Line::new().quiet(format!("  and {} more, less full", grouped(more as u64))));
    }
    if report.unused_scopes > 0 {
        let text = format!("  {} without a tracked connection", counted(report.unused_scopes, "scope"));
        lines.push(Line::new().quiet(text));
    }
    lines
}

/// Red where something is denied, yellow where it is near, green otherwise.
fn role_of(peak: u64, limit: u64, denied: u64) -> Role {
    if denied > 0 || peak > limit {
        Role::Bad
    } else if u128::from(peak) * 5 >= u128::from(limit) * 4 {
        Role::Doubtful
    } else {
        Role::Good
    }
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;
