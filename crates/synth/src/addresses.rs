//! Where fleets and the internet have their addresses.
//!
//! The VPC is `10.0.0.0/16` and `2001:db8::/56`. The fleet with index `f` has the subnets `10.0.(16 f).0/20` and
//! `2001:db8:0:f::/64`, its interfaces host numbers from 16 on. The internet is `100.64.0.0/10` and
//! `2001:db8:c000::/96`, a part of it for each class.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::profile::{Class, Party, Profile};

const VPC_V4: u32 = Ipv4Addr::new(10, 0, 0, 0).to_bits();
const VPC_V6: u128 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
const INTERNET_V4: u32 = Ipv4Addr::new(100, 64, 0, 0).to_bits();
const INTERNET_V6: u128 = Ipv6Addr::new(0x2001, 0xdb8, 0xc000, 0, 0, 0, 0, 0).to_bits();
/// Addresses of a fleet's subnet, IPv4.
const SUBNET: u32 = 1 << 12;
/// The host number of a fleet's first interface: AWS keeps the first four of a subnet to itself.
const FIRST_HOST: u32 = 16;

/// The CIDRs of the VPC.
pub(crate) const VPC: [&str; 2] = ["10.0.0.0/16", "2001:db8::/56"];

/// Addresses in a row, with indices from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    v4: u32,
    v6: u128,
    pub(crate) count: u32,
    /// The middle part of the Ethernet addresses; the internet is behind one router.
    mac: Mac,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mac {
    Router,
    Fleet(u8),
}

impl Block {
    /// The addresses of the interfaces of a fleet.
    pub(crate) fn of_fleet(index: usize, count: u32) -> Self {
        let number = u8::try_from(index).unwrap_or(u8::MAX);
        Self {
            v4: VPC_V4 + u32::from(number) * SUBNET + FIRST_HOST,
            v6: VPC_V6 | u128::from(number) << 64 | u128::from(FIRST_HOST),
            count,
            mac: Mac::Fleet(number),
        }
    }

    /// Addresses of the internet behind those that other classes have.
    fn of_internet(taken: u32, count: u32) -> Self {
        Self { v4: INTERNET_V4 + taken, v6: INTERNET_V6 | u128::from(taken), count, mac: Mac::Router }
    }

    /// The IPv4 address with this index; it names the address of either family.
    #[inline]
    pub(crate) const fn v4(&self, index: u32) -> u32 {
        self.v4.wrapping_add(index)
    }

    /// The IPv6 address with this index.
    #[inline]
    pub(crate) const fn v6(&self, index: u32) -> u128 {
        self.v6.wrapping_add(index as u128)
    }

    /// The Ethernet address with this index, locally administered.
    #[inline]
    pub(crate) const fn mac(&self, index: u32) -> [u8; 6] {
        match self.mac {
            Mac::Router => [2, 0, 0, 0xff, 0, 1],
            Mac::Fleet(fleet) => {
                let [_, _, high, low] = index.to_be_bytes();
                [2, 0, 0, fleet, high, low]
            }
        }
    }
}

/// The CIDRs of a fleet's subnet.
pub(crate) fn subnet(index: usize) -> (String, String) {
    let number = u8::try_from(index).unwrap_or(u8::MAX);
    let v4 = Ipv4Addr::from_bits(VPC_V4 + u32::from(number) * SUBNET);
    let v6 = Ipv6Addr::from_bits(VPC_V6 | u128::from(number) << 64);
    (format!("{v4}/20"), format!("{v6}/64"))
}

/// Both ends of each class, in the order of the classes.
pub(crate) fn ends(profile: &Profile) -> Vec<(Block, Block)> {
    let mut taken = 0;
    let mut ends = Vec::new();
    for class in &profile.classes {
        let block = |party: Party| match party {
            Party::Internet => Block::of_internet(taken, class.peers),
            Party::Fleet(index) => {
                Block::of_fleet(index, profile.fleets.get(index).map_or(1, |fleet| fleet.enis))
            }
        };
        ends.push((block(class.from), block(class.to)));
        taken += class.peers;
    }
    ends
}

/// Whether both ends of a class are one fleet.
pub(crate) fn is_within(class: &Class) -> bool {
    class.from == class.to
}
