//! Hints: what was found that the user can do something about.

use vpcreplay_engine::{Settings, TcpMidstream};
use vpcreplay_flow::{Checkpoint, Protocol, Reason};

use super::{Hint, Summary};
use crate::number::{counted, percent};

/// From this destination port on a denied answer is taken for one to an ephemeral port.
const FIRST_EPHEMERAL: u16 = 1024;

/// The hints, the most telling ones first.
pub(super) fn of(summary: &Summary, settings: &Settings) -> Vec<Hint> {
    let all = [
        tunnel(summary),
        not_the_model(summary),
        ephemeral_ports(summary),
        exceeded(summary),
        nearly_full(summary),
        midstream(summary, settings.tcp_midstream),
        always_tracked(summary),
        snaplen(summary),
        forgotten_flows(summary),
        forgotten_fragments(summary),
    ];
    all.into_iter().flatten().collect()
}

fn packets(summary: &Summary, reason: Reason) -> u64 {
    summary.reasons.get(reason.code()).packets
}

/// S2.6: most packets are of a tunnel and none is taken off.
fn tunnel(summary: &Summary) -> Option<Hint> {
    let (vxlan, geneve) = (summary.counters.vxlan_packets, summary.counters.geneve_packets);
    let (count, name, what, option) = if vxlan >= geneve {
        (vxlan, "VXLAN", "VPC Traffic Mirroring", "--decap vxlan")
    } else {
        (geneve, "GENEVE", "a Gateway Load Balancer", "--decap geneve")
    };
    (count > summary.total.packets / 2).then(|| Hint {
        code: "tunnel",
        text: format!(
            "{} of all packets are {name}, as {what} delivers them, and the outer packets were judged: {option} judges the inner ones",
            percent(count, summary.total.packets)
        ),
        count,
        option: Some(option),
    })
}

/// Most packets are of nobody in the model.
fn not_the_model(summary: &Summary) -> Option<Hint> {
    let count = packets(summary, Reason::NoInterface);
    (count > summary.total.packets / 2).then(|| Hint {
        code: "no-interface",
        text: format!(
            "{} of all packets are of addresses that no ENI of the model owns: compare the model's addresses with those of the capture; `vpcreplay inspect` lists them",
            percent(count, summary.total.packets)
        ),
        count,
        option: None,
    })
}

/// Answers to ephemeral ports die at a network ACL.
fn ephemeral_ports(summary: &Summary) -> Option<Hint> {
    let mut acls: Vec<&str> = Vec::new();
    let mut count = 0;
    for by in summary.denied.by.iter().filter(|by| by.reason == Reason::NaclDefault.code()) {
        if by.checkpoint != Some(Checkpoint::NaclEgress.code()) {
            continue;
        }
        let high = by.services.top.iter().filter(|service| {
            let has_ports = matches!(Protocol(service.protocol), Protocol::TCP | Protocol::UDP);
            has_ports && service.port.is_some_and(|port| port >= FIRST_EPHEMERAL)
        });
        let packets: u64 = high.map(|service| service.total.packets).sum();
        if packets > 0 {
            count += packets;
            acls.extend(by.rules.iter().filter_map(|rule| rule.split('#').next()));
        }
    }
    (count > 0).then(|| Hint {
        code: "ephemeral-ports",
        text: format!(
            "at least {} to ports from {FIRST_EPHEMERAL} up found no egress entry in {}: answers go to ephemeral ports, which a network ACL must let out (1024-65535)",
            counted(count, "packet"),
            acls.join(", ")
        ),
        count,
        option: None,
    })
}

/// S7.8: packets were denied because the table was full.
fn exceeded(summary: &Summary) -> Option<Hint> {
    let count = summary.conntrack_allowance_exceeded;
    (count > 0).then(|| Hint {
        code: "allowance-exceeded",
        text: format!(
            "{} met a full connection table: see what shorter timeouts (--timeout tcp-established=350s), another --limit, or rules that leave flows untracked would change",
            counted(count, "packet")
        ),
        count,
        option: Some("--timeout"),
    })
}

/// A scope came within a fifth of its limit.
fn nearly_full(summary: &Summary) -> Option<Hint> {
    let is_near = |peak: u64, limit: u64| u128::from(peak) * 5 >= u128::from(limit) * 4;
    let near: Vec<&str> = summary
        .scopes
        .iter()
        .filter(|scope| scope.conntrack_allowance_exceeded == 0 && scope.peak_occupancy > 0)
        .filter(|scope| is_near(scope.peak_occupancy, scope.limit))
        .map(|scope| scope.scope.as_str())
        .collect();
    let first = near.first()?;
    let others = if near.len() > 1 { format!(" and {} more", near.len() - 1) } else { String::new() };
    Some(Hint {
        code: "allowance-nearly-full",
        text: format!(
            "{first}{others} came to 80 % of the limit or more: a little more traffic and new connections fail"
        ),
        count: near.len() as u64,
        option: Some("--limit"),
    })
}

/// S7.5: the capture seems to begin in the middle of connections.
fn midstream(summary: &Summary, choice: TcpMidstream) -> Option<Hint> {
    let doubtful = summary.counters.midstream_doubtful;
    let not_syn = packets(summary, Reason::TcpNotSyn);
    if doubtful > 0 && choice == TcpMidstream::Allow {
        return Some(Hint {
            code: "midstream-doubtful",
            text: format!(
                "{} of connections whose SYN is not in the capture, though a rule of the other direction admits them: --tcp-midstream either-end lets them pass",
                counted(doubtful, "denied packet")
            ),
            count: doubtful,
            option: Some("--tcp-midstream either-end"),
        });
    }
    (not_syn > 0).then(|| Hint {
        code: "midstream-denied",
        text: format!(
            "{} denied because no SYN came before: if the capture begins in the middle of connections, use --tcp-midstream either-end",
            counted(not_syn, "packet")
        ),
        count: not_syn,
        option: Some("--tcp-midstream either-end"),
    })
}

/// S6.4: gateways between the ENI and the outside would have made flows tracked.
fn always_tracked(summary: &Summary) -> Option<Hint> {
    let count = summary.counters.untracked_outside;
    (count > 0).then(|| Hint {
        code: "untracked-outside",
        text: format!(
            "{} of untracked flows with addresses outside the VPCs: where they pass a NAT gateway, a load balancer or the like, AWS tracks them; name them with --always-tracked",
            counted(count, "packet")
        ),
        count,
        option: Some("--always-tracked"),
    })
}

/// S2.5: the capture kept too little of each frame.
fn snaplen(summary: &Summary) -> Option<Hint> {
    let count = packets(summary, Reason::Truncated);
    (count > 0).then(|| Hint {
        code: "truncated",
        text: format!(
            "{} cut off before the fields that the rules need: capture at least 128 bytes of each frame (tcpdump -s 128)",
            counted(count, "packet")
        ),
        count,
        option: None,
    })
}

/// S7.0: more flows than are remembered.
fn forgotten_flows(summary: &Summary) -> Option<Hint> {
    let count = summary.counters.flows_forgotten;
    (count > 0).then(|| Hint {
        code: "flows-forgotten",
        text: format!(
            "{} of flows that were not remembered because too many are: raise --max-flows, or lower --flow-memory",
            counted(count, "packet")
        ),
        count,
        option: Some("--max-flows"),
    })
}

/// S2.7: more first fragments at a time than are remembered.
fn forgotten_fragments(summary: &Summary) -> Option<Hint> {
    let count = summary.counters.fragments_forgotten;
    (count > 0).then(|| Hint {
        code: "fragments-forgotten",
        text: format!(
            "{} not remembered because too many are at a time: their later fragments have unknown ports",
            counted(count, "first fragment")
        ),
        count,
        option: None,
    })
}

#[cfg(test)]
#[path = "hints_tests.rs"]
mod tests;
