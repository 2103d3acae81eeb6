//! What classes of connections are called.

use vpcreplay_capacity::{Contributor, ServiceClass};
use vpcreplay_engine::Registry;
use vpcreplay_flow::Protocol;

/// The kind of a class.
pub(super) const fn kind(class: &Contributor) -> &'static str {
    match class {
        Contributor::Peer(_) => "peer",
        Contributor::Service(_) => "service",
        Contributor::Rule(_) => "rule",
        Contributor::Protocol(_) => "protocol",
        Contributor::State(_) => "state",
        Contributor::Fate(_) => "fate",
    }
}

/// The name of a class.
pub(super) fn name(class: &Contributor, registry: &Registry) -> String {
    match class {
        Contributor::Peer(address) => address.to_string(),
        Contributor::Service(service) => service_name(*service),
        Contributor::Rule(Some(rule)) => registry.rule_name(*rule).to_owned(),
        Contributor::Rule(None) => "unknown".to_owned(),
        Contributor::Protocol(protocol) => protocol_name(*protocol),
        Contributor::State(state) => state.code().to_owned(),
        Contributor::Fate(fate) => fate.code().to_owned(),
    }
}

/// A service, such as `ingress tcp 443` or `egress udp 53 IPv6`.
pub(super) fn service_name(service: ServiceClass) -> String {
    let ServiceClass { direction, is_ipv4, protocol, port } = service;
    let port = port.map(|port| format!(" {port}")).unwrap_or_default();
    let family = if is_ipv4 { "" } else { " IPv6" };
    format!("{} {}{port}{family}", direction.name(), protocol_name(protocol))
}

/// A protocol by the name that rules have for it, else its number.
pub(super) fn protocol_name(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol::ICMP => "icmp".to_owned(),
        Protocol::ICMPV6 => "icmpv6".to_owned(),
        Protocol(number) => format!("protocol {number}"),
    }
}
