#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]

use super::{Arrivals, Rhythm, Shape};
use crate::dice::Dice;

const SECOND: u64 = 1_000_000_000;

fn arrivals(shape: Shape, rhythm: Rhythm, rate: f64) -> Arrivals {
    Arrivals::new(shape, rhythm, rate, Dice::of(1, 0, 0))
}

/// Connections before a time.
fn count(mut arrivals: Arrivals, until: u64) -> u64 {
    let mut last = 0;
    let mut count = 0;
    while let Some(time) = arrivals.next().filter(|time| *time < until) {
        assert!(time >= last, "{time} is before {last}");
        (last, count) = (time, count + 1);
    }
    count
}

/// Rate times time, exactly, however long.
#[test]
fn a_constant_rate_is_exact() {
    let mut regular = arrivals(Shape::constant(), Rhythm::Regular, 50.0);
    for n in 0..2_000_000 {
        assert_eq!(regular.next(), Some(n * 20_000_000));
    }
    let third = arrivals(Shape::constant(), Rhythm::Regular, 1000.0 / 3.0);
    assert_eq!(count(third, 3_600 * SECOND), 1_200_000);
}

/// The integral of a ramp from `a` to `b` over `t` is `(a + b) t / 2`.
#[test]
fn a_ramp_opens_its_integral() {
    for (from, to) in [(0.0, 2.0), (2.0, 0.0), (0.5, 3.0), (1.0, 1.0)] {
        let ramp = || arrivals(Shape::ramp(from, to, 100 * SECOND), Rhythm::Regular, 40.0);
        let whole = 40.0 * (from + to) / 2.0 * 100.0;
        let found = count(ramp(), 100 * SECOND);
        assert!(found.abs_diff(whole as u64) <= 1, "{from} to {to}: {found}, not {whole}");
        let half = 40.0 * f64::midpoint(from, f64::midpoint(from, to)) * 50.0;
        assert!(count(ramp(), 50 * SECOND).abs_diff(half as u64) <= 1);
        let later = count(ramp(), 200 * SECOND) - found;
        assert!(later.abs_diff((40.0 * to * 100.0) as u64) <= 1, "the last factor holds: {later}");
    }
    assert!(arrivals(Shape::ramp(1.0, 0.0, SECOND), Rhythm::Regular, 5.0).next().is_some());
}

#[test]
fn a_rate_that_ends_at_zero_ends_the_connections() {
    let mut ramp = arrivals(Shape::ramp(2.0, 0.0, 10 * SECOND), Rhythm::Regular, 10.0);
    let mut opened = 0;
    while ramp.next().is_some() {
        opened += 1;
        assert!(opened < 1000);
    }
    assert_eq!(opened, 100);
    assert_eq!(arrivals(Shape::points(&[(0, 0.0)]), Rhythm::Regular, 10.0).next(), None);
}

#[test]
fn a_burst_opens_its_integral_in_its_place() {
    let burst = || arrivals(Shape::burst(21.0, 60 * SECOND, 3 * SECOND), Rhythm::Regular, 10.0);
    let before = count(burst(), 57 * SECOND);
    assert_eq!(before, 570);
    assert_eq!(count(burst(), 60 * SECOND) - before, 630);
    assert_eq!(count(burst(), 600 * SECOND), 12_000);
}

/// A whole period of the cosine opens rate times period; its halves differ by what the integral says.
#[test]
fn a_day_opens_its_integral() {
    let day = || arrivals(Shape::diurnal(0.8, 86_400 * SECOND, 43_200 * SECOND), Rhythm::Regular, 1.0);
    assert!(count(day(), 86_400 * SECOND).abs_diff(86_400) <= 1);
    assert!(count(day(), 10 * 86_400 * SECOND).abs_diff(864_000) <= 1);
    let peak = count(day(), 64_800 * SECOND) - count(day(), 21_600 * SECOND);
    let integral = 43_200.0 + 0.8 * 86_400.0 / std::f64::consts::PI;
    assert!((peak as f64 / integral - 1.0).abs() < 0.001, "{peak}, not {integral}");
}

#[test]
fn points_are_joined_by_lines() {
    let points = [(10 * SECOND, 1.0), (20 * SECOND, 3.0), (20 * SECOND, 0.0), (30 * SECOND, 2.0)];
    let shape = || arrivals(Shape::points(&points), Rhythm::Regular, 100.0);
    for (until, expected) in [(10, 1_000), (20, 3_000), (30, 4_000), (40, 6_000)] {
        let found = count(shape(), until * SECOND);
        assert!(found.abs_diff(expected) <= 1, "{found} before {until} s");
    }
}

#[test]
fn at_random_there_are_as_many_in_the_mean() {
    let poisson = arrivals(Shape::constant(), Rhythm::Poisson, 100.0);
    let found = count(poisson, 1_000 * SECOND);
    // Four deviations of 316.
    assert!(found.abs_diff(100_000) < 1_265, "{found}");
    let burst = arrivals(Shape::burst(20.0, SECOND, SECOND / 10), Rhythm::Poisson, 100.0);
    assert!(count(burst, 100 * SECOND).abs_diff(29_000) < 682);
}
