//! What other limits, timeouts, rules and tables would do.

use super::role_of;
use super::scope::growth_text;
use crate::capacity::{CapacityReport, SweepRow, SweepTable};
use crate::number::{counted, grouped, percent};
use crate::screen::Section;
use crate::screen::line::{Line, Role, bar, wrap};
use crate::screen::sections::moment;

/// Values of a sweep that are shown.
const MAX_VALUES: usize = 16;
/// Rows of other lists.
const MAX_ROWS: usize = 8;
/// Columns of a value, a number and a bar.
const VALUE: usize = 12;
const NUMBER: usize = 12;
const BAR: usize = 10;

/// A sweep over all scopes.
pub(super) fn sweep(table: &SweepTable, report: &CapacityReport, width: usize) -> Section {
    let rows: Vec<&SweepRow> = table.totals.iter().collect();
    let is_limit = table.sweep == "limit";
    let which = if report.scopes.len() > 1 { ", peak of the fullest scope, sums of all" } else { "" };
    let title = Line::title(format!("Which {} would do?", table.sweep));
    let mut lines = vec![title.quiet(format!("  {}{which}", table.asked))];
    let heads = if is_limit {
        ["peak", "exceeded", "connections", "denied"]
    } else {
        ["peak", "exceeded", "broken", "re-created"]
    };
    let head = Line::new().quiet(format!("  {:>VALUE$}", table.sweep.trim_start_matches("tcp-")));
    let head = heads.iter().take(if is_limit { 3 } else { 4 }).fold(head, |line, head| {
        let head = if is_limit && *head == "connections" { "conns denied" } else { *head };
        line.right(Role::Quiet, head, NUMBER + 1)
    });
    lines.push(head);
    lines.extend(sample(&rows).into_iter().map(sweep_row));
    lines.extend(conclusions(table).into_iter().flat_map(|text| {
        wrap(&text, width.saturating_sub(2)).into_iter().map(|part| Line::new().plain("  ").plain(part))
    }));
    lines
}

/// At most so many rows as are shown, the first and the last among them.
fn sample<'a>(rows: &[&'a SweepRow]) -> Vec<&'a SweepRow> {
    if rows.len() <= MAX_VALUES {
        return rows.to_vec();
    }
    let last = rows.len() - 1;
    (0..MAX_VALUES).filter_map(|place| rows.get(place * last / (MAX_VALUES - 1)).copied()).collect()
}

fn sweep_row(row: &SweepRow) -> Line {
    // Limits break nothing.
    let is_limit = row.connections_broken.is_none();
    let role = role_of(row.peak, row.limit, row.conntrack_allowance_exceeded);
    let value = if is_limit { grouped(row.number) } else { row.value.clone() };
    let count = |count: u64| if count == 0 { Role::Quiet } else { Role::Bad };
    let line = Line::new()
        .right(Role::Plain, &value, VALUE + 2)
        .right(Role::Plain, &grouped(row.peak), NUMBER + 1)
        .right(
            count(row.conntrack_allowance_exceeded),
            &grouped(row.conntrack_allowance_exceeded),
            NUMBER + 1,
        );
    let line = match (row.connections_broken, row.connections_recreated) {
        (Some(broken), Some(recreated)) => line.right(count(broken), &grouped(broken), NUMBER + 1).right(
            Role::Plain,
            &grouped(recreated),
            NUMBER + 1,
        ),
        _ => line.right(count(row.connections_denied), &grouped(row.connections_denied), NUMBER + 1),
    };
    line.plain("  ").add(role, bar(row.peak, row.limit, BAR))
}

fn conclusions(table: &SweepTable) -> Vec<String> {
    if table.sweep == "limit" {
        return vec![match &table.smallest_that_denies_nothing {
            Some(value) => format!("smallest limit that denies nothing: {value}"),
            None => "each of these limits denies connections".to_owned(),
        }];
    }
    let breaks = match &table.smallest_that_breaks_nothing {
        Some(value) => format!("smallest value that breaks no connection: {value}"),
        None => "each of these values breaks connections".to_owned(),
    };
    let fits = match &table.largest_within_limit {
        Some(value) => format!("largest value within the limit: {value}"),
        None => "with none of these values the traffic stays within the limit".to_owned(),
    };
    vec![format!("{breaks}; {fits}")]
}

/// How the user's own limits would do, for the fullest scope.
pub(super) fn fits(report: &CapacityReport) -> Section {
    let Some(scope) = report.scopes.first().filter(|scope| !scope.fits.is_empty()) else {
        return Section::new();
    };
    let name = scope.fits.iter().map(|fit| fit.name.chars().count()).max().unwrap_or(0).min(24);
    let which = format!("  {} needs {}", scope.scope, counted(scope.demand.peak, "tracked connection"));
    let mut lines = vec![Line::title("Which of your limits fits?").quiet(which)];
    lines.extend(scope.fits.iter().take(2 * MAX_ROWS).map(|fit| {
        let (role, word) = if fit.fits { (Role::Good, "fits") } else { (Role::Bad, "too small") };
        let growth = if fit.fits { growth_text(&fit.growth) } else { String::new() };
        Line::new()
            .plain("  ")
            .left(Role::Plain, &fit.name, name)
            .right(Role::Plain, &grouped(fit.limit), NUMBER)
            .plain("  ")
            .left(role, word, 11)
            .quiet(growth)
    }));
    if scope.fits.len() > 2 * MAX_ROWS {
        lines.push(
            Line::new().quiet(format!("  and {} more, in the summary file", scope.fits.len() - 2 * MAX_ROWS)),
        );
    }
    lines
}

/// What untracked rules would save.
pub(super) fn untracked(report: &CapacityReport, width: usize) -> Section {
    if report.untracked.is_empty() {
        return Section::new();
    }
    let mut lines = vec![Line::title("What would untracked rules save?")];
    for saving in report.untracked.iter().take(MAX_ROWS) {
        let saved = saving.demand_before.saturating_sub(saving.demand_after);
        lines.push(
            Line::new()
                .plain(format!("  {} at {}: ", saving.class, saving.scope))
                .add(Role::Good, format!("{} of {} entries", grouped(saved), grouped(saving.demand_before)))
                .quiet(format!(", peak without a limit {} after it", grouped(saving.demand_after))),
        );
        let mut texts: Vec<String> = saving.edits.iter().map(|edit| format!("+ {edit}")).collect();
        texts.extend(saving.exposure.iter().map(|exposure| format!("! {exposure}")));
        if saving.newly_admitted_packets > 0 {
            let packets = counted(saving.newly_admitted_packets, "packet");
            texts.push(format!("! {packets} of these captures, denied now, would pass"));
        }
        if !saving.other_enis.is_empty() {
            texts.push(format!("! the edited groups are on {} too", saving.other_enis.join(", ")));
        }
        for text in texts {
            let role = if text.starts_with('!') { Role::Doubtful } else { Role::Plain };
            let parts = wrap(&text, width.saturating_sub(6)).into_iter().enumerate();
            lines.extend(parts.map(|(number, part)| {
                Line::new().plain(if number == 0 { "    " } else { "      " }).add(role, part)
            }));
        }
    }
    lines
}

/// The same traffic in the table of a Linux host.
pub(super) fn linux(report: &CapacityReport, width: usize) -> Section {
    let Some(linux) = &report.linux else { return Section::new() };
    let max = format!("  nf_conntrack_max {}", grouped(linux.max));
    let mut lines = vec![Line::title("The table of a Linux host").quiet(max)];
    lines.extend(linux.hosts.iter().take(MAX_ROWS).map(|host| {
        let role = role_of(host.peak, linux.max, host.dropped);
        let at = host.peak_at.as_ref().map(|at| format!("  at {}", moment(&at.time))).unwrap_or_default();
        let line = Line::new()
            .plain("  ")
            .left(Role::Plain, &host.host, 24)
            .plain(format!("  peak {} ", grouped(host.peak)))
            .add(role, format!("({})", percent(host.peak, linux.max)));
        if host.dropped > 0 {
            let text = format!("  {} dropped, {} needed", grouped(host.dropped), grouped(host.demand_peak));
            line.add(Role::Bad, text)
        } else {
            line.quiet(at)
        }
    }));
    let text = "everything that the rules allow is tracked, none untracked; what is not modelled is in the summary file";
    lines.extend(wrap(text, width - 2).into_iter().map(|part| Line::new().plain("  ").quiet(part)));
    lines
}
