//! Models and options: one small VPC, with everything about it that the rules look at varied.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use vpcreplay_flow::{Profile, Span, TimeoutName};

use crate::reference::{
    Action, Cidr, Eni, Group, IcmpErrors, Midstream, Mode, Model, Nacl, NaclEntry, Peer, PrefixList, Scope,
    Service, Settings, SgRule, Subnet, Vpc,
};

const GROUPS: [&str; 3] = ["sg-1", "sg-2", "sg-3"];

/// A CIDR from its text.
pub(super) fn cidr(text: &str) -> Cidr {
    text.parse().expect("the CIDRs of the strategies are right")
}

/// An address from its text.
pub(super) fn address(text: &str) -> IpAddr {
    text.parse().expect("the addresses of the strategies are right")
}

fn owned(text: &str) -> String {
    text.to_owned()
}

fn service() -> impl Strategy<Value = Service> + Clone {
    let icmp = |protocol: u8, icmp_type: u8, code: Option<u8>| Service {
        protocol: Some(protocol),
        icmp: (Some(icmp_type), code),
        ..Service::ALL
    };
    prop_oneof![
        3 => Just(Service::ALL),
        3 => select(vec![Service::protocol(6), Service::protocol(17)]),
        4 => select(vec![
            Service::ports(6, 443, 443),
            Service::ports(6, 22, 53),
            Service::ports(6, 1024, 65_535),
            Service::ports(6, 0, 65_534),
            Service::ports(17, 53, 53),
            Service::ports(17, 1024, 65_535),
        ]),
        2 => select(vec![
            Service::protocol(1),
            Service::protocol(58),
            icmp(1, 8, None),
            icmp(1, 0, Some(0)),
            icmp(1, 3, None),
            icmp(1, 3, Some(4)),
            icmp(58, 128, None),
            icmp(58, 1, None),
        ]),
        1 => select(vec![Service::protocol(132), Service::protocol(136), Service::protocol(47)]),
    ]
}

fn peer() -> impl Strategy<Value = Peer> + Clone {
    prop_oneof![
        5 => Just("0.0.0.0/0"),
        3 => Just("::/0"),
        3 => select(vec!["10.0.0.0/16", "198.51.100.0/24", "0.0.0.0/1", "2001:db8::/32", "203.0.113.9/32"]),
        1 => Just("pl-1"),
        3 => select(GROUPS.to_vec()),
    ]
    .prop_map(|name| match name.parse() {
        Ok(cidr) => Peer::Cidr(cidr),
        Err(_) if name.starts_with("pl-") => Peer::PrefixList(owned(name)),
        Err(_) => Peer::Group(owned(name)),
    })
}

fn rules() -> impl Strategy<Value = Vec<SgRule>> + Clone {
    let rule = |(service, peer)| SgRule { id: None, service, peer };
    let all = move |cidr: &str| rule((Service::ALL, Peer::Cidr(self::cidr(cidr))));
    prop_oneof![
        2 => Just(vec![all("0.0.0.0/0"), all("::/0")]),
        // As open, but never untracked (S6.4).
        4 => Just(["0.0.0.0/1", "128.0.0.0/1", "::/1"].map(all).to_vec()),
        5 => prop::collection::vec((service(), peer()).prop_map(rule), 0..4),
    ]
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let members = prop_oneof![4 => Just(Vec::new()), 1 => Just(vec![cidr("10.0.9.0/24")])];
    let group = (rules(), rules(), members);
    [group.clone(), group.clone(), group].prop_map(|groups| {
        let named = GROUPS.into_iter().zip(groups);
        named
            .map(|(id, (ingress, egress, members))| Group { id: owned(id), ingress, egress, members })
            .collect()
    })
}

/// An entry of a network ACL without its number.
pub(super) fn nacl_entry() -> impl Strategy<Value = NaclEntry> {
    let action = prop_oneof![2 => Just(Action::Allow), 1 => Just(Action::Deny)];
    let block = select(vec!["0.0.0.0/0", "::/0", "198.51.100.0/24", "10.0.1.0/24", "2001:db8:ffff::/48"]);
    (1_u16..=20, action, service(), block).prop_map(|(number, action, service, block)| NaclEntry {
        number,
        action,
        service,
        cidr: cidr(block),
    })
}

fn nacl_entries() -> impl Strategy<Value = Vec<NaclEntry>> {
    (prop::collection::vec(nacl_entry(), 0..4), prop::bool::weighted(0.8)).prop_map(|(mut entries, open)| {
        entries.sort_by_key(|entry| entry.number);
        entries.dedup_by_key(|entry| entry.number); // a number twice in one direction is an error
        entries.reverse(); // document order must not matter
        let all = |number, block| NaclEntry {
            number,
            action: Action::Allow,
            service: Service::ALL,
            cidr: cidr(block),
        };
        if open {
            entries.extend([all(100, "0.0.0.0/0"), all(101, "::/0")]);
        }
        entries
    })
}

fn nacls() -> impl Strategy<Value = Vec<Nacl>> {
    let nacl = |id: &'static str| {
        (nacl_entries(), nacl_entries()).prop_map(move |(ingress, egress)| Nacl {
            id: owned(id),
            ingress,
            egress,
        })
    };
    (nacl("acl-1"), nacl("acl-2")).prop_map(|(one, two)| vec![one, two])
}

fn subnets() -> impl Strategy<Value = Vec<Subnet>> {
    let nacl = prop_oneof![2 => Just(None), 2 => Just(Some("acl-1")), 1 => Just(Some("acl-2"))];
    (nacl.clone(), nacl).prop_map(|(first, second)| {
        [("subnet-1", "1", first), ("subnet-2", "2", second)]
            .map(|(id, net, nacl)| Subnet {
                id: owned(id),
                vpc: owned("vpc-1"),
                cidrs: vec![cidr(&format!("10.0.{net}.0/24")), cidr(&format!("2001:db8:1:{net}::/64"))],
                nacl: nacl.map(owned),
            })
            .into()
    })
}

/// Timeouts of whole seconds, short enough to meet.
fn timeouts() -> impl Strategy<Value = Vec<(TimeoutName, Span)>> + Clone {
    let one = (select(TimeoutName::ALL.to_vec()), select(vec![1, 2, 7, 30, 60, 350]));
    prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(one.prop_map(|(name, secs)| (name, Span::from_secs(secs))), 1..4),
    ]
    .prop_map(|timeouts| {
        let last: std::collections::BTreeMap<_, _> = timeouts.into_iter().collect();
        last.into_iter().collect() // one of a name, in the order of names
    })
}

fn limit() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![3 => Just(None), 2 => select(vec![0_u64, 1, 2, 10]).prop_map(Some)]
}

/// The addresses that no ENI of the first model shares with another.
const ENIS: [(&str, &str, &[&str], &[&str]); 4] = [
    ("eni-1", "subnet-1", &["10.0.1.10", "2001:db8:1:1::10"], &["10.0.1.128/28", "2001:db8:1:1:f::/80"]),
    // An address inside the prefix of eni-1 (S3.2).
    ("eni-2", "subnet-1", &["10.0.1.11", "10.0.1.130"], &[]),
    ("eni-3", "subnet-2", &["10.0.2.10", "2001:db8:1:2::10"], &[]),
    // An address outside the CIDRs of its subnet (S3.5), and one that is the DNS address of the VPC (S3.6).
    ("eni-4", "subnet-2", &["10.0.2.11", "10.0.9.11", "10.0.0.2"], &["10.0.1.136/29"]),
];

fn enis() -> impl Strategy<Value = Vec<Eni>> {
    let instance = prop_oneof![4 => Just(Some("i-1")), 1 => Just(Some("i-2")), 1 => Just(None)];
    let kind = prop_oneof![6 => Just(None), 1 => Just(Some("lambda")), 1 => Just(Some("efa"))];
    let own_limit = prop_oneof![6 => Just(None), 1 => select(vec![0_u64, 1, 2]).prop_map(Some)];
    let groups = prop_oneof![5 => subsequence(GROUPS.to_vec(), 1..=3).prop_shuffle(), 1 => Just(Vec::new())];
    let eni = (groups, instance, kind, own_limit, timeouts());
    [eni.clone(), eni.clone(), eni.clone(), eni].prop_map(|choices| {
        let described = ENIS.into_iter().zip(choices);
        described
            .map(|((id, subnet, addresses, prefixes), (groups, instance, kind, limit, timeouts))| Eni {
                id: owned(id),
                subnet: owned(subnet),
                addresses: addresses.iter().map(|text| address(text)).collect(),
                prefixes: prefixes.iter().map(|text| cidr(text)).collect(),
                groups: groups.into_iter().map(owned).collect(),
                instance: instance.map(owned),
                interface_type: kind.map(owned),
                limit,
                timeouts,
            })
            .collect()
    })
}

/// Options that a command line and a model have in common.
fn settings() -> impl Strategy<Value = Settings> {
    let maybe = |values: Vec<_>| prop::option::weighted(0.3, select(values));
    (
        prop::option::weighted(0.3, select(Profile::ALL.to_vec())),
        limit(),
        (
            prop::option::weighted(0.4, select(vec![Scope::Eni, Scope::Instance])),
            prop::option::weighted(0.3, select(vec![Mode::Causal, Mode::Literal])),
        ),
        prop::option::weighted(0.5, select(vec![Midstream::Allow, Midstream::Deny, Midstream::EitherEnd])),
        prop::option::weighted(0.5, select(vec![IcmpErrors::ByRule, IcmpErrors::Related])),
        timeouts(),
        maybe(vec!["203.0.113.0/24", "eni-2", "::/0", "10.0.1.0/24", "198.51.100.7"]),
        prop::option::weighted(0.5, select(vec![1_u64, 7, 60, 300, 3600])),
    )
        .prop_map(
            |(profile, limit, (scope, mode), tcp_midstream, icmp_errors, timeouts, tracked, period)| {
                Settings {
                    profile,
                    limit,
                    scope,
                    mode,
                    tcp_midstream,
                    icmp_errors,
                    timeouts,
                    always_tracked: tracked.into_iter().map(owned).collect(),
                    period: period.map(Span::from_secs),
                    ..Settings::default()
                }
            },
        )
}

/// Command lines.
pub fn command() -> impl Strategy<Value = Settings> {
    let flow_memory = prop::option::weighted(0.4, select(vec![0_u64, 1, 5, 60]));
    let max_flows = prop::option::weighted(0.3, select(vec![0_usize, 1, 2, 3]));
    (settings(), flow_memory, max_flows).prop_map(|(settings, flow_memory, max_flows)| Settings {
        flow_memory: flow_memory.map(Span::from_secs),
        max_flows,
        ..settings
    })
}

/// Models: four ENIs in two subnets of one VPC, two of them mostly on one instance.
pub fn model() -> impl Strategy<Value = Model> {
    let limits = prop_oneof![
        4 => Just(None),
        1 => (select(vec!["i-1", "eni-1", "eni-4"]), select(vec![0_u64, 1, 2])).prop_map(Some),
    ];
    (settings(), limits, (subnets(), nacls()), enis(), groups()).prop_map(
        |(settings, limits, (subnets, nacls), mut enis, groups)| {
            let mut settings = settings;
            if let Some((id, limit)) = limits {
                settings.limits.push((owned(id), limit));
            }
            drop_doubtful_limits(&mut settings, &mut enis);
            Model {
                settings,
                vpcs: vec![Vpc {
                    id: owned("vpc-1"),
                    cidrs: vec![cidr("10.0.0.0/16"), cidr("2001:db8:1::/56")],
                }],
                subnets,
                enis,
                groups,
                nacls,
                prefix_lists: vec![PrefixList {
                    id: owned("pl-1"),
                    entries: vec![cidr("198.51.100.0/25"), cidr("2001:db8:ffff::/48")],
                }],
            }
        },
    )
}

/// S12.17: an unknown id, or two limits for one ENI, would be a load error.
pub(super) fn drop_doubtful_limits(settings: &mut Settings, enis: &mut [Eni]) {
    settings
        .limits
        .retain(|(id, _)| enis.iter().any(|eni| eni.id == *id || eni.instance.as_deref() == Some(id)));
    for eni in enis {
        if settings.limits.iter().any(|(id, _)| *id == eni.id) {
            eni.limit = None;
        }
    }
}
