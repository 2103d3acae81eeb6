//! What the rules say of a packet, by their number and by which of them decides.

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput};
use vpcreplay_benches::timeline;
use vpcreplay_replay::flow::{Direction, Protocol};
use vpcreplay_replay::policy::{EniId, Policy, Probe, Selector};

const SIZES: [u16; 5] = [5, 20, 40, 200, 1_000];
/// Packets in a row, each from another address of the rule's block, so that nothing is guessed from the last one.
const PACKETS: u32 = 251;

/// A model whose rules each take one port from one block, 203.0.x.0/24 in turn.
fn model(rules: u16) -> String {
    let (mut groups, mut nacl) = (String::new(), String::new());
    for rule in 0..rules {
        let (port, block) = (1_000 + rule, rule % 250);
        let body = format!(r#"protocol = "tcp", ports = "{port}", peer = "203.0.{block}.0/24""#);
        let _ = writeln!(groups, "  {{ {body} }},");
        let _ = writeln!(nacl, r#"  {{ rule = {}, action = "allow", {body} }},"#, rule + 1);
    }
    format!(
        r#"
[[subnet]]
id = "subnet-a"
cidrs = ["10.20.0.0/22"]
nacl = "acl-a"

[[eni]]
id = "eni-a"
subnet = "subnet-a"
addresses = ["10.20.0.10"]
security_groups = ["sg-a"]

[[security_group]]
id = "sg-a"
ingress = [
{groups}]
egress = []

[[nacl]]
id = "acl-a"
ingress = [
{nacl}]
egress = []
"#
    )
}

/// Packets that one of the rules takes; none where no rule has that number.
fn probes(rule: u16) -> Vec<Probe> {
    let [_, block] = (rule % 250).to_be_bytes();
    let probe = |last: u32| Probe {
        peer: IpAddr::V4(Ipv4Addr::from_bits(0xcb00_0000 | u32::from(block) << 8 | last)),
        protocol: Protocol::TCP,
        selector: Selector::Port(1_000 + rule),
    };
    (0..PACKETS).map(probe).collect()
}

pub(crate) fn rules(criterion: &mut Criterion) {
    for rules in SIZES {
        let policy = timeline(&model(rules), None).first;
        let eni = policy.enis().next().expect("the model has an ENI");
        let mut group = criterion.benchmark_group(format!("{rules} rules"));
        group.throughput(Throughput::Elements(PACKETS.into()));
        for (case, rule) in [("first", 0), ("last", rules - 1), ("none", rules)] {
            let probes = probes(rule);
            let matched = probes.iter().filter(|probe| matches(&policy, eni, probe)).count();
            assert_eq!(matched, if rule < rules { probes.len() } else { 0 }, "every packet matches, or none");
            group.bench_function(format!("security group, {case}"), |bencher| {
                bencher.iter(|| {
                    for probe in black_box(&probes) {
                        black_box(policy.security_group(eni, Direction::Ingress, probe));
                    }
                });
            });
            group.bench_function(format!("network ACL, {case}"), |bencher| {
                bencher.iter(|| {
                    for probe in black_box(&probes) {
                        black_box(policy.nacl(eni, Direction::Ingress, probe));
                    }
                });
            });
        }
        group.finish();
    }
}

fn matches(policy: &Policy, eni: EniId, probe: &Probe) -> bool {
    policy.security_group(eni, Direction::Ingress, probe).is_some()
}
