use super::Slab;

#[test]
fn places_are_used_again() {
    let mut slab = Slab::with_room(1);
    let (one, two) = (slab.add(1), slab.add(2));
    assert_eq!((slab.get(one), slab.get(two), slab.get(2)), (Some(&1), Some(&2), None));
    assert_eq!((slab.take(one), slab.take(u32::MAX)), (1, 0));
    assert_eq!((slab.add(3), slab.add(4)), (one, 2));
    *slab.get_mut(two).unwrap() = 5;
    assert_eq!(slab.get(two), Some(&5));
}
