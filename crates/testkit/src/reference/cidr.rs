//! Address blocks, compared bit by bit.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// Any address of the block.
    pub address: IpAddr,
    /// How many leading bits count.
    pub length: u8,
}

impl Cidr {
    /// A block.
    pub const fn new(address: IpAddr, length: u8) -> Self {
        Self { address, length }
    }

    /// Whether the address lies in the block; families never mix.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (block, wanted) = match (self.address, address) {
            (IpAddr::V4(block), IpAddr::V4(wanted)) => {
                (u128::from(block.to_bits()) << 96, u128::from(wanted.to_bits()) << 96)
            }
            (IpAddr::V6(block), IpAddr::V6(wanted)) => (block.to_bits(), wanted.to_bits()),
            _ => return false,
        };
        let kept = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
        block & kept == wanted & kept
    }

    /// The address `offset` above the first of an IPv4 block; `None` for IPv6.
    pub fn ipv4_at(&self, offset: u32) -> Option<IpAddr> {
        let IpAddr::V4(address) = self.address else { return None };
        let kept = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
        Some(IpAddr::V4(((address.to_bits() & kept).wrapping_add(offset)).into()))
    }

    /// Whether this is literally `0.0.0.0/0` or `::/0` and of the family of `address` (S6.4).
    pub const fn is_all_of_family(&self, address: IpAddr) -> bool {
        self.length == 0 && self.address.is_ipv4() == address.is_ipv4()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl FromStr for Cidr {
    type Err = String;

    /// Reads `address/length`; a bare address is a block of one.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| format!("`{text}` is not a CIDR"))?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.parse().map_err(|_| format!("`{text}` is not a CIDR"))?,
            None => whole,
        };
        if length > whole { Err(format!("`{text}` is not a CIDR")) } else { Ok(Self { address, length }) }
    }
}
