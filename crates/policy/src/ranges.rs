//! Sets of addresses as sorted, disjoint ranges.

use std::net::IpAddr;

use crate::cidr::{Cidr, bits};

/// Inclusive ranges of one family, ascending, with gaps between them.
pub(crate) type Ranges = Vec<(u128, u128)>;

/// A set of addresses of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressSet {
    v4: Ranges,
    v6: Ranges,
}

impl AddressSet {
    /// The addresses that some of the blocks have.
    pub(crate) fn of(blocks: impl IntoIterator<Item = Cidr>) -> Self {
        let mut set = Self::default();
        for block in blocks {
            if block.is_ipv4() { &mut set.v4 } else { &mut set.v6 }.push(block.range());
        }
        Self { v4: merged(set.v4), v6: merged(set.v6) }
    }

    /// Whether the set has no address.
    pub(crate) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether the set has the address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let ranges = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let point = bits(address);
        let after = ranges.partition_point(|(first, _)| *first <= point);
        after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| point <= *last)
    }

    /// Adds a block.
    pub(crate) fn insert(&mut self, block: Cidr) {
        let ranges = self.family_of(block);
        ranges.push(block.range());
        *ranges = merged(std::mem::take(ranges));
    }

    /// Takes a block away.
    pub(crate) fn remove(&mut self, block: Cidr) {
        let (first, last) = block.range();
        let ranges = self.family_of(block);
        let mut left = Ranges::with_capacity(ranges.len() + 1);
        for &(from, to) in &*ranges {
            if to < first || from > last {
                left.push((from, to));
                continue;
            }
            if from < first {
                left.push((from, first - 1));
            }
            if to > last {
                left.push((last + 1, to));
            }
        }
        *ranges = left;
    }

    fn family_of(&mut self, block: Cidr) -> &mut Ranges {
        if block.is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }

    /// The IPv4 ranges.
    pub(crate) fn v4(&self) -> &[(u128, u128)] {
        &self.v4
    }

    /// The IPv6 ranges.
    pub(crate) fn v6(&self) -> &[(u128, u128)] {
        &self.v6
    }

    /// Whether the set has addresses of the family of `address`.
    pub(crate) fn has_family_of(&self, address: IpAddr) -> bool {
        !(if address.is_ipv4() { &self.v4 } else { &self.v6 }).is_empty()
    }
}

/// Sorts ranges and joins those that overlap or touch.
fn merged(mut ranges: Ranges) -> Ranges {
    ranges.sort_unstable();
    let mut joined: Ranges = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
#[path = "ranges_tests.rs"]
mod tests;
