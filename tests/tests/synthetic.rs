//! Synthetic captures through their own models: what the profiles promise, and the closed forms of the tracking table.
//!
//! With a constant rate λ, a holding time h from the first packet of a connection to its last, and a timeout T, a table
//! has λ·(h + T) entries in steady state. Connections that open in step, and live for constant times, meet it exactly.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::Arc;

use vpcreplay_engine::{Engine, Timeline};
use vpcreplay_flow::{Decap, Disposition, Profile as Timeouts, Reason, Span, TimeoutName, Timestamp};
use vpcreplay_policy::{self as policy, Document, EniId, Options, Policy, Registry, RuleId, ScopeId};
use vpcreplay_replay::synth::{self, NAMED, Named, Profile, Settings, Totals, Traffic};
use vpcreplay_replay::{Batch, CaptureSet, Feed, Selection};

/// A capture and what was made of it.
struct Made {
    bytes: Vec<u8>,
    totals: Totals,
    model: String,
}

fn made(profile: &Profile, settings: Settings) -> Made {
    let mut traffic = Traffic::new(profile, &settings).expect("settings make sense");
    let mut bytes = Vec::new();
    synth::write(&mut traffic, &mut bytes, |_, _| ControlFlow::Continue(())).expect("memory takes all");
    Made { bytes, totals: traffic.totals().clone(), model: synth::model(profile) }
}

fn engine(model: &str, options: &Options) -> Engine {
    let document = Document { name: "model.toml".to_owned(), bytes: model.as_bytes().to_vec() };
    let loaded = policy::load(&[document], &policy::Selection::default()).expect("the model loads");
    assert_eq!(loaded.warnings, []);
    let mut registry = Registry::new();
    let compiled = Policy::compile(&loaded.network, options, None, &mut registry);
    let first = Arc::new(compiled.expect("the model compiles").0);
    let timeline = Timeline { first, later: Vec::new(), registry: Arc::new(registry) };
    let settings =
        vpcreplay_engine::Settings { series_period: Some(Span::from_secs(1)), ..Default::default() };
    Engine::new(timeline, settings)
}

/// Replays a capture; `each` sees the engine after every packet, with the packet's time and verdict.
fn replay(made: &Made, options: &Options, mut each: impl FnMut(&Engine, Timestamp, Reason)) -> Engine {
    let mut engine = engine(&made.model, options);
    let reader = Box::new(Cursor::new(made.bytes.clone()));
    let captures = CaptureSet::from_readers(vec![("memory".to_owned(), reader)]).expect("the capture opens");
    let mut feed = Feed::new(captures, Decap::None, Selection::default());
    let mut batch = Batch::default();
    loop {
        feed.fill(&mut batch, 1024).expect("the capture reads");
        if batch.is_empty() {
            break;
        }
        for packet in (0..batch.len()).map(|at| batch.packet(at)) {
            let verdict = engine.judge(packet);
            each(&engine, packet.now, verdict.reason);
        }
    }
    assert_eq!(feed.captures().damage_count(), 0);
    assert_eq!(feed.stats().clock_regressions, 0);
    engine.finish();
    engine
}

fn packets(engine: &Engine, disposition: Disposition) -> u64 {
    let reasons = Reason::ALL.into_iter().filter(|reason| reason.disposition() == disposition);
    reasons.map(|reason| engine.counters().total(reason).packets).sum()
}

fn scopes(engine: &Engine) -> Vec<(String, ScopeId)> {
    let count = u32::try_from(engine.registry().scope_count()).expect("few scopes");
    (0..count)
        .map(|scope| (engine.registry().scope_name(ScopeId(scope)).to_owned(), ScopeId(scope)))
        .collect()
}

fn options(profile: Timeouts, timeouts: &[(TimeoutName, u64)]) -> Options {
    let timeouts = timeouts.iter().map(|(name, seconds)| (*name, Span::from_secs(*seconds))).collect();
    Options { profile: Some(profile), timeouts, limit: Some(u64::MAX), ..Options::default() }
}

/// A profile of one class between the internet and one fleet, in step.
fn in_step(rate: u32, keys: &str) -> Profile {
    let text = format!(
        "[[fleet]]\nname = \"web\"\n[[class]]\nname = \"one\"\nfrom = \"internet\"\nto = \"web\"\nrate = {rate}\narrivals = \"regular\"\nclient_order = \"round-robin\"\npeers = 1000\nrtt = \"20ms\"\n{keys}\n"
    );
    Profile::parse("in step", &text).unwrap_or_else(|error| panic!("{error}"))
}

const TCP: &str = "protocol = \"tcp\"\nport = 443\nlifetime = \"10s\"\n";

/// Replays connections in step for so long, and checks that the table has `expected` entries whenever one opens after
/// `settled` seconds, and never more.
#[track_caller]
fn has_in_steady_state(profile: &Profile, options: &Options, (settled, seconds): (u64, u64), expected: u64) {
    let settings = Settings { duration: Some(Span::from_secs(seconds)), ..Settings::default() };
    let made = made(profile, settings);
    let mut checked = 0;
    let engine = replay(&made, options, |engine, now, reason| {
        if reason == Reason::New && now.since(Settings::START) >= Span::from_secs(settled) {
            assert_eq!(engine.occupancy(ScopeId(0)), expected, "at {} s", now.since(Settings::START));
            checked += 1;
        }
    });
    assert!(checked >= 100, "{checked} connections opened in steady state");
    assert_eq!(engine.peak(ScopeId(0)).occupancy, expected);
    assert_eq!(packets(&engine, Disposition::Allow), made.totals.packets);
    assert_eq!(engine.connections(), made.totals.connections);
}

// S7.3, S7.4: a closed connection stays for the 120 s of time-wait: 50/s · (10 s + 120 s).
#[test]
fn closed_connections_stay_for_time_wait() {
    let profile = in_step(50, TCP);
    has_in_steady_state(&profile, &options(Timeouts::Classic, &[]), (131, 140), 50 * (10 + 120));
}

// S7.4: one that was reset stays for 10 s.
#[test]
fn reset_connections_stay_for_little() {
    let profile = in_step(50, &format!("{TCP}reset = 1"));
    has_in_steady_state(&profile, &options(Timeouts::Classic, &[]), (21, 30), 50 * (10 + 10));
}

// S7.3: one that is never closed stays for the timeout of established connections, whatever that is.
#[test]
fn connections_never_closed_stay_for_the_timeout_of_established_ones() {
    let profile = in_step(40, &format!("{TCP}never_closed = 1"));
    let established = [(TimeoutName::TcpEstablished, 200)];
    has_in_steady_state(&profile, &options(Timeouts::Classic, &established), (211, 220), 40 * (10 + 200));
    has_in_steady_state(&profile, &options(Timeouts::NitroV6, &[]), (361, 366), 40 * (10 + 350));
}

// S7.4: keep-alives hold a quiet connection that a timeout shorter than its lifetime would end.
#[test]
fn keep_alives_hold_what_would_expire() {
    let quiet = "protocol = \"tcp\"\nport = 443\nlifetime = \"100s\"\npackets = 1\nnever_closed = 1\n";
    let established = options(Timeouts::Classic, &[(TimeoutName::TcpEstablished, 40)]);
    let kept = in_step(20, &format!("{quiet}keep_alive = \"30s\""));
    has_in_steady_state(&kept, &established, (141, 150), 20 * (100 + 40));
    // Without them the entry ends after 40 quiet seconds: 40.02 s with the handshake. The last request at 99.98 s
    // opens another, midstream, which answer and acknowledgement refresh until 100 s.
    let settings = Settings { duration: Some(Span::from_secs(150)), ..Settings::default() };
    let lost = made(&in_step(20, quiet), settings);
    let engine = replay(&lost, &established, |_, _, _| ());
    let midstream = engine.counters().total(Reason::Midstream).packets;
    assert_eq!(midstream, 1 + 20 * 50, "one for each connection that is over before the end");
    assert!(engine.peak(ScopeId(0)).occupancy < 20 * 90);
}

// S7.3: a SYN that nobody answers stays for 120 s: the flood of λ SYNs a second has λ · 120 entries.
#[test]
fn a_syn_flood_has_its_rate_times_120() {
    let flood = in_step(500, "protocol = \"tcp\"\nport = 443\nhalf_open = 1");
    has_in_steady_state(&flood, &options(Timeouts::Classic, &[]), (121, 130), 500 * 120);
    // S7.4: answered but not acknowledged, 60 s from the answer, which comes after 10 ms.
    let unfinished = in_step(100, "protocol = \"tcp\"\nport = 443\nunacknowledged = 1");
    has_in_steady_state(&unfinished, &options(Timeouts::Classic, &[]), (62, 66), 100 * 60 + 1);
    // S7.4: refused, 10 s from the RST.
    let refused = in_step(100, "protocol = \"tcp\"\nport = 443\nrefused = 1");
    has_in_steady_state(&refused, &options(Timeouts::Classic, &[]), (12, 16), 100 * 10 + 1);
}

// S7.3, S7.7: a question over UDP stays for the timeout of UDP after its answer, which comes after 10 ms.
#[test]
fn dns_stays_for_30_s_or_for_180_s() {
    let profile = in_step(100, "protocol = \"dns\"");
    has_in_steady_state(&profile, &options(Timeouts::Nitro, &[]), (32, 36), 100 * 30 + 1);
    has_in_steady_state(&profile, &options(Timeouts::Classic, &[]), (182, 186), 100 * 180 + 1);
}

// S7.7: two exchanges make a stream, which stays for longer.
#[test]
fn udp_streams_stay_for_the_timeout_of_streams() {
    let stream = "protocol = \"udp\"\nport = 123\npackets = 4\nlifetime = \"5s\"";
    has_in_steady_state(&in_step(40, stream), &options(Timeouts::Nitro, &[]), (186, 192), 40 * (5 + 180));
    let one_way = format!("{stream}\nhalf_open = 1");
    has_in_steady_state(&in_step(40, &one_way), &options(Timeouts::Nitro, &[]), (36, 42), 40 * (5 + 30));
}

// S7.1, S7.3: pings of one identifier are one connection.
#[test]
fn pings_stay_for_30_s() {
    let pings = "protocol = \"icmp\"\npackets = 8\nlifetime = \"6s\"";
    has_in_steady_state(&in_step(40, pings), &options(Timeouts::Classic, &[]), (37, 42), 40 * (6 + 30));
}

// S7.8: at the peak the limit denies nothing, one below it denies exactly the one that is too many at each opening.
#[test]
fn the_limit_is_hit_exactly() {
    let profile = in_step(50, TCP);
    let settings = Settings { duration: Some(Span::from_secs(131)), ..Settings::default() };
    let made = made(&profile, settings);
    let with_limit = |limit| Options { limit: Some(limit), ..options(Timeouts::Classic, &[]) };
    let at_peak = replay(&made, &with_limit(6_500), |_, _, _| ());
    assert_eq!(at_peak.scope_exceeded(ScopeId(0)), 0);
    let below = replay(&made, &with_limit(6_499), |_, _, _| ());
    assert_eq!(below.scope_exceeded(ScopeId(0)), 1, "of 50 openings in a second each has room but the first");
}

// S3.4, S6.2: between two fleets both ends have the entries, spread evenly over the interfaces by turns.
#[test]
fn connections_within_the_vpc_are_entries_at_both_ends() {
    let text = r#"
        [[fleet]]
        name = "lb"
        enis = 2
        [[fleet]]
        name = "web"
        enis = 5
        [[class]]
        name = "requests"
        protocol = "tcp"
        from = "lb"
        to = "web"
        port = 8080
        rate = 100
        arrivals = "regular"
        client_order = "round-robin"
        lifetime = "2s"
    "#;
    let profile = Profile::parse("inside", text).unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings { duration: Some(Span::from_secs(140)), ..Settings::default() };
    let engine = replay(&made(&profile, settings), &options(Timeouts::Classic, &[]), |_, _, _| ());
    for (name, scope) in scopes(&engine) {
        let expected = 100 * (2 + 120) / if name.starts_with("eni-lb") { 2 } else { 5 };
        assert_eq!(engine.peak(scope).occupancy, expected, "{name}");
    }
    assert_eq!(packets(&engine, Disposition::Deny), 0);
}

// S6.4: a group that lets everything out makes what everybody may open untracked.
#[test]
fn a_fleet_that_lets_everything_out_has_no_entries() {
    let text = "[[fleet]]\nname = \"web\"\negress = \"all\"\n[[class]]\nname = \"one\"\nprotocol = \"tcp\"\nfrom = \"internet\"\nto = \"web\"\nport = 443\nrate = 50\nipv6 = 0.5\n";
    let profile = Profile::parse("untracked", text).unwrap_or_else(|error| panic!("{error}"));
    let made = made(&profile, Settings { packets: Some(5_000), ..Settings::default() });
    let engine = replay(&made, &Options::default(), |_, _, _| ());
    assert_eq!(engine.counters().total(Reason::Untracked).packets, 5_000);
    assert_eq!(engine.connections(), 0);
}

/// Under its own model and without a limit every packet of a named profile may pass, every interface has connections,
/// and every rule is needed.
#[test]
fn named_profiles_fit_their_models() {
    for named in NAMED {
        let profile = named.profile().expect("named profiles are right");
        let made = made(&profile, Settings { duration: Some(profile.duration()), ..Settings::default() });
        let engine = replay(&made, &options(Timeouts::Nitro, &[]), |_, _, _| ());
        assert_eq!(packets(&engine, Disposition::Allow), made.totals.packets, "{}", named.name);
        assert_eq!(scopes(&engine).len() as u64, profile.eni_count());
        for (name, scope) in scopes(&engine) {
            assert!(engine.peak(scope).occupancy > 0, "{}: {name}", named.name);
        }
        let rules = u32::try_from(engine.registry().rule_count()).expect("few rules");
        let idle = (0..rules).filter(|rule| engine.counters().rule_hits(RuleId(*rule)) == 0);
        let idle = idle.map(|rule| engine.registry().rule_name(RuleId(rule)));
        // What no numbered entry matches is denied: nothing was.
        let idle: Vec<&str> = idle.filter(|name| !name.ends_with("#*")).collect();
        assert!(idle.is_empty(), "{}: {idle:?}", named.name);
    }
}

/// What a named profile makes of its interfaces, for as long as it says or as the test does.
fn peaks(name: &str, duration: Option<Span>, options: &Options) -> (Totals, BTreeMap<String, u64>, Engine) {
    let profile = Named::find(name).expect("a name").profile().expect("named profiles are right");
    let duration = duration.or(Some(profile.duration()));
    let made = made(&profile, Settings { duration, ..Settings::default() });
    let engine = replay(&made, options, |_, _, _| ());
    let peaks =
        scopes(&engine).into_iter().map(|(name, scope)| (name, engine.peak(scope).occupancy)).collect();
    (made.totals, peaks, engine)
}

#[track_caller]
fn is_about(found: u64, expected: u64) {
    assert!(found.abs_diff(expected) * 20 <= expected, "{found} is not within 5 % of {expected}");
}

// "200 connections a second are 24,000 entries", at the web servers together.
#[test]
fn short_lived_http_is_full_of_what_is_over() {
    let (totals, peaks, _) = peaks("short-lived-http", None, &options(Timeouts::Classic, &[]));
    is_about((1..=4).map(|web| peaks[&format!("eni-web-{web}")]).sum(), 24_000);
    assert!(totals.most_open < 1_000, "hardly any of them was alive: {}", totals.most_open);
}

// "30,000 entries with 30 s and 180,000 with 180 s", and what the resolvers ask themselves.
#[test]
fn dns_resolver_has_an_entry_for_each_question() {
    let resolvers = |peaks: &BTreeMap<String, u64>| peaks["eni-resolver-1"] + peaks["eni-resolver-2"];
    let minutes = Some(Span::from_secs(200));
    let (_, nitro, _) = peaks("dns-resolver", minutes, &options(Timeouts::Nitro, &[]));
    is_about(resolvers(&nitro), (1_000 + 250) * 30);
    let (_, classic, _) = peaks("dns-resolver", minutes, &options(Timeouts::Classic, &[]));
    is_about(resolvers(&classic), (1_000 + 250) * 180);
    let askers: u64 = (1..=8).map(|app| nitro[&format!("eni-app-{app}")]).sum();
    is_about(askers, 30_000);
}

// "The usual limit of 65,535 is reached after half a minute; from then on the allowance denies visitors too."
#[test]
fn syn_flood_fills_the_table_after_half_a_minute() {
    let usual = Options { limit: None, ..options(Timeouts::Classic, &[]) };
    let profile = Named::find("syn-flood").expect("a name").profile().expect("named profiles are right");
    let made = made(&profile, Settings { duration: Some(Span::from_secs(60)), ..Settings::default() });
    let mut first = None;
    let engine = replay(&made, &usual, |_, now, reason| {
        if reason == Reason::ConntrackAllowanceExceeded {
            first.get_or_insert(now);
        }
    });
    is_about(
        first.expect("the limit was reached").since(Settings::START).nanos() / 1_000_000,
        65_535 * 1_000 / 2_010,
    );
    assert_eq!(engine.peak(ScopeId(0)).occupancy, 65_535);
    assert!(engine.exceeded(EniId(0)) > 40_000);
    assert!(engine.counters().total(Reason::OpenerDenied).packets > 100, "visitors were denied too");
    let (_, peaks, _) = peaks("syn-flood", None, &options(Timeouts::Classic, &[]));
    is_about(peaks["eni-web-1"], 2_010 * 120);
}

// "One in twenty vanishes without a farewell": at the end of a day its entries outnumber those of clients that are there
// under five days of timeout, and a timeout just above the keep-alives' time ends no connection that is only quiet.
#[test]
fn long_lived_websocket_keeps_the_dead() {
    let (totals, peaks, engine) = peaks("long-lived-websocket", None, &options(Timeouts::Classic, &[]));
    let dead: u64 = totals.classes.iter().map(|class| class.never_closed).sum();
    assert!(dead > 500, "{dead}");
    let occupied: u64 = scopes(&engine).iter().map(|(_, scope)| engine.occupancy(*scope)).sum();
    assert!(
        occupied >= totals.open + dead * 2 / 5,
        "{occupied} entries, {} alive, {dead} to vanish",
        totals.open
    );
    assert!(peaks.values().all(|peak| *peak < 65_535));
    let short = options(Timeouts::Classic, &[(TimeoutName::TcpEstablished, 61)]);
    let (_, _, engine) = self::peaks("long-lived-websocket", None, &short);
    assert_eq!(engine.counters().total(Reason::Midstream).packets, 0, "no entry was missed");
    let shorter = options(Timeouts::Classic, &[(TimeoutName::TcpEstablished, 59)]);
    let (_, _, engine) = self::peaks("long-lived-websocket", None, &shorter);
    assert!(engine.counters().total(Reason::Midstream).packets > 1_000);
}

// S6.4, S7.6: always tracked, and ports come back while their entries are in time-wait.
#[test]
fn nat_gateway_is_always_tracked_and_reopens() {
    let (totals, peaks, mut engine) = peaks("nat-gateway", None, &options(Timeouts::Nitro, &[]));
    assert_eq!(engine.counters().total(Reason::Untracked).packets, 0);
    assert_eq!(peaks.len(), 1);
    let reopened: u64 = engine.take_series().iter().map(|row| row.reopened).sum();
    let reused: u64 = totals.classes.iter().map(|class| class.reused).sum();
    assert!(reused > 3_000 && reopened > reused / 2, "{reopened} of {reused} reopened");
}

// The day of `mixed` has its noon at six minutes: visitors are many then and few at the first.
#[test]
fn mixed_has_a_day() {
    let profile = Named::find("mixed").expect("a name").profile().expect("named profiles are right");
    let upto = |seconds| {
        let settings = Settings { duration: Some(Span::from_secs(seconds)), ..Settings::default() };
        made(&profile, settings).totals.classes[0].connections
    };
    let (morning, noon) = (upto(120), upto(420) - upto(300));
    assert!(noon > 4 * morning, "{morning} in the morning, {noon} around noon");
    let totals =
        made(&profile, Settings { duration: Some(profile.duration()), ..Settings::default() }).totals;
    assert!(totals.classes.iter().all(|class| class.connections > 0), "{totals:#?}");
}

/// With whole packets and every checksum looked at, tshark finds nothing malformed and nothing wrong.
#[test]
fn tshark_has_no_complaints() {
    if !Command::new("tshark").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        eprintln!("SKIPPED: tshark is not installed");
        return;
    }
    for named in NAMED {
        let text = format!("snaplen = 65535\n{}", named.toml);
        let profile = Profile::parse(named.name, &text).expect("named profiles are right");
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let made = made(&profile, Settings { packets: Some(10_000), ..Settings::default() });
        std::fs::write(file.path(), &made.bytes).expect("the file is written");
        let mut tshark = Command::new("tshark");
        tshark.args(["-q", "-z", "expert", "-r"]).arg(file.path());
        for layer in ["ip", "tcp", "udp"] {
            tshark.args(["-o", &format!("{layer}.check_checksum:TRUE")]);
        }
        let told = tshark.output().expect("tshark runs");
        let told = String::from_utf8_lossy(&told.stdout);
        assert!(told.contains("Chats (") || told.contains("Notes ("), "{}: it looked: {told}", named.name);
        let complaints = ["Errors (", "Malformed", "hecksum", "unseen", "not captured", "window"];
        for complaint in complaints {
            assert!(!told.contains(complaint), "{}: {told}", named.name);
        }
    }
}
