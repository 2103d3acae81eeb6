#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::path::Path;

use vpcreplay_flow::Timestamp;

use super::PlotFormat;
use crate::capacity::{CapacityReport, Demand, ScopeCapacity, SweepRow, SweepTable};

fn report() -> CapacityReport {
    let curve =
        (0..100_u32).map(|at| (Timestamp::from_nanos(i64::from(at) * 1_000_000_000), u64::from(at % 50)));
    let row = |number: u64| SweepRow {
        scope: "eni-web".to_owned(),
        number: number * 1_000_000_000,
        demand_peak: number,
        limit: 50,
        connections_broken: Some(60 - number.min(60)),
        ..SweepRow::default()
    };
    CapacityReport {
        scopes: vec![ScopeCapacity {
            scope: "eni-web".to_owned(),
            limit: 50,
            peak: 49,
            demand: Demand { peak: 49, ..Demand::default() },
            span_ns: 99_000_000_000,
            curve: curve.collect(),
            ..ScopeCapacity::default()
        }],
        sweeps: vec![
            SweepTable {
                sweep: "tcp-established",
                rows: [10, 60, 350].map(row).to_vec(),
                ..SweepTable::default()
            }
            .with_totals(),
        ],
        ..CapacityReport::default()
    }
}

#[test]
fn both_formats_are_drawn_and_equal_reports_give_equal_bytes() {
    let svg = String::from_utf8(report().plot(PlotFormat::Svg).unwrap()).unwrap();
    assert!(
        svg.starts_with("<svg")
            && svg.contains("peak 49 of 50")
            && svg.contains("Which tcp-established would do?")
    );
    assert_eq!(svg.into_bytes(), report().plot(PlotFormat::Svg).unwrap());
    let png = report().plot(PlotFormat::Png).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 5_000, "{} bytes", png.len());
}

#[test]
fn a_report_without_anything_has_an_empty_plot() {
    assert!(CapacityReport::default().plot(PlotFormat::Svg).unwrap().starts_with(b"<svg"));
}

#[test]
fn the_extension_chooses_the_format() {
    assert_eq!(PlotFormat::from_path(Path::new("a/b.SVG")), Ok(PlotFormat::Svg));
    assert_eq!(PlotFormat::from_path(Path::new("b.png")), Ok(PlotFormat::Png));
    for other in ["b", "b.jpg", "-"] {
        assert!(
            PlotFormat::from_path(Path::new(other))
                .unwrap_err()
                .to_string()
                .contains("expected .svg or .png")
        );
    }
}
