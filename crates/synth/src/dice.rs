//! Random numbers that are the same everywhere.

use crate::elementary::{ln, whole};

/// What `SplitMix64` adds at each step: the golden ratio in 64 bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The generator `SplitMix64` (Steele, Lea and Flood, 2014). Each connection has one of its own, so that what it does
/// depends on the seed, its class and its number there, and on nothing that happens around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of one stream under a seed, such as a class of traffic and the number of a connection.
    pub(crate) const fn of(seed: u64, stream: u64, number: u64) -> Self {
        let seeded = mix(seed.wrapping_add(STEP));
        let streamed = mix(seeded ^ stream.wrapping_add(1).wrapping_mul(STEP));
        Self(mix(streamed ^ number.wrapping_mul(STEP)))
    }

    /// 64 random bits.
    #[inline]
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `sides`; 0 when there are none.
    #[inline]
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(sides);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// As [`Dice::roll`].
    #[inline]
    pub(crate) fn roll32(&mut self, sides: u32) -> u32 {
        u32::try_from(self.roll(sides.into())).unwrap_or(0)
    }

    /// A number from 0 up to, and without, 1.
    #[inline]
    pub(crate) const fn unit(&mut self) -> f64 {
        whole(self.bits() >> 11) / whole(1 << 53)
    }

    /// An exponentially distributed number of mean 1.
    #[inline]
    pub(crate) fn exponential(&mut self) -> f64 {
        -ln(1.0 - self.unit())
    }

    /// True for this share of all calls.
    #[inline]
    pub(crate) fn falls_under(&mut self, share: f64) -> bool {
        self.unit() < share
    }
}

const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
#[path = "dice_tests.rs"]
mod tests;
