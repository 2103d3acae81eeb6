//! Traffic that neither layer filters (S3.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcreplay_flow::{PacketFacts, Protocol};

use crate::cidr::Cidr;
use crate::network::Network;

/// How much of an address's traffic is exempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Every protocol and port.
    Everything,
    /// Port 53 on that side.
    Dns,
}

/// Link-local addresses of services: metadata, ECS and EKS credentials, time, Windows activation.
const SERVICES_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 169, 123),
    Ipv4Addr::new(169, 254, 169, 250),
    Ipv4Addr::new(169, 254, 169, 251),
];
/// Amazon DNS, link-local.
const DNS_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);
/// Metadata and time over IPv6.
const SERVICES_V6: [Ipv6Addr; 2] = [amazon_v6(0x254), amazon_v6(0x123)];
/// Amazon DNS over IPv6.
const DNS_V6: Ipv6Addr = amazon_v6(0x253);

const fn amazon_v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, last)
}

/// The addresses whose traffic is exempt in a model: the services', and the router and DNS addresses of the model's VPCs and
/// subnets. Of an address that is named twice the last extent counts.
pub(crate) fn addresses(network: &Network) -> Vec<(IpAddr, Extent)> {
    let vpc_bases = network.vpcs.iter().filter_map(|vpc| vpc.cidrs.iter().find_map(ipv4_base));
    let subnet_bases: Vec<u32> =
        network.subnets.iter().flat_map(|subnet| subnet.cidrs.iter().filter_map(ipv4_base)).collect();
    let dns = vpc_bases.chain(subnet_bases.iter().copied()).filter_map(|base| base.checked_add(2));
    let dns = dns.map(Ipv4Addr::from_bits).chain([DNS_V4]).map(IpAddr::V4).chain([DNS_V6.into()]);
    let routers = subnet_bases.iter().filter_map(|base| base.checked_add(1)).map(Ipv4Addr::from_bits);
    let services = routers.chain(SERVICES_V4).map(IpAddr::V4).chain(SERVICES_V6.map(IpAddr::V6));
    // What is exempt altogether replaces what is exempt for DNS.
    let dns = dns.map(|address| (address, Extent::Dns));
    dns.chain(services.map(|address| (address, Extent::Everything))).collect()
}

/// The first address of an IPv4 block.
fn ipv4_base(cidr: &Cidr) -> Option<u32> {
    match cidr.address() {
        IpAddr::V4(v4) => Some(v4.to_bits()),
        IpAddr::V6(_) => None,
    }
}

/// Whether a packet is neighbour discovery or DHCP, whatever its addresses (S3.6, S3.8).
#[inline]
pub(crate) fn is_exempt_kind(facts: &PacketFacts) -> bool {
    match (facts.protocol, facts.src) {
        (Protocol::ICMPV6, IpAddr::V6(_)) => {
            facts.transport.icmp().is_some_and(|(icmp_type, _)| (133..=137).contains(&icmp_type))
        }
        (Protocol::UDP, src) => {
            let client_or_server = if src.is_ipv4() { [67, 68] } else { [546, 547] };
            facts.transport.ports().is_some_and(|(src_port, dst_port)| {
                client_or_server.contains(&src_port) && client_or_server.contains(&dst_port)
            })
        }
        _ => false,
    }
}
