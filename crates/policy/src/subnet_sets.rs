//! Which subnets an address lies in (S3.5).

use std::collections::HashMap;

/// The subnets whose CIDRs contain an address. Within one VPC that is one at most; subnets of several VPCs may overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SubnetSet {
    /// No subnet.
    None,
    /// The subnet of this number.
    One(u32),
    /// Several; the number is for [`SubnetSets`].
    Several(u32),
}

/// The sets of several subnets. CIDR blocks nest, so that a set is the subnets of the innermost block and the set around it:
/// the sets together are not larger than the CIDRs that made them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubnetSets {
    several: Vec<Nested>,
}

/// The subnets of a block, ascending, and those of the blocks around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Nested {
    own: Vec<u32>,
    around: SubnetSet,
}

impl SubnetSets {
    /// Whether the set has the subnet.
    #[inline]
    pub(crate) fn contains(&self, set: SubnetSet, subnet: u32) -> bool {
        match set {
            SubnetSet::None => false,
            SubnetSet::One(only) => only == subnet,
            SubnetSet::Several(number) => self.search(number, subnet),
        }
    }

    /// Goes outwards through the blocks; they are as many as there are prefix lengths at most.
    #[inline(never)]
    fn search(&self, number: u32, subnet: u32) -> bool {
        let mut set = SubnetSet::Several(number);
        while let SubnetSet::Several(number) = set {
            let Some(nested) = self.several.get(number as usize) else { return false };
            if nested.own.binary_search(&subnet).is_ok() {
                return true;
            }
            set = nested.around;
        }
        set == SubnetSet::One(subnet)
    }
}

/// Makes sets, each once.
#[derive(Debug, Default)]
pub(crate) struct SubnetSetsBuilder {
    sets: SubnetSets,
    numbers: HashMap<Nested, u32>,
}

impl SubnetSetsBuilder {
    /// The set with further subnets, given in ascending order.
    pub(crate) fn with(&mut self, around: SubnetSet, subnets: &[u32]) -> SubnetSet {
        let mut own: Vec<u32> =
            subnets.iter().copied().filter(|subnet| !self.sets.contains(around, *subnet)).collect();
        own.dedup();
        match (own.as_slice(), around) {
            ([], _) => around,
            ([only], SubnetSet::None) => SubnetSet::One(*only),
            _ => SubnetSet::Several(self.intern(Nested { own, around })),
        }
    }

    fn intern(&mut self, nested: Nested) -> u32 {
        let next = u32::try_from(self.sets.several.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(nested).or_insert_with_key(|nested| {
            self.sets.several.push(nested.clone());
            next
        })
    }

    pub(crate) fn finish(self) -> SubnetSets {
        self.sets
    }
}

#[cfg(test)]
#[path = "subnet_sets_tests.rs"]
mod tests;
