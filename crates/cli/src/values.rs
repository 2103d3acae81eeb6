//! Values of options: durations, times, names from closed lists.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use vpcreplay_replay::analysis::Sweep;
use vpcreplay_replay::flow::{Decap, Span, TimeoutName, Timestamp};
use vpcreplay_replay::{Growth, Speed};

/// A time as the user gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A point in time.
    At(Timestamp),
    /// This long after the first packet.
    After(Span),
}

/// A model that comes into force later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) when: Moment,
    pub(crate) model: PathBuf,
}

/// A frame by the name of its file and its number there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameName {
    pub(crate) file: String,
    pub(crate) number: u64,
}

/// What ends the program with status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailOn {
    /// A packet was denied.
    Deny,
    /// The allowance denied a packet.
    Exceeded,
}

/// Another connection table that the traffic is replayed against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Also {
    /// That of a Linux host.
    Linux,
}

/// A sweep, `NAME=VALUES`.
pub(crate) fn sweep(text: &str) -> Result<Sweep, String> {
    Sweep::parse(text).map_err(|error| error.to_string())
}

/// A parser for values that have a code each; what is allowed is part of the help and of errors.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static>(
    values: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(values.iter().map(|(code, _)| *code)).try_map(move |given| {
        let found = values.iter().find(|(code, _)| *code == given);
        found.map(|(_, value)| *value).ok_or("no such value")
    })
}

/// Tunnels by their codes.
pub(crate) const DECAPS: &[(&str, Decap)] =
    &[("none", Decap::None), ("vxlan", Decap::Vxlan), ("geneve", Decap::Geneve)];

/// Conditions of `--fail-on` by their codes.
pub(crate) const FAIL_ONS: &[(&str, FailOn)] = &[("deny", FailOn::Deny), ("exceeded", FailOn::Exceeded)];

/// A length of time.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// A length of time that is not zero.
pub(crate) fn positive_span(text: &str) -> Result<Span, String> {
    match span(text)? {
        zero if zero.nanos() == 0 => Err("expected more than zero".to_owned()),
        span => Ok(span),
    }
}

/// An idle timeout, `NAME=DURATION`.
pub(crate) fn timeout(text: &str) -> Result<(TimeoutName, Span), String> {
    let names = || TimeoutName::ALL.map(TimeoutName::code).join(", ");
    let Some((name, duration)) = text.split_once('=') else {
        return Err(format!("expected NAME=DURATION, such as tcp-established=350s; names are {}", names()));
    };
    let name =
        TimeoutName::parse(name).ok_or_else(|| format!("`{name}` is no timeout; names are {}", names()))?;
    let duration = span(duration)?;
    if duration < Span::SECOND {
        return Err(format!("{duration} is too short: a timeout is at least 1s"));
    }
    Ok((name, duration))
}

/// A time: `+DURATION`, RFC 3339, or seconds since the epoch.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    if let Some(after) = text.strip_prefix('+') {
        return span(after).map(Moment::After);
    }
    if let Some(time) = seconds(text) {
        return time.map(Moment::At);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        format!(
            "`{text}` is not a time: expected +DURATION from the first packet (+90s), RFC 3339 (2026-01-31T12:00:00Z), or seconds since the epoch (1767225600.5)"
        )
    })?;
    let nanos = i64::try_from(time.as_nanosecond()).map_err(|_| out_of_range(text))?;
    Ok(Moment::At(Timestamp::from_nanos(nanos)))
}

/// A time as [`moment`] has it, but for one that counts from a first packet.
pub(crate) fn point_in_time(text: &str) -> Result<Timestamp, String> {
    match moment(text)? {
        Moment::At(time) => Ok(time),
        Moment::After(_) => Err(format!(
            "`{text}` counts from a first packet: expected RFC 3339 (2026-01-31T12:00:00Z) or seconds since the epoch"
        )),
    }
}

/// A later model, `TIME=PATH`.
pub(crate) fn change(text: &str) -> Result<Change, String> {
    let Some((when, model)) = text.split_once('=') else {
        return Err("expected TIME=PATH, such as +10m=after.toml".to_owned());
    };
    if model.is_empty() {
        return Err("the path of the model is missing after `=`".to_owned());
    }
    Ok(Change { when: moment(when)?, model: PathBuf::from(model) })
}

/// A frame, `FILE:N`.
pub(crate) fn frame(text: &str) -> Result<FrameName, String> {
    let expected = || {
        "expected FILE:N, the file as given on the command line and the number of a frame from 1, such as web.pcap:12".to_owned()
    };
    let (file, number) = text.rsplit_once(':').ok_or_else(expected)?;
    match number.parse() {
        Ok(number) if number > 0 && !file.is_empty() => Ok(FrameName { file: file.to_owned(), number }),
        _ => Err(expected()),
    }
}

/// How many copies are replayed.
pub(crate) fn copies(text: &str) -> Result<NonZeroU16, String> {
    let most = Growth::MOST_COPIES;
    text.parse().map_err(|_| format!("expected a number of copies from 1 to {most}, the original included"))
}

/// How fast time goes by.
pub(crate) fn speed(text: &str) -> Result<Speed, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// A count that is not zero.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// A number above zero.
pub(crate) fn positive_number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// Seconds since the epoch with up to nine digits after the point; `None` when the text is something else.
fn seconds(text: &str) -> Option<Result<Timestamp, String>> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    if fraction.len() > 9 {
        return Some(Err(format!(
            "`{text}`: finer than a nanosecond; give up to nine digits after the point"
        )));
    }
    let nanos = || -> Option<i64> {
        let whole: i128 = whole.parse().ok()?;
        let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
        let nanos = whole.checked_mul(1_000_000_000)?.checked_add(fraction)?;
        i64::try_from(sign * nanos).ok()
    };
    Some(nanos().map(Timestamp::from_nanos).ok_or_else(|| out_of_range(text)))
}

fn out_of_range(text: &str) -> String {
    format!("`{text}` is out of range: expected a time from 1677 to 2262")
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
