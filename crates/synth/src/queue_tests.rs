use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::{Event, Queue};

#[derive(Clone, Debug)]
enum Step {
    /// Adds an event so much after the newest one taken.
    Push(u64),
    Pop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let after = (0..60_u32, any::<u64>()).prop_map(|(bits, random)| random >> (63 - bits));
    prop::collection::vec(prop_oneof![3 => after.prop_map(Step::Push), 2 => Just(Step::Pop)], 0..600)
}

proptest! {
    /// As a binary heap has it, time never going back; ranks grow, so that ties are in the order of coming.
    #[test]
    fn it_is_a_priority_queue(steps in steps()) {
        let (mut queue, mut heap) = (Queue::new(), BinaryHeap::new());
        let (mut now, mut rank) = (0_u64, 0);
        let drain = std::iter::repeat_n(Step::Pop, steps.len());
        for step in steps.iter().cloned().chain(drain) {
            match step {
                Step::Push(after) => {
                    let time = now.saturating_add(after);
                    rank += 1;
                    queue.push(Event { time, rank, what: 0 });
                    heap.push(Reverse((time, rank)));
                }
                Step::Pop => {
                    let expected = heap.pop().map(|Reverse(key)| key);
                    prop_assert_eq!(queue.pop().map(|event| (event.time, event.rank)), expected);
                    now = expected.map_or(now, |(time, _)| time);
                }
            }
        }
    }
}

#[test]
fn events_of_one_time_come_by_rank() {
    let mut queue = Queue::new();
    for rank in [5, 1, 4, 2, 3] {
        queue.push(Event { time: 70_000, rank, what: 0 });
    }
    let ranks: Vec<u64> = std::iter::from_fn(|| queue.pop()).map(|event| event.rank).collect();
    assert_eq!(ranks, [1, 2, 3, 4, 5]);
    queue.push(Event { time: 3, rank: 1, what: 9 });
    assert_eq!(queue.pop(), Some(Event { time: 70_000, rank: 1, what: 9 }), "the past is now");
    assert_eq!(queue.pop(), None);
}
