//! The section on who denied, and whom.

use vpcreplay_flow::{Protocol, Reason};

use super::Section;
use super::line::{Line, Role};
use super::sections::{PERCENT, column};
use crate::Summary;
use crate::number::{grouped, percent};
use crate::summary::{DeniedBy, Ranked, Service};

/// Rules shown.
const MAX_ROWS: usize = 4;
/// Peers and ports shown of a rule.
const MAX_TOP: usize = 3;
/// Columns of a name.
const NAME: usize = 34;

pub(super) fn section(summary: &Summary) -> Section {
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
        let peers = list(&by.peers, |peer| (peer.address.to_string(), peer.total.packets));
        let services = list(&by.services, |service| (service_name(service), service.total.packets));
        let peers_name =
            if by.checkpoint.is_some_and(|code| code.ends_with("egress")) { "to" } else { "from" };
        lines.push(Line::new().quiet(format!("      {peers_name:<5} {peers}")));
        lines.push(Line::new().quiet(format!("      ports {services}")));
    }
    let rest = summary.denied.by.get(MAX_ROWS..).unwrap_or_default();
    if !rest.is_empty() {
        let packets: u64 = rest.iter().map(|by| by.total.packets).sum();
        let text = format!("  and {} more, {} packets", grouped(rest.len() as u64), grouped(packets));
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

/// The first entries with their packets, and how many more there are.
fn list<T>(ranked: &Ranked<T>, entry: impl Fn(&T) -> (String, u64)) -> String {
    let mut texts: Vec<String> = ranked
        .top
        .iter()
        .take(MAX_TOP)
        .map(|one| {
            let (name, packets) = entry(one);
            format!("{name} ({})", grouped(packets))
        })
        .collect();
    let more = ranked.distinct.saturating_sub(texts.len() as u64);
    if more > 0 {
        texts.push(format!("{} more", grouped(more)));
    }
    texts.join(", ")
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
