//! Which values a sweep goes through: `limit=1000,2000`, `tcp-established=60s..432000s/16`.

use std::fmt;

use vpcreplay_flow::{Span, TimeoutName};

/// Values in one sweep at most.
pub const LONGEST_SWEEP: usize = 256;
/// Values of a range that says nothing of their number.
const DEFAULT_COUNT: u64 = 16;
/// Timeouts that a sweep may go through.
const TIMEOUTS: [TimeoutName; 3] = [TimeoutName::TcpEstablished, TimeoutName::Udp, TimeoutName::UdpStream];

/// A sweep: one option and the values that it takes, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What is swept.
    pub of: SweepOf,
    /// As the user wrote it.
    pub text: String,
}

/// What a sweep goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepOf {
    /// Limits of every allowance scope.
    Limit(Vec<u64>),
    /// Values of one timeout.
    Timeout(TimeoutName, Vec<Span>),
}

/// Why a text is no sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepError(String);

impl fmt::Display for SweepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SweepError {}

impl Sweep {
    /// Reads `NAME=VALUES`. VALUES are parts separated by commas; a part is a value or a range `FROM..TO`, whose values
    /// are evenly spaced on a logarithmic scale, both ends included: 16, or as many as `/COUNT` says.
    ///
    /// # Errors
    /// What is wrong, and what is expected.
    pub fn parse(text: &str) -> Result<Self, SweepError> {
        let Some((name, values)) = text.split_once('=') else {
            return Err(SweepError(format!(
                "expected NAME=VALUES, such as limit=1000..65535 or tcp-established=60s,350s,1h; names are {}",
                names()
            )));
        };
        let timeout = TIMEOUTS.into_iter().find(|timeout| timeout.code() == name);
        let of = match (name, timeout) {
            ("limit", _) => SweepOf::Limit(numbers(values, limit)?),
            (_, Some(timeout)) => {
                let nanos = numbers(values, span)?;
                SweepOf::Timeout(timeout, nanos.into_iter().map(Span::from_nanos).collect())
            }
            _ => {
                return Err(SweepError(format!("`{name}` cannot be swept; names are {}", names())));
            }
        };
        Ok(Self { of, text: text.to_owned() })
    }
}

fn names() -> String {
    let timeouts = TIMEOUTS.map(TimeoutName::code).join(", ");
    format!("limit, {timeouts}")
}

/// A value of a sweep and the step that ranges are rounded to.
struct Number {
    value: u64,
    step: u64,
}

fn limit(text: &str) -> Result<Number, SweepError> {
    match text.parse() {
        Ok(0) => Err(SweepError("a limit of 0 tracks nothing; expected at least 1".to_owned())),
        Ok(value) => Ok(Number { value, step: 1 }),
        Err(_) => {
            Err(SweepError(format!("`{text}` is no limit: expected a number of connections, such as 65535")))
        }
    }
}

fn span(text: &str) -> Result<Number, SweepError> {
    let span: Span = text.parse().map_err(|error| SweepError(format!("{error}")))?;
    if span < Span::SECOND {
        return Err(SweepError(format!("{span} is too short: a timeout is at least 1s")));
    }
    Ok(Number { value: span.nanos(), step: Span::SECOND.nanos() })
}

/// The values of all parts, ascending, each once.
fn numbers(text: &str, read: fn(&str) -> Result<Number, SweepError>) -> Result<Vec<u64>, SweepError> {
    let mut values = Vec::new();
    for part in text.split(',') {
        match part.split_once("..") {
            None => values.push(read(part)?.value),
            Some((from, to)) => {
                let (to, count) = match to.split_once('/') {
                    None => (to, DEFAULT_COUNT),
                    Some((to, count)) => (to, read_count(count)?),
                };
                let (from, to) = (read(from)?, read(to)?);
                if from.value >= to.value {
                    return Err(SweepError(format!(
                        "the range `{part}` is empty: its end must be beyond its start"
                    )));
                }
                values.extend(spaced(&from, &to, count));
            }
        }
    }
    values.sort_unstable();
    values.dedup();
    if values.len() > LONGEST_SWEEP {
        return Err(SweepError(format!(
            "{} values are too many: a sweep has at most {LONGEST_SWEEP}",
            values.len()
        )));
    }
    Ok(values)
}

fn read_count(text: &str) -> Result<u64, SweepError> {
    match text.parse() {
        Ok(count) if (2..=LONGEST_SWEEP as u64).contains(&count) => Ok(count),
        _ => Err(SweepError(format!(
            "`/{text}` is no number of values: expected 2 to {LONGEST_SWEEP}, such as 1000..65535/16"
        ))),
    }
}

/// Values evenly spaced on a logarithmic scale, rounded to the step; the ends as they are.
fn spaced(from: &Number, to: &Number, count: u64) -> Vec<u64> {
    #[expect(clippy::cast_precision_loss, reason = "values between the ends are rounded anyway")]
    let (low, high, last) = (from.value as f64, to.value as f64, (count - 1) as f64);
    let between = (1..count - 1).map(|index| {
        #[expect(clippy::cast_precision_loss, reason = "an index below 256")]
        let share = index as f64 / last;
        let value = low * (high / low).powf(share);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "it lies between the ends"
        )]
        let steps = (value / from.step as f64).round() as u64;
        steps.saturating_mul(from.step).clamp(from.value, to.value)
    });
    std::iter::once(from.value).chain(between).chain([to.value]).collect()
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
