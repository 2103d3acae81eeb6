use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::{AddressSet, Ranges};
use crate::cidr::Cidr;

/// Every block of a /29: few enough to try all triples.
fn blocks() -> Vec<Cidr> {
    let of_length = |length: u32| (0..1 << (length - 29)).map(move |at: u32| (at << (32 - length), length));
    let texts = (29..=32).flat_map(of_length).map(|(host, length)| format!("10.0.0.{host}/{length}"));
    texts.filter_map(|text| Cidr::parse(&text).ok()).collect()
}

fn points(block: Cidr) -> BTreeSet<u128> {
    let (first, last) = block.range();
    (first..=last).collect()
}

/// The ranges of a set of points, with gaps between them.
fn ranges(points: &BTreeSet<u128>) -> Ranges {
    let begins = points.iter().filter(|point| !points.contains(&(**point - 1)));
    let ends = points.iter().filter(|point| !points.contains(&(**point + 1)));
    begins.copied().zip(ends.copied()).collect()
}

// S3.2, S6.2: what one ENI owns within the prefix of another is taken away to the address, and no more.
#[test]
fn sets_of_addresses_are_sets_of_points() {
    let blocks = blocks();
    assert_eq!(blocks.len(), 15);
    for whole in &blocks {
        for taken in &blocks {
            for added in &blocks {
                let mut set = AddressSet::of([*whole]);
                let mut points_left = points(*whole);
                set.remove(*taken);
                points_left.retain(|point| !points(*taken).contains(point));
                assert_eq!(set.v4(), ranges(&points_left), "{whole} without {taken}");
                set.insert(*added);
                points_left.extend(points(*added));
                assert_eq!(set.v4(), ranges(&points_left), "{whole} without {taken}, with {added}");
                set.remove(*whole);
                points_left.retain(|point| !points(*whole).contains(point));
                assert_eq!(set.v4(), ranges(&points_left));
            }
        }
    }
    assert!(!AddressSet::of(blocks).contains(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 8))));
}
