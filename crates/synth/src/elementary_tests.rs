use super::{cos_turns, exp, ln, rounded, whole};

/// Relative to the larger of the two, or absolute near zero.
#[track_caller]
fn is_near(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-14 * theirs.abs().max(1.0), "{ours} is not {theirs}");
}

#[test]
fn they_agree_with_the_platform_to_the_last_digits() {
    for n in 1..20_000_u32 {
        let x = f64::from(n) / 997.0;
        is_near(ln(x), x.ln());
        is_near(ln(x * 1e-9), (x * 1e-9).ln());
        is_near(ln(x * 1e30), (x * 1e30).ln());
        is_near(exp(-x), (-x).exp());
        is_near(exp(x) / x.exp(), 1.0);
        // The platform's argument is rounded: it is compared in the first turn.
        let turn = x.fract();
        is_near(cos_turns(x), (turn * std::f64::consts::TAU).cos());
        is_near(cos_turns(-x), (turn * std::f64::consts::TAU).cos());
    }
}

#[test]
fn the_ends_of_the_range() {
    assert_eq!(ln(1.0).to_bits(), 0.0_f64.to_bits());
    assert_eq!(exp(0.0).to_bits(), 1.0_f64.to_bits());
    assert_eq!(exp(-1e9).to_bits(), 0.0_f64.to_bits());
    assert!(exp(1e9).is_finite() && exp(700.0) > 1e300);
    assert_eq!(rounded(-3.0), 0);
    assert_eq!(rounded(f64::NAN), 0);
    assert_eq!(rounded(1e300), u64::MAX);
    assert_eq!(rounded(whole(1 << 53)), 1 << 53);
}

/// The same bits on every machine: these were written down once.
#[test]
fn results_do_not_move() {
    let all = [ln(0.3), ln(1e-17), exp(1.7), exp(-20.3), cos_turns(0.137), cos_turns(0.61)];
    let bits = all.map(f64::to_bits);
    assert_eq!(bits, BITS, "{bits:#x?}");
}

const BITS: [u64; 6] = [
    0xbff3_4378_fcbd_a720,
    0xc043_926c_d770_aa67,
    0x4015_e552_770d_f8a7,
    0x3e1a_3b8d_c86d_1c94,
    0x3fe4_dbd2_6693_1b9f,
    0xbfe8_a80b_635b_6beb,
];
