use super::*;
use crate::summary::{Amount, ByCode, DeniedBy, OtherCounters, Ranked, ScopeSummary, Service};

fn with(counts: &[(Reason, u64)], counters: OtherCounters) -> Summary {
    let amount = |packets| Amount { packets, bytes: 0 };
    Summary {
        total: amount(100),
        reasons: ByCode(counts.iter().map(|(reason, count)| (reason.code(), amount(*count))).collect()),
        counters,
        ..Summary::default()
    }
}

fn codes(summary: &Summary) -> Vec<&'static str> {
    of(summary, &Settings::default()).iter().map(|hint| hint.code).collect()
}

#[test]
fn a_quiet_replay_has_no_hints() {
    assert!(codes(&with(&[(Reason::New, 100)], OtherCounters::default())).is_empty());
    assert!(codes(&Summary::default()).is_empty());
}

/// S2.6: *most* packets.
#[test]
fn tunnels() {
    let vxlan = |vxlan_packets| with(&[], OtherCounters { vxlan_packets, ..OtherCounters::default() });
    assert!(codes(&vxlan(50)).is_empty());
    let hints = of(&vxlan(51), &Settings::default());
    assert_eq!(hints[0].option, Some("--decap vxlan"));
    assert!(hints[0].text.starts_with("51.0 % of all packets are VXLAN"), "{}", hints[0].text);
    let geneve = with(&[], OtherCounters { geneve_packets: 80, ..OtherCounters::default() });
    assert_eq!(of(&geneve, &Settings::default())[0].option, Some("--decap geneve"));
}

#[test]
fn strangers() {
    assert!(codes(&with(&[(Reason::NoInterface, 50)], OtherCounters::default())).is_empty());
    assert_eq!(codes(&with(&[(Reason::NoInterface, 51)], OtherCounters::default())), ["no-interface"]);
}

/// S7.5: the option helps only where it is not chosen already.
#[test]
fn midstream_doubtful() {
    let summary = with(&[], OtherCounters { midstream_doubtful: 7, ..OtherCounters::default() });
    assert_eq!(codes(&summary), ["midstream-doubtful"]);
    let settings = Settings { tcp_midstream: TcpMidstream::EitherEnd, ..Settings::default() };
    assert!(of(&summary, &settings).is_empty());
    assert_eq!(codes(&with(&[(Reason::TcpNotSyn, 1)], OtherCounters::default())), ["midstream-denied"]);
}

#[test]
fn ephemeral_port_pitfall() {
    let denied_by = |reason: Reason, checkpoint, port| DeniedBy {
        reason: reason.code(),
        checkpoint: Some(checkpoint),
        rules: vec!["acl-web#*".to_owned()],
        services: Ranked {
            distinct: 1,
            top: vec![Service { protocol: 6, port: Some(port), total: Amount { packets: 9, bytes: 0 } }],
        },
        ..DeniedBy::default()
    };
    let with_denial = |by| {
        let mut summary = Summary::default();
        summary.denied.by = vec![by];
        summary
    };
    let pitfall = with_denial(denied_by(Reason::NaclDefault, "nacl-egress", 40_000));
    let hints = of(&pitfall, &Settings::default());
    assert_eq!((hints[0].code, hints[0].count), ("ephemeral-ports", 9));
    assert!(hints[0].text.contains("in acl-web:"), "{}", hints[0].text);
    // A service port, an entry that somebody wrote, and the way in are something else.
    assert!(codes(&with_denial(denied_by(Reason::NaclDefault, "nacl-egress", 443))).is_empty());
    assert!(codes(&with_denial(denied_by(Reason::NaclRule, "nacl-egress", 40_000))).is_empty());
    assert!(codes(&with_denial(denied_by(Reason::NaclDefault, "nacl-ingress", 40_000))).is_empty());
}

#[test]
fn allowance() {
    let scope = |peak_occupancy, limit| ScopeSummary {
        scope: "eni-a".to_owned(),
        limit,
        peak_occupancy,
        ..ScopeSummary::default()
    };
    let with_scope = |scope| Summary { scopes: vec![scope], ..Summary::default() };
    assert!(codes(&with_scope(scope(79, 100))).is_empty());
    assert_eq!(codes(&with_scope(scope(80, 100))), ["allowance-nearly-full"]);
    assert!(codes(&with_scope(scope(0, 0))).is_empty(), "a limit of 0 that nobody met");
    let exceeded = Summary { conntrack_allowance_exceeded: 3, ..Summary::default() };
    assert_eq!(codes(&exceeded), ["allowance-exceeded"]);
}

#[test]
fn one_hint_for_each_counter() {
    let counters = OtherCounters {
        untracked_outside: 1,
        flows_forgotten: 1,
        fragments_forgotten: 1,
        ..OtherCounters::default()
    };
    let summary = with(&[(Reason::Truncated, 1)], counters);
    assert_eq!(codes(&summary), ["untracked-outside", "truncated", "flows-forgotten", "fragments-forgotten"]);
}
