//! Reads distributions and shapes.

use std::ops::Range;

use toml::Spanned;

use super::dto::{self, Either, Word};
use super::words::{self, Reader};
use crate::SynthError;
use crate::distribution::{Distribution, Kind};
use crate::elementary::whole;
use crate::shape::Shape;

/// What numbers of a distribution stand for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    /// Durations.
    Time,
    /// Whole numbers within bounds.
    Count { min: u64, max: u64 },
}

/// Lifetimes are shorter than this: four years.
const MOST_NANOS: u64 = 4 * 366 * 86_400 * 1_000_000_000;
/// Factors of a rate are not beyond this.
const MOST_FACTOR: f64 = 1e6;

impl Unit {
    fn read(self, text: &str) -> Result<u64, SynthError> {
        match self {
            Self::Count { min, max } => words::integer(text, min, max),
            Self::Time => match words::span(text)?.nanos() {
                long if long > MOST_NANOS => {
                    Err(SynthError::new(format!("`{text}` is too long")).expected("four years at most"))
                }
                nanos => Ok(nanos),
            },
        }
    }

    const fn bounds(self) -> (u64, u64) {
        match self {
            Self::Time => (0, MOST_NANOS),
            Self::Count { min, max } => (min, max),
        }
    }
}

/// Reads a constant or a distribution.
pub(super) fn distribution(
    reader: &Reader<'_>,
    given: Option<&Spanned<dto::Amount>>,
    unit: Unit,
    default: u64,
) -> Result<Distribution, SynthError> {
    let Some(given) = given else { return Ok(Distribution::constant(default)) };
    match given.get_ref() {
        Either::Text(text) => {
            unit.read(text).map(Distribution::constant).map_err(|error| reader.blame(given.span(), error))
        }
        Either::Table(spread) => Table { reader, whole: given.span() }.distribution(spread, unit),
    }
}

/// Reads the shape of a rate over time.
pub(super) fn shape(reader: &Reader<'_>, given: Option<&Spanned<dto::Shape>>) -> Result<Shape, SynthError> {
    let Some(given) = given else { return Ok(Shape::constant()) };
    match given.get_ref() {
        Either::Text(text) if text == "constant" => Ok(Shape::constant()),
        Either::Text(text) => Err(reader.blame(
            given.span(),
            SynthError::new(format!("`{text}` is not a shape by itself")).expected(
                "\"constant\", or a table such as { kind = \"ramp\", from = 0, to = 2, over = \"10m\" }",
            ),
        )),
        Either::Table(table) => Table { reader, whole: given.span() }.shape(table),
    }
}

/// A table whose keys depend on its kind.
struct Table<'a> {
    reader: &'a Reader<'a>,
    whole: Range<usize>,
}

impl Table<'_> {
    fn distribution(&self, spread: &dto::Spread, unit: Unit) -> Result<Distribution, SynthError> {
        let kind = &spread.distribution.get_ref().0;
        let needed: &[&str] = match kind.as_str() {
            "uniform" => &["min", "max"],
            "exponential" => &["mean"],
            "log-normal" => &["median", "sigma"],
            "pareto" => &["min", "alpha"],
            _ => {
                let error = SynthError::new(format!("`{kind}` is not a distribution"));
                let error = error.expected("\"uniform\", \"exponential\", \"log-normal\" or \"pareto\"; a constant is written without a table");
                return Err(self.reader.blame(spread.distribution.span(), error));
            }
        };
        let keys = [
            ("mean", &spread.mean),
            ("median", &spread.median),
            ("sigma", &spread.sigma),
            ("alpha", &spread.alpha),
            ("min", &spread.min),
            ("max", &spread.max),
        ];
        self.check(kind, needed, &keys)?;
        let amount = |word: &Option<Word>, default| {
            self.reader.read_or(word.as_ref(), default, |text| unit.read(text))
        };
        let (least, most) = unit.bounds();
        let (min, max) = (amount(&spread.min, least)?, amount(&spread.max, most)?);
        if min > max {
            let error = SynthError::new("`min` is above `max`").remedy("Exchange them.");
            return Err(self.reader.blame(self.whole.clone(), error));
        }
        let exponent = |word: &Option<Word>| {
            self.reader.read_or(word.as_ref(), 1.0, |text| words::number(text, 0.05, 20.0))
        };
        let kind = match kind.as_str() {
            "exponential" => Kind::Exponential { mean: whole(amount(&spread.mean, 0)?) },
            "log-normal" => {
                Kind::LogNormal { median: whole(amount(&spread.median, 0)?), sigma: exponent(&spread.sigma)? }
            }
            "pareto" => Kind::Pareto { scale: whole(min), alpha: exponent(&spread.alpha)? },
            _ => Kind::Uniform,
        };
        Ok(Distribution { kind, min, max })
    }

    fn shape(&self, table: &dto::ShapeTable) -> Result<Shape, SynthError> {
        let kind = &table.kind.get_ref().0;
        let needed: &[&str] = match kind.as_str() {
            "constant" => &[],
            "ramp" => &["from", "to", "over"],
            "burst" => &["factor", "every", "length"],
            "diurnal" => &["depth"],
            "points" => return self.points(table),
            _ => {
                let error = SynthError::new(format!("`{kind}` is not a shape"));
                let error = error.expected("\"constant\", \"ramp\", \"burst\", \"diurnal\" or \"points\"");
                return Err(self.reader.blame(table.kind.span(), error));
            }
        };
        self.check(kind, needed, &shape_keys(table))?;
        if table.points.is_some() {
            let error = SynthError::new(format!("`points` says nothing for `{kind}`"));
            return Err(self
                .reader
                .blame(self.whole.clone(), error.remedy("Leave it out, or write kind = \"points\".")));
        }
        let factor = |word: &Option<Word>, most: f64| {
            self.reader.read_or(word.as_ref(), 1.0, |text| words::number(text, 0.0, most))
        };
        let time = |word: &Option<Word>, default: u64| {
            self.reader.read_or(word.as_ref(), default, |text| {
                words::positive_span(text).map(|span| span.nanos().min(MOST_NANOS))
            })
        };
        match kind.as_str() {
            "ramp" => {
                let (from, to) = (factor(&table.from, MOST_FACTOR)?, factor(&table.to, MOST_FACTOR)?);
                Ok(Shape::ramp(from, to, time(&table.over, 1)?))
            }
            "burst" => {
                let (every, length) = (time(&table.every, 1)?, time(&table.length, 1)?);
                if length > every {
                    let error = SynthError::new("a burst is longer than its period")
                        .remedy("Make `length` shorter than `every`.");
                    return Err(self.reader.blame(self.whole.clone(), error));
                }
                Ok(Shape::burst(factor(&table.factor, MOST_FACTOR)?, every, length))
            }
            "diurnal" => {
                let day = 86_400_000_000_000;
                let period = self.reader.read_or(table.period.as_ref(), day, |text| {
                    words::positive_span(text).map(|span| span.nanos().clamp(1_000, MOST_NANOS))
                })?;
                let peak = self.reader.read_or(table.peak_at.as_ref(), period / 2, |text| {
                    words::span(text).map(|span| span.nanos() % period)
                })?;
                Ok(Shape::diurnal(factor(&table.depth, 1.0)?, period, peak))
            }
            _ => Ok(Shape::constant()),
        }
    }

    fn points(&self, table: &dto::ShapeTable) -> Result<Shape, SynthError> {
        self.check("points", &[], &shape_keys(table))?;
        let given = table.points.as_deref().unwrap_or_default();
        if given.is_empty() {
            let error = SynthError::new("the shape has no points")
                .expected("points = [{ at = \"0s\", factor = 1 }, { at = \"10m\", factor = 3 }]");
            return Err(self.reader.blame(self.whole.clone(), error));
        }
        let mut points: Vec<(u64, f64)> = Vec::new();
        for point in given {
            let at = self.reader.read(&point.get_ref().at, words::span)?.nanos().min(MOST_NANOS);
            let factor =
                self.reader.read(&point.get_ref().factor, |text| words::number(text, 0.0, MOST_FACTOR))?;
            if points.last().is_some_and(|(before, _)| *before > at) {
                let error = SynthError::new("a point is before the point in front of it")
                    .remedy("Write the points in order of time.");
                return Err(self.reader.blame(point.span(), error));
            }
            points.push((at, factor));
        }
        Ok(Shape::points(&points))
    }

    /// Refuses keys that say nothing for this kind, and asks for those that it needs.
    fn check(&self, kind: &str, needed: &[&str], keys: &[(&str, &Option<Word>)]) -> Result<(), SynthError> {
        for (key, word) in keys {
            match word {
                Some(word) if !is_known(kind, needed, key) => {
                    let error = SynthError::new(format!("`{key}` says nothing for `{kind}`"));
                    let error = if needed.is_empty() {
                        error.remedy("Leave it out.")
                    } else {
                        error.expected(listed(needed))
                    };
                    return Err(self.reader.blame(word.span(), error));
                }
                None if needed.contains(key) => return Err(self.missing(kind, needed)),
                _ => {}
            }
        }
        Ok(())
    }

    fn missing(&self, kind: &str, needed: &[&str]) -> SynthError {
        let error = SynthError::new(format!("`{kind}` lacks a key")).expected(listed(needed));
        self.reader.blame(self.whole.clone(), error)
    }
}

/// The keys of a shape but `kind` and `points`.
const fn shape_keys(table: &dto::ShapeTable) -> [(&'static str, &Option<Word>); 9] {
    [
        ("from", &table.from),
        ("to", &table.to),
        ("over", &table.over),
        ("factor", &table.factor),
        ("every", &table.every),
        ("length", &table.length),
        ("depth", &table.depth),
        ("period", &table.period),
        ("peak_at", &table.peak_at),
    ]
}

/// Keys that a kind may have beside those that it needs.
fn is_known(kind: &str, needed: &[&str], key: &str) -> bool {
    let further: &[&str] = match kind {
        "diurnal" => &["period", "peak_at"],
        // Every distribution can be cut.
        "uniform" | "exponential" | "log-normal" | "pareto" => &["min", "max"],
        _ => &[],
    };
    needed.contains(&key) || further.contains(&key)
}

fn listed(keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(", ")
}
