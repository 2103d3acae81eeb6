use std::net::Ipv4Addr;

use vpcreplay_flow::{End, Event, FlowKey, Protocol, Span, Timestamp};

use super::{MOST_NEARER, Shard};
use crate::wheel::STALE;
use crate::{AsideMut, Departed, Ending, Entry, Listener, Tracking};

fn at(time: i64) -> Timestamp {
    Timestamp::from_nanos(time)
}

fn entry(deadline: i64) -> Entry {
    let tracking = Tracking::open(Event::Udp, End::A, End::A);
    Entry { eni: 0, rule: 0, number: 1, deadline: at(deadline), tracking }
}

/// When connections ended.
#[derive(Default)]
struct Ends(Vec<Timestamp>);

impl Listener<(), ()> for Ends {
    fn ended(&mut self, _aside: AsideMut<'_, (), ()>, _entry: &Entry, _ending: Ending, at: Timestamp) {
        self.0.push(at);
    }

    fn over(&mut self, _flow: Departed<(), ()>, _at: Timestamp) {}
}

/// Adds a flow with a connection.
fn add(shard: &mut Shard<(), ()>, port: u16, deadline: i64) -> u32 {
    let ends = [1, 2].map(|last| Ipv4Addr::new(10, 0, 0, last).into());
    let key = FlowKey::ports(Protocol::UDP, (ends[0], port), (ends[1], 53)).0;
    let place = shard.insert(&key, key.hash64(), at(0));
    shard.track(place, entry(deadline));
    shard.settle(place);
    place
}

// Timers that mean nothing any more are cleared away, never one that does: memory is bounded by what is in use.
#[test]
fn stale_timers_are_bounded() {
    const LAST: i64 = 1_000_000;
    let mut shard: Shard<(), ()> = Shard::new(Span::from_nanos(300), 10);
    // Five flows; two of them end.
    let place = add(&mut shard, 0, LAST);
    for (port, deadline) in [(1, LAST), (2, LAST), (3, 10), (4, 10)] {
        add(&mut shard, port, deadline);
    }
    let mut ends = Ends::default();
    shard.advance(at(10), &mut ends);
    assert_eq!(ends.0, [at(10); 2]);
    // A deadline that comes nearer again and again leaves a timer behind each time.
    let mut most = 0;
    let steps = 3 * i64::try_from(STALE).unwrap();
    for step in 1..=steps {
        shard.untrack(place, 0, at(10));
        shard.track(place, entry(LAST - step));
        shard.settle(place);
        shard.set_nearer();
        most = most.max(shard.wheel.len());
    }
    assert_eq!(most, 3 * 2 + STALE);
    ends.0.clear();
    shard.advance(at(LAST), &mut ends);
    assert_eq!(ends.0, [at(LAST - steps), at(LAST), at(LAST)]);
    assert_eq!(shard.wheel.len(), 0);
}

/// Flows whose next event comes nearer wait until their timers are looked at, more of them than may wait; some are taken out
/// meanwhile, and their places taken by others. All end in order of time, none too late.
#[test]
fn what_comes_nearer_ends_in_time() {
    const FAR: i64 = 1_000_000_000_000;
    const FLOWS: u16 = 3_000;
    assert!(usize::from(FLOWS) > 2 * MOST_NEARER);
    let mut shard: Shard<(), ()> = Shard::new(Span::from_nanos(0), 10);
    let places: Vec<u32> = (1..=FLOWS).map(|port| add(&mut shard, port, FAR)).collect();
    shard.advance(at(1), &mut Ends::default());
    // Nearer in steps, the last flow first, so that a flow waits for several reasons at once.
    for nearer in [2_000_000, 1_000_000] {
        for number in (1..=i64::from(FLOWS)).rev() {
            let place = places[usize::try_from(number - 1).unwrap()];
            shard.untrack(place, 0, at(1));
            shard.track(place, entry(nearer + number));
            shard.settle(place);
            assert!(shard.not_before() <= at(nearer + number), "nothing may be overlooked");
            assert!(shard.nearer.len() < MOST_NEARER, "a bound on those that wait");
        }
    }
    // One that waits is taken out, and another one takes its place.
    shard.remove(places[0]);
    assert_eq!(add(&mut shard, FLOWS + 1, 5), places[0]);
    let mut ends = Ends::default();
    shard.advance(at(1_000_000 + i64::from(FLOWS)), &mut ends);
    let expected: Vec<_> = (2..=i64::from(FLOWS)).map(|number| at(1_000_000 + number)).collect();
    assert_eq!(ends.0.split_first(), Some((&at(5), expected.as_slice())));
}
