//! A line of points cut into intervals, each with a value, and the search for the interval of a point.

use std::iter::{Peekable, repeat};

/// A coordinate: a port, an ICMP type and code, an IPv4 or an IPv6 address.
pub(crate) trait Point: Copy + Ord {
    /// The last coordinate.
    const LAST: u128;
    /// Whether the line is cut into sections: one of 128 bits is not, since what lies on it differs far behind its first bits.
    const IS_CUT: bool;

    /// The coordinate from its number; the value fits.
    fn from_bits(bits: u128) -> Self;

    /// The number of its section: the bits above so many.
    fn section(self, shift: u32) -> usize;
}

impl Point for u16 {
    const LAST: u128 = Self::MAX as u128;
    const IS_CUT: bool = true;

    #[expect(clippy::cast_possible_truncation, reason = "coordinates of this line have 16 bits")]
    fn from_bits(bits: u128) -> Self {
        bits as Self
    }

    #[inline]
    fn section(self, shift: u32) -> usize {
        usize::from(self) >> shift
    }
}

impl Point for u32 {
    const LAST: u128 = Self::MAX as u128;
    const IS_CUT: bool = true;

    #[expect(clippy::cast_possible_truncation, reason = "coordinates of this line have 32 bits")]
    fn from_bits(bits: u128) -> Self {
        bits as Self
    }

    #[inline]
    fn section(self, shift: u32) -> usize {
        (self >> shift) as usize
    }
}

impl Point for u128 {
    const LAST: u128 = Self::MAX;
    const IS_CUT: bool = false;

    fn from_bits(bits: u128) -> Self {
        bits
    }

    #[inline]
    fn section(self, _shift: u32) -> usize {
        0
    }
}

/// Intervals that cover a whole line, with a value each.
///
/// The line is cut into equal sections, the more the more intervals there are, and most sections lie within one interval: there
/// a search is one look-up. The intervals of any other section are searched in a binary tree that lies in a vector by its
/// levels: below the start at `n` come those at `2n`, of points behind it, and at `2n + 1`, of points before it; the first one
/// stands at 1. A search walks down, one comparison a level, until it falls out of the tree; where it does is the place of the
/// value among the tree's leaves. That takes half the instructions of a search in a sorted vector. All leaves are equally
/// deep, the last interval has what is left over: how long a search takes can be foreseen by the processor.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<T, V> {
    /// How many bits of a point are left out in the number of its section.
    shift: u32,
    sections: Vec<Section<V>>,
    /// The trees of the sections that have more than one interval. Nobody reads the first start of one.
    starts: Vec<T>,
    /// Their leaves, as many as starts.
    values: Vec<V>,
    /// The value that the line begins with unless the first step says another one.
    first: V,
}

/// A section: where its tree begins, and how many leaves that has. With one leaf there is no tree, only its value.
#[derive(Clone, Copy, Debug)]
struct Section<V> {
    value: V,
    at: u32,
    leaves: u32,
}

/// Bits of the number of a section at most: so many sections still lie in the nearest cache.
const MOST_SECTION_BITS: u32 = 10;

impl<T: Point, V: Copy + PartialEq> Intervals<T, V> {
    /// The line with one value at its beginning and others from further points on, which ascend. Of steps at one point the
    /// last counts, neighbours of one value become one interval, and what begins behind the line's last point is left out.
    /// There are at most `density` sections for each interval.
    pub(crate) fn new(first: V, steps: impl IntoIterator<Item = (u128, V)>, density: usize) -> Self {
        let mut intervals = vec![(0, first)];
        for (start, value) in steps.into_iter().filter(|(start, _)| *start <= T::LAST) {
            intervals.pop_if(|(last, _)| *last == start);
            intervals.push((start, value));
        }
        intervals.dedup_by(|next, before| next.1 == before.1);
        let cut = (intervals.len() * density).ilog2().clamp(1, MOST_SECTION_BITS);
        let bits = if T::IS_CUT { cut } else { 0 };
        let shift = T::LAST.count_ones() - bits;
        let mut line = Self { shift, sections: Vec::new(), starts: Vec::new(), values: Vec::new(), first };
        for section in 0..1_u128 << bits {
            let (from, to) = if bits == 0 { (0, T::LAST) } else { bounds(section, shift) };
            let begin = intervals.partition_point(|(start, _)| *start <= from).saturating_sub(1);
            let end = intervals.partition_point(|(start, _)| *start <= to);
            line.add_section(intervals.get(begin..end).unwrap_or_default());
        }
        // A model has many of them, as long as it is in force.
        line.sections.shrink_to_fit();
        line.starts.shrink_to_fit();
        line.values.shrink_to_fit();
        line
    }

    /// Adds the next section, which these intervals overlap.
    fn add_section(&mut self, intervals: &[(u128, V)]) {
        let leaves = intervals.len().next_power_of_two();
        let at = self.starts.len();
        // No point is behind the line's last, so that its value is the only one behind such a start.
        let value = intervals.last().map_or(self.first, |(_, last)| *last);
        if leaves > 1 {
            self.starts.resize(at + leaves, T::from_bits(0));
            self.values.resize(at + leaves, self.first);
            let mut intervals = intervals.iter().copied().chain(repeat((T::LAST, value))).peekable();
            if let (Some(starts), Some(values)) = (self.starts.get_mut(at..), self.values.get_mut(at..)) {
                fill(1, (starts, values), &mut intervals);
            }
        }
        // Fewer than a `u32` counts: the memory for the rules would not suffice.
        let number = |number| u32::try_from(number).unwrap_or(u32::MAX);
        self.sections.push(Section { value, at: number(at), leaves: number(leaves) });
    }

    /// The value of the interval that the point lies in.
    #[inline]
    pub(crate) fn find(&self, point: T) -> &V {
        let Some(section) = self.sections.get(point.section(self.shift)) else { return &self.first };
        // Most often, so that nothing else need be read.
        if section.leaves == 1 {
            return &section.value;
        }
        let (begin, leaves) = (section.at as usize, section.leaves as usize);
        let mut at = 1;
        while at < leaves
            && let Some(start) = self.starts.get(begin + at)
        {
            at = 2 * at + usize::from(point < *start);
        }
        self.values.get(begin + at - leaves).unwrap_or(&self.first)
    }
}

/// The first and the last point of a section.
const fn bounds(section: u128, shift: u32) -> (u128, u128) {
    (section << shift, ((section + 1) << shift) - 1)
}

/// Fills the part of a tree at and below a place. From left to right each value is followed by the start of the next.
fn fill<T: Point, V: Copy>(
    at: usize,
    (starts, values): (&mut [T], &mut [V]),
    intervals: &mut Peekable<impl Iterator<Item = (u128, V)>>,
) {
    let leaves = starts.len();
    if at < leaves {
        fill(2 * at + 1, (starts, values), intervals);
        if let (Some(place), Some((start, _))) = (starts.get_mut(at), intervals.peek()) {
            *place = T::from_bits(*start);
        }
        fill(2 * at, (starts, values), intervals);
    } else if let Some((_, value)) = intervals.next()
        && let Some(place) = values.get_mut(at - leaves)
    {
        *place = value;
    }
}

#[cfg(test)]
#[path = "intervals_tests.rs"]
mod tests;
