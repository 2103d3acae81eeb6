//! Link-layer types of captured frames.

/// A link type as capture files number them (the LINKTYPE registry), FCS bits taken off (S12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback with a host-order family.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP.
    pub const PPP: Self = Self(9);
    /// Raw IP, as some systems number it.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP, as others number it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// Raw IP, either version.
    pub const RAW: Self = Self(101);
    /// BSD loopback with a network-order family.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Which tunnel is taken off before a packet is judged (S2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Decap {
    /// None: the outer packet is judged.
    #[default]
    None,
    /// VXLAN to UDP port 4789, as VPC Traffic Mirroring delivers.
    Vxlan,
    /// GENEVE to UDP port 6081, as a Gateway Load Balancer delivers.
    Geneve,
}
