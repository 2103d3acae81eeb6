//! The greatest occupancy in equal parts of the time, few enough to be drawn.

use vpcreplay_flow::{Span, Timestamp};

/// Parts at most.
const MOST_PARTS: usize = 2048;

/// The greatest occupancy of each part. Parts grow as time goes on, so that there are never many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    start: Option<Timestamp>,
    width: u64,
    parts: Vec<u64>,
}

impl Envelope {
    /// Notes the occupancy from a time up to another one, which is not before it.
    #[inline]
    pub(crate) fn note(&mut self, from: Timestamp, to: Timestamp, occupancy: u64) {
        let start = *self.start.get_or_insert(from);
        self.width = self.width.max(1);
        let mut last = to.since(start).nanos() / self.width;
        while last >= MOST_PARTS as u64 {
            self.halve();
            last = to.since(start).nanos() / self.width;
        }
        let place = |part: u64| usize::try_from(part).unwrap_or(usize::MAX);
        let (first, last) = (place(from.since(start).nanos() / self.width), place(last));
        if self.parts.len() <= last {
            self.parts.resize(last + 1, 0);
        }
        for part in self.parts.iter_mut().take(last + 1).skip(first) {
            *part = occupancy.max(*part);
        }
    }

    /// Joins parts two by two.
    fn halve(&mut self) {
        let pairs = self.parts.chunks(2);
        self.parts = pairs.map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
        self.width = self.width.saturating_mul(2);
    }

    /// The start of each part and its greatest occupancy.
    pub fn parts(&self) -> impl Iterator<Item = (Timestamp, u64)> + '_ {
        let start = self.start.unwrap_or_default();
        let at = move |part: u64| start.after(Span::from_nanos(self.width.saturating_mul(part)));
        (0..).zip(&self.parts).map(move |(part, occupancy)| (at(part), *occupancy))
    }
}
