use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Index;

proptest! {
    /// A map from places to hashes is the model; few hashes, so that buckets overflow and tags collide.
    #[test]
    fn holds_what_a_map_holds(
        steps in prop::collection::vec(
            (any::<bool>(), 0_u32..90,
             (prop_oneof![0_u64..3, Just(0xffff)], prop_oneof![0_u64..4, 14_u64..18, Just(0xffff_ffff)])),
            1..500),
    ) {
        let mut index = Index::new();
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        for (is_insert, place, (tag, home)) in steps {
            let hash = tag << 32 | home;
            if is_insert && !model.contains_key(&place) {
                index.insert(hash, place, |place| model[&place]);
                model.insert(place, hash);
            } else if !is_insert && let Some(hash) = model.remove(&place) {
                index.remove(hash, place);
            }
            for (place, hash) in &model {
                prop_assert_eq!(index.find(*hash, |other| other == *place), Some(*place));
                let guess = index.guess(*hash);
                prop_assert!(guess == u32::MAX || model.contains_key(&guess));
            }
            let is_it = |other| other == place && model[&other] == hash;
            prop_assert_eq!(index.find(hash, is_it).is_some(), model.get(&place) == Some(&hash));
            prop_assert_eq!(index.len, model.len());
        }
    }
}

/// As long as a bucket has room, a place is guessed right whatever tags its neighbours have.
#[test]
fn guesses_right_among_similar_tags() {
    let mut index = Index::new();
    // A tag that differs by one from a lower neighbour's would be hit by its borrow.
    let hashes: Vec<u64> = (1..=10_u64).map(|tag| (tag ^ 1) << 32).collect();
    for (place, hash) in (0..).zip(&hashes) {
        index.insert(*hash, place, |place| hashes[place as usize]);
    }
    for (place, hash) in (0..).zip(&hashes) {
        assert_eq!(index.guess(*hash), place);
    }
}
