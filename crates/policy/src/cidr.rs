//! CIDR blocks and the address ranges that they cover.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// A CIDR block without host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

/// The blocks of multicast and broadcast addresses (S3.7).
pub(crate) const MULTICAST: [Cidr; 3] = [
    Cidr { address: IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)), length: 4 },
    Cidr { address: IpAddr::V4(Ipv4Addr::BROADCAST), length: 32 },
    Cidr { address: IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)), length: 8 },
];

/// Why a text is not a CIDR block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CidrError {
    /// It is none at all.
    Syntax,
    /// Bits beyond the prefix length are set; this is the block that was meant.
    HostBits(Cidr),
}

impl Cidr {
    /// All IPv4 addresses.
    pub const ALL_V4: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), length: 0 };
    /// All IPv6 addresses.
    pub const ALL_V6: Self = Self { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), length: 0 };

    /// The block of one address: a /32 or a /128.
    pub const fn of_address(address: IpAddr) -> Self {
        Self { address, length: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// The first address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The prefix length.
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether this is an IPv4 block.
    pub const fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether it is literally `0.0.0.0/0` or `::/0` (S6.4).
    pub const fn is_everything(&self) -> bool {
        self.length == 0
    }

    /// Whether the address lies in the block; never across families.
    pub fn contains(&self, address: IpAddr) -> bool {
        let range = self.range();
        self.is_ipv4() == address.is_ipv4() && (range.0..=range.1).contains(&bits(address))
    }

    /// First and last address as numbers.
    pub(crate) fn range(&self) -> (u128, u128) {
        let (width, first) = match self.address {
            IpAddr::V4(v4) => (32, u128::from(v4.to_bits())),
            IpAddr::V6(v6) => (128, v6.to_bits()),
        };
        let host_bits = width - u32::from(self.length).min(width);
        let hosts = if host_bits == 0 { 0 } else { u128::MAX >> (128 - host_bits) };
        (first, first | hosts)
    }

    /// Reads `address/length`.
    pub(crate) fn parse(text: &str) -> Result<Self, CidrError> {
        let net: IpNet = text.parse().map_err(|_| CidrError::Syntax)?;
        let cidr = Self { address: net.network(), length: net.prefix_len() };
        if net.addr() == net.network() { Ok(cidr) } else { Err(CidrError::HostBits(cidr)) }
    }

    /// Reads `address/length` or a bare address.
    pub(crate) fn parse_or_address(text: &str) -> Result<Self, CidrError> {
        text.parse().map_or_else(|_| Self::parse(text), |address| Ok(Self::of_address(address)))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// An address as a number; the families share the low 32 bits.
pub(crate) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
