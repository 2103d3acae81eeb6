use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{BEHIND, EMPTY, FEW, Index, MANY, NIL, TAG};

proptest! {
    /// A map from places to hashes is the model; few hashes, so that buckets overflow and tags collide.
    #[test]
    fn holds_what_a_map_holds(
        steps in prop::collection::vec(
            (any::<bool>(), 0_u32..90,
             (prop_oneof![0_u64..3, Just(0x7fff)], prop_oneof![0_u64..4, 14_u64..18, Just((1 << TAG) - 1)])),
            1..500),
    ) {
        let mut index = Index::with_room(0);
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        for (is_insert, place, (tag, home)) in steps {
            let hash = tag << TAG | home;
            if is_insert && !model.contains_key(&place) {
                index.insert(hash, place, |place| model[&place]);
                model.insert(place, hash);
            } else if !is_insert && let Some(hash) = model.remove(&place) {
                index.remove(hash, place);
            }
            for (place, hash) in &model {
                prop_assert_eq!(index.buckets().find(*hash, |other| other == *place), Some(*place));
                // Never told to be nowhere; but it may lie behind, or another one with its tag before it.
                let guess = index.buckets().guess(*hash);
                prop_assert!(guess == BEHIND || model.contains_key(&guess), "{guess}");
                let behind = index.buckets().guess_on(*hash);
                prop_assert!(behind == NIL || model.contains_key(&behind), "{behind}");
            }
            let is_it = |other| other == place && model[&other] == hash;
            prop_assert_eq!(index.buckets().find(hash, is_it).is_some(), model.get(&place) == Some(&hash));
            let is_nowhere = index.buckets().at_home(hash) == NIL;
            prop_assert!(!is_nowhere || index.buckets().find(hash, |_| true).is_none());
            prop_assert_eq!(index.len, model.len());
        }
    }
}

/// Hashes that have one home and different tags.
fn of_one_home(count: u64) -> Vec<u64> {
    (1..=count).map(|tag| tag << TAG).collect()
}

fn filled(hashes: &[u64]) -> Index {
    let mut index = Index::with_room(0);
    for (place, hash) in (0..).zip(hashes) {
        index.insert(*hash, place, |place| hashes[place as usize]);
    }
    index
}

/// As long as a bucket has room, a place is guessed right in whichever slot it is.
#[test]
fn guesses_right_in_every_slot() {
    let hashes = of_one_home(10);
    let index = filled(&hashes);
    for (place, hash) in (0..).zip(&hashes) {
        assert_eq!(index.buckets().guess(*hash), place);
    }
}

/// What went on is found by the second guess, in whichever of the next few buckets it is; what is nowhere, by none.
#[test]
fn guesses_on_behind_full_buckets() {
    let hashes = of_one_home(101);
    let (there, nowhere) = hashes.split_at(100);
    let index = filled(there);
    let buckets = index.buckets();
    for (place, hash) in (0..).zip(there) {
        assert_eq!(buckets.guess(*hash), if place < 10 { place } else { BEHIND });
        let is_near = (place as usize) < 10 * (1 + FEW);
        assert!(place < 10 || buckets.guess_on(*hash) == if is_near { place } else { NIL }, "{place}");
    }
    assert_eq!((buckets.guess(nowhere[0]), buckets.guess_on(nowhere[0])), (BEHIND, NIL));
    // In the last bucket that has some, and from one that nothing went on from.
    assert_eq!((buckets.guess(nowhere[0] + 9), buckets.guess(nowhere[0] + 10)), (NIL, NIL));
    let few = filled(&there[..24]);
    assert_eq!(few.buckets().guess_on(nowhere[0]), NIL);
}

/// What went on to a later bucket is counted, and counted back when it leaves: then searches end at home again.
#[test]
fn what_goes_on_is_counted() {
    let hashes = of_one_home(14);
    let mut index = filled(&hashes);
    let passed = |index: &Index| index.buckets.iter().map(|bucket| bucket.passed).sum::<u16>();
    assert_eq!(passed(&index), 4);
    index.remove(hashes[3], 3);
    assert_eq!(passed(&index), 4, "it was at home");
    for place in 10..14 {
        index.remove(hashes[place as usize], place);
    }
    assert_eq!(passed(&index), 0);
}

/// Where places come and go, one may have gone on from every bucket of a small index: a search ends all the same.
#[test]
fn a_search_goes_round_once() {
    let (mut index, homes) = (Index::with_room(0), [0_u64, 1]);
    let of_home = |home: u64, tag: u64| tag << TAG | home;
    let insert = |index: &mut Index, home: u64, places: std::ops::Range<u32>| {
        for place in places {
            index.insert(of_home(home, u64::from(place) + 1), place, |_| unreachable!("it does not grow"));
        }
    };
    // Eleven of the first home, of which one goes on; most of those at home leave.
    insert(&mut index, homes[0], 0..11);
    for place in 0..6 {
        index.remove(of_home(homes[0], u64::from(place) + 1), place);
    }
    // Ten of the second, where there is room for nine.
    insert(&mut index, homes[1], 20..30);
    assert!(index.buckets.len() == 2 && index.buckets.iter().all(|bucket| bucket.passed == 1));
    for (home, place) in [(0, 10), (1, 29)] {
        let hash = of_home(home, u64::from(place) + 1);
        assert_eq!(index.buckets().find(hash, |other| other == place), Some(place));
    }
    for home in homes {
        let nowhere = of_home(home, 99);
        assert_eq!(index.buckets().find(nowhere, |_| true), None);
        index.remove(nowhere, 99);
    }
    assert_eq!(index.len, 15);
}

/// A count that is too great to be kept stays.
#[test]
fn too_many_to_count_stay_too_many() {
    let mut bucket = EMPTY;
    bucket.passed = MANY - 1;
    bucket.unpass();
    bucket.pass();
    assert_eq!(bucket.passed, MANY - 1);
    bucket.pass();
    bucket.pass();
    bucket.unpass();
    assert_eq!(bucket.passed, MANY);
}

/// A large index grows by the tags alone, but for places that had to go on to a later bucket: nothing is lost, all is where it is
/// looked for, and few hashes are asked for.
#[test]
fn grows_by_tags() {
    // Room for ten in each bucket, eight on the average, so that many overflow, through three sizes.
    let most = 10 * (1_u64 << TAG) * 4;
    let hash = |place: u32| {
        let spread = u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread ^ spread >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    let mut index = Index::with_room(0);
    let mut asked = 0;
    for place in (0..).take(usize::try_from(most).unwrap_or(0)) {
        let (size, asked_for) = (index.buckets.len(), Cell::new(0));
        let hash_of = |place| {
            asked_for.set(asked_for.get() + 1);
            hash(place)
        };
        index.insert(hash(place), place, hash_of);
        asked += if size >= 1 << TAG { asked_for.get() } else { 0 };
    }
    // Some nine hundred thousand were moved.
    assert!(asked > 0 && asked < index.len / 10, "{asked} of {}", index.len);
    assert!(index.buckets.len() > 4 << TAG && index.buckets.iter().any(|bucket| bucket.passed > 0));
    for place in (0..).take(index.len) {
        assert_eq!(index.buckets().find(hash(place), |other| other == place), Some(place));
    }
    for place in (0..).take(index.len) {
        index.remove(hash(place), place);
    }
    assert!(index.buckets.iter().all(|bucket| bucket.passed == 0 && bucket.tags == [0; 10]));
}
