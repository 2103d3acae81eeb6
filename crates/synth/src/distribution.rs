//! How lifetimes, counts and sizes are spread.

use crate::dice::Dice;
use crate::elementary::{cos_turns, exp, ln, rounded};

/// A distribution of whole numbers: nanoseconds, packets or bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Distribution {
    pub(crate) kind: Kind,
    /// What is drawn below it is raised to it.
    pub(crate) min: u64,
    /// What is drawn above it is cut to it.
    pub(crate) max: u64,
}

/// The kind of a distribution, before it is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Always the same.
    Constant(u64),
    /// Every number from the minimum to the maximum alike.
    Uniform,
    /// Without memory.
    Exponential { mean: f64 },
    /// Its logarithm is normal.
    LogNormal { median: f64, sigma: f64 },
    /// A power law from the scale on.
    Pareto { scale: f64, alpha: f64 },
}

impl Distribution {
    /// Always the same number.
    pub(crate) const fn constant(value: u64) -> Self {
        Self { kind: Kind::Constant(value), min: value, max: value }
    }

    /// Draws a number.
    #[inline]
    pub(crate) fn draw(&self, dice: &mut Dice) -> u64 {
        let drawn = match self.kind {
            Kind::Constant(value) => return value,
            Kind::Uniform => {
                return self.min + dice.roll((self.max - self.min).saturating_add(1));
            }
            Kind::Exponential { mean } => mean * dice.exponential(),
            Kind::LogNormal { median, sigma } => median * exp(sigma * normal(dice)),
            Kind::Pareto { scale, alpha } => scale * exp(dice.exponential() / alpha),
        };
        rounded(drawn).clamp(self.min, self.max)
    }
}

/// A normally distributed number of mean 0 and deviation 1 (Box and Muller).
fn normal(dice: &mut Dice) -> f64 {
    let radius = (-2.0 * ln(1.0 - dice.unit())).sqrt();
    radius * cos_turns(dice.unit())
}

#[cfg(test)]
#[path = "distribution_tests.rs"]
mod tests;
