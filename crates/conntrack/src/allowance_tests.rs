use proptest::prelude::*;
use vpcreplay_flow::{Span, Timestamp};

use super::{Ledger, Peak};

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
            late.packet(at(now));
            eager.packet(at(now));
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
                late.exceeded(scope, at(now));
                eager.exceeded(scope, at(now));
            } else {
                naive.create(scope, now, now + timeout);
                late.created(scope, at(now));
                eager.created(scope, at(now));
                let newest = naive.entries.len() - 1;
                if deed > 5 {
                    naive.entries.remove(newest);
                    late.reopened(scope, at(now));
                    eager.reopened(scope, at(now));
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
        ledger.created(0, at(1));
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
    ledger.created(1, at(6));
    ledger.close();
    assert_eq!(ledger.peak(1), Peak { occupancy: 3, at: Some(at(2)) });
}
