//! Small texts that documents hold: blocks, protocols, ports, ICMP types.

use std::net::IpAddr;

use vpcreplay_flow::Protocol;

use crate::cidr::{Cidr, CidrError};
use crate::error::LoadError;
use crate::service::{Ports, Service};

/// A parser's message without the names of Rust's types.
pub(crate) fn plain(message: &str) -> String {
    message
        .replace("expected i64", "expected an integer")
        .replace("expected u64", "expected an integer from 0")
        .replace("expected a map", "expected a table")
        .replace("expected a sequence", "expected a list")
        .replace('\n', "; ")
}

/// A CIDR block without host bits.
pub(crate) fn cidr(text: &str) -> Result<Cidr, LoadError> {
    strict(text, Cidr::parse(text))
}

/// A CIDR block, or an address that stands for itself alone.
pub(crate) fn cidr_or_address(text: &str) -> Result<Cidr, LoadError> {
    strict(text, Cidr::parse_or_address(text))
}

fn strict(text: &str, parsed: Result<Cidr, CidrError>) -> Result<Cidr, LoadError> {
    parsed.map_err(|error| match error {
        CidrError::Syntax => LoadError::new(format!("`{text}` is not a CIDR block"))
            .expected("an address and a prefix length, such as 10.0.1.0/24 or 2001:db8::/56"),
        CidrError::HostBits(meant) => LoadError::new(format!(
            "`{text}` has bits set beyond its prefix length"
        ))
        .remedy(format!(
            "Write `{meant}` for the block, or `{}` for the one address.",
            Cidr::of_address(
                text.split('/').next().and_then(|address| address.parse().ok()).unwrap_or(meant.address())
            )
        )),
    })
}

/// An address.
pub(crate) fn address(text: &str) -> Result<IpAddr, LoadError> {
    text.parse().map_err(|_| {
        LoadError::new(format!("`{text}` is not an IP address"))
            .expected("an IPv4 or IPv6 address, such as 10.0.1.10 or 2001:db8::10")
    })
}

/// A protocol by name, in any case, or number; `None` is every protocol. AWS prints names in lower case; tools that
/// write its documents do not always.
pub(crate) fn protocol(text: &str) -> Result<Option<Protocol>, LoadError> {
    match text.to_ascii_lowercase().as_str() {
        "all" | "-1" => Ok(None),
        "tcp" => Ok(Some(Protocol::TCP)),
        "udp" => Ok(Some(Protocol::UDP)),
        "icmp" => Ok(Some(Protocol::ICMP)),
        "icmpv6" => Ok(Some(Protocol::ICMPV6)),
        _ => match text.parse() {
            Ok(number) => Ok(Some(Protocol(number))),
            Err(_) => Err(LoadError::new(format!("`{text}` is not a protocol"))
                .expected("all, tcp, udp, icmp, icmpv6 or an IANA protocol number from 0 to 255")),
        },
    }
}

/// A port or an inclusive range of ports, as the user writes it.
pub(crate) fn ports(text: &str) -> Result<Ports, LoadError> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.trim().parse(), to.trim().parse()) {
        (Ok(from), Ok(to)) if from <= to => Ok(Ports { from, to }),
        (Ok(from), Ok(to)) => {
            let (from, to): (u16, u16) = (from, to);
            Err(LoadError::new(format!("the port range `{text}` is empty"))
                .remedy(format!("Write the lower port first: `{to}-{from}`.")))
        }
        _ => Err(LoadError::new(format!("`{text}` is not a port or a range of ports"))
            .expected("a port from 0 to 65535 or a range, such as 443 or 1024-65535")),
    }
}

/// `TYPE`, `TYPE:CODE`; −1 is all.
pub(crate) fn icmp(text: &str) -> Result<(Option<u8>, Option<u8>), LoadError> {
    let part = |text: &str| match text.trim() {
        "-1" => Some(None),
        number => number.parse().ok().map(Some),
    };
    let (icmp_type, code) = text.split_once(':').unwrap_or((text, "-1"));
    part(icmp_type).zip(part(code)).ok_or_else(|| {
        LoadError::new(format!("`{text}` is not an ICMP type and code"))
            .expected("TYPE:CODE, each from 0 to 255 or -1 for all, such as 8:-1")
    })
}

/// What a rule of the user is about, from its three texts.
pub(crate) fn service(
    protocol_text: Option<&str>,
    ports_text: Option<&str>,
    icmp_text: Option<&str>,
) -> Result<Service, LoadError> {
    let protocol = protocol(protocol_text.unwrap_or("all"))?;
    let refuse = |key: &str, meant: &str| {
        let name = protocol_text.unwrap_or("all");
        Err(LoadError::new(format!("`{key}` says nothing for protocol `{name}`"))
            .remedy(format!("Give protocol {meant}, or leave `{key}` out.")))
    };
    match (protocol, ports_text, icmp_text) {
        (Some(Protocol::TCP), Some(text), None) => ports(text).map(Service::Tcp),
        (Some(Protocol::UDP), Some(text), None) => ports(text).map(Service::Udp),
        (Some(Protocol::ICMP), None, Some(text)) => icmp(text).map(|(t, c)| Service::Icmp(t, c)),
        (Some(Protocol::ICMPV6), None, Some(text)) => icmp(text).map(|(t, c)| Service::Icmpv6(t, c)),
        (None, None, None) => Ok(Service::All),
        (Some(protocol), None, None) => Ok(Service::whole(protocol)),
        (_, Some(_), _) => refuse("ports", "tcp or udp"),
        (_, _, Some(_)) => refuse("icmp", "icmp or icmpv6"),
    }
}
