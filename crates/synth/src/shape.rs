//! How many connections open, and when.

use crate::dice::Dice;
use crate::elementary::{cos_turns, rounded, whole};

/// Straight pieces that a period of a diurnal shape is made of.
const DIURNAL_PIECES: u32 = 96;

/// A rate over time, as factors of the class's rate: straight pieces, then either the last factor for ever or all over
/// again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pieces: Vec<Piece>,
    after: After,
}

/// A time in which the factor goes straight from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    /// Nanoseconds.
    pub(crate) length: u64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// What comes after the last piece.
#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    Hold(f64),
    Again,
}

impl Shape {
    /// The rate itself, for ever.
    pub(crate) const fn constant() -> Self {
        Self { pieces: Vec::new(), after: After::Hold(1.0) }
    }

    /// From one factor to another, then the latter.
    pub(crate) fn ramp(from: f64, to: f64, over: u64) -> Self {
        Self { pieces: vec![Piece { length: over, from, to }], after: After::Hold(to) }
    }

    /// At the end of each period a burst.
    pub(crate) fn burst(factor: f64, every: u64, length: u64) -> Self {
        let quiet = Piece { length: every.saturating_sub(length), from: 1.0, to: 1.0 };
        Self { pieces: vec![quiet, Piece { length, from: factor, to: factor }], after: After::Again }
    }

    /// A cosine around 1, in straight pieces whose mean is 1 too.
    pub(crate) fn diurnal(depth: f64, period: u64, peak_at: u64) -> Self {
        let peak = whole(peak_at) / whole(period);
        let factor = |piece: u32| {
            1.0 + depth * cos_turns(f64::from(piece % DIURNAL_PIECES) / f64::from(DIURNAL_PIECES) - peak)
        };
        let start = |piece: u32| {
            u64::try_from(u128::from(period) * u128::from(piece) / u128::from(DIURNAL_PIECES))
                .unwrap_or(u64::MAX)
        };
        let piece = |n: u32| Piece {
            length: start(n + 1) - start(n),
            from: factor(n).max(0.0),
            to: factor(n + 1).max(0.0),
        };
        Self { pieces: (0..DIURNAL_PIECES).map(piece).collect(), after: After::Again }
    }

    /// Straight lines between points, then the last factor. Points are a time and a factor, in order of time.
    pub(crate) fn points(points: &[(u64, f64)]) -> Self {
        let mut pieces = Vec::new();
        let (mut at, mut from) = (0, points.first().map_or(1.0, |(_, factor)| *factor));
        for (time, to) in points {
            if *time > at {
                pieces.push(Piece { length: time - at, from, to: *to });
            }
            (at, from) = (*time, *to);
        }
        Self { pieces, after: After::Hold(from) }
    }
}

/// Whether connections open in step or at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// One whenever the integral of the rate reaches the next whole number, the first at once.
    Regular,
    /// A Poisson process.
    Poisson,
}

/// The times at which connections of a class open, one after another.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    shape: Shape,
    rhythm: Rhythm,
    dice: Dice,
    /// Connections a second at factor 1.
    rate: f64,
    /// The piece that time is in; behind the last one when the last factor holds.
    piece: usize,
    /// When the piece began: nanoseconds from the start.
    began: u64,
    /// The integral of the rate from the piece's begin to the next connection. Keeping the integral and not the time
    /// makes regular arrivals exact, however many there are.
    mass: f64,
}

impl Arrivals {
    pub(crate) fn new(shape: Shape, rhythm: Rhythm, rate: f64, dice: Dice) -> Self {
        let mut arrivals = Self { shape, rhythm, dice, rate, piece: 0, began: 0, mass: 0.0 };
        if rhythm == Rhythm::Poisson {
            arrivals.mass = arrivals.dice.exponential();
        }
        arrivals
    }

    /// When the next connection opens: nanoseconds from the start; `None` when no more will.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let time = self.time_of_mass()?;
        self.mass += match self.rhythm {
            Rhythm::Regular => 1.0,
            Rhythm::Poisson => self.dice.exponential(),
        };
        Some(time)
    }

    /// The time at which the integral reaches the mass.
    fn time_of_mass(&mut self) -> Option<u64> {
        loop {
            let Some(piece) = self.shape.pieces.get(self.piece).copied() else {
                match self.shape.after {
                    After::Again => self.piece = 0,
                    After::Hold(factor) => {
                        let seconds = self.mass / (self.rate * factor);
                        return seconds.is_finite().then(|| self.began.saturating_add(nanos(seconds)));
                    }
                }
                continue;
            };
            let seconds = whole(piece.length) / 1e9;
            let whole_mass = self.rate * (piece.from + piece.to) / 2.0 * seconds;
            if self.mass < whole_mass {
                let into = nanos(piece.seconds_to(self.mass / self.rate, seconds));
                return Some(self.began.saturating_add(into.min(piece.length)));
            }
            self.mass -= whole_mass;
            self.began = self.began.checked_add(piece.length)?;
            self.piece += 1;
        }
    }
}

impl Piece {
    /// Seconds from the begin until the integral of the factor reaches an area that the piece has.
    fn seconds_to(&self, area: f64, length: f64) -> f64 {
        let slope = (self.to - self.from) / length;
        // Of the two forms of the solution the one that loses no digits.
        let root = (self.from * self.from + 2.0 * slope * area).max(0.0).sqrt();
        if area > 0.0 { 2.0 * area / (self.from + root) } else { 0.0 }
    }
}

fn nanos(seconds: f64) -> u64 {
    rounded(seconds * 1e9)
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
