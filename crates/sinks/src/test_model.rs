//! A small model, for the names behind the numbers.

use vpcreplay_policy::{
    Action, Cidr, Eni, Nacl, NaclEntry, Network, Options, Peer, Policy, Ports, Registry, SecurityGroup,
    SecurityGroupRule, Service, Subnet, Vpc,
};

/// One subnet with `eni-z` (10.0.1.10, instance `i-b`) and `eni-y` (10.0.1.11, instance `i-a`), in this order; their group admits TCP 443 in
/// and out (so flows are tracked), their ACL `acl-web` everything in and TCP out to port 443.
pub(crate) fn network() -> Network {
    let all = Peer::Cidr(Cidr::ALL_V4);
    let rule = |name: &str, service| SecurityGroupRule { name: name.to_owned(), service, peer: all.clone() };
    let eni = |id: &str, address: &str, instance: &str| Eni {
        id: id.to_owned(),
        subnet: "subnet-web".to_owned(),
        addresses: vec![address.parse().unwrap()],
        prefixes: Vec::new(),
        security_groups: vec!["sg-web".to_owned()],
        instance: Some(instance.to_owned()),
        interface_type: None,
        timeouts: [].into(),
    };
    let entry = |service| NaclEntry { number: 100, action: Action::Allow, service, peer: Cidr::ALL_V4 };
    let https = Service::Tcp(Ports { from: 443, to: 443 });
    Network {
        vpcs: vec![Vpc { id: "vpc-shop".to_owned(), cidrs: Vec::new() }],
        subnets: vec![Subnet {
            id: "subnet-web".to_owned(),
            vpc: Some("vpc-shop".to_owned()),
            cidrs: Vec::new(),
            nacl: "acl-web".to_owned(),
        }],
        enis: vec![eni("eni-z", "10.0.1.10", "i-b"), eni("eni-y", "10.0.1.11", "i-a")],
        groups: vec![SecurityGroup {
            id: "sg-web".to_owned(),
            vpc: None,
            members: Vec::new(),
            ingress: vec![rule("sg-web#ingress.1", https)],
            egress: vec![rule("sg-web#egress.1", https)],
        }],
        nacls: vec![Nacl {
            id: "acl-web".to_owned(),
            ingress: vec![entry(Service::All)],
            egress: vec![entry(https)],
        }],
        ..Network::default()
    }
}

/// The model, compiled.
pub(crate) fn compiled(options: &Options) -> (Policy, Registry) {
    let mut registry = Registry::new();
    let (policy, _) = Policy::compile(&network(), options, None, &mut registry).unwrap();
    (policy, registry)
}

/// The names behind the numbers of the model.
pub(crate) fn registry() -> Registry {
    compiled(&Options::default()).1
}

/// The number of a rule by its name; of two of one name the first.
pub(crate) fn rule(registry: &Registry, name: &str) -> vpcreplay_policy::RuleId {
    let ids = (0..).map(vpcreplay_policy::RuleId).take(registry.rule_count());
    ids.into_iter().find(|id| registry.rule_name(*id) == name).unwrap()
}
