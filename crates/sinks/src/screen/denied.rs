//! The section on who denied, and whom.

use std::fmt::Display;

use vpcreplay_flow::{Protocol, Reason};

use super::Section;
use super::line::{Line, Role, list};
use super::sections::{PERCENT, column};
use crate::Summary;
use crate::number::{self, grouped, percent};
use crate::summary::{Amount, DeniedBy, Service};

/// Rules shown.
const MAX_ROWS: usize = 4;
/// Peers and ports shown of a rule.
const MAX_TOP: usize = 4;
/// Columns of a name.
const NAME: usize = 34;
/// Columns before peers and ports.
const LEAD: usize = 12;

pub(super) fn section(summary: &Summary, width: usize) -> Section {
    let whole = summary.dispositions.get("deny").packets;
    if whole == 0 {
        let is_judged = summary.total.packets > summary.dispositions.get("unjudged").packets;
        return if is_judged { vec![Line::new().add(Role::Good, "Nothing was denied.")] } else { Vec::new() };
    }
    let shown: Vec<&DeniedBy> = summary.denied.by.iter().take(MAX_ROWS).collect();
    let name_width = shown.iter().map(|by| name(by).chars().count()).max().unwrap_or(0).min(NAME);
    let why_width = shown.iter().map(|by| why(by).chars().count()).max().unwrap_or(0);
    let mut lines = vec![Line::title("Denied by")];
    for by in shown {
        lines.push(
            Line::new()
                .plain("  ")
                .left(Role::Bad, &name(by), name_width)
                .plain("  ")
                .left(Role::Plain, &why(by), why_width)
                .right(Role::Plain, &grouped(by.total.packets), column(whole) + 2)
                .right(Role::Plain, &percent(by.total.packets, whole), PERCENT + 1),
        );
        let peers = by.peers.top.iter().take(MAX_TOP).map(|peer| counted(&peer.address, &peer.total));
        let peers = list(peers, by.peers.distinct, width - LEAD);
        let services = by.services.top.iter().take(MAX_TOP);
        let services = services.map(|service| counted(&service_name(service), &service.total));
        let services = list(services, by.services.distinct, width - LEAD);
        let peers_name =
            if by.checkpoint.is_some_and(|code| code.ends_with("egress")) { "to" } else { "from" };
        lines.push(Line::new().quiet(format!("      {peers_name:<5} {peers}")));
        lines.push(Line::new().quiet(format!("      ports {services}")));
    }
    let rest = summary.denied.by.get(MAX_ROWS..).unwrap_or_default();
    if !rest.is_empty() {
        let packets: u64 = rest.iter().map(|by| by.total.packets).sum();
        let text =
            format!("  and {} more, {}", grouped(rest.len() as u64), number::counted(packets, "packet"));
        lines.push(Line::new().quiet(text));
    }
    let uncounted = summary.denied.other_peers.packets;
    if uncounted > 0 {
        let text = format!("  {} packets are of peers beyond the first 65,536", grouped(uncounted));
        lines.push(Line::new().quiet(text));
    }
    lines
}

/// The rule of a network ACL, else the ENI.
fn name(by: &DeniedBy) -> String {
    let is_nacl = [Reason::NaclRule.code(), Reason::NaclDefault.code()].contains(&by.reason);
    let names = if is_nacl { &by.rules } else { &by.enis };
    names.first().cloned().unwrap_or_default()
}

fn why(by: &DeniedBy) -> String {
    by.checkpoint.map_or_else(|| by.reason.to_owned(), |checkpoint| format!("{} at {checkpoint}", by.reason))
}

fn counted(name: &impl Display, total: &Amount) -> String {
    format!("{name} ({})", grouped(total.packets))
}

fn service_name(service: &Service) -> String {
    let protocol = match Protocol(service.protocol) {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol::ICMP => "icmp".to_owned(),
        Protocol::ICMPV6 => "icmpv6".to_owned(),
        Protocol::SCTP => "sctp".to_owned(),
        Protocol::DCCP => "dccp".to_owned(),
        Protocol::UDP_LITE => "udp-lite".to_owned(),
        Protocol(number) => format!("protocol {number}"),
    };
    match service.port {
        Some(port) => format!("{protocol} {port}"),
        None if Protocol(service.protocol).has_ports() => format!("{protocol} without port"),
        None => protocol,
    }
}
