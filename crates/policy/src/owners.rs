//! Which ENI owns an address (S3.2).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::net::IpAddr;

use crate::cidr::Cidr;
use crate::registry::EniId;

/// A hash map over addresses with a fast, fixed hash: models are no attack surface and nothing iterates over it.
pub(crate) type AddressMap<A, V> = HashMap<A, V, BuildHasherDefault<AddressHasher>>;

/// Multiplies and folds whole words.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are what is wanted")]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of an address")]
    fn write_u128(&mut self, word: u128) {
        self.write_u64((word >> 64) as u64);
        self.write_u64(word as u64);
    }
}

/// The owners of addresses and delegated prefixes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    v4: FamilyOwners<u32>,
    v6: FamilyOwners<u128>,
}

impl Owners {
    /// Enters a delegated prefix or, as a full-length prefix, an address.
    pub(crate) fn insert(&mut self, block: Cidr, owner: EniId) {
        match block.address() {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(block.length())).unwrap_or(0);
                self.v4.insert(v4.to_bits(), mask, owner);
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(block.length())).unwrap_or(0);
                self.v6.insert(v6.to_bits(), mask, owner);
            }
        }
    }

    /// Sorts what was entered: an address before a prefix, the longest prefix first.
    pub(crate) fn finish(&mut self) {
        self.v4.by_mask.sort_unstable_by_key(|(mask, _)| std::cmp::Reverse(*mask));
        self.v6.by_mask.sort_unstable_by_key(|(mask, _)| std::cmp::Reverse(*mask));
    }

    /// The owner of an address.
    #[inline]
    pub(crate) fn get(&self, address: IpAddr) -> Option<EniId> {
        match address {
            IpAddr::V4(v4) => self.v4.get(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.get(v6.to_bits()),
        }
    }
}

/// A map for each prefix length in use; a mask of ones is the map of single addresses.
#[derive(Clone, Debug)]
struct FamilyOwners<A> {
    by_mask: Vec<(A, AddressMap<A, EniId>)>,
}

impl<A> Default for FamilyOwners<A> {
    fn default() -> Self {
        Self { by_mask: Vec::new() }
    }
}

impl<A: Copy + Eq + Hash + std::ops::BitAnd<Output = A>> FamilyOwners<A> {
    fn insert(&mut self, address: A, mask: A, owner: EniId) {
        if let Some((_, map)) = self.by_mask.iter_mut().find(|(known, _)| *known == mask) {
            map.insert(address, owner);
        } else {
            self.by_mask.push((mask, std::iter::once((address, owner)).collect()));
        }
    }

    #[inline]
    fn get(&self, address: A) -> Option<EniId> {
        self.by_mask.iter().find_map(|(mask, map)| map.get(&(address & *mask)).copied())
    }
}
