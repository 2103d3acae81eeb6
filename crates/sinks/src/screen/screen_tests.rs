use vpcreplay_flow::{Disposition, Reason};

use super::*;
use crate::summary::{
    Amount, Assumption, ByCode, Denied, DeniedBy, Hint, InputFile, Notice, OptionInForce, OptionSource, Peer,
    Ranked, RuleSummary, ScopeSummary, Service, TimeSpan,
};

fn amount(packets: u64) -> Amount {
    Amount { packets, bytes: packets * 760 }
}

/// Amounts by reason, and their sums by disposition.
fn amounts(counts: &[(Reason, u64)]) -> (ByCode, ByCode) {
    let of =
        |reason: &Reason| counts.iter().find(|(other, _)| other == reason).map_or(0, |(_, count)| *count);
    let reasons = Reason::ALL.iter().map(|reason| (reason.code(), amount(of(reason))));
    let dispositions = Disposition::ALL.iter().map(|disposition| {
        let its_own = Reason::ALL.iter().filter(|reason| reason.disposition() == *disposition);
        (disposition.code(), amount(its_own.map(of).sum()))
    });
    (ByCode(reasons.collect()), ByCode(dispositions.collect()))
}

fn peers(distinct: u64, top: &[(&str, u64)]) -> Ranked<Peer> {
    let peer = |(address, packets): &(&str, u64)| Peer {
        address: address.parse().unwrap(),
        total: amount(*packets),
    };
    Ranked { distinct, top: top.iter().map(peer).collect() }
}

fn services(distinct: u64, top: &[(u8, Option<u16>, u64)]) -> Ranked<Service> {
    let service = |(protocol, port, packets): &(u8, Option<u16>, u64)| Service {
        protocol: *protocol,
        port: *port,
        total: amount(*packets),
    };
    Ranked { distinct, top: top.iter().map(service).collect() }
}

fn denied() -> Denied {
    let by = |reason: Reason, checkpoint, rule: &str, enis: &[&str], packets| DeniedBy {
        reason: reason.code(),
        checkpoint: Some(checkpoint),
        rules: vec![rule.to_owned()],
        enis: enis.iter().map(|eni| (*eni).to_owned()).collect(),
        total: amount(packets),
        ..DeniedBy::default()
    };
    Denied {
        by: vec![
            DeniedBy {
                peers: peers(
                    2_011,
                    &[("198.51.100.7", 20_000), ("203.0.113.9", 10_000), ("2001:db8::7", 9_000)],
                ),
                services: services(
                    8_114,
                    &[(6, Some(40_001), 300), (6, Some(51_234), 200), (17, Some(33_000), 9)],
                ),
                ..by(Reason::NaclDefault, "nacl-egress", "acl-web#*", &["eni-web-1", "eni-web-2"], 50_000)
            },
            DeniedBy {
                peers: peers(1, &[("192.0.2.44", 3_000)]),
                services: services(2, &[(6, Some(22), 2_990), (1, None, 10)]),
                ..by(Reason::SgNoRule, "sg-ingress", "", &["eni-web-1"], 3_000)
            },
            DeniedBy {
                peers: peers(400, &[("10.0.9.3", 700), ("10.0.9.4", 421)]),
                services: services(1, &[(6, Some(443), 1_121)]),
                ..by(
                    Reason::ConntrackAllowanceExceeded,
                    "sg-ingress",
                    "sg-web#ingress.1",
                    &["eni-web-1"],
                    1_121,
                )
            },
        ],
        ..Denied::default()
    }
}

fn scope(name: &str, peak: u64, exceeded: u64) -> ScopeSummary {
    ScopeSummary {
        scope: name.to_owned(),
        limit: 65_535,
        peak_occupancy: peak,
        peak_at: Some("2023-11-14T22:15:00.123456789Z".to_owned()),
        headroom: 65_535 - peak,
        conntrack_allowance_exceeded: exceeded,
        ..ScopeSummary::default()
    }
}

fn rule(name: &str, hits: u64) -> RuleSummary {
    RuleSummary { rule: name.to_owned(), direction: "ingress", hits, in_force: true }
}

fn assumptions() -> Vec<Assumption> {
    vec![
        Assumption {
            rule: "S7.3",
            text: "timeouts of half-open and closing TCP are those of Linux",
            count: 40_210,
            unit: "connections",
            option: Some("--timeout"),
        },
        Assumption {
            rule: "S8.1",
            text: "answers to denied packets would never have been sent",
            count: 40_000,
            unit: "packets",
            option: Some("--mode"),
        },
    ]
}

/// A replay in which everything happens that happens often.
fn summary() -> Summary {
    let (reasons, dispositions) = amounts(&[
        (Reason::Established, 1_050_000),
        (Reason::New, 40_210),
        (Reason::Untracked, 10_000),
        (Reason::NaclDefault, 50_000),
        (Reason::SgNoRule, 3_000),
        (Reason::ConntrackAllowanceExceeded, 1_121),
        (Reason::OpenerDenied, 40_000),
        (Reason::NoInterface, 9_000),
        (Reason::Truncated, 1_000),
    ]);
    let option = |name: &str, value: &str, source| OptionInForce {
        name: name.to_owned(),
        value: value.to_owned(),
        source: Some(source),
    };
    Summary {
        total: amount(1_204_331),
        span: Some(TimeSpan {
            first_ns: 0,
            last_ns: 302_333_000_000,
            first: "2023-11-14T22:13:20.123456789Z".to_owned(),
            last: "2023-11-14T22:18:22.456456789Z".to_owned(),
        }),
        inputs: vec![InputFile { file: "web.pcap".to_owned(), ..InputFile::default() }],
        dispositions,
        reasons,
        conntrack_allowance_exceeded: 1_121,
        connections: 40_210,
        scopes: vec![scope("eni-web-1", 65_535, 1_121), scope("eni-web-2", 54_000, 0), scope("eni-db", 12, 0)],
        denied: denied(),
        rules: vec![rule("sg-web#ingress.1", 9), rule("sg-web#ingress.2", 0), rule("acl-web#200", 0)],
        rules_never_hit: 2,
        options: vec![
            option("profile", "nitro", OptionSource::Model),
            option("limit", "65535", OptionSource::Default),
            option("timeout", "tcp-established=350s", OptionSource::CommandLine),
        ],
        assumptions: assumptions(),
        warnings: vec![Notice {
            code: "unknown-group".to_owned(),
            text: "sg-peer is no group of the documents: rules that name it match nothing".to_owned(),
            count: 2,
        }],
        hints: vec![Hint {
            code: "ephemeral-ports",
            text: "at least 39,000 packets to ports from 1024 up found no egress entry in acl-web: answers go to ephemeral ports, which a network ACL must let out (1024-65535)".to_owned(),
            count: 39_000,
            option: None,
        }],
        ..Summary::default()
    }
}

#[test]
fn first_screen() {
    assert_eq!(summary().to_string(), include_str!("first-screen.txt"));
}

#[test]
fn ordinary_screen_has_at_most_45_lines() {
    assert!(summary().to_string().lines().count() <= 45);
}

/// Strips the escape sequences that colours are made of.
fn without_colors(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn colors_change_nothing_but_colors() {
    let style = Style { color: Color::On, ..Style::default() };
    let colored = summary().render(style);
    assert!(colored.contains("\u{1b}[31m"), "denials are red");
    assert_eq!(without_colors(&colored), summary().to_string());
}

#[test]
fn lines_fit_the_terminal() {
    for width in [0, 60, 72, 80, 100, 400] {
        let text = summary().render(Style { width, ..Style::default() });
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= width.clamp(60, 100), "{width}: {longest}\n{text}");
    }
}

/// Names come from files; nothing in them may steer the terminal or break a line.
#[test]
fn control_characters_are_shown_as_such() {
    let mut summary = summary();
    summary.inputs[0].file = "a\u{1b}[2J\nb\r.pcap".to_owned();
    summary.scopes[0].scope = "eni\u{7}\u{9b}".to_owned();
    summary.warnings[0].text = "x\u{1b}]0;y".to_owned();
    let text = summary.to_string();
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text}");
    assert_eq!(text.lines().count(), first_lines());
}

fn first_lines() -> usize {
    summary().to_string().lines().count()
}

#[test]
fn no_packets() {
    let text = Summary::default().to_string();
    assert_eq!(text, "0 packets (0 B)\n\nThere is no packet to judge.\n");
}

#[test]
fn nothing_denied_is_said() {
    let (reasons, dispositions) = amounts(&[(Reason::Established, 5)]);
    let summary = Summary { total: amount(5), reasons, dispositions, ..Summary::default() };
    assert!(summary.to_string().contains("Nothing was denied."));
    // Where nothing was judged it would be a lie by omission.
    let (reasons, dispositions) = amounts(&[(Reason::NoInterface, 5)]);
    let summary = Summary { total: amount(5), reasons, dispositions, ..Summary::default() };
    assert!(!summary.to_string().contains("Nothing was denied."));
}

#[test]
fn a_stopped_replay_says_so() {
    let text = Summary { partial: true, ..summary() }.to_string();
    assert!(text.contains("PARTIAL"), "{text}");
}

#[test]
fn damage_and_regressions_are_warnings() {
    let mut summary = summary();
    summary.damages = vec!["web.pcap: damaged at byte 99".to_owned()];
    summary.damage_count = 3;
    summary.counters.clock_regressions = 1_234;
    summary.skipped_files = vec!["README".to_owned()];
    let text = summary.to_string();
    for expected in [
        "  - web.pcap: damaged at byte 99\n",
        "  - 2 more damaged places\n",
        "  - 1,234 packets stamped earlier",
        "1 file of the folder is no capture",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
