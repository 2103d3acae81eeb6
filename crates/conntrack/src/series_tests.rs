use vpcreplay_flow::{Span, Timestamp};

use super::{Period, Series, SeriesRow};

const PERIOD: i64 = 10;

fn at(time: i64) -> Timestamp {
    Timestamp::from_nanos(time)
}

fn series(scopes: u32, first: i64) -> Series {
    let mut series = Series::new(Period::of(Span::from_nanos(PERIOD.unsigned_abs())));
    for scope in 0..scopes {
        series.add_scope(scope, at(first));
    }
    packet(&mut series, first, |_| {});
    series
}

/// A packet at a time; `ended` books what ended before it.
fn packet(series: &mut Series, time: i64, ended: impl FnOnce(&mut Series)) {
    series.begin_packet(at(time));
    ended(series);
    series.open_packet(at(time));
}

fn rows(mut series: Series) -> Vec<SeriesRow> {
    series.finish();
    series.take_rows()
}

/// `(scope, start, periods, max, last)` of rows.
fn shape(rows: &[SeriesRow]) -> Vec<(u32, i64, u64, u64, u64)> {
    rows.iter()
        .map(|row| (row.scope, row.start, row.periods, row.occupancy_max, row.occupancy_last))
        .collect()
}

// S7.9: a row for each scope and period from the first packet's to the last packet's, aligned to the epoch, by start, then scope.
#[test]
fn every_scope_has_a_row_for_every_period() {
    let mut series = series(2, 15);
    series.created(1, at(15));
    packet(&mut series, 38, |_| {});
    assert_eq!(
        shape(&rows(series)),
        [
            (0, 10, 1, 0, 0),
            (1, 10, 1, 1, 1),
            (0, 20, 1, 0, 0),
            (1, 20, 1, 1, 1),
            (0, 30, 1, 0, 0),
            (1, 30, 1, 1, 1)
        ]
    );
}

// S7.9: before the epoch periods are aligned downwards.
#[test]
fn periods_before_the_epoch() {
    let mut series = series(1, -15);
    packet(&mut series, -1, |_| {});
    assert_eq!(shape(&rows(series)), [(0, -20, 1, 0, 0), (0, -10, 1, 0, 0)]);
}

// S7.9: an expiry is booked at its deadline; the maximum counts the carry-over after the expiries of the first instant.
#[test]
fn expiry_at_the_first_instant_does_not_count_for_the_maximum() {
    let mut series = series(1, 5);
    series.created(0, at(5));
    series.created(0, at(6));
    packet(&mut series, 25, |series| {
        series.expired(0, at(10));
        series.expired(0, at(11));
    });
    let rows = rows(series);
    assert_eq!(shape(&rows), [(0, 0, 1, 2, 2), (0, 10, 1, 1, 0), (0, 20, 1, 0, 0)]);
    assert_eq!(rows.iter().map(|row| row.expired).collect::<Vec<_>>(), [0, 2, 0]);
}

// S12.8: a removal at the first instant is booked after the carry-over.
#[test]
fn removal_at_the_first_instant_counts_the_carry_over() {
    let mut series = series(1, 5);
    series.created(0, at(5));
    packet(&mut series, 12, |series| series.removed(0, at(10)));
    assert_eq!(shape(&rows(series)), [(0, 0, 1, 1, 1), (0, 10, 1, 1, 0)]);
}

// S7.6, S7.9: a reopening lowers and its new entry raises; both are counted.
#[test]
fn reopening_and_refusals_are_counted() {
    let mut series = series(1, 5);
    series.created(0, at(5));
    series.reopened(0, at(7));
    series.created(0, at(7));
    series.exceeded(0, at(8));
    series.exceeded(0, at(8));
    let rows = rows(series);
    assert_eq!(shape(&rows), [(0, 0, 1, 1, 1)]);
    assert_eq!((rows[0].created, rows[0].reopened, rows[0].exceeded), (2, 1, 2));
}

// S12.8: a gap of exactly 10,000 periods is not run-length coded, one more is.
#[test]
fn only_long_gaps_are_run_length_coded() {
    let gap_of = |periods: i64| {
        let mut series = series(1, 0);
        packet(&mut series, (periods + 1) * PERIOD, |_| {});
        rows(series)
    };
    assert_eq!(gap_of(10_000).len(), 10_002);
    assert_eq!(shape(&gap_of(10_001)), [(0, 0, 1, 0, 0), (0, 10, 10_001, 0, 0), (0, 100_020, 1, 0, 0)]);
}

// S7.9: in a long gap an eventful period stands alone, at every scope; runs go on behind it.
#[test]
fn events_break_the_runs_of_a_long_gap() {
    let mut series = series(2, 0);
    series.created(1, at(0));
    packet(&mut series, 20_000 * PERIOD, |series| series.expired(1, at(55)));
    assert_eq!(
        shape(&rows(series)),
        [
            (0, 0, 1, 0, 0),
            (1, 0, 1, 1, 1),
            (0, 10, 4, 0, 0),
            (1, 10, 4, 1, 1),
            (0, 50, 1, 0, 0),
            (1, 50, 1, 1, 0),
            (0, 60, 19_994, 0, 0),
            (1, 60, 19_994, 0, 0),
            (0, 200_000, 1, 0, 0),
            (1, 200_000, 1, 0, 0),
        ]
    );
}

// S12.8: a scope that a later model brings has rows from its period on.
#[test]
fn a_later_scope_starts_at_its_period() {
    let mut series = series(1, 5);
    packet(&mut series, 35, |series| series.add_scope(1, at(25)));
    assert_eq!(
        shape(&rows(series)),
        [
            (0, 0, 1, 0, 0),
            (0, 10, 1, 0, 0),
            (0, 20, 1, 0, 0),
            (1, 20, 1, 0, 0),
            (0, 30, 1, 0, 0),
            (1, 30, 1, 0, 0)
        ]
    );
}

// S12.8, S13.6: in a long gap the period in which scopes come has a row of its own at each of them, as at those that were there.
#[test]
fn several_scopes_that_come_in_a_long_gap_have_the_same_rows() {
    let mut series = series(1, 5);
    packet(&mut series, 20_000 * PERIOD, |series| (1..4).for_each(|scope| series.add_scope(scope, at(55))));
    let rows = shape(&rows(series));
    let of = |scope| rows.iter().filter(|row| row.0 == scope).map(|row| (row.1, row.2)).collect::<Vec<_>>();
    assert_eq!(of(0), [(0, 1), (10, 4), (50, 1), (60, 19_994), (200_000, 1)]);
    for scope in 1..4 {
        assert_eq!(of(scope), [(50, 1), (60, 19_994), (200_000, 1)], "scope {scope}");
    }
}

// S10.1: an ENI that moves takes its entries along.
#[test]
fn moved_entries_change_scope() {
    let mut series = series(2, 5);
    series.created(0, at(5));
    series.created(0, at(5));
    packet(&mut series, 25, |series| {
        series.left(0, 2, at(15));
        series.came(1, 2, at(15));
    });
    assert_eq!(
        shape(&rows(series)),
        [
            (0, 0, 1, 2, 2),
            (1, 0, 1, 0, 0),
            (0, 10, 1, 2, 0),
            (1, 10, 1, 2, 2),
            (0, 20, 1, 0, 0),
            (1, 20, 1, 2, 2)
        ]
    );
}
