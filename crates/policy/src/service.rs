//! What a rule says of protocol, ports and ICMP types (S5.2, S6.2).

use std::fmt;

use vpcreplay_flow::Protocol;

use crate::probe::{Probe, Selector};

/// A range of ports, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports {
    /// The first port.
    pub from: u16,
    /// The last port.
    pub to: u16,
}

impl Ports {
    /// Every port.
    pub const ALL: Self = Self { from: 0, to: u16::MAX };

    /// Whether the range has every port.
    pub const fn is_all(&self) -> bool {
        self.from == 0 && self.to == u16::MAX
    }

    /// Whether the range has this port.
    pub const fn contains(&self, port: u16) -> bool {
        self.from <= port && port <= self.to
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from, self.to) {
            (from, to) if from == to => write!(f, "{from}"),
            (from, to) => write!(f, "{from}-{to}"),
        }
    }
}

/// The traffic that a rule is about, whoever the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Every protocol (−1).
    All,
    /// TCP with these destination ports.
    Tcp(Ports),
    /// UDP with these destination ports.
    Udp(Ports),
    /// ICMP with this type and code; `None` is all (−1).
    Icmp(Option<u8>, Option<u8>),
    /// ICMPv6 with this type and code; `None` is all (−1).
    Icmpv6(Option<u8>, Option<u8>),
    /// Any other protocol, by its number.
    Number(Protocol),
}

impl Service {
    /// All traffic of a protocol.
    pub const fn whole(protocol: Protocol) -> Self {
        match protocol {
            Protocol::TCP => Self::Tcp(Ports::ALL),
            Protocol::UDP => Self::Udp(Ports::ALL),
            Protocol::ICMP => Self::Icmp(None, None),
            Protocol::ICMPV6 => Self::Icmpv6(None, None),
            other => Self::Number(other),
        }
    }

    /// The protocol; `None` for every protocol.
    pub const fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::All => None,
            Self::Tcp(_) => Some(Protocol::TCP),
            Self::Udp(_) => Some(Protocol::UDP),
            Self::Icmp(..) => Some(Protocol::ICMP),
            Self::Icmpv6(..) => Some(Protocol::ICMPV6),
            Self::Number(protocol) => Some(*protocol),
        }
    }

    /// Whether the traffic of a packet is meant, and why.
    ///
    /// A packet whose ports or type are not known is meant only where the rule covers all of them (S2.7). That is
    /// so for ICMP in IPv6 and ICMPv6 in IPv4 too, which have no types there (S2.4).
    pub(crate) fn matches(self, probe: &Probe) -> Result<String, String> {
        let Some(protocol) = self.protocol() else { return Ok("all traffic is meant".to_owned()) };
        let (name, its_name) = (protocol_name(protocol), protocol_name(probe.protocol));
        if protocol != probe.protocol {
            return Err(format!("protocol {its_name} is not {name}"));
        }
        match self {
            Self::Tcp(ports) | Self::Udp(ports) => match_ports(ports, probe.selector),
            Self::Icmp(icmp_type, code) if probe.peer.is_ipv4() => {
                match_icmp(icmp_type, code, probe.selector)
            }
            Self::Icmpv6(icmp_type, code) if !probe.peer.is_ipv4() => {
                match_icmp(icmp_type, code, probe.selector)
            }
            Self::Icmp(icmp_type, code) | Self::Icmpv6(icmp_type, code) => {
                match_icmp(icmp_type, code, Selector::Number)
            }
            Self::All | Self::Number(_) => Ok(format!("protocol {name} matches")),
        }
    }
}

fn match_ports(ports: Ports, selector: Selector) -> Result<String, String> {
    match selector {
        Selector::Port(port) if ports.contains(port) => Ok(format!("port {port} is in {ports}")),
        Selector::Port(port) => Err(format!("port {port} is not in {ports}")),
        _ if ports.is_all() => Ok("all ports are meant".to_owned()),
        _ => Err(format!("the port is unknown, and {ports} is not all ports")),
    }
}

fn match_icmp(icmp_type: Option<u8>, code: Option<u8>, selector: Selector) -> Result<String, String> {
    if icmp_type.is_none() && code.is_none() {
        return Ok("all ICMP types are meant".to_owned());
    }
    let Selector::Icmp { icmp_type: its_type, code: its_code } = selector else {
        return Err("the ICMP type is unknown, and the rule is not for all types".to_owned());
    };
    if let Some(wanted) = icmp_type.filter(|wanted| *wanted != its_type) {
        return Err(format!("ICMP type {its_type} is not {wanted}"));
    }
    if let Some(wanted) = code.filter(|wanted| *wanted != its_code) {
        return Err(format!("ICMP code {its_code} is not {wanted}"));
    }
    Ok(format!("ICMP type {its_type} and code {its_code} match"))
}

/// A protocol as rules write it.
pub(crate) fn protocol_name(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol::ICMP => "icmp".to_owned(),
        Protocol::ICMPV6 => "icmpv6".to_owned(),
        Protocol(number) => number.to_string(),
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.protocol().map_or_else(|| "all".to_owned(), protocol_name);
        match *self {
            Self::Tcp(ports) | Self::Udp(ports) if !ports.is_all() => write!(f, "{name} {ports}"),
            Self::Icmp(icmp_type, code) | Self::Icmpv6(icmp_type, code)
                if icmp_type.is_some() || code.is_some() =>
            {
                let number = |part: Option<u8>| part.map_or(-1, i16::from);
                write!(f, "{name} {}:{}", number(icmp_type), number(code))
            }
            Self::Number(_) => write!(f, "protocol {name}"),
            _ => write!(f, "{name}"),
        }
    }
}
