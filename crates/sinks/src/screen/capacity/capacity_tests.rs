#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it should be")]

use crate::capacity::{
    Above, CapacityReport, Contributor, Demand, DeniedPacket, Fit, Growth, LinuxHost, LinuxTable,
    ScopeCapacity, Share, ShiftedGrowth, SweepRow, SweepTable, UntrackedSaving,
};
use crate::{Color, Style};

fn scope(name: &str, peak: u64, limit: u64) -> ScopeCapacity {
    let share = Share { connections: 9_000_000, entry_ns: 1 << 90, idle_ns: 1 << 89, at_peak: peak };
    let row = |kind: &'static str, key: &str| Contributor { kind, key: key.to_owned(), share };
    let growth =
        Growth { reaches_limit_at: Some(limit / peak.max(1)), denies_at: Some(limit / peak.max(1) + 1) };
    ScopeCapacity {
        scope: name.to_owned(),
        limit,
        peak,
        span_ns: 1_000_000_000,
        above: vec![Above { percent: 50, ns: 1 }, Above { percent: 80, ns: 0 }],
        first_denied: Some(DeniedPacket {
            packet: 7,
            file: "a-long-name.pcap".repeat(5),
            frame: 7,
            ..DeniedPacket::default()
        }),
        conntrack_allowance_exceeded: u64::from(peak >= limit),
        demand: Demand {
            peak,
            growth,
            shifted_growth: Some(ShiftedGrowth { most_ns: 5, seed: 1, growth: None, more_than: Some(3) }),
            ..Demand::default()
        },
        entries: share,
        contributors: vec![
            row("peer", "2001:db8:1111:2222:3333:4444:5555:6666"),
            row("rule", &"sg-".repeat(40)),
        ],
        fits: vec![Fit { name: "m6i.large".to_owned(), limit: 10, fits: true, growth, ..Fit::default() }],
        ..ScopeCapacity::default()
    }
}

fn report() -> CapacityReport {
    let row = |number| SweepRow {
        value: format!("{number}s"),
        number,
        scope: "eni-1".to_owned(),
        limit: 10,
        peak: number,
        connections_broken: Some(12_345_678),
        connections_recreated: Some(0),
        ..SweepRow::default()
    };
    let rows = (1..40).map(row).collect();
    CapacityReport {
        scopes: (0..20)
            .map(|number| scope(&format!("eni-{number}{}", "x".repeat(40)), 9, 10 + number))
            .collect(),
        unused_scopes: 3,
        sweeps: vec![
            SweepTable { sweep: "udp", asked: "udp=1s,2s".repeat(20), rows, ..SweepTable::default() }
                .with_totals(),
        ],
        untracked: vec![UntrackedSaving {
            scope: "eni-1".to_owned(),
            class: "ingress tcp 443".to_owned(),
            edits: vec!["sg-1 ingress: add tcp 443 from 0.0.0.0/0".repeat(4)],
            exposure: vec!["inbound: everything becomes reachable".repeat(4)],
            newly_admitted_packets: 4,
            other_enis: vec!["eni-9".to_owned()],
            ..UntrackedSaving::default()
        }],
        linux: Some(LinuxTable {
            max: 5,
            hosts: vec![LinuxHost {
                host: "i-1".to_owned(),
                peak: 5,
                dropped: 2,
                demand_peak: 8,
                ..LinuxHost::default()
            }],
            ..LinuxTable::default()
        }),
        ..CapacityReport::default()
    }
}

#[test]
fn the_page_keeps_to_the_width_of_the_terminal() {
    for width in [60, 80, 100, 300] {
        let page = report().render(Style { color: Color::Off, width });
        let longest = page.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= width.min(100), "{longest} of {width}: {page}");
    }
}

#[test]
fn every_question_has_its_section() {
    let page = report().render(Style::default());
    let texts = [
        "Who fills eni-0",
        "Other allowance scopes",
        "and 9 more, less full",
        "3 scopes without a tracked connection",
        "Which udp would do?",
        "each of these values breaks connections",
        "Which of your limits fits?",
        "What would untracked rules save?",
        "4 packets of these captures, denied now, would pass",
        "The table of a Linux host",
        "more than 3 copies, not searched further",
    ];
    for text in texts {
        assert!(page.contains(text), "{text}: {page}");
    }
    // Of a long sweep both ends are shown.
    assert!(page.contains("            1s ") && page.contains("           39s "), "{page}");
}

#[test]
fn a_report_of_nothing_is_a_page_all_the_same() {
    assert!(!CapacityReport::default().render(Style::default()).contains("Which"));
}
