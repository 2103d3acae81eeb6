//! A line of points cut into intervals, each with a value, and the search for the interval of a point.

use std::iter::{Peekable, repeat};

/// A coordinate: a port, an ICMP type and code, an IPv4 or an IPv6 address.
pub(crate) trait Point: Copy + Ord {
    /// The last coordinate.
    const LAST: u128;

    /// The coordinate from its number; the value fits.
    fn from_bits(bits: u128) -> Self;
}

impl Point for u16 {
    const LAST: u128 = Self::MAX as u128;

    #[expect(clippy::cast_possible_truncation, reason = "coordinates of this line have 16 bits")]
    fn from_bits(bits: u128) -> Self {
        bits as Self
    }
}

impl Point for u32 {
    const LAST: u128 = Self::MAX as u128;

    #[expect(clippy::cast_possible_truncation, reason = "coordinates of this line have 32 bits")]
    fn from_bits(bits: u128) -> Self {
        bits as Self
    }
}

impl Point for u128 {
    const LAST: u128 = Self::MAX;

    fn from_bits(bits: u128) -> Self {
        bits
    }
}

/// Intervals that cover a whole line, with a value each.
///
/// The starts of all but the first are a binary tree that lies in a vector by its levels: below the start at `n` come
/// those at `2n`, of points behind it, and at `2n + 1`, of points before it; the first one stands at 1. A search walks
/// down, one comparison a level, until it falls out of the vector; where it does is the place of the value among the
/// tree's leaves. That takes half the instructions of a search in a sorted vector. All leaves are equally deep, the last
/// interval has what is left over: how long a search takes can be foreseen by the processor.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<T, V> {
    /// Nobody reads the one at 0.
    starts: Vec<T>,
    values: Vec<V>,
    /// The value of the first interval.
    first: V,
}

impl<T: Point, V: Copy + PartialEq> Intervals<T, V> {
    /// The line with one value at its beginning and others from further points on, which ascend. Of steps at one point the
    /// last counts, neighbours of one value become one interval, and what begins behind the line's last point is left out.
    pub(crate) fn new(first: V, steps: impl IntoIterator<Item = (u128, V)>) -> Self {
        let mut intervals = vec![(0, first)];
        for (start, value) in steps.into_iter().filter(|(start, _)| *start <= T::LAST) {
            intervals.pop_if(|(last, _)| *last == start);
            intervals.push((start, value));
        }
        intervals.dedup_by(|next, before| next.1 == before.1);
        let size = intervals.len().next_power_of_two();
        let mut tree = Self { starts: vec![T::from_bits(0); size], values: vec![first; size], first };
        // No point is behind the line's last, so that its value is the only one behind such a start.
        let rest = intervals.last().map_or(first, |(_, last)| *last);
        tree.fill(1, &mut intervals.into_iter().chain(repeat((T::LAST, rest))).peekable());
        tree
    }

    /// Fills the part of the tree at and below a place. From left to right each value is followed by the start of the next.
    fn fill(&mut self, at: usize, intervals: &mut Peekable<impl Iterator<Item = (u128, V)>>) {
        if at < self.starts.len() {
            self.fill(2 * at + 1, intervals);
            if let (Some(place), Some((start, _))) = (self.starts.get_mut(at), intervals.peek()) {
                *place = T::from_bits(*start);
            }
            self.fill(2 * at, intervals);
        } else if let Some((_, value)) = intervals.next()
            && let Some(place) = self.values.get_mut(at - self.starts.len())
        {
            *place = value;
        }
    }

    /// The value of the interval that the point lies in.
    #[inline]
    pub(crate) fn find(&self, point: T) -> &V {
        let mut at = 1;
        while let Some(start) = self.starts.get(at) {
            at = 2 * at + usize::from(point < *start);
        }
        self.values.get(at - self.starts.len()).unwrap_or(&self.first)
    }
}

#[cfg(test)]
#[path = "intervals_tests.rs"]
mod tests;
