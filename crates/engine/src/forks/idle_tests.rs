use vpcreplay_flow::{Span, Timestamp};

use super::Idle;

/// A number that looks like chance.
fn drawn(at: u64) -> u64 {
    let mixed = (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

// S7.2: each value ends each connection once, at its last packet + value, unless a packet came before; and what is saved is
// dropped without a cursor losing its place.
#[test]
fn every_value_ends_what_no_packet_saved() {
    let values: Vec<Span> = [2_u64, 50, 51, 4_000, 90_000].map(Span::from_nanos).to_vec();
    let mut idle = Idle::new(values.len());
    // The slow way: connections with their ends by value, those that are not saved.
    let mut slow: Vec<(i64, u64, Option<i64>)> = Vec::new();
    let (mut ended, mut expected) = (vec![0_u64; values.len()], vec![0_u64; values.len()]);
    for step in 0..40_000_u64 {
        let now = i64::try_from(step).unwrap() * 3;
        let time = Timestamp::from_nanos(now);
        // Most are saved soon, a few never.
        for salt in 0..3 {
            let back = 1 + drawn(3 * step + salt) % 500;
            let Some(other) = step.checked_sub(back).and_then(|other| usize::try_from(other).ok()) else {
                continue;
            };
            if let Some((seen, key, saved @ None)) = slow.get_mut(other) {
                let from =
                    values.iter().filter(|value| Timestamp::from_nanos(*seen).after(**value).is_due(time));
                idle.save(*key, from.count());
                *saved = Some(now);
            }
        }
        idle.push((time, step), 0, &(0..values.len()));
        slow.push((now, step, None));
        if step % 100 == 99 {
            idle.look(&values);
            idle.advance(time, &values, |value, scope| {
                assert_eq!(scope, 0);
                ended[value] += 1;
            });
            idle.tidy();
            if step % 5_000 == 4_999 {
                expected.fill(0);
                for (seen, _, saved) in &slow {
                    for (count, value) in expected.iter_mut().zip(&values) {
                        let end = Timestamp::from_nanos(*seen).after(*value);
                        let is_saved = saved.is_some_and(|saved| Timestamp::from_nanos(saved) < end);
                        *count += u64::from(end.is_due(time) && !is_saved);
                    }
                }
                assert_eq!(ended, expected, "after {step} steps");
            }
        }
    }
    // Those of the greatest value's time are 30,000.
    assert!(idle.items.len() < 15_000, "saved ones are dropped: {}", idle.items.len());
}
