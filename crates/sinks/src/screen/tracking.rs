//! The section on connection tracking: occupancy against limits.

use std::cmp::Reverse;

use super::Section;
use super::line::{Line, Role, bar};
use super::sections::{PERCENT, column, moment};
use crate::Summary;
use crate::number::{counted, grouped, percent};
use crate::summary::ScopeSummary;

/// Scopes shown.
const MAX_ROWS: usize = 5;
/// Columns of a name.
const NAME: usize = 24;
/// Columns of the bars.
const BAR: usize = 10;

pub(super) fn section(summary: &Summary) -> Section {
    if summary.scopes.is_empty() || summary.total.packets == 0 {
        return Vec::new();
    }
    let exceeded = summary.conntrack_allowance_exceeded;
    let role = if exceeded > 0 { Role::Bad } else { Role::Good };
    let title = Line::title("Connection tracking")
        .plain(format!("  {}, ", counted(summary.connections, "connection")))
        .add(role, format!("ConnTrackAllowanceExceeded {}", grouped(exceeded)));
    let mut scopes: Vec<&ScopeSummary> = summary.scopes.iter().collect();
    scopes.sort_by_key(|scope| {
        let fill = u128::from(scope.peak_occupancy) * 1_000_000 / u128::from(scope.limit.max(1));
        (Reverse(scope.conntrack_allowance_exceeded), Reverse(fill))
    });
    let rows = Rows::of(scopes.get(..MAX_ROWS).unwrap_or(&scopes));
    let mut lines = vec![title];
    lines.extend(scopes.iter().take(MAX_ROWS).map(|scope| rows.row(scope)));
    if let Some(rest) = scopes.get(MAX_ROWS..).filter(|rest| !rest.is_empty()) {
        let greatest = rest.iter().map(|scope| scope.peak_occupancy).max().unwrap_or(0);
        let text = format!("  and {} more, peak {} or less", grouped(rest.len() as u64), grouped(greatest));
        lines.push(Line::new().quiet(text));
    }
    lines
}

/// The widths of the columns.
struct Rows {
    name: usize,
    peak: usize,
    limit: usize,
}

impl Rows {
    fn of(scopes: &[&ScopeSummary]) -> Self {
        let greatest = |number: fn(&ScopeSummary) -> u64| scopes.iter().map(|scope| number(scope)).max();
        Self {
            name: scopes.iter().map(|scope| scope.scope.chars().count()).max().unwrap_or(0).min(NAME),
            peak: column(greatest(|scope| scope.peak_occupancy).unwrap_or(0)),
            limit: column(greatest(|scope| scope.limit).unwrap_or(0)),
        }
    }

    fn row(&self, scope: &ScopeSummary) -> Line {
        let (peak, limit) = (scope.peak_occupancy, scope.limit);
        let is_near = u128::from(peak) * 5 >= u128::from(limit) * 4 && peak > 0;
        let role = match scope.conntrack_allowance_exceeded {
            0 if is_near => Role::Doubtful,
            0 => Role::Good,
            _ => Role::Bad,
        };
        let when = scope.peak_at.as_deref().map(|at| format!("  at {}", moment(at))).unwrap_or_default();
        let line = Line::new()
            .plain("  ")
            .left(Role::Plain, &scope.scope, self.name)
            .plain("  peak ")
            .right(Role::Plain, &grouped(peak), self.peak)
            .plain(" of ")
            .right(Role::Plain, &grouped(limit), self.limit)
            .right(Role::Plain, &percent(peak, limit), PERCENT + 1)
            .plain("  ")
            .left(role, &bar(peak, limit, BAR), BAR)
            .quiet(when);
        match scope.conntrack_allowance_exceeded {
            0 => line,
            exceeded => line.add(Role::Bad, format!("  {} denied", grouped(exceeded))),
        }
    }
}
