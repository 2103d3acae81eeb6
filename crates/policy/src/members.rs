//! The addresses that a reference to a security group covers (S6.2).

use std::collections::HashMap;

use crate::cidr::Cidr;
use crate::network::{Eni, Network};
use crate::ranges::AddressSet;

/// Members of groups: the addresses that ENIs of the group *own* (S3.2), and what the user lists.
pub(crate) struct Members<'a> {
    enis: &'a [Eni],
    /// ENIs by group.
    owners: HashMap<&'a str, Vec<&'a Eni>>,
    listed: HashMap<&'a str, &'a [Cidr]>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(network: &'a Network) -> Self {
        let mut owners: HashMap<&str, Vec<&Eni>> = HashMap::new();
        for eni in &network.enis {
            for group in &eni.security_groups {
                owners.entry(group).or_default().push(eni);
            }
        }
        let listed =
            network.groups.iter().map(|group| (group.id.as_str(), group.members.as_slice())).collect();
        Self { enis: &network.enis, owners, listed }
    }

    /// The members of a group; none where the model lacks it.
    pub(crate) fn addresses(&self, group: &str) -> AddressSet {
        let blocks: Vec<Cidr> =
            self.owners.get(group).into_iter().flatten().flat_map(|eni| eni.blocks()).collect();
        let listed = self.listed.get(group).copied().unwrap_or_default();
        let foreign = self.foreign_within(group, &blocks);
        if foreign.is_empty() {
            return AddressSet::of(blocks.into_iter().chain(listed.iter().copied()));
        }
        let mut owned: Vec<(Cidr, Claim)> = blocks.into_iter().map(|block| (block, Claim::Member)).collect();
        owned.extend(foreign.into_iter().map(|block| (block, Claim::Foreign)));
        // Blocks nest, so the most specific owner has the last word.
        owned.sort_by_key(|(block, _)| block.length());
        let mut set = AddressSet::default();
        for (block, claim) in owned {
            match claim {
                Claim::Member => set.insert(block),
                Claim::Foreign => set.remove(block),
            }
        }
        for block in listed {
            set.insert(*block);
        }
        set
    }

    /// Blocks inside a member's prefix that ENIs without the group own.
    fn foreign_within(&self, group: &str, blocks: &[Cidr]) -> Vec<Cidr> {
        let prefixes: Vec<&Cidr> = blocks
            .iter()
            .filter(|block| block.length() < Cidr::of_address(block.address()).length())
            .collect();
        if prefixes.is_empty() {
            return Vec::new();
        }
        let is_inside = |block: &Cidr| {
            prefixes.iter().any(|prefix| prefix.length() < block.length() && prefix.contains(block.address()))
        };
        let others = self.enis.iter().filter(|eni| !eni.security_groups.iter().any(|other| other == group));
        others.flat_map(Eni::blocks).filter(is_inside).collect()
    }
}

/// Whose a block is.
#[derive(Clone, Copy)]
enum Claim {
    Member,
    Foreign,
}
