use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use vpcreplay_flow::{PacketFacts, Protocol, Transport};

use crate::cidr::Cidr;
use crate::network::{DEFAULT_NACL, Eni, Nacl, Network, Subnet, Vpc};
use crate::options::Options;
use crate::policy::Policy;
use crate::registry::Registry;

/// What a test network is made of: the CIDRs of VPCs and of subnets, and the blocks of ENIs.
#[derive(Debug)]
struct Plan {
    vpcs: Vec<Vec<Cidr>>,
    subnets: Vec<Vec<Cidr>>,
    enis: Vec<Vec<Cidr>>,
}

impl Plan {
    /// ENI `n` is in subnet `n`, or in another one when there are fewer. A block belongs to the first ENI that has it (S3.2).
    fn network(self) -> Network {
        let mut taken = BTreeSet::new();
        let subnet_count = self.subnets.len();
        let enis = self.enis.into_iter().enumerate().map(|(at, blocks)| {
            let blocks = blocks.into_iter().filter(|block| taken.insert(*block));
            let (addresses, prefixes): (Vec<Cidr>, Vec<Cidr>) =
                blocks.partition(|block| *block == Cidr::of_address(block.address()));
            Eni {
                id: format!("eni-{at}"),
                subnet: format!("subnet-{}", at % subnet_count),
                addresses: addresses.iter().map(Cidr::address).collect(),
                prefixes,
                security_groups: Vec::new(),
                instance: None,
                interface_type: None,
                timeouts: BTreeMap::new(),
            }
        });
        let enis = enis.collect();
        let vpcs = self.vpcs.into_iter().enumerate();
        let subnets = self.subnets.into_iter().enumerate().map(|(at, cidrs)| Subnet {
            id: format!("subnet-{at}"),
            vpc: None,
            cidrs,
            nacl: DEFAULT_NACL.to_owned(),
        });
        Network {
            vpcs: vpcs.map(|(at, cidrs)| Vpc { id: format!("vpc-{at}"), cidrs }).collect(),
            subnets: subnets.collect(),
            enis,
            nacls: vec![Nacl::default_allow_all()],
            ..Network::default()
        }
    }
}

fn compiled(network: &Network) -> (Policy, Registry) {
    let mut registry = Registry::new();
    let (policy, _) = Policy::compile(network, &Options::default(), None, &mut registry).unwrap();
    (policy, registry)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn cidrs(texts: &[&str]) -> Vec<Cidr> {
    texts.iter().map(|text| Cidr::parse_or_address(text).unwrap()).collect()
}

// S3.2, written down once more without places.
fn slow_owner(network: &Network, address: IpAddr) -> Option<&str> {
    let blocks = network.enis.iter().flat_map(|eni| eni.blocks().map(move |block| (block, eni)));
    let around = blocks.filter(|(block, _)| block.contains(address));
    around.max_by_key(|(block, _)| block.length()).map(|(_, eni)| eni.id.as_str())
}

// S3.6
fn slow_exempt(network: &Network, address: IpAddr, port: Option<u16>) -> bool {
    let from_base = |cidr: &Cidr, offset| match cidr.address() {
        IpAddr::V4(base) => base.to_bits().checked_add(offset).map(Ipv4Addr::from_bits).map(IpAddr::V4),
        IpAddr::V6(_) => None,
    };
    let of_subnets = |offset| {
        network.subnets.iter().flat_map(|subnet| &subnet.cidrs).filter_map(move |c| from_base(c, offset))
    };
    let mut vpc_dns = network.vpcs.iter().filter_map(|vpc| {
        let first = vpc.cidrs.iter().find(|cidr| cidr.is_ipv4())?;
        from_base(first, 2)
    });
    let services = [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.169.123",
        "169.254.169.250",
        "169.254.169.251",
        "fd00:ec2::254",
        "fd00:ec2::123",
    ];
    let is_service = services.map(ip).contains(&address) || of_subnets(1).any(|router| router == address);
    let is_dns = ["169.254.169.253", "fd00:ec2::253"].map(ip).contains(&address)
        || of_subnets(2).any(|dns| dns == address)
        || vpc_dns.any(|dns| dns == address);
    slow_owner(network, address).is_none() && (is_service || is_dns && port == Some(53))
}

// S3.5
fn slow_crosses(network: &Network, eni: &Eni, src: IpAddr, dst: IpAddr) -> bool {
    let subnet = network.subnets.iter().find(|subnet| subnet.id == eni.subnet).unwrap();
    let lies_in = |address| subnet.cidrs.iter().any(|cidr| cidr.contains(address));
    !(lies_in(src) && lies_in(dst))
}

// S3.7
fn slow_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] & 0xf0 == 224 || v4 == Ipv4Addr::BROADCAST,
        IpAddr::V6(v6) => v6.octets()[0] == 0xff,
    }
}

fn facts(src: IpAddr, dst: IpAddr, (src_port, dst_port): (u16, u16)) -> PacketFacts {
    let transport = Transport::Ports { src_port, dst_port };
    PacketFacts { src, dst, protocol: Protocol::UDP, transport, length: 60 }
}

fn check(network: &Network, addresses: &[IpAddr]) {
    let (policy, registry) = compiled(network);
    for address in addresses.iter().copied() {
        let place = policy.place(address);
        let owner = place.owner().map(|eni| registry.eni_name(eni));
        assert_eq!(owner, slow_owner(network, address), "{address}");
        assert_eq!(policy.owner(address), place.owner());
        assert_eq!(place.is_multicast(), slow_multicast(address), "{address}");
        for port in [None, Some(53), Some(54)] {
            assert_eq!(place.is_exempt(port), slow_exempt(network, address, port), "{address} {port:?}");
        }
    }
    let others = addresses.iter().copied().skip(addresses.len() / 3).chain(addresses.iter().copied());
    for (src, dst) in addresses.iter().copied().zip(others) {
        for eni in &network.enis {
            let id = registry.eni_id(&eni.id).unwrap();
            for (src, dst) in [(src, dst), (src, src)] {
                let crosses = policy.crosses_subnet_edge(id, src, dst);
                assert_eq!(crosses, slow_crosses(network, eni, src, dst), "{} {src} {dst}", eni.id);
            }
        }
        for ports in [(53, 9), (9, 53)] {
            let slow = slow_exempt(network, src, Some(ports.0)) || slow_exempt(network, dst, Some(ports.1));
            assert_eq!(policy.exempt_by_address(&facts(src, dst, ports)), slow, "{src} {dst} {ports:?}");
        }
    }
}

/// The addresses at both edges of a block and their neighbours outside.
fn edges(block: Cidr) -> Vec<IpAddr> {
    let (first, last) = block.range();
    let points = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
    let address = |point: u128| {
        let v4 = || u32::try_from(point & u128::from(u32::MAX)).unwrap();
        if block.is_ipv4() { Ipv4Addr::from_bits(v4()).into() } else { Ipv6Addr::from_bits(point).into() }
    };
    points.map(address).to_vec()
}

/// Addresses where something is to be found, so that blocks and questions meet: the first and the last of each family, those
/// of services, those before and behind multicast, and some of a VPC.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = [
        "0.0.0.0",
        "10.0.0.0",
        "10.0.0.0",
        "10.0.0.64",
        "169.254.169.248",
        "223.255.255.248",
        "255.255.255.240",
    ];
    let v6 = [
        "::",
        "2001:db8::",
        "2001:db8::",
        "2001:db8::40",
        "fd00:ec2::120",
        "fd00:ec2::250",
        "feff:ffff:ffff:ffff:ffff:ffff:ffff:fff8",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0",
    ];
    let v4 = (prop::sample::select(v4.to_vec()), 0_u32..16).prop_map(|(base, offset)| {
        let base: Ipv4Addr = base.parse().unwrap();
        IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() + offset))
    });
    let v6 = (prop::sample::select(v6.to_vec()), 0_u128..16).prop_map(|(base, offset)| {
        let base: Ipv6Addr = base.parse().unwrap();
        IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() + offset))
    });
    prop_oneof![3 => v4, 2 => v6]
}

/// Blocks with few or many host bits.
fn block() -> impl Strategy<Value = Cidr> {
    let host_bits = prop_oneof![8 => 0_u8..8, 1 => Just(24), 1 => 28_u8..=32];
    (address(), host_bits).prop_map(|(address, host_bits)| {
        let text = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(u32::from(host_bits)).unwrap_or(0);
                format!("{}/{}", Ipv4Addr::from_bits(v4.to_bits() & mask), 32 - host_bits)
            }
            IpAddr::V6(v6) => {
                let host_bits = if host_bits < 28 { host_bits } else { host_bits + 96 };
                let mask = u128::MAX.checked_shl(u32::from(host_bits)).unwrap_or(0);
                format!("{}/{}", Ipv6Addr::from_bits(v6.to_bits() & mask), 128 - host_bits)
            }
        };
        Cidr::parse(&text).unwrap()
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let blocks = |most| prop::collection::vec(block(), 0..most);
    let owned = prop_oneof![address().prop_map(Cidr::of_address), block()];
    let enis = prop::collection::vec(prop::collection::vec(owned, 0..6), 0..7);
    let subnets = prop::collection::vec(blocks(4), 1..9);
    (prop::collection::vec(blocks(4), 0..4), subnets, enis).prop_map(|(vpcs, subnets, enis)| Plan {
        vpcs,
        subnets,
        enis,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn places_say_what_the_network_says(plan in plan(), others in prop::collection::vec(address(), 20)) {
        let network = plan.network();
        let subnets = network.subnets.iter().flat_map(|subnet| subnet.cidrs.iter().copied());
        let blocks = subnets.chain(network.enis.iter().flat_map(Eni::blocks));
        let addresses: Vec<IpAddr> = blocks.flat_map(edges).chain(others).collect();
        check(&network, &addresses);
    }
}

// S3.2: neighbours of one ENI are one interval; a prefix goes on behind the address of another ENI within it.
#[test]
fn neighbours_are_one_place() {
    let addresses = ["10.0.0.16", "10.0.0.17", "10.0.0.18", "10.0.0.19"];
    let owned = |blocks: &[&str]| {
        let enis = vec![cidrs(blocks), cidrs(&["10.0.0.40"])];
        compiled(&Plan { vpcs: vec![], subnets: vec![vec![]], enis }.network())
    };
    let (policy, _) = owned(&addresses);
    let (as_prefix, _) = owned(&["10.0.0.16/30"]);
    assert_eq!(policy.places.v4.count(), as_prefix.places.v4.count());
    let (policy, registry) = owned(&["10.0.0.32/28"]);
    let owners = ["10.0.0.31", "10.0.0.39", "10.0.0.40", "10.0.0.41", "10.0.0.48"]
        .map(|address| policy.owner(ip(address)).map(|eni| registry.eni_name(eni)));
    assert_eq!(owners, [None, Some("eni-0"), Some("eni-1"), Some("eni-0"), None]);
}

// S3.5: subnets of several VPCs may have the same addresses; each knows its own.
#[test]
fn overlapping_subnets() {
    let subnets = vec![
        cidrs(&["10.0.0.0/24"]),
        cidrs(&["10.0.0.0/24"]),
        cidrs(&["10.0.0.128/25", "2001:db8::/64"]),
        vec![],
    ];
    let enis = ["10.0.0.10", "10.0.0.11", "10.0.0.130", "10.0.0.131"].map(|address| cidrs(&[address]));
    let network = Plan { vpcs: vec![], subnets, enis: enis.to_vec() }.network();
    let (policy, registry) = compiled(&network);
    let crosses = |src: &str, dst: &str| {
        let of = |eni: &Eni| policy.crosses_subnet_edge(registry.eni_id(&eni.id).unwrap(), ip(src), ip(dst));
        network.enis.iter().map(of).collect::<Vec<bool>>()
    };
    assert_eq!(crosses("10.0.0.10", "10.0.0.200"), [false, false, true, true]);
    assert_eq!(crosses("10.0.0.129", "10.0.0.200"), [false, false, false, true], "unknown CIDRs always ask");
    assert_eq!(crosses("10.0.0.10", "10.0.1.0"), [true; 4]);
    assert_eq!(crosses("2001:db8::1", "2001:db8::2"), [true, true, false, true]);
}

// S3.6: what is exempt altogether replaces what is exempt for DNS; a prefix of an ENI makes its addresses not exempt.
#[test]
fn extent_of_exemption() {
    let subnets = vec![cidrs(&["10.0.0.0/24"]), cidrs(&["10.0.0.1/32"]), cidrs(&["10.0.4.0/24"])];
    let network = Plan { vpcs: vec![], subnets, enis: vec![cidrs(&["10.0.4.0/28"])] }.network();
    let (policy, _) = compiled(&network);
    let is_exempt =
        |address| [Some(53), Some(80), None].map(|port| policy.place(ip(address)).is_exempt(port));
    assert_eq!(is_exempt("10.0.0.1"), [true; 3]);
    assert_eq!(is_exempt("10.0.0.2"), [true; 3], "DNS of the one subnet, router of the other");
    assert_eq!(is_exempt("10.0.0.3"), [true, false, false]);
    assert_eq!(is_exempt("10.0.4.1"), [false; 3]);
}

// S3.7
#[test]
fn multicast_and_broadcast() {
    let network = Plan { vpcs: vec![], subnets: vec![vec![]], enis: vec![] }.network();
    let (policy, _) = compiled(&network);
    let is_multicast = |address| policy.place(ip(address)).is_multicast();
    for inside in ["224.0.0.0", "239.255.255.255", "255.255.255.255", "ff00::", "ffff::1"] {
        assert!(is_multicast(inside), "{inside}");
    }
    for outside in ["0.0.0.0", "223.255.255.255", "240.0.0.0", "255.255.255.254", "::", "fe80::1", "feff::1"]
    {
        assert!(!is_multicast(outside), "{outside}");
    }
}
