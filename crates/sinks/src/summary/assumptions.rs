//! Assumptions of the rules that mattered in a replay.

use vpcreplay_engine::{Settings, TcpMidstream};
use vpcreplay_flow::Reason;

use super::{Assumption, Summary};

/// The assumptions that mattered, in the order of their rules.
pub(super) fn of(summary: &Summary, settings: &Settings) -> Vec<Assumption> {
    let all = [
        about_packets(
            "S2.7",
            "later fragments take the facts of their first one for 30 s",
            summary.counters.fragments,
        ),
        about_packets(
            "S4.3",
            "tracked on the way out though the network ACL then denied",
            summary.counters.sg_egress_then_nacl,
        ),
        about_packets(
            "S6.3",
            "rules are tried before the limit of connections",
            summary.conntrack_allowance_exceeded,
        ),
        Assumption {
            unit: "connections",
            option: Some("--timeout"),
            ..about_packets(
                "S7.3",
                "timeouts of half-open and closing TCP are those of Linux",
                summary.connections,
            )
        },
        about_packets(
            "S7.4",
            "TCP sequence numbers and windows are not checked",
            packets(summary, Reason::Established),
        ),
        midstream(summary, settings.tcp_midstream),
        Assumption {
            option: Some("--mode"),
            ..about_packets(
                "S8.1",
                "answers to denied packets would never have been sent",
                summary.dispositions.get("unsent").packets,
            )
        },
    ];
    all.into_iter().filter(|assumption| assumption.count > 0).collect()
}

fn midstream(summary: &Summary, choice: TcpMidstream) -> Assumption {
    let text = match choice {
        TcpMidstream::EitherEnd => "TCP without its SYN may have been opened by either end",
        TcpMidstream::Allow | TcpMidstream::Deny => "TCP without its SYN is judged as opened by its sender",
    };
    let count = packets(summary, Reason::Midstream);
    Assumption { option: Some("--tcp-midstream"), ..about_packets("S7.5", text, count) }
}

const fn about_packets(rule: &'static str, text: &'static str, count: u64) -> Assumption {
    Assumption { rule, text, count, unit: "packets", option: None }
}

fn packets(summary: &Summary, reason: Reason) -> u64 {
    summary.reasons.get(reason.code()).packets
}
