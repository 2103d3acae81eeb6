use super::{Intervals, Point};

impl<T: Point, V: Copy + PartialEq> Intervals<T, V> {
    /// How many intervals there are, what is left over at the end apart.
    pub(crate) fn count(&self) -> usize {
        let mut values = Vec::new();
        self.collect(1, &mut values);
        values.chunk_by(V::eq).count()
    }

    /// The values of the leaves at and below a place, from left to right.
    fn collect(&self, at: usize, values: &mut Vec<V>) {
        if at < self.starts.len() {
            self.collect(2 * at + 1, values);
            self.collect(2 * at, values);
        } else {
            values.extend(self.values.get(at - self.starts.len()));
        }
    }
}

/// For as many intervals as one likes: every point finds the last start that does not lie behind it.
#[test]
fn every_point_finds_its_interval() {
    for count in 1_u16..70 {
        let steps = (1..count).map(|number| (u128::from(number) * 3, number));
        let intervals = Intervals::<u16, u16>::new(0, steps);
        for point in (0..count * 3 + 5).chain([u16::MAX]) {
            assert_eq!(intervals.find(point), &(point / 3).min(count - 1), "{point} of {count}");
        }
    }
}

#[test]
fn neighbours_of_one_value_are_one_interval() {
    let steps = [(5, 'a'), (9, 'c'), (9, 'b'), (12, 'b'), (20, 'a')];
    let intervals = Intervals::<u32, char>::new('a', steps);
    assert_eq!(intervals.count(), 3);
    assert_eq!([0, 8, 9, 19, 20].map(|point| *intervals.find(point)), ['a', 'a', 'b', 'b', 'a']);
    assert_eq!(*Intervals::<u32, char>::new('a', [(0, 'b')]).find(0), 'b');
}

#[test]
fn edges_of_the_line() {
    fn last_is_alone<T: Point>() {
        let intervals = Intervals::<T, u8>::new(1, [(T::LAST, 2)]);
        let points = [0, 1, T::LAST - 1, T::LAST];
        assert_eq!(points.map(|point| *intervals.find(T::from_bits(point))), [1, 1, 1, 2]);
    }
    last_is_alone::<u16>();
    last_is_alone::<u32>();
    last_is_alone::<u128>();
    let beyond = Intervals::<u32, u8>::new(1, [(1 << 32, 2)]);
    assert_eq!((*beyond.find(u32::MAX), beyond.count()), (1, 1));
}
