use super::{Intervals, MOST_SECTION_BITS, Point};

impl<T: Point, V: Copy + PartialEq> Intervals<T, V> {
    /// How many intervals there are, what is left over at the end of a section apart.
    pub(crate) fn count(&self) -> usize {
        let mut values = Vec::new();
        for section in &self.sections {
            let (begin, leaves) = (section.at as usize, section.leaves as usize);
            if leaves == 1 {
                values.push(section.value);
            } else {
                collect(1, &self.values[begin..begin + leaves], &mut values);
            }
        }
        values.chunk_by(V::eq).count()
    }
}

/// The values of the leaves at and below a place of a tree, from left to right.
fn collect<V: Copy>(at: usize, leaves: &[V], values: &mut Vec<V>) {
    if at < leaves.len() {
        collect(2 * at + 1, leaves, values);
        collect(2 * at, leaves, values);
    } else {
        values.extend(leaves.get(at - leaves.len()));
    }
}

/// For as many intervals as one likes: every point finds the last start that does not lie behind it.
#[test]
fn every_point_finds_its_interval() {
    for count in 1_u16..70 {
        let steps = (1..count).map(|number| (u128::from(number) * 3, number));
        for density in [1, 2, 16, 1000] {
            let intervals = Intervals::<u16, u16>::new(0, steps.clone(), density);
            for point in (0..count * 3 + 5).chain([u16::MAX]) {
                assert_eq!(intervals.find(point), &(point / 3).min(count - 1), "{point} of {count}");
            }
        }
    }
}

#[test]
fn neighbours_of_one_value_are_one_interval() {
    let steps = [(5, 'a'), (9, 'c'), (9, 'b'), (12, 'b'), (20, 'a')];
    let intervals = Intervals::<u32, char>::new('a', steps, 2);
    assert_eq!(intervals.count(), 3);
    assert_eq!([0, 8, 9, 19, 20].map(|point| *intervals.find(point)), ['a', 'a', 'b', 'b', 'a']);
    assert_eq!(*Intervals::<u32, char>::new('a', [(0, 'b')], 2).find(0), 'b');
}

#[test]
fn edges_of_the_line() {
    fn last_is_alone<T: Point>() {
        let intervals = Intervals::<T, u8>::new(1, [(T::LAST, 2)], 2);
        let points = [0, 1, T::LAST - 1, T::LAST];
        assert_eq!(points.map(|point| *intervals.find(T::from_bits(point))), [1, 1, 1, 2]);
    }
    last_is_alone::<u16>();
    last_is_alone::<u32>();
    last_is_alone::<u128>();
    let beyond = Intervals::<u32, u8>::new(1, [(1 << 32, 2)], 2);
    assert_eq!((*beyond.find(u32::MAX), beyond.count()), (1, 1));
}

/// However the line is cut: starts before, at and behind the bounds of sections, with many or none in one section.
#[test]
fn sections_do_not_tell_points_apart() {
    for width in [1, 63, 64, 65, 1 << 10, (1 << 16) - 1, 1 << 22, (1 << 22) + 1] {
        for count in [1, 2, 3, 40, 700] {
            let steps: Vec<_> = (1..count).map(|number| (number * width, number)).collect();
            let intervals = Intervals::<u32, u128>::new(0, steps.clone(), 4);
            assert!(intervals.sections.len() <= 1 << MOST_SECTION_BITS);
            let near =
                (0..count + 2).flat_map(|number| (number * width).saturating_sub(1)..=number * width + 1);
            for point in near.chain([u32::MAX.into()]).filter(|point| *point <= u32::LAST) {
                let expected = steps.iter().rev().find(|(start, _)| *start <= point).map_or(0, |step| step.1);
                assert_eq!(*intervals.find(u32::from_bits(point)), expected, "{point}, {count} of {width}");
            }
        }
    }
}
