use super::{SubnetSet, SubnetSetsBuilder};

// S3.5: in one VPC an address lies in one subnet at most; subnets of several VPCs may overlap.
#[test]
fn sets_have_what_was_entered() {
    let mut builder = SubnetSetsBuilder::default();
    let one = builder.with(SubnetSet::None, &[4]);
    assert_eq!(one, SubnetSet::One(4));
    assert_eq!(builder.with(one, &[4]), one, "a block of a subnet within another of the same subnet");
    let two = builder.with(one, &[2]);
    let five = builder.with(two, &[2, 3, 7, 7, 9]);
    assert_eq!(builder.with(two, &[3, 7, 9]), five, "equal sets are one");
    let sets = builder.finish();
    let members = |set| (0..12).filter(|subnet| sets.contains(set, *subnet)).collect::<Vec<u32>>();
    assert!(members(SubnetSet::None).is_empty());
    assert_eq!(members(one), [4]);
    assert_eq!(members(two), [2, 4]);
    assert_eq!(members(five), [2, 3, 4, 7, 9]);
}

#[test]
fn many_blocks_within_a_crowded_one_take_no_copies_of_it() {
    let mut builder = SubnetSetsBuilder::default();
    let crowd: Vec<u32> = (0..1000).collect();
    let crowded = builder.with(SubnetSet::None, &crowd);
    for subnet in 1000..2000 {
        builder.with(crowded, &[subnet]);
    }
    let kept: usize = builder.finish().several.iter().map(|nested| nested.own.len()).sum();
    assert_eq!(kept, 2000);
}
