//! Growth: the same traffic several times over, and faster or slower (copies and speed).

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use vpcreplay_capacity::phase;
use vpcreplay_flow::{Span, Timestamp};

/// How a replay makes more of its captures than they hold.
///
/// Every packet is followed by its copies, each a packet of its own. A copy has flows and connections of its own, while rules
/// are matched on the addresses as they are. All of it acts on what is selected, after the selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// How many times the captures are replayed at once, the original included; `None`: once, and records do not say so.
    pub copies: Option<NonZeroU16>,
    /// How many times as fast as in the captures time goes by.
    pub speed: Speed,
    /// How far copies are shifted against each other; `None`: not at all.
    pub shift: Option<Shift>,
}

/// By how much the copies of a capture are late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// All are late by less than this; of replayed time, after [`Speed`].
    pub most: Span,
    /// What the amounts are drawn with.
    pub seed: u64,
}

/// How many times as fast as in the captures time goes by: a positive decimal number, kept exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Over this many nanoseconds of the captures …
    captured: u64,
    /// … as many nanoseconds go by in the replay.
    replayed: u64,
}

/// Digits of a speed before the point, and after it.
const MOST_DIGITS: usize = 9;

/// A speed of 1 has this many of the smallest steps that can be given.
const STEPS: u64 = 1_000_000_000;

impl Growth {
    /// Copies that can be told apart.
    pub const MOST_COPIES: u16 = u16::MAX;

    /// Copies that can be shifted against each other: each reads the captures for itself.
    pub const MOST_SHIFTED: u16 = 256;

    /// How many packets each packet of the captures becomes.
    pub fn copies(&self) -> u16 {
        self.copies.map_or(1, NonZeroU16::get)
    }
}

impl Shift {
    /// By how much a copy is late; copy 0, the original, is not.
    #[must_use]
    pub fn of(&self, copy: u16) -> Span {
        phase(self.seed, u64::from(copy), self.most)
    }
}

impl Speed {
    /// As fast as in the captures.
    pub const ONE: Self = Self { captured: STEPS, replayed: STEPS };

    /// The time of a packet in the replay: the same distance from the first packet, divided by the speed, rounded down.
    /// Beyond the range of times it is the first or the last one.
    #[must_use]
    pub fn at(&self, time: Timestamp, first: Timestamp) -> Timestamp {
        if *self == Self::ONE {
            return time;
        }
        let distance = i128::from(time.nanos()) - i128::from(first.nanos());
        // A distance has 65 bits, a speed 60.
        let scaled = (distance * i128::from(self.replayed)).div_euclid(i128::from(self.captured));
        let replayed = i128::from(first.nanos()) + scaled;
        let nearest = if replayed < 0 { i64::MIN } else { i64::MAX };
        Timestamp::from_nanos(i64::try_from(replayed).unwrap_or(nearest))
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self::ONE
    }
}

/// Why a text is no speed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeedError {
    text: String,
}

impl fmt::Display for SpeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a speed: expected a decimal number above 0 with up to {MOST_DIGITS} digits before and after the point, such as 2, 0.5 or 10.25",
            self.text
        )
    }
}

impl std::error::Error for SpeedError {}

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        let steps = || {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let is_number = |part: &str| {
                (1..=MOST_DIGITS).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
            };
            if !is_number(whole) || !is_number(fraction) {
                return None;
            }
            let whole: u64 = whole.parse().ok()?;
            let fraction: u64 = format!("{fraction:0<MOST_DIGITS$}").parse().ok()?;
            Some(whole * STEPS + fraction)
        };
        match steps() {
            Some(captured) if captured > 0 => Ok(Self { captured, replayed: STEPS }),
            _ => Err(SpeedError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.captured / STEPS, self.captured % STEPS);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:0MOST_DIGITS$}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
#[path = "growth_tests.rs"]
mod tests;
