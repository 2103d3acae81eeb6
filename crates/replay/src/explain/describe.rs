//! A packet in words.

use std::net::IpAddr;

use vpcreplay_engine::{Engine, Verdict};
use vpcreplay_flow::{
    Cause, Checkpoint, Decoded, IpHeader, PacketFacts, Protocol, QueryKind, QueryRole, TcpFlags, Timestamp,
    Transport, Tunnel,
};

use super::PacketLine;
use crate::Item;

/// The names of the flag bits, from the lowest.
const FLAGS: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

/// A packet and its verdict in one line.
pub(super) fn line(item: &Item, file: &str, verdict: &Verdict, engine: &Engine) -> PacketLine {
    let registry = engine.registry();
    PacketLine {
        packet: item.number,
        file: file.to_owned(),
        frame: item.frame,
        copy: (item.copy > 0).then(|| u32::from(item.copy) + 1),
        time_ns: item.time.nanos(),
        time: rfc3339(item.time),
        engine_time: (item.now != item.time).then(|| rfc3339(item.now)),
        what: what(&item.decoded),
        length: match &item.decoded {
            Decoded::Packet(facts) => Some(facts.length),
            Decoded::Unjudged(_, header) => header.map(|header| header.length),
        },
        tunnel: item.tunnel.map(tunnel),
        disposition: verdict.disposition().code(),
        reason: verdict.reason.code(),
        checkpoint: verdict.checkpoint.map(Checkpoint::code),
        rule: verdict.rule.map(|rule| registry.rule_name(rule).to_owned()),
    }
}

/// A time as RFC 3339 text in UTC with nanoseconds.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.nanos()))
        .map_or_else(|_| format!("{} ns", time.nanos()), |time| format!("{time:.9}"))
}

/// A protocol's name, or its number.
pub(crate) fn protocol(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol::ICMP => "icmp".to_owned(),
        Protocol::ICMPV6 => "icmpv6".to_owned(),
        Protocol::SCTP => "sctp".to_owned(),
        Protocol::DCCP => "dccp".to_owned(),
        Protocol::UDP_LITE => "udp-lite".to_owned(),
        Protocol(number) => format!("protocol {number}"),
    }
}

/// An address with its port, an IPv6 one in brackets.
pub(super) fn endpoint(address: IpAddr, port: Option<u16>) -> String {
    match (address, port) {
        (address, None) => address.to_string(),
        (IpAddr::V4(v4), Some(port)) => format!("{v4}:{port}"),
        (IpAddr::V6(v6), Some(port)) => format!("[{v6}]:{port}"),
    }
}

fn tunnel(tunnel: Tunnel) -> String {
    let endpoint = tunnel.gwlb_endpoint.map(|id| format!(", endpoint {id:016x}"));
    format!("VNI {}{}", tunnel.vni, endpoint.unwrap_or_default())
}

fn what(decoded: &Decoded) -> String {
    match decoded {
        Decoded::Packet(facts) => facts_text(facts),
        Decoded::Unjudged(cause, None) => cause_text(*cause).to_owned(),
        Decoded::Unjudged(cause, Some(header)) => format!("{} ({})", header_text(header), cause_text(*cause)),
    }
}

const fn cause_text(cause: Cause) -> &'static str {
    match cause {
        Cause::NotIp => "not IP",
        Cause::Truncated => "cut off by the capture",
        Cause::Malformed => "malformed",
        Cause::UnsupportedLinkType => "link type not supported",
    }
}

fn header_text(header: &IpHeader) -> String {
    let name = header.protocol.map_or_else(|| "IP".to_owned(), protocol);
    format!("{name} {} > {}", header.src, header.dst)
}

fn facts_text(facts: &PacketFacts) -> String {
    let (src_port, dst_port) = facts.transport.ports().unzip();
    let (src, dst) = (endpoint(facts.src, src_port), endpoint(facts.dst, dst_port));
    format!("{} {src} > {dst}{}", protocol(facts.protocol), detail(&facts.transport))
}

/// What tells packets of one flow apart.
pub(super) fn detail(transport: &Transport) -> String {
    match *transport {
        Transport::Tcp { flags, .. } => format!(" [{}]", flag_names(flags)),
        Transport::Ports { .. } | Transport::Other => String::new(),
        Transport::IcmpQuery { kind, role, id, .. } => {
            let kind = match kind {
                QueryKind::Echo => "echo",
                QueryKind::Timestamp => "timestamp",
                QueryKind::Information => "information",
                QueryKind::AddressMask => "address mask",
            };
            let role = match role {
                QueryRole::Requester => "request",
                QueryRole::Responder => "reply",
            };
            format!(" {kind} {role}, id {id}")
        }
        Transport::IcmpError { icmp_type, code, quoted } => {
            let about = quoted.map_or_else(String::new, |key| {
                let (a, b) = (vpcreplay_flow::End::A, vpcreplay_flow::End::B);
                let (left, right) =
                    (endpoint(key.address(a), key.port(a)), endpoint(key.address(b), key.port(b)));
                format!(" about {} {left} - {right}", protocol(key.protocol()))
            });
            format!(" error, type {icmp_type} code {code}{about}")
        }
        Transport::IcmpOneWay { icmp_type, code } => format!(" type {icmp_type} code {code}"),
        Transport::Unknown => " later fragment, ports unknown".to_owned(),
    }
}

fn flag_names(flags: TcpFlags) -> String {
    let TcpFlags(bits) = flags;
    let set = FLAGS.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1);
    let names: Vec<&str> = set.map(|(_, name)| *name).collect();
    if names.is_empty() { "no flags".to_owned() } else { names.join(" ") }
}
