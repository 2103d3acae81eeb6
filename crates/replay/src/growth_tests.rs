use vpcreplay_flow::{Span, Timestamp};

use super::{Shift, Speed};

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

#[test]
fn a_speed_is_a_decimal_number_kept_exactly() {
    for (text, shown) in [("1", "1"), ("2.50", "2.5"), ("0.000000001", "0.000000001"), ("007.1", "7.1")] {
        assert_eq!(text.parse::<Speed>().unwrap().to_string(), shown);
    }
    for text in ["", "0", "0.0", "-1", "+2", "1e3", ".5", "5.", "1.0000000001", "1000000000", "1.5x", "NaN"] {
        let error = text.parse::<Speed>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{text}`")) && error.contains("10.25"), "{error}");
    }
    assert_eq!("1.000".parse::<Speed>().unwrap(), Speed::ONE);
}

// S1.1: integers only; a third of a nanosecond is rounded down, before the first packet too.
#[test]
fn time_is_divided_and_rounded_down() {
    let three: Speed = "3".parse().unwrap();
    let cases = [(1_000, 1_000), (1_003, 1_001), (1_002, 1_000), (999, 999), (997, 999), (996, 998)];
    for (time, replayed) in cases {
        assert_eq!(three.at(at(time), at(1_000)), at(replayed), "{time}");
    }
    let slow: Speed = "0.25".parse().unwrap();
    assert_eq!(slow.at(at(1_003), at(1_000)), at(1_012));
    // Beyond the range of times it is the last one; no arithmetic overflows on the way.
    let slowest: Speed = "0.000000001".parse().unwrap();
    assert_eq!(slowest.at(Timestamp::MAX, Timestamp::MIN), Timestamp::MAX);
    assert_eq!(slowest.at(Timestamp::MIN, Timestamp::MAX), Timestamp::MIN);
    assert_eq!(Speed::ONE.at(Timestamp::MIN, Timestamp::MAX), Timestamp::MIN);
}

#[test]
fn shifts_are_drawn_below_the_bound_and_the_original_has_none() {
    let shift = Shift { most: Span::from_secs(10), seed: 7 };
    let drawn: Vec<Span> = (0..100).map(|copy| shift.of(copy)).collect();
    assert_eq!(drawn[0], Span::default());
    assert!(drawn.iter().all(|late| *late < shift.most));
    // Spread over all of the span: each fifth has some.
    for fifth in 0..5 {
        let part = Span::from_secs(2 * fifth)..Span::from_secs(2 * fifth + 2);
        assert!(drawn.iter().skip(1).any(|late| part.contains(late)), "{part:?}");
    }
    let other = Shift { seed: 8, ..shift };
    assert!((1..100).all(|copy| shift.of(copy) != other.of(copy)));
    let none = Shift { most: Span::from_nanos(1), seed: 7 };
    assert!((0..100).all(|copy| none.of(copy) == Span::default()));
}
