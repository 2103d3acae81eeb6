use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Index;

proptest! {
    /// A set of (tag, place) is the model; few tags, so that slots collide and removals move others.
    #[test]
    fn holds_what_a_set_holds(
        steps in prop::collection::vec((any::<bool>(), 0_u32..40, prop_oneof![0_u32..4, 14_u32..18, Just(u32::MAX)]), 1..400),
    ) {
        let mut index = Index::new();
        let mut model: BTreeSet<(u32, u32)> = BTreeSet::new();
        for (is_insert, place, tag) in steps {
            if is_insert && model.insert((tag, place)) {
                index.insert(tag, place);
            } else if !is_insert {
                model.remove(&(tag, place));
                index.remove(tag, place);
            }
            for (tag, place) in &model {
                prop_assert_eq!(index.find(*tag, |other| other == *place), Some(*place));
            }
            let is_held = model.contains(&(tag, place));
            prop_assert_eq!(index.find(tag, |other| other == place).is_some(), is_held);
            prop_assert_eq!(index.len, model.len());
        }
    }
}
