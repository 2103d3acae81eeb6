//! What a model says of each address by itself (S3.2, S3.5, S3.6, S3.7), worked out once.
//!
//! The addresses of a family are cut into intervals, and of all addresses of an interval the model says the same. One
//! search for an address's interval answers every question about it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cidr::{Cidr, MULTICAST};
use crate::exempt::Extent;
use crate::intervals::{Intervals, Point};
use crate::registry::EniId;
use crate::subnet_sets::{SubnetSet, SubnetSets, SubnetSetsBuilder};

/// Sections of the line of addresses for each interval: many, because there is one line for a whole model.
const DENSITY: usize = 16;

/// What a model says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPlace {
    owner: Option<EniId>,
    /// `None` too where an ENI owns the address.
    exempt: Option<Extent>,
    subnets: SubnetSet,
    is_multicast: bool,
}

impl AddressPlace {
    /// A place of which the model says nothing.
    const OUTSIDE: Self = Self { owner: None, exempt: None, subnets: SubnetSet::None, is_multicast: false };

    /// The ENI that owns the address (S3.2).
    #[inline]
    pub const fn owner(&self) -> Option<EniId> {
        self.owner
    }

    /// Whether traffic of this address, with this port on its side, is exempt (S3.6).
    #[inline]
    pub fn is_exempt(&self, port: Option<u16>) -> bool {
        match self.exempt {
            None => false,
            Some(Extent::Everything) => true,
            Some(Extent::Dns) => port == Some(53),
        }
    }

    /// Whether the address is a multicast or broadcast one (S3.7).
    #[inline]
    pub const fn is_multicast(&self) -> bool {
        self.is_multicast
    }

    /// The place within a block that lies in this place.
    fn within(self, block: &Block, sets: &mut SubnetSetsBuilder) -> Self {
        match block {
            Block::Subnets(subnets) => Self { subnets: sets.with(self.subnets, subnets), ..self },
            Block::Multicast => Self { is_multicast: true, ..self },
            Block::Exempt(_) if self.owner.is_some() => self,
            Block::Exempt(extent) => Self { exempt: Some(*extent), ..self },
            Block::Owned(eni) => Self { owner: Some(*eni), exempt: None, ..self },
        }
    }
}

/// The places of all addresses.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    v4: Intervals<u32, AddressPlace>,
    v6: Intervals<u128, AddressPlace>,
    sets: SubnetSets,
}

/// What the places are made of. Of equal blocks the last one of a list counts.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// Addresses and delegated prefixes.
    pub(crate) owned: Vec<(Cidr, EniId)>,
    /// Exempt addresses.
    pub(crate) exempt: Vec<(IpAddr, Extent)>,
    /// The CIDRs of subnets, by the subnet's number.
    pub(crate) subnets: Vec<(Cidr, u32)>,
}

/// What a block says of its addresses.
enum Block {
    Subnets(Vec<u32>),
    Multicast,
    Exempt(Extent),
    Owned(EniId),
}

impl Places {
    pub(crate) fn of(claims: Claims) -> Self {
        let mut blocks = claims.blocks();
        // A block before those within it; the order of equal ones stays, and the last has the last word.
        blocks.sort_by_key(|(block, _)| (block.address(), block.length()));
        let mut sets = SubnetSetsBuilder::default();
        let (v4, v6) = blocks.split_at(blocks.partition_point(|(block, _)| block.is_ipv4()));
        Self { v4: intervals(v4, &mut sets), v6: intervals(v6, &mut sets), sets: sets.finish() }
    }

    /// The place of an address.
    #[inline]
    pub(crate) fn at(&self, address: IpAddr) -> &AddressPlace {
        match address {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits()),
        }
    }

    /// Whether a place lies in the CIDRs of a subnet (S3.5).
    #[inline]
    pub(crate) fn lies_in(&self, place: &AddressPlace, subnet: u32) -> bool {
        self.sets.contains(place.subnets, subnet)
    }
}

impl Claims {
    fn blocks(self) -> Vec<(Cidr, Block)> {
        // Subnets of one CIDR are entered together: one after the other they would make a set each.
        let mut subnets: BTreeMap<Cidr, Vec<u32>> = BTreeMap::new();
        for (cidr, number) in self.subnets {
            subnets.entry(cidr).or_default().push(number);
        }
        let subnets = subnets.into_iter().map(|(cidr, mut numbers)| {
            numbers.sort_unstable();
            (cidr, Block::Subnets(numbers))
        });
        let multicast = MULTICAST.map(|block| (block, Block::Multicast));
        let exempt = self.exempt.into_iter();
        let exempt = exempt.map(|(address, extent)| (Cidr::of_address(address), Block::Exempt(extent)));
        let owned = self.owned.into_iter().map(|(block, eni)| (block, Block::Owned(eni)));
        subnets.chain(multicast).chain(exempt).chain(owned).collect()
    }
}

/// The places of a family, from blocks that nest, each before those within it.
fn intervals<A: Point>(blocks: &[(Cidr, Block)], sets: &mut SubnetSetsBuilder) -> Intervals<A, AddressPlace> {
    let mut sweep = Sweep::default();
    for (cidr, block) in blocks {
        let (first, last) = cidr.range();
        sweep.close_before(first);
        sweep.open(first, last, sweep.innermost().within(block, sets));
    }
    sweep.close_before(u128::MAX);
    Intervals::new(AddressPlace::OUTSIDE, sweep.steps, DENSITY)
}

/// Turns nested blocks into steps: each has its place from its start up to the next start.
#[derive(Default)]
struct Sweep {
    /// Of steps at one point the last counts.
    steps: Vec<(u128, AddressPlace)>,
    /// The blocks around the point that the sweep has come to, the innermost last, each with its last address.
    open: Vec<(u128, AddressPlace)>,
}

impl Sweep {
    fn innermost(&self) -> AddressPlace {
        self.open.last().map_or(AddressPlace::OUTSIDE, |(_, place)| *place)
    }

    fn open(&mut self, first: u128, last: u128, place: AddressPlace) {
        self.steps.push((first, place));
        self.open.push((last, place));
    }

    /// Ends the blocks that end before a point. What ends at the very last address needs no end.
    fn close_before(&mut self, point: u128) {
        while let Some((last, _)) = self.open.pop_if(|(last, _)| *last < point) {
            self.steps.push((last + 1, self.innermost()));
        }
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
