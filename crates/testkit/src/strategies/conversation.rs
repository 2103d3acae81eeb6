//! Conversations: who talks to whom, over what.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;
use vpcreplay_flow::{FlowKey, IcmpType, PacketFacts, Protocol, QueryKind, TcpFlags, Transport};

use super::models::address;

/// What a conversation is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
    /// UDP and the other protocols with ports.
    Ports(u8),
    /// ICMP or ICMPv6 queries with this identifier.
    Query(QueryKind, u16),
    /// One-way ICMP or ICMPv6 of this type.
    OneWay(u8),
    /// Any other protocol.
    Other(u8),
}

/// A conversation between two ends, the first of which is mostly the opener.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    kind: Kind,
    ends: [(IpAddr, u16); 2],
}

/// Which end of a conversation sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The first end.
    First,
    /// The second end.
    Second,
}

/// How much of a packet an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Enough to know the flow.
    Whole,
    /// Too little (S12.5).
    Cut,
}

impl Template {
    /// The facts of a packet of the conversation; flags only matter to TCP.
    pub fn packet(&self, sender: Sender, flags: TcpFlags, length: u32) -> PacketFacts {
        let [mut src, mut dst] = self.ends;
        if sender == Sender::Second {
            std::mem::swap(&mut src, &mut dst);
        }
        let (src_port, dst_port) = (src.1, dst.1);
        let (protocol, transport) = match self.kind {
            Kind::Tcp => (Protocol::TCP, Transport::Tcp { src_port, dst_port, flags }),
            Kind::Ports(number) => (Protocol(number), Transport::Ports { src_port, dst_port }),
            Kind::Query(kind, id) => (self.icmp(), self.query(kind, id, sender)),
            Kind::OneWay(icmp_type) => (self.icmp(), Transport::IcmpOneWay { icmp_type, code: 0 }),
            Kind::Other(number) => (Protocol(number), Transport::Other),
        };
        PacketFacts { src: src.0, dst: dst.0, protocol, transport, length }
    }

    /// A later fragment of the conversation whose first was not seen.
    pub fn later_fragment(&self, sender: Sender, length: u32) -> PacketFacts {
        PacketFacts { transport: Transport::Unknown, ..self.packet(sender, TcpFlags(0), length) }
    }

    /// An ICMP error about a packet of the conversation, to its sender, from a router or from the receiver.
    pub fn error(&self, sender: Sender, from: Option<IpAddr>, quote: Quote) -> PacketFacts {
        let about = self.packet(sender, TcpFlags(0x02), 60);
        let protocol = self.icmp();
        let (icmp_type, code) = if protocol == Protocol::ICMP { (3, 4) } else { (1, 4) };
        let quoted = match quote {
            Quote::Whole => FlowKey::of(&about).map(|(key, _)| key),
            Quote::Cut => None,
        };
        let src = from.filter(|router| router.is_ipv4() == about.src.is_ipv4()).unwrap_or(about.dst);
        PacketFacts {
            src,
            dst: about.src,
            protocol,
            transport: Transport::IcmpError { icmp_type, code, quoted },
            length: 140,
        }
    }

    fn icmp(&self) -> Protocol {
        if self.ends[0].0.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 }
    }

    fn query(&self, kind: QueryKind, id: u16, sender: Sender) -> Transport {
        let protocol = self.icmp();
        let wanted = |icmp_type: &u8| match IcmpType::of(protocol, *icmp_type) {
            IcmpType::Query(found, role) => {
                found == kind && (role == vpcreplay_flow::QueryRole::Requester) == (sender == Sender::First)
            }
            _ => false,
        };
        let icmp_type = (0..=u8::MAX).find(wanted).expect("every query has a request and a reply");
        let IcmpType::Query(kind, role) = IcmpType::of(protocol, icmp_type) else {
            unreachable!("it was searched for")
        };
        Transport::IcmpQuery { icmp_type, code: 0, id, kind, role }
    }
}

/// Addresses of eni-1 to eni-4; the second of each is the odd one.
const LOCAL_V4: [[&str; 2]; 4] = [
    ["10.0.1.10", "10.0.1.129"], // the second by its prefix
    ["10.0.1.11", "10.0.1.130"], // the second inside the prefix of eni-1
    ["10.0.2.10", "10.0.2.10"],
    ["10.0.9.11", "10.0.1.137"], // outside its subnet, and by a longer prefix than that of eni-1
];
const LOCAL_V6: [&str; 2] = ["2001:db8:1:1::10", "2001:db8:1:2::10"];
const REMOTE_V4: [&str; 5] = [
    "198.51.100.7",
    "198.51.100.200",
    "203.0.113.9",
    "10.0.1.77", // in subnet-1, nobody's
    "10.0.9.9",  // in the VPC, in no subnet; a listed member of groups
];
const ODD_V4: [&str; 7] = [
    "10.0.1.2", // DNS of subnet-1
    "10.0.0.2", // DNS of the VPC, but eni-4 owns it
    "10.0.2.1", // router of subnet-2
    "169.254.169.254",
    "169.254.169.253",
    "224.0.0.5",
    "255.255.255.255",
];
const REMOTE_V6: [&str; 2] = ["2001:db8:ffff::7", "2001:db8:1:1::77"];
const ODD_V6: [&str; 3] = ["fd00:ec2::253", "ff02::1", "2001:db8:1:1:f::1"];

/// Two addresses of one family, mostly one of the model and one outside.
fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let pick = |texts: &'static [&'static str]| select(texts).prop_map(address);
    let local = || (0_usize..4, prop_oneof![3 => Just(0_usize), 1 => Just(1)]);
    let one_local = || local().prop_map(|(eni, which)| address(LOCAL_V4[eni][which]));
    let two_local = (local(), local()).prop_map(|((a, first), (b, second))| {
        (address(LOCAL_V4[a][first]), address(LOCAL_V4[b][second])) // a quarter of them on one ENI
    });
    prop_oneof![
        12 => (one_local(), pick(&REMOTE_V4)),
        6 => two_local,
        1 => (one_local(), pick(&ODD_V4)),
        5 => (pick(&LOCAL_V6), pick(&REMOTE_V6)),
        2 => Just((address(LOCAL_V6[0]), address(LOCAL_V6[1]))),
        1 => (pick(&LOCAL_V6), pick(&ODD_V6)),
        1 => (pick(&REMOTE_V4), pick(&REMOTE_V4)),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        9 => Just(Kind::Tcp),
        4 => Just(Kind::Ports(17)),
        1 => select(vec![136_u8, 132, 33]).prop_map(Kind::Ports),
        3 => select(vec![1_u16, 2]).prop_map(|id| Kind::Query(QueryKind::Echo, id)),
        1 => Just(Kind::Query(QueryKind::Timestamp, 1)),
        1 => select(vec![9_u8, 42, 140]).prop_map(Kind::OneWay),
        2 => select(vec![47_u8, 50]).prop_map(Kind::Other),
    ]
}

/// Conversations between few addresses and ports, either end first.
pub fn template() -> impl Strategy<Value = Template> {
    let port = || select(vec![22_u16, 53, 443, 1024, 40_000]);
    let dhcp = prop::bool::weighted(0.02);
    (kind(), addresses(), (port(), port()), (any::<bool>(), dhcp)).prop_map(
        |(kind, (near, far), (near_port, far_port), (turned, dhcp))| {
            let ports = if dhcp { (68, 67) } else { (near_port, far_port) };
            let mut ends = [(near, ports.0), (far, ports.1)];
            if turned {
                ends.reverse();
            }
            // ICMPv6 has echo only (S12.7).
            let kind = match kind {
                Kind::Query(_, id) if near.is_ipv6() => Kind::Query(QueryKind::Echo, id),
                kind => kind,
            };
            Template { kind, ends }
        },
    )
}
