#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]

use super::{Distribution, Kind};
use crate::dice::Dice;

const DRAWS: u32 = 200_000;

fn draws(kind: Kind, min: u64, max: u64) -> Vec<u64> {
    let distribution = Distribution { kind, min, max };
    let mut dice = Dice::of(7, 0, 0);
    let mut draws: Vec<u64> = (0..DRAWS).map(|_| distribution.draw(&mut dice)).collect();
    draws.sort_unstable();
    draws
}

#[track_caller]
fn quantile_is(draws: &[u64], share: f64, expected: f64) {
    let at = (share * f64::from(DRAWS)) as usize;
    let found = draws[at] as f64;
    assert!((found / expected - 1.0).abs() < 0.02, "the {share} quantile is {found}, not {expected}");
}

/// Quantiles against the closed forms.
#[test]
fn quantiles_are_those_of_the_textbook() {
    let exponential = draws(Kind::Exponential { mean: 1e6 }, 0, u64::MAX);
    for share in [0.1, 0.5, 0.9, 0.99] {
        quantile_is(&exponential, share, -1e6 * f64::ln(1.0 - share));
    }
    let log_normal = draws(Kind::LogNormal { median: 1e6, sigma: 1.5 }, 0, u64::MAX);
    quantile_is(&log_normal, 0.5, 1e6);
    quantile_is(&log_normal, 0.841_344_7, 1e6 * f64::exp(1.5));
    quantile_is(&log_normal, 0.158_655_3, 1e6 * f64::exp(-1.5));
    let pareto = draws(Kind::Pareto { scale: 1e6, alpha: 1.2 }, 0, u64::MAX);
    for share in [0.1, 0.5, 0.9] {
        quantile_is(&pareto, share, 1e6 * f64::powf(1.0 - share, -1.0 / 1.2));
    }
    let uniform = draws(Kind::Uniform, 1_000_000, 3_000_000);
    quantile_is(&uniform, 0.25, 1.5e6);
    quantile_is(&uniform, 0.75, 2.5e6);
}

#[test]
fn bounds_hold_and_are_reached() {
    let cut = draws(Kind::Exponential { mean: 1e3 }, 100, 2_000);
    assert_eq!((cut.first(), cut.last()), (Some(&100), Some(&2_000)));
    let dice = draws(Kind::Uniform, 1, 6);
    assert_eq!((dice.first(), dice.last()), (Some(&1), Some(&6)));
    assert_eq!(draws(Kind::Uniform, 0, u64::MAX).len(), DRAWS as usize);
    assert_eq!(Distribution::constant(5).draw(&mut Dice::of(1, 1, 1)), 5);
}
