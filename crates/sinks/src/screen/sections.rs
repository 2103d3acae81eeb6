//! The sections of the first screen that are about the whole replay.

use vpcreplay_flow::{Disposition, Reason};

use super::line::{Line, Role, bar, cut, list, wrap};
use super::{Section, denied, tracking};
use crate::Summary;
use crate::number::{bytes, counted, duration, grouped, percent};
use crate::summary::{Assumption, OptionSource, TimeSpan};

/// Columns of the bars.
const BAR: usize = 12;
/// Columns of a percentage.
pub(super) const PERCENT: usize = 8;
/// Hints shown.
const MAX_HINTS: usize = 4;
/// Warnings and damaged places shown, of each.
const MAX_WARNINGS: usize = 3;

/// All sections, in their order; empty ones are left out.
pub(super) fn all(summary: &Summary, width: usize) -> Vec<Section> {
    vec![
        header(summary, width),
        dispositions(summary, width),
        denied::section(summary, width),
        tracking::section(summary),
        unjudged(summary),
        rules(summary, width),
        assumptions(summary),
        warnings(summary, width),
        hints(summary, width),
    ]
}

pub(super) fn header(summary: &Summary, width: usize) -> Section {
    let from = match summary.inputs.as_slice() {
        [] => String::new(),
        [one] => format!(" from {}", one.file),
        many => format!(" from {} captures", grouped(many.len() as u64)),
    };
    let total = summary.total;
    let title = format!("{} ({}){from}", counted(total.packets, "packet"), bytes(total.bytes));
    let mut lines = vec![Line::title(title)];
    if let Some(span) = &summary.span {
        lines.push(Line::new().quiet(span_text(span)));
    }
    if summary.passed_over > 0 {
        let frames = counted(summary.passed_over, "frame");
        lines.push(Line::new().quiet(format!("{frames} more, passed over as you chose")));
    }
    let given: Vec<String> = summary
        .options
        .iter()
        .filter(|option| matches!(option.source, Some(OptionSource::CommandLine | OptionSource::Model)))
        .map(|option| format!("{} {}", option.name, option.value))
        .collect();
    if !given.is_empty() {
        let texts = wrap(&format!("with {}", given.join(", ")), width);
        lines.extend(texts.into_iter().take(2).map(|text| Line::new().quiet(text)));
    }
    if summary.partial {
        let text = "PARTIAL: the replay was stopped before the end of the captures";
        lines.push(Line::new().add(Role::Bad, text));
    }
    lines
}

fn span_text(span: &TimeSpan) -> String {
    let (first, last) = (moment(&span.first), moment(&span.last));
    let length = duration(span.last_ns.abs_diff(span.first_ns));
    let is_one_day = first.split(' ').next() == last.split(' ').next();
    let last = if is_one_day { last.split(' ').nth(1).unwrap_or_default() } else { &last };
    format!("{first} to {last} UTC ({length})")
}

/// An RFC 3339 time without its `T` and `Z`, to the millisecond.
pub(crate) fn moment(rfc3339: &str) -> String {
    let text: String = rfc3339.chars().take("2023-11-14T22:13:20.123".len()).collect();
    text.replace('T', " ")
}

fn dispositions(summary: &Summary, width: usize) -> Section {
    if summary.total.packets == 0 {
        return vec![Line::new().add(Role::Doubtful, "There is no packet to judge.")];
    }
    let counts = column(summary.total.packets);
    let room = width.saturating_sub(12 + counts + PERCENT + 1 + 2 + BAR + 2);
    let rows = Disposition::ALL.iter().map(|disposition| {
        let code = disposition.code();
        let (count, whole) = (summary.dispositions.get(code).packets, summary.total.packets);
        let role = if count == 0 { Role::Quiet } else { Role::of_disposition(code) };
        Line::new()
            .left(role, &format!("  {code}"), 12)
            .right(Role::Plain, &grouped(count), counts)
            .right(Role::Plain, &percent(count, whole), PERCENT + 1)
            .plain("  ")
            .left(role, &bar(count, whole, BAR), BAR)
            .quiet(format!("  {}", its_reasons(summary, *disposition, room)))
    });
    rows.collect()
}

/// The reasons of a disposition, most packets first.
fn its_reasons(summary: &Summary, disposition: Disposition, room: usize) -> String {
    let its_own = Reason::ALL.iter().filter(|reason| reason.disposition() == disposition);
    let mut counts: Vec<(u64, &str)> =
        its_own.map(|reason| (summary.reasons.get(reason.code()).packets, reason.code())).collect();
    counts.retain(|(count, _)| *count > 0);
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let texts = counts.iter().map(|(count, code)| format!("{code} {}", grouped(*count)));
    list(texts, counts.len() as u64, room)
}

/// Columns of a number that is at most this.
pub(super) fn column(greatest: u64) -> usize {
    grouped(greatest).chars().count()
}

fn unjudged(summary: &Summary) -> Section {
    let all = Reason::ALL.iter().filter(|reason| reason.disposition() == Disposition::Unjudged);
    let mut counts: Vec<(u64, &Reason)> =
        all.map(|reason| (summary.reasons.get(reason.code()).packets, reason)).collect();
    counts.retain(|(count, _)| *count > 0);
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let Some((most, _)) = counts.first() else { return Vec::new() };
    let width = column(*most);
    let code_width = counts.iter().map(|(_, reason)| reason.code().len()).max().unwrap_or(0);
    let rows = counts.iter().map(|(count, reason)| {
        Line::new()
            .plain("  ")
            .right(Role::Plain, &grouped(*count), width)
            .plain("  ")
            .left(Role::Plain, reason.code(), code_width)
            .quiet(format!("  {}", reason.summary()))
    });
    std::iter::once(Line::title("Not judged")).chain(rows).collect()
}

fn rules(summary: &Summary, width: usize) -> Section {
    let in_force = summary.rules.iter().filter(|rule| rule.in_force);
    let count = in_force.clone().count() as u64;
    if summary.rules_never_hit == 0 {
        return Vec::new();
    }
    let names = in_force.filter(|rule| rule.hits == 0).map(|rule| {
        // Both directions of an ACL have entries of the same name.
        let is_entry = rule.rule.rsplit('#').next().is_some_and(|end| end.parse::<u16>().is_ok());
        if is_entry { format!("{} {}", rule.rule, rule.direction) } else { rule.rule.clone() }
    });
    let of = format!("  {} of {}: ", grouped(summary.rules_never_hit), grouped(count));
    let title = "Rules never hit";
    let names = list(names, summary.rules_never_hit, width - title.len() - of.len());
    vec![Line::title(title).plain(of).quiet(names)]
}

fn assumptions(summary: &Summary) -> Section {
    let greatest = summary.assumptions.iter().map(|assumption| assumption.count).max();
    let Some(greatest) = greatest else { return Vec::new() };
    let rows = summary.assumptions.iter().map(|assumption| {
        let option = assumption.option.map(|option| format!("  {option}")).unwrap_or_default();
        Line::new()
            .left(Role::Plain, &format!("  {}", assumption.rule), 8)
            .right(Role::Plain, &grouped(assumption.count), column(greatest))
            .left(Role::Plain, &format!(" {}", unit(assumption)), 14)
            .quiet(assumption.text)
            .plain(option)
    });
    std::iter::once(Line::title("Assumptions that mattered")).chain(rows).collect()
}

/// The plural is what the summary file has.
fn unit(assumption: &Assumption) -> &str {
    let singular = assumption.unit.strip_suffix('s').filter(|_| assumption.count == 1);
    singular.unwrap_or(assumption.unit)
}

pub(super) fn warnings(summary: &Summary, width: usize) -> Section {
    let mut texts: Vec<String> = summary.damages.iter().take(MAX_WARNINGS).cloned().collect();
    let more_damages = summary.damage_count.saturating_sub(texts.len() as u64);
    if more_damages > 0 {
        let places = if more_damages == 1 { "place" } else { "places" };
        texts.push(format!("{} more damaged {places}", grouped(more_damages)));
    }
    if summary.counters.clock_regressions > 0 {
        texts.push(format!(
            "{} stamped earlier than one before, replayed at the time of that one (S1.2)",
            counted(summary.counters.clock_regressions, "packet")
        ));
    }
    let skipped = summary.skipped_files.len() as u64;
    if skipped > 0 {
        let are = if skipped == 1 {
            "file of the folder is no capture"
        } else {
            "files of the folder are no captures"
        };
        texts.push(format!("{} {are}, left out", grouped(skipped)));
    }
    texts.extend(summary.warnings.iter().take(MAX_WARNINGS).map(|warning| {
        let times =
            if warning.count > 1 { format!(" (×{})", grouped(warning.count)) } else { String::new() };
        format!("{}{times} [{}]", warning.text, warning.code)
    }));
    let more = summary.warnings.len().saturating_sub(MAX_WARNINGS);
    if more > 0 {
        texts.push(format!("{more} more warnings, in the summary file (--summary)"));
    }
    listed(Line::new().add(Role::Doubtful, "Warnings"), &texts, width)
}

fn hints(summary: &Summary, width: usize) -> Section {
    let mut texts: Vec<String> = summary.hints.iter().take(MAX_HINTS).map(|hint| hint.text.clone()).collect();
    if summary.hints.len() > MAX_HINTS {
        texts.push(format!("{} more, in the summary file (--summary)", summary.hints.len() - MAX_HINTS));
    }
    listed(Line::title("What to do next"), &texts, width)
}

/// A title and texts as a list, each of at most three lines.
fn listed(title: Line, texts: &[String], width: usize) -> Section {
    if texts.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![title];
    for text in texts {
        let wrapped = wrap(&cut(text, 3 * (width - 8)), width - 4);
        lines.extend(wrapped.into_iter().enumerate().map(|(number, part)| {
            let lead = if number == 0 { "  - " } else { "    " };
            Line::new().plain(lead).plain(part)
        }));
    }
    lines
}
