//! How full a table gets, when, and how far the limit is.

use super::role_of;
use crate::capacity::{Growth, ScopeCapacity, ShiftedGrowth};
use crate::number::{counted, duration, grouped, percent};
use crate::screen::Section;
use crate::screen::line::{Line, Role, bar, wrap};
use crate::screen::sections::moment;

/// Columns of the bar.
const BAR: usize = 20;
/// Columns of the words before the findings.
const LEAD: usize = 11;

pub(super) fn section(scope: &ScopeCapacity, width: usize) -> Section {
    let role = role_of(scope.peak, scope.limit, scope.conntrack_allowance_exceeded);
    let mut lines = vec![
        Line::title(scope.scope.clone())
            .plain(format!("  peak {} of {} ", grouped(scope.peak), grouped(scope.limit)))
            .add(role, format!("({}) ", percent(scope.peak, scope.limit)))
            .add(role, bar(scope.peak, scope.limit, BAR)),
    ];
    let at = scope.peak_at.as_ref().map(|at| moment(&at.time)).unwrap_or_default();
    if !at.is_empty() {
        lines.push(told("when", Role::Plain, &format!("first at {at} UTC")));
    }
    let above: Vec<String> = scope
        .above
        .iter()
        .map(|above| {
            let time = if above.ns == 0 { "never".to_owned() } else { duration(above.ns) };
            let share = if above.ns == 0 {
                String::new()
            } else {
                format!(" ({})", percent(above.ns, scope.span_ns))
            };
            format!("{} %: {time}{share}", above.percent)
        })
        .collect();
    lines.push(told("above", Role::Plain, &above.join(", ")));
    lines.extend(denied(scope, width));
    lines.extend(
        wrapped("headroom", demand_role(scope), &headroom(scope), width).into_iter().chain(
            scope
                .demand
                .shifted_growth
                .iter()
                .flat_map(|growth| wrapped("shifted", Role::Plain, &shifted(growth), width)),
        ),
    );
    lines
}

/// A scope in one line.
pub(super) fn line(scope: &ScopeCapacity) -> Line {
    let role = role_of(scope.peak, scope.limit, scope.conntrack_allowance_exceeded);
    let growth = match scope.demand.growth.denies_at {
        Some(1) => "is denied as it is".to_owned(),
        Some(copies) => format!("{} copies are denied", grouped(copies)),
        None => String::new(),
    };
    Line::new()
        .plain("  ")
        .left(Role::Plain, &scope.scope, 24)
        .plain(format!("  peak {} of {} ", grouped(scope.peak), grouped(scope.limit)))
        .add(role, format!("({})", percent(scope.peak, scope.limit)))
        .quiet(format!("  {growth}"))
}

fn told(lead: &str, role: Role, text: &str) -> Line {
    Line::new().quiet(format!("  {lead:LEAD$}")).add(role, text)
}

fn wrapped(lead: &str, role: Role, text: &str, width: usize) -> Vec<Line> {
    let parts = wrap(text, width.saturating_sub(LEAD + 2)).into_iter().enumerate();
    parts.map(|(number, part)| told(if number == 0 { lead } else { "" }, role, &part)).collect()
}

fn denied(scope: &ScopeCapacity, width: usize) -> Vec<Line> {
    if scope.conntrack_allowance_exceeded == 0 {
        return vec![told("denied", Role::Good, "nothing: ConnTrackAllowanceExceeded 0")];
    }
    let first = scope.first_denied.as_ref().map(|first| {
        let at = moment(&first.at.time);
        format!(
            ", first packet {} ({}, frame {}) at {at}",
            grouped(first.packet),
            first.file,
            grouped(first.frame)
        )
    });
    let text = format!(
        "ConnTrackAllowanceExceeded {} ({}){}",
        grouped(scope.conntrack_allowance_exceeded),
        counted(scope.connections_denied, "connection"),
        first.unwrap_or_default()
    );
    wrapped("denied", Role::Bad, &text, width)
}

fn demand_role(scope: &ScopeCapacity) -> Role {
    role_of(scope.demand.peak, scope.limit, scope.conntrack_allowance_exceeded)
}

/// How far the limit is, or how far beyond it the traffic is.
fn headroom(scope: &ScopeCapacity) -> String {
    let (needed, limit) = (scope.demand.peak, scope.limit);
    if needed > limit {
        return format!(
            "none: this traffic needs {} entries, {} times the limit",
            grouped(needed),
            ratio(needed, limit)
        );
    }
    format!(
        "{} entries; growth factor {}: {}",
        grouped(limit - needed),
        ratio(limit, needed),
        growth_text(&scope.demand.growth)
    )
}

/// When copies of the traffic come to the limit.
pub(super) fn growth_text(growth: &Growth) -> String {
    match (growth.reaches_limit_at, growth.denies_at) {
        (Some(1), Some(1)) => "it is beyond the limit as it is".to_owned(),
        (Some(reaches), Some(denies)) if reaches == denies => {
            format!("{} of this traffic are the first to be denied", copies(reaches))
        }
        (Some(reaches), Some(denies)) => format!(
            "{} of this traffic reach{} the limit, {} are denied",
            copies(reaches),
            if reaches == 1 { "es" } else { "" },
            grouped(denies)
        ),
        _ => "no number of copies reaches the limit".to_owned(),
    }
}

fn copies(count: u64) -> String {
    if count == 1 { "1 copy".to_owned() } else { format!("{} copies", grouped(count)) }
}

fn shifted(shifted: &ShiftedGrowth) -> String {
    let phases = format!("copies up to {} later (seed {})", duration(shifted.most_ns), shifted.seed);
    match (&shifted.growth, shifted.more_than) {
        (Some(growth), _) => format!("{phases}: {}", growth_text(growth)),
        (None, Some(more)) => format!("{phases}: more than {}, not searched further", copies(more)),
        (None, None) => phases,
    }
}

/// A ratio with two decimals, rounded down so that it never promises too much.
fn ratio(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "∞".to_owned();
    }
    let hundredths = u128::from(part) * 100 / u128::from(whole);
    let whole = u64::try_from(hundredths / 100).unwrap_or(u64::MAX);
    format!("{}.{:02}", grouped(whole), hundredths % 100)
}
