//! Time is an integer number of nanoseconds and comes only from captures (S1.1).

use std::fmt;
use std::str::FromStr;

/// A point in time: nanoseconds since the Unix epoch, UTC (S1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest representable time.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest representable time; as a deadline it means *never*.
    pub const MAX: Self = Self(i64::MAX);

    /// A time from nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// This time plus a span; beyond the range it is [`Timestamp::MAX`], which is never reached.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        // One look at the sum: beyond the range it comes out earlier, whatever the span.
        let sum = self.0.wrapping_add_unsigned(span.0);
        if sum < self.0 { Self::MAX } else { Self(sum) }
    }

    /// The span from an earlier time to this one; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        if earlier.0 >= self.0 { Span(0) } else { Span(self.0.abs_diff(earlier.0)) }
    }

    /// Whether this time, taken as a deadline, is reached at `now` (S1.6); *never* is not.
    #[inline]
    pub const fn is_due(self, now: Self) -> bool {
        // Most are not: one question for them.
        if self.0 > now.0 { false } else { self.is_ever() }
    }

    #[cold]
    const fn is_ever(self) -> bool {
        self.0 != i64::MAX
    }
}

/// A length of time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// One second.
    pub const SECOND: Self = Self(1_000_000_000);
    /// One day: a step of engine time beyond it is reported (S1.2).
    pub const DAY: Self = Self::from_secs(86_400);

    /// A span of whole nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A span of whole seconds, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Whole nanoseconds.
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanError {
    text: String,
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a duration: expected an integer with ns, us, ms, s, m, h or d (none means seconds), such as 350s",
            self.text
        )
    }
}

impl std::error::Error for SpanError {}

/// Unit suffixes, longest first so that `ms` is not read as `s`.
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|digits| (digits, *unit)))
            .unwrap_or((text, 1_000_000_000));
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_integer {
            return Err(SpanError { text: text.to_owned() });
        }
        // More digits than a u64 holds is an eternity, not an error.
        Ok(Self(digits.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(unit)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (suffix, unit) = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)]
            .into_iter()
            .find(|(_, unit)| self.0.is_multiple_of(*unit))
            .unwrap_or(("ns", 1));
        write!(f, "{}{suffix}", self.0 / unit)
    }
}

/// Engine time: the largest timestamp seen so far (S1.2).
#[derive(Clone, Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
}

/// What one packet's timestamp did to engine time (S1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStep {
    /// Engine time stood still or moved forward by at most a day.
    Forward,
    /// The packet is stamped earlier than engine time and is processed at engine time.
    Regression,
    /// Engine time moved forward by more than a day.
    Jump,
}

impl Clock {
    /// Engine time: of the newest packet, `None` before the first.
    pub const fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Takes in a packet's timestamp; returns engine time at that packet and the kind of step (S1.2, S12.12).
    #[inline]
    pub fn observe(&mut self, stamp: Timestamp) -> (Timestamp, ClockStep) {
        let mut now = self.now.unwrap_or(stamp);
        let step = Self::step(&mut now, stamp);
        self.now = Some(now);
        (now, step)
    }

    /// The same where engine time is at hand itself: it moves on to a packet's timestamp, if that is later.
    #[inline]
    pub fn step(now: &mut Timestamp, stamp: Timestamp) -> ClockStep {
        if stamp < *now {
            return ClockStep::Regression;
        }
        let is_jump = stamp.0.abs_diff(now.0) > Span::DAY.0;
        *now = stamp;
        if is_jump { ClockStep::Jump } else { ClockStep::Forward }
    }

    /// Engine time moved on by [`Clock::step`].
    pub const fn go_to(&mut self, now: Timestamp) {
        self.now = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, Timestamp};

    // S1.1: beyond the range is never, as sums of more bits say.
    #[test]
    fn a_time_after_a_span_saturates() {
        let times = [i64::MIN, i64::MIN + 1, -5, -1, 0, 1, 7, i64::MAX - 3, i64::MAX];
        let spans = [0, 1, 2, 3, 4, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 6, u64::MAX - 1, u64::MAX];
        for (time, span) in times.into_iter().flat_map(|time| spans.map(|span| (time, span))) {
            let sum = i64::try_from(i128::from(time) + i128::from(span)).unwrap_or(i64::MAX);
            let after = Timestamp::from_nanos(time).after(Span::from_nanos(span));
            assert_eq!(after.nanos(), sum, "{time} + {span}");
        }
    }
}
