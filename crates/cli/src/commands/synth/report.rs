//! What is said of a synthetic capture.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount};
use vpcreplay_replay::flow::{Span, Timestamp};
use vpcreplay_replay::synth::{ClassTotals, Ending, Settings, Totals, Traffic};

use crate::progress::rate;
use crate::screen;

/// How many bytes the capture will have, as far as can be told.
pub(super) fn expected_bytes(traffic: &Traffic, settings: &Settings, written: u64) -> Option<u64> {
    if traffic.ending().is_some() {
        return Some(written);
    }
    let totals = traffic.totals();
    let scaled = |part: u64, whole: u64| {
        let bytes = u128::from(written) * u128::from(whole) / u128::from(part.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX).max(written)
    };
    let by_packets = settings.packets.map(|packets| scaled(totals.packets, packets));
    let by_time = settings.duration.map(|duration| scaled(totals.span().nanos(), duration.nanos()));
    let by_connections = settings.connections.map(|most| scaled(totals.connections, most));
    [by_packets, by_time, by_connections].into_iter().flatten().min()
}

/// Warns of what the profile asks for and the capture has not.
pub(super) fn warn(totals: &Totals) {
    for class in totals.classes.iter().filter(|class| class.without_port > 0) {
        screen::warning(&format!(
            "class {}: {} left out, since its clients had no port free: give it more `peers` or `client_ports`",
            class.name,
            counted(class.without_port, "connection")
        ));
    }
}

/// The summary: what was written, and what of each class.
pub(super) fn text(traffic: &Traffic, settings: &Settings, (name, bytes): (&str, u64)) -> String {
    let totals = traffic.totals();
    let mut text = format!(
        "{} ({}, {} on the wire) to {name}\n",
        counted(totals.packets, "packet"),
        DecimalBytes(bytes),
        DecimalBytes(totals.bytes)
    );
    let span = totals.first.zip(totals.last);
    if let Some((first, last)) = span {
        let _ = writeln!(
            text,
            "{} to {} ({}), seed {}",
            moment(first),
            moment(last),
            seconds(totals.span()),
            settings.seed
        );
    }
    if traffic.ending() == Some(Ending::Connections) && totals.open == 0 && settings.connections.is_none() {
        text.push_str("no connections are left to open\n");
    }
    text.push('\n');
    table(&mut text, &totals.classes);
    let _ = writeln!(
        text,
        "\n{}, {} open at once at most, {} open at the end",
        counted(totals.connections, "connection"),
        HumanCount(totals.most_open),
        HumanCount(totals.open)
    );
    text
}

/// A row for each class, columns as wide as they need to be.
fn table(text: &mut String, classes: &[ClassTotals]) {
    let head = ["class", "from > to", "service", "connections", "packets", "of these"].map(str::to_owned);
    let rows = classes.iter().map(|class| {
        [
            class.name.clone(),
            format!("{} > {}", class.from, class.to),
            class.service.clone(),
            HumanCount(class.connections).to_string(),
            HumanCount(class.packets).to_string(),
            particulars(class),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let [name, route, service, connections, packets, _] = [0, 1, 2, 3, 4, 5].map(width);
    for [a, b, c, d, e, f] in &rows {
        let line = format!("  {a:name$}  {b:route$}  {c:service$}  {d:>connections$}  {e:>packets$}  {f}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// What is not as usual with some connections of a class.
fn particulars(class: &ClassTotals) -> String {
    let counts = [
        (class.ipv6, "IPv6"),
        (class.half_open, "half-open"),
        (class.unacknowledged, "unacknowledged"),
        (class.refused, "refused"),
        (class.reset, "reset"),
        (class.never_closed, "never closed"),
        (class.reused, "on used ports"),
        (class.without_port, "without a port, left out"),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, what)| format!("{what} {}", HumanCount(*count))).collect();
    parts.join(", ")
}

/// How long it took.
pub(super) fn pace(packets: u64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    screen::note(&format!("{} in {seconds:.2} s, {}", counted(packets, "packet"), rate(packets, seconds)));
}

fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

fn moment(time: Timestamp) -> String {
    let text = jiff::Timestamp::from_nanosecond(i128::from(time.nanos()));
    text.map_or_else(|_| time.nanos().to_string(), |time| format!("{time:.3}"))
}

fn seconds(span: Span) -> String {
    let millis = span.nanos() / 1_000_000;
    format!("{}.{:03} s", millis / 1000, millis % 1000)
}
