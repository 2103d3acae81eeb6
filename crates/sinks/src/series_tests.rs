use super::*;
use crate::test_model;

fn written(format: Format, rows: &[SeriesRow]) -> String {
    let registry = test_model::registry();
    let mut out = Vec::new();
    let mut writer = SeriesWriter::new(format, &mut out);
    for row in rows {
        writer.write(row, &registry).unwrap();
    }
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn row(scope: u32, start: i64, created: u64) -> SeriesRow {
    SeriesRow { scope, start, periods: 1, created, ..SeriesRow::default() }
}

/// S7.9: sorted by start, then scope; scopes are numbered in another order than that of their names.
#[test]
fn sorted_by_start_then_name() {
    let rows = [row(0, -60, 1), row(1, -60, 2), row(0, 0, 3), row(1, 0, 4)];
    assert_eq!(
        written(Format::Csv, &rows),
        "scope,period_start_ns,periods,occupancy_max,occupancy_last,created,expired,reopened,removed,\
         conntrack_allowance_exceeded\n\
         eni-y,-60,1,0,0,2,0,0,0,0\neni-z,-60,1,0,0,1,0,0,0,0\n\
         eni-y,0,1,0,0,4,0,0,0,0\neni-z,0,1,0,0,3,0,0,0,0\n"
    );
}

#[test]
fn json_has_every_field() {
    let row = SeriesRow {
        scope: 0,
        start: 60,
        periods: 2,
        occupancy_max: 3,
        occupancy_last: 4,
        created: 5,
        expired: 6,
        reopened: 7,
        removed: 8,
        exceeded: 9,
    };
    assert_eq!(
        written(Format::JsonLines, &[row]),
        concat!(
            r#"{"scope":"eni-z","period_start_ns":60,"periods":2,"occupancy_max":3,"occupancy_last":4,"created":5,"#,
            r#""expired":6,"reopened":7,"removed":8,"conntrack_allowance_exceeded":9}"#,
            "\n"
        )
    );
}
