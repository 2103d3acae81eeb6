use std::collections::BTreeMap;

use super::TallyTable;
use crate::Tally;

/// Counts a batch of keys: all slots are found before the first key is counted.
fn count(table: &mut TallyTable, keys: &[u64]) {
    for &key in keys {
        match table.get_mut(key) {
            Some(tally) => tally.add(10),
            None => table.insert(key, Tally::of(10)),
        }
    }
}

// Keys that lie close and far, several times in a batch; the table grows from nothing, so its slots collide and wrap.
#[test]
fn holds_what_a_map_holds() {
    let mut table = TallyTable::default();
    let mut model: BTreeMap<u64, u64> = BTreeMap::new();
    assert_eq!(table.get_mut(1), None);
    for round in 1..256_u64 {
        let near = (1..=round % 40).map(|step| step * step % 23 + round);
        let keys: Vec<u64> = near.chain([round << 32 | 7, round << 56, u64::MAX - round, u64::MAX]).collect();
        count(&mut table, &keys);
        for key in keys {
            *model.entry(key).or_default() += 1;
        }
        let mut held: Vec<(u64, Tally)> = table.iter().collect();
        held.sort_unstable_by_key(|(key, _)| *key);
        let expected = model.iter().map(|(&key, &packets)| (key, Tally { packets, bytes: 10 * packets }));
        assert!(held.into_iter().eq(expected), "round {round}");
        assert_eq!(table.len(), model.len());
        assert!(table.keys.len() >= 2 * table.len());
    }
}

#[test]
fn grows_by_need() {
    let mut table = TallyTable::default();
    assert_eq!(table.keys.len(), 0);
    count(&mut table, &[1, 2, 3, 2]);
    assert_eq!(table.keys.len(), 16);
    for key in 1..=65_536 {
        count(&mut table, &[key]);
    }
    assert_eq!((table.len(), table.keys.len()), (65_536, 131_072));
}
