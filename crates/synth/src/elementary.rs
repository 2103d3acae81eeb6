//! Logarithm, exponential and cosine from additions, multiplications and divisions alone.
//!
//! IEEE 754 fixes the result of those to the last bit, and Rust neither fuses nor reorders them. The functions of the
//! standard library are those of the platform and may differ in their last digit; a packet would move by a
//! nanosecond there, and the capture would not be the same on every machine.

use std::f64::consts::{LN_2, SQRT_2, TAU};

/// Bits of a double's fraction.
const FRACTION_BITS: u32 = 52;
const FRACTION: u64 = (1 << FRACTION_BITS) - 1;
const ONE: u64 = 1023 << FRACTION_BITS;

/// The natural logarithm of a normal positive number.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = whole(bits >> FRACTION_BITS) - 1023.0;
    let mut mantissa = f64::from_bits(bits & FRACTION | ONE);
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    // ln m = 2 artanh t, |t| < 0.172: eleven terms reach the last bits of a double.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let mut sum = 0.0;
    for odd in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * square + 1.0 / odd;
    }
    2.0 * t * sum + exponent * LN_2
}

/// The exponential; what is beyond the range of doubles becomes 0 or the largest of them.
pub(crate) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    if x > 700.0 {
        return f64::MAX;
    }
    let power = (x / LN_2).round();
    let rest = x - power * LN_2;
    let mut sum = 1.0;
    for n in [15.0, 14.0, 13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0] {
        sum = 1.0 + rest / n * sum;
    }
    // The power is in -1010..=1010, so this is the exponent of a normal double.
    sum * f64::from_bits(rounded(power + 1023.0) << FRACTION_BITS)
}

/// The cosine of an angle in turns.
pub(crate) fn cos_turns(turns: f64) -> f64 {
    // The cosine of the angle is the sine of what it lacks to a quarter, between -1/4 and 1/4 of a turn.
    let turn = turns - turns.floor();
    let quarter = if turn > 0.5 { turn - 0.75 } else { 0.25 - turn };
    let angle = quarter * TAU;
    let square = angle * angle;
    let mut sum = 1.0;
    for n in [24.0, 22.0, 20.0, 18.0, 16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0] {
        sum = 1.0 - square / (n * (n + 1.0)) * sum;
    }
    angle * sum
}

/// The nearest whole number; 0 for what is less and for what is no number, the largest for what is more.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a double saturates")]
pub(crate) fn rounded(x: f64) -> u64 {
    x.round() as u64
}

/// A whole number as a double, rounded beyond 2^53.
#[expect(clippy::cast_precision_loss, reason = "that is what the function says")]
pub(crate) const fn whole(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
#[path = "elementary_tests.rs"]
mod tests;
