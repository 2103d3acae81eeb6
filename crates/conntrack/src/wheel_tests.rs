use std::collections::BTreeMap;

use proptest::prelude::*;
use vpcreplay_flow::Timestamp;

use super::{CHUNK, Wheel};

/// Spans from 1 ns to centuries, so that every level of the wheel is used.
fn spans() -> impl Strategy<Value = i64> {
    (0_u32..62, 0_i64..1000).prop_map(|(shift, jitter)| (1_i64 << shift).saturating_add(jitter))
}

fn wheel(indexes: u32) -> Wheel {
    let mut wheel = Wheel::new();
    (0..indexes).for_each(|_| wheel.add_index());
    wheel
}

proptest! {
    // S7.2: exactly, no wheel granularity. The time of each index is the model, and the earliest is looked for among all.
    #[test]
    fn pops_what_is_earliest(
        start in prop_oneof![Just(i64::MIN), Just(-5), Just(0), Just(1_700_000_000_000_000_000)],
        steps in prop::collection::vec((0_u32..20, spans(), 0_u32..32), 1..300),
    ) {
        let mut wheel = wheel(20);
        let mut model: BTreeMap<u32, Timestamp> = BTreeMap::new();
        let mut now = start;
        let first = |model: &BTreeMap<u32, Timestamp>| model.iter().map(|(index, at)| (*at, *index)).min();
        for (index, span, step) in steps {
            match step {
                0 => wheel.sweep(),
                1 => {
                    wheel.unset(index);
                    model.remove(&index);
                }
                2 => {
                    wheel.spare(index);
                    model.remove(&index);
                }
                3..16 => {
                    let at = Timestamp::from_nanos(now.saturating_add(span));
                    wheel.set(index, at);
                    model.remove(&index);
                    if at != Timestamp::MAX {
                        model.insert(index, at);
                    }
                }
                _ => {
                    now = now.saturating_add(span);
                    let time = Timestamp::from_nanos(now);
                    if step > 27 && first(&model).is_none_or(|(at, _)| at > time) {
                        wheel.keep_up(time);
                        continue;
                    }
                    while let Some(due) = first(&model).filter(|(at, _)| *at <= time) {
                        model.remove(&due.1);
                        prop_assert_eq!(wheel.pop(time), Some(due));
                        prop_assert_eq!(wheel.time(due.1), Timestamp::MAX);
                    }
                    prop_assert_eq!(wheel.pop(time), None);
                    // What was looked for in vain need not be looked for again until something can be found.
                    prop_assert!(time == Timestamp::MAX || wheel.not_before() > time);
                }
            }
            prop_assert!(first(&model).is_none_or(|(at, _)| wheel.not_before() <= at));
            prop_assert!(model.iter().all(|(index, at)| wheel.time(*index) == *at));
            // Stale ones count too, until they are swept.
            prop_assert!(wheel.len >= model.len() && wheel.set == model.len());
            if step == 0 {
                prop_assert_eq!(wheel.len, model.len());
            }
        }
    }
}

// Chunks that are emptied are used again: a wheel that runs for long does not grow.
#[test]
fn a_wheel_that_turns_does_not_grow() {
    let mut wheel = wheel(500);
    let time = |nanos: u64| Timestamp::from_nanos(nanos.cast_signed());
    let mut grown = 0;
    for round in 0..200_u64 {
        let now = round * 3_000_000_000;
        while wheel.pop(time(now)).is_some() {}
        for index in 0..500 {
            wheel.set(index, time(now + 1_000_000_000 + u64::from(index) * 1_000_000));
        }
        if round == 100 {
            grown = wheel.chunks.len();
        }
    }
    assert!(wheel.chunks.len() <= grown + 1, "{} chunks after {grown}", wheel.chunks.len());
}

#[test]
fn a_timer_set_within_the_tick_being_served_keeps_its_turn() {
    let mut wheel = wheel(6);
    let time = Timestamp::from_nanos;
    wheel.set(3, time(500));
    assert_eq!(wheel.pop(time(100)), None);
    wheel.set(4, time(300));
    wheel.set(5, time(600));
    assert_eq!(wheel.pop(time(350)), Some((time(300), 4)));
    assert_eq!(wheel.pop(time(350)), None);
    assert_eq!(wheel.pop(time(1000)), Some((time(500), 3)));
    assert_eq!(wheel.pop(time(1000)), Some((time(600), 5)));
    assert_eq!(wheel.pop(time(1000)), None);
}

// S7.2: more timers than a chunk holds wait in one slot; none is lost, and they share their chunks.
#[test]
fn a_slot_holds_any_number_of_timers() {
    let mut wheel = wheel(500);
    let time = Timestamp::from_nanos(3_600_000_000_000);
    for index in 0..500 {
        wheel.set(index, time);
    }
    assert_eq!(wheel.chunks.len(), 500_usize.div_ceil(CHUNK));
    for index in 0..500 {
        assert_eq!(wheel.pop(time), Some((time, index)));
    }
    assert_eq!((wheel.pop(time), wheel.len), (None, 0));
}
