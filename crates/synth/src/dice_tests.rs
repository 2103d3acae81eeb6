use super::{Dice, STEP};

/// The generator's published outputs for the seed 1234567.
#[test]
fn it_is_splitmix64() {
    let mut dice = Dice(1_234_567);
    let bits: Vec<u64> = (0..5).map(|_| dice.bits()).collect();
    let published = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(bits, published);
}

#[test]
fn streams_differ_in_seed_stream_and_number() {
    let mut first = std::collections::BTreeSet::new();
    for seed in [0, 1, STEP] {
        for stream in 0..20 {
            for number in [0, 1, 2, STEP, u64::MAX] {
                assert!(first.insert(Dice::of(seed, stream, number).bits()));
            }
        }
    }
}

#[test]
fn rolls_and_shares_are_even() {
    let mut dice = Dice::of(1, 2, 3);
    let mut faces = [0_u32; 6];
    for _ in 0..60_000 {
        faces[usize::try_from(dice.roll(6)).unwrap()] += 1;
    }
    assert!(faces.iter().all(|count| count.abs_diff(10_000) < 400), "{faces:?}");
    assert_eq!(dice.roll(0), 0);
    assert!((0..1000).all(|_| !dice.falls_under(0.0) && dice.falls_under(1.0)));
    let mean = (0..100_000).map(|_| dice.exponential()).sum::<f64>() / 1e5;
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
}
