use std::collections::BTreeSet;

use proptest::prelude::*;
use vpcreplay_flow::Timestamp;

use super::Wheel;

/// Spans from 1 ns to centuries, so that every level of the wheel is used.
fn spans() -> impl Strategy<Value = i64> {
    (0_u32..62, 0_i64..1000).prop_map(|(shift, jitter)| (1_i64 << shift).saturating_add(jitter))
}

proptest! {
    // S7.2: exactly, no wheel granularity. A sorted set of (time, index) is the model.
    #[test]
    fn pops_what_a_sorted_set_pops(
        start in prop_oneof![Just(i64::MIN), Just(-5), Just(0), Just(1_700_000_000_000_000_000)],
        steps in prop::collection::vec((0_u32..20, spans(), prop::bool::ANY), 1..300),
    ) {
        let mut wheel = Wheel::new();
        let mut model: BTreeSet<(Timestamp, u32)> = BTreeSet::new();
        let mut now = start;
        for (index, span, is_set) in steps {
            if is_set {
                let at = Timestamp::from_nanos(now.saturating_add(span));
                model.retain(|(_, other)| *other != index);
                if at != Timestamp::MAX {
                    model.insert((at, index));
                }
                wheel.set(index, at);
                prop_assert_eq!(wheel.at(index), at);
            } else {
                now = now.saturating_add(span);
                let time = Timestamp::from_nanos(now);
                while let Some(&due) = model.first().filter(|(at, _)| *at <= time) {
                    model.pop_first();
                    prop_assert_eq!(wheel.pop(time), Some(due));
                }
                prop_assert_eq!(wheel.pop(time), None);
            }
            let first = model.first().map_or(Timestamp::MAX, |(at, _)| *at);
            prop_assert!(wheel.not_before() <= first);
        }
    }
}

#[test]
fn a_timer_moved_within_the_tick_being_served_goes_off_once() {
    let mut wheel = Wheel::new();
    let time = Timestamp::from_nanos;
    wheel.set(3, time(500));
    assert_eq!(wheel.pop(time(100)), None);
    wheel.set(3, time(300));
    wheel.set(3, time(400));
    assert_eq!(wheel.pop(time(350)), None);
    assert_eq!(wheel.pop(time(1000)), Some((time(400), 3)));
    assert_eq!(wheel.pop(time(1000)), None);
}
