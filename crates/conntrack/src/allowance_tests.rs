use proptest::prelude::*;
use vpcreplay_flow::{Span, Timestamp};

use super::{Ledger, Peak};
use crate::SeriesRow;

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

/// Entries that live, by scope and deadline, told of everything at once.
#[derive(Default)]
struct Naive {
    entries: Vec<(u32, i64)>,
    peaks: [(u64, Option<i64>); 2],
    exceeded: [u64; 2],
}

impl Naive {
    fn occupancy(&self, scope: u32) -> u64 {
        self.entries.iter().filter(|entry| entry.0 == scope).count() as u64
    }

    fn create(&mut self, scope: u32, now: i64, deadline: i64) {
        self.entries.push((scope, deadline));
        let occupancy = self.occupancy(scope);
        let peak = &mut self.peaks[scope as usize];
        if occupancy > peak.0 {
            *peak = (occupancy, Some(now));
        }
    }

    fn expire(&mut self, now: i64) -> Vec<(u32, i64)> {
        let (gone, live) = self.entries.iter().partition(|(_, deadline)| *deadline <= now);
        self.entries = live;
        gone
    }
}

proptest! {
    // S7.8, S7.9: peaks, occupancy and refusals are those of books that are kept packet by packet, however late
    // what expired is told and however seldom the books are closed; so are the rows of the series.
    #[test]
    fn late_books_are_right(
        limit in 0_u64..6,
        steps in prop::collection::vec((0_u32..2, 0_i64..40, 1_i64..60, 0_u32..8), 1..120),
    ) {
        let period = Some(Span::from_nanos(10));
        let (mut late, mut eager, mut naive) = (Ledger::new(period), Ledger::new(period), Naive::default());
        for scope in 0..2 {
            late.set_limit(scope, limit, at(0));
            eager.set_limit(scope, limit, at(0));
        }
        let (mut now, mut untold) = (0, Vec::new());
        for (scope, wait, timeout, deed) in steps {
            now += wait;
            let expired = naive.expire(now);
            untold.extend(expired.clone());
            late.packet(0, at(now));
            eager.packet(0, at(now));
            for (scope, deadline) in expired {
                eager.expired(scope, at(deadline));
            }
            // A scope that looks full, and books that are to be closed, want to know all that expired.
            if late.is_full(scope) || deed == 0 {
                for (scope, deadline) in untold.drain(..).rev() {
                    late.expired(scope, at(deadline));
                }
            }
            prop_assert_eq!(late.is_full(scope), naive.occupancy(scope) >= limit);
            if naive.occupancy(scope) >= limit {
                naive.exceeded[scope as usize] += 1;
                late.exceeded(scope, (0, at(now)));
                eager.exceeded(scope, (0, at(now)));
            } else {
                naive.create(scope, now, now + timeout);
                late.created(scope, (0, at(now)));
                eager.created(scope, (0, at(now)));
                let newest = naive.entries.len() - 1;
                if deed > 5 {
                    naive.entries.remove(newest);
                    late.reopened(scope, (0, at(now)));
                    eager.reopened(scope, (0, at(now)));
                }
            }
            eager.close();
            if deed == 0 {
                late.close();
            }
        }
        for (scope, deadline) in untold {
            late.expired(scope, at(deadline));
        }
        late.close();
        for ledger in [&mut late, &mut eager] {
            for scope in 0..2 {
                let (occupancy, time) = naive.peaks[scope as usize];
                prop_assert_eq!(ledger.peak(scope), Peak { occupancy, at: time.map(at) });
                prop_assert_eq!(ledger.occupancy(scope), naive.occupancy(scope));
                prop_assert_eq!(ledger.denied(scope), naive.exceeded[scope as usize]);
                prop_assert_eq!(ledger.limit(scope), limit);
            }
            ledger.finish();
        }
        prop_assert_eq!(late.take_rows(), eager.take_rows());
    }
}

// S10.1: entries that move with their interface are booked at once, and a lowered limit evicts nothing.
#[test]
fn entries_move_and_limits_fall() {
    let mut ledger = Ledger::new(None);
    ledger.set_limit(0, 3, at(0));
    ledger.set_limit(1, 3, at(0));
    for _ in 0..3 {
        ledger.created(0, (0, at(1)));
    }
    ledger.close();
    ledger.left(0, 3, at(2));
    ledger.came(1, 3, at(2));
    ledger.set_limit(1, 2, at(2));
    assert!(!ledger.is_full(0) && ledger.is_full(1) && ledger.is_full(9));
    assert_eq!((ledger.occupancy(0), ledger.occupancy(1)), (0, 3));
    assert_eq!(ledger.peak(1), Peak { occupancy: 3, at: Some(at(2)) });
    ledger.removed(1, at(3));
    ledger.expired(1, at(4));
    ledger.close_expired(at(5));
    assert_eq!(ledger.occupancy(1), 1);
    ledger.created(1, (0, at(6)));
    ledger.close();
    assert_eq!(ledger.peak(1), Peak { occupancy: 3, at: Some(at(2)) });
}

fn ledger(limits: &[u64]) -> Ledger {
    let mut ledger = Ledger::new(Some(Span::from_nanos(10)));
    for (scope, limit) in (0..).zip(limits) {
        ledger.set_limit(scope, *limit, at(1));
    }
    ledger
}

fn row(scope: u32, start: i64, (occupancy_max, occupancy_last): (u64, u64)) -> SeriesRow {
    SeriesRow { scope, start, periods: 1, occupancy_max, occupancy_last, ..SeriesRow::default() }
}

// S7.9: rows begin with the first packet's period and end with the last packet's; every event is in the row of its
// period and scope.
#[test]
fn the_series_has_every_event() {
    let mut ledger = ledger(&[9]);
    ledger.packet(0, at(21));
    for _ in 0..4 {
        ledger.created(0, (0, at(21)));
    }
    ledger.reopened(0, (0, at(22)));
    ledger.packet(0, at(23));
    ledger.exceeded(0, (0, at(23)));
    ledger.exceeded(0, (0, at(23)));
    ledger.packet(0, at(45));
    ledger.expired(0, at(34));
    ledger.close();
    let finished = [
        SeriesRow { created: 4, reopened: 1, exceeded: 2, ..row(0, 20, (4, 3)) },
        SeriesRow { expired: 1, ..row(0, 30, (3, 2)) },
    ];
    assert_eq!(ledger.take_rows(), finished);
    assert_eq!(ledger.take_rows(), [], "rows are taken once");
    ledger.finish();
    assert_eq!(ledger.take_rows(), [row(0, 40, (2, 2))]);
}

// S7.9, S10.1: what a later model does on a packet's way is in the row of its time.
#[test]
fn a_later_model_is_in_the_series() {
    let mut ledger = ledger(&[9]);
    ledger.packet(0, at(1));
    for _ in 0..5 {
        ledger.created(0, (0, at(1)));
    }
    ledger.close();
    ledger.begin_packet(at(25));
    ledger.expired(0, at(12));
    ledger.close_expired(at(15));
    ledger.removed(0, at(15));
    ledger.left(0, 2, at(15));
    ledger.set_limit(1, 9, at(15));
    ledger.came(1, 2, at(15));
    ledger.open_packet(at(25));
    ledger.finish();
    let rows = [
        SeriesRow { created: 5, ..row(0, 0, (5, 5)) },
        SeriesRow { expired: 1, removed: 1, ..row(0, 10, (5, 1)) },
        row(1, 10, (2, 2)),
        row(0, 20, (1, 1)),
        row(1, 20, (2, 2)),
    ];
    assert_eq!(ledger.take_rows(), rows);
}

// S7.9, S10.1: a later model in a gap of more than 10,000 periods has a row of its own, and the runs go on behind it.
#[test]
fn a_later_model_in_a_long_gap() {
    let mut ledger = ledger(&[9]);
    ledger.packet(0, at(1));
    ledger.created(0, (0, at(1)));
    ledger.close();
    ledger.begin_packet(at(200_000));
    ledger.removed(0, at(55));
    ledger.open_packet(at(200_000));
    ledger.finish();
    let runs: Vec<(i64, u64)> = ledger.take_rows().iter().map(|row| (row.start, row.periods)).collect();
    assert_eq!(runs, [(0, 1), (10, 4), (50, 1), (60, 19_994), (200_000, 1)]);
}

// S7.8: the peak is the greatest occupancy and when it was first reached, with a series and without; each scope has its
// own.
#[test]
fn the_peak_is_when_it_was_first_reached() {
    let mut silent = Ledger::new(None);
    silent.set_limit(0, 9, at(1));
    silent.set_limit(1, 9, at(1));
    let peak = |occupancy, time| Peak { occupancy, at: Some(at(time)) };
    for mut ledger in [ledger(&[9, 9]), silent] {
        for (scope, time) in [(0, 1), (0, 2), (1, 3)] {
            ledger.created(scope, (0, at(time)));
        }
        ledger.expired(0, at(4));
        ledger.created(0, (0, at(5)));
        ledger.close();
        assert_eq!(
            (ledger.peak(0), ledger.peak(1), ledger.peak(2)),
            (peak(2, 2), peak(1, 3), Peak::default())
        );
        ledger.created(0, (0, at(6)));
        ledger.close();
        assert_eq!(ledger.peak(0), peak(3, 6));
    }
}

// S7.8, S10.1: a limit of 0 is allowed, a lowered one evicts nothing, a raised one makes room; a scope that no model has
// brought in has no room.
#[test]
fn limits_change() {
    let mut ledger = ledger(&[0, 3]);
    assert!(ledger.is_full(0) && !ledger.is_full(1) && ledger.is_full(2));
    for _ in 0..3 {
        ledger.created(1, (0, at(1)));
    }
    ledger.close();
    ledger.set_limit(1, 1, at(2));
    ledger.expired(1, at(3));
    ledger.close();
    assert_eq!((ledger.occupancy(1), ledger.limit(1), ledger.is_full(1)), (2, 1, true));
    ledger.set_limit(1, 3, at(4));
    assert!(!ledger.is_full(1));
    assert_eq!((ledger.limit(0), ledger.limit(2), ledger.occupancy(2), ledger.denied(2)), (0, 0, 0, 0));
}

// S7.9: of the packets of a period only the first says something to a series, of which parts keep note for the whole.
#[test]
fn the_first_packet_of_each_period_is_noted() {
    let noted = |mut ledger: Ledger| {
        for (number, now) in (1..).zip([-11, -10, -3, -3, 0, 9, 10, 10, 35, i64::MAX - 6, i64::MAX - 1]) {
            ledger.packet(number, at(now));
        }
        ledger.deeds.iter().map(|(number, ..)| *number).collect::<Vec<_>>()
    };
    let ledger = Ledger::new(Some(Span::from_nanos(10)));
    assert_eq!(noted(ledger.part()), [1, 2, 5, 7, 9, 10]);
    assert_eq!(noted(ledger), [1, 2, 5, 7, 9, 10]);
    assert_eq!(noted(Ledger::new(None)), []);
}
