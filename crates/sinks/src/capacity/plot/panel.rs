//! One part of a plot: the occupancy of a scope over time, or what the values of a sweep do.

use plotters::backend::DrawingBackend;
use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, PathElement};
use plotters::prelude::{AreaSeries, DashedLineSeries, IntoLogRange, LineSeries};
use plotters::style::{Color, RGBColor, ShapeStyle};
use vpcreplay_flow::Timestamp;

use super::FONT;
use crate::capacity::{ScopeCapacity, SweepRow, SweepTable};
use crate::number::{duration, grouped};
use crate::screen::moment;

const BLUE: RGBColor = RGBColor(31, 119, 180);
const GREY: RGBColor = RGBColor(127, 127, 127);
const RED: RGBColor = RGBColor(200, 30, 30);
const ORANGE: RGBColor = RGBColor(235, 140, 20);

/// Below this share of the limit its line would press the curve to the ground.
const SHOWN_LIMIT: f64 = 0.1;

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A part of a plot.
pub(super) enum Panel<'a> {
    /// A scope's occupancy over time.
    Scope(&'a ScopeCapacity),
    /// A sweep.
    Sweep(&'a SweepTable),
}

impl Panel<'_> {
    pub(super) fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        match self {
            Self::Scope(scope) => draw_scope(scope, area),
            Self::Sweep(table) if table.totals.is_empty() => Ok(()),
            Self::Sweep(table) => draw_sweep(table, area),
        }
    }
}

/// A number of entries or nanoseconds as a coordinate.
#[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
const fn coordinate(number: u64) -> f64 {
    number as f64
}

/// A unit of time that a span has some of, and its length in nanoseconds.
fn unit(nanos: u64) -> (&'static str, f64) {
    const SECOND: u64 = 1_000_000_000;
    match nanos / SECOND {
        0..1 => ("ms", 1e6),
        1..600 => ("s", 1e9),
        600..36_000 => ("min", 60e9),
        36_000..864_000 => ("h", 3_600e9),
        _ => ("days", 86_400e9),
    }
}

/// The curve as steps, in units of time since its start. Parts of equal occupancy are one step.
fn steps(curve: &[(Timestamp, u64)], unit: f64) -> Vec<(f64, f64)> {
    let Some((start, _)) = curve.first() else { return Vec::new() };
    let x = |at: &Timestamp| coordinate(at.since(*start).nanos()) / unit;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for run in curve.chunk_by(|(_, left), (_, right)| left == right) {
        let Some((from, value)) = run.first() else { continue };
        let y = coordinate(*value);
        points.extend(points.last().map(|(_, before)| (x(from), *before)));
        points.push((x(from), y));
    }
    points.extend(curve.last().map(|(at, value)| (x(at), coordinate(*value))));
    points
}

fn draw_scope<B: DrawingBackend>(scope: &ScopeCapacity, area: &DrawingArea<B, Shift>) -> Drawn<B> {
    let (unit_name, unit) = unit(scope.span_ns);
    let occupancy = steps(&scope.curve, unit);
    let demand = steps(&scope.demand_curve, unit);
    let end = occupancy.iter().chain(&demand).map(|(x, _)| *x).fold(1e-9, f64::max);
    let (most, limit) = (coordinate(scope.demand.peak.max(scope.peak)), coordinate(scope.limit));
    let shows_limit = most >= limit * SHOWN_LIMIT;
    let top = 1.3 * if shows_limit { most.max(limit) } else { most }.max(1.0);
    let beyond = if shows_limit { "" } else { " (beyond the picture)" };
    let title = format!("{}: peak {} of {}{beyond}", scope.scope, grouped(scope.peak), grouped(scope.limit));
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 20))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    let start = scope.curve.first().map(|(at, _)| moment(&crate::summary::rfc3339(*at))).unwrap_or_default();
    chart
        .configure_mesh()
        .light_line_style(GREY.mix(0.05))
        .bold_line_style(GREY.mix(0.2))
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_desc(format!("{unit_name} since {start} UTC"))
        .y_desc("tracked connections")
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| entries(*y))
        .draw()?;
    if !demand.is_empty() {
        chart
            .draw_series(LineSeries::new(demand, GREY.stroke_width(2)))?
            .label("without a limit")
            .legend(|at| key(at, GREY));
    }
    chart
        .draw_series(AreaSeries::new(occupancy, 0.0, BLUE.mix(0.25)).border_style(BLUE.stroke_width(2)))?
        .label("occupancy")
        .legend(|at| key(at, BLUE));
    if shows_limit {
        let across = |y: f64| [(0.0, y), (end, y)];
        chart
            .draw_series(LineSeries::new(across(limit), RED.stroke_width(2)))?
            .label("limit")
            .legend(|at| key(at, RED));
        chart
            .draw_series(DashedLineSeries::new(across(limit * 0.8), 8, 6, ORANGE.stroke_width(2)))?
            .label("80 % of it")
            .legend(|at| key(at, ORANGE));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(plotters::style::WHITE.mix(0.8))
        .border_style(GREY.mix(0.3))
        .label_font((FONT, 13))
        .draw()
}

/// A curve of a sweep.
struct Curve {
    label: &'static str,
    color: RGBColor,
    value: fn(&SweepRow) -> u64,
}

const OF_LIMITS: [Curve; 2] = [
    Curve { label: "packets denied", color: RED, value: |row| row.conntrack_allowance_exceeded },
    Curve { label: "connections denied", color: ORANGE, value: |row| row.connections_denied },
];

const OF_TIMEOUTS: [Curve; 3] = [
    Curve { label: "connections needed at once", color: BLUE, value: |row| row.demand_peak },
    Curve { label: "connections broken", color: RED, value: |row| row.connections_broken.unwrap_or(0) },
    Curve {
        label: "connections re-created",
        color: ORANGE,
        value: |row| row.connections_recreated.unwrap_or(0),
    },
];

fn draw_sweep<B: DrawingBackend>(table: &SweepTable, area: &DrawingArea<B, Shift>) -> Drawn<B> {
    let rows = &table.totals;
    let is_limit = table.sweep == "limit";
    let curves: &[Curve] = if is_limit { &OF_LIMITS } else { &OF_TIMEOUTS };
    let x = |row: &SweepRow| if is_limit { coordinate(row.number) } else { coordinate(row.number) / 1e9 };
    let (first, last) =
        rows.iter().fold((f64::MAX, 0.0_f64), |(low, high), row| (low.min(x(row)), high.max(x(row))));
    let most = curves
        .iter()
        .flat_map(|curve| rows.iter().map(|row| coordinate((curve.value)(row))))
        .fold(1.0, f64::max);
    let limit = rows
        .first()
        .map(|row| coordinate(row.limit))
        .filter(|limit| !is_limit && most >= limit * SHOWN_LIMIT);
    let top = 1.3 * limit.map_or(most, |limit| limit.max(most));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("Which {} would do?", table.sweep), (FONT, 20))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(80)
        .build_cartesian_2d((first * 0.95..last * 1.05).log_scale(), 0.0..top)?;
    let unit = if is_limit { "limit".to_owned() } else { format!("{} timeout", table.sweep) };
    chart
        .configure_mesh()
        .light_line_style(GREY.mix(0.05))
        .bold_line_style(GREY.mix(0.2))
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_desc(unit)
        .x_label_formatter(&|x| if is_limit { entries(*x) } else { seconds(*x) })
        .y_label_formatter(&|y| entries(*y))
        .draw()?;
    for Curve { label, color, value } in curves {
        let points: Vec<(f64, f64)> = rows.iter().map(|row| (x(row), coordinate(value(row)))).collect();
        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?
            .label(*label)
            .legend(|at| key(at, *color));
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, 3, color.filled())))?;
    }
    if let Some(limit) = limit {
        let across = [(first * 0.95, limit), (last * 1.05, limit)];
        chart
            .draw_series(LineSeries::new(across, RED.mix(0.5).stroke_width(2)))?
            .label("limit")
            .legend(|at| key(at, RED.mix(0.5)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperMiddle)
        .background_style(plotters::style::WHITE.mix(0.8))
        .border_style(GREY.mix(0.3))
        .label_font((FONT, 13))
        .draw()
}

/// A stroke in the legend.
fn key(at: (i32, i32), color: impl Color) -> PathElement<(i32, i32)> {
    let (x, y) = at;
    PathElement::new([(x, y), (x + 18, y)], ShapeStyle::from(color.to_rgba()).stroke_width(2))
}

/// A number of entries on an axis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "axes begin at 0")]
fn entries(value: f64) -> String {
    if value.fract().abs() > 1e-6 { format!("{value:.1}") } else { grouped(value.round() as u64) }
}

/// A number on an axis without zeros that say nothing.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Seconds on an axis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "timeouts are at least 1 s")]
fn seconds(value: f64) -> String {
    duration((value * 1e9).round() as u64)
}
