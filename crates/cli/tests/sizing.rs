//! `vpcreplay capacity`: what it says of golden captures, what it writes, and what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

mod program;

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use program::{golden, pcap, program, ran, run, tcp, udp, workplace, write};
use serde_json::Value;

const EXHAUSTED: [&str; 4] = ["capacity", "app.pcapng", "--vpc", "model.toml"];

/// What the summary says; the command ends with status 0.
fn summary(folder: &Path, arguments: &[&str]) -> Value {
    let ran = run(folder, &[arguments, &["--quiet", "--summary", "-"]].concat());
    serde_json::from_str(&ran.ends_with(0).stdout).unwrap()
}

// S7.8: eight SYNs of eight connections are denied, from frame 48 on; the traffic needs thirteen entries.
#[test]
fn a_table_that_is_too_small() {
    let report = summary(&golden("allowance-exhausted"), &EXHAUSTED);
    let scope = &report["scopes"][0];
    assert_eq!(scope["scope"], "eni-app");
    assert_eq!((&scope["peak"], &scope["limit"], &scope["headroom"]), (&5.into(), &5.into(), &0.into()));
    assert_eq!(scope["conntrack_allowance_exceeded"], 8);
    assert_eq!(scope["connections_denied"], 8);
    assert_eq!((&scope["first_denied"]["packet"], &scope["first_denied"]["frame"]), (&48.into(), &48.into()));
    assert_eq!(scope["first_denied"]["file"], "app.pcapng");
    assert_eq!(scope["demand"]["peak"], 13);
    assert_eq!(scope["demand"]["growth"]["denies_at"], 1);
    // The other end has room: 65,535 / 13 = 5,041.15.
    let other = &report["scopes"][1];
    assert_eq!((&other["scope"], &other["peak"]), (&"eni-lb".into(), &13.into()));
    assert_eq!(other["demand"]["growth"]["reaches_limit_at"], 5042);
    assert_eq!(other["demand"]["growth"]["denies_at"], 5042);
}

// S7.8: limits at the peak and one below it; at the interface alone that is in question.
#[test]
fn a_sweep_over_limits_finds_the_peak() {
    let folder = golden("allowance-exhausted");
    let arguments = [&EXHAUSTED[..], &["--eni", "eni-app", "--sweep", "limit=5,12,13"]].concat();
    let report = summary(&folder, &arguments);
    let rows: Vec<_> = report["sweeps"][0]["rows"].as_array().unwrap().iter().collect();
    let told = |row: &Value| {
        ["number", "peak", "conntrack_allowance_exceeded", "connections_denied"]
            .map(|name| row[name].as_u64().unwrap())
    };
    assert_eq!(
        rows.iter().map(|row| told(row)).collect::<Vec<_>>(),
        [[5, 5, 8, 8], [12, 12, 1, 1], [13, 13, 0, 0]]
    );
    assert_eq!(report["sweeps"][0]["smallest_that_denies_nothing"], "13");
}

// S7.2: the pauses of this capture lie at the timeouts and one nanosecond below them; its time is twenty days.
#[test]
fn a_sweep_over_timeouts_tells_what_it_breaks() {
    let folder = golden("idle-timeouts");
    let arguments = [
        "capacity",
        "stretched.pcap",
        "--vpc",
        "model.toml",
        "--sweep",
        "tcp-established=349s,350s,351s,432000s,432001s",
        "--sweep",
        "udp=30s,31s",
    ];
    let report = summary(&folder, &arguments);
    let of = |sweep: usize| -> Vec<(String, u64, u64)> {
        let rows = report["sweeps"][sweep]["totals"].as_array().unwrap();
        let count = |row: &Value, name: &str| row[name].as_u64().unwrap();
        rows.iter()
            .map(|row| {
                (
                    row["value"].as_str().unwrap().to_owned(),
                    count(row, "connections_broken"),
                    count(row, "connections_recreated"),
                )
            })
            .collect()
    };
    let row = |value: &str, broken, recreated| (value.to_owned(), broken, recreated);
    // Before frames 8, 11 and 14 the client goes on after 350 s − 1 ns, 350 s and 432,000 s − 1 ns; before frame 17 the
    // server after 432,000 s, whose packets no rule admits.
    assert_eq!(
        of(0),
        [row("349s", 1, 3), row("350s", 1, 2), row("351s", 1, 1), row("432000s", 1, 0), row("432001s", 0, 0)]
    );
    assert_eq!(report["sweeps"][0]["smallest_that_breaks_nothing"], "432001s");
    assert_eq!(report["sweeps"][0]["largest_within_limit"], "432001s");
    // Queries of one port are 30 s, then 30 s − 1 ns apart: later ones of the same flow find the entry gone, or not.
    assert!(of(1)[0].2 > of(1)[1].2, "{:?}", of(1));
}

#[test]
fn untracked_rules_save_and_expose() {
    let folder = golden("allowance-exhausted");
    let report = summary(&folder, &[&EXHAUSTED[..], &["--eni", "eni-app", "--untracked", "1"]].concat());
    let saving = &report["untracked"][0];
    assert_eq!((&saving["scope"], &saving["class"]), (&"eni-app".into(), &"ingress tcp 8080".into()));
    assert_eq!((&saving["demand_before"], &saving["demand_after"]), (&13.into(), &0.into()));
    let edits: Vec<&str> =
        saving["edits"].as_array().unwrap().iter().map(|edit| edit.as_str().unwrap()).collect();
    assert_eq!(
        edits,
        ["sg-app ingress: add tcp 8080 from 0.0.0.0/0", "sg-app egress: add tcp 0-65535 to 0.0.0.0/0"]
    );
    assert!(
        saving["exposure"][0]
            .as_str()
            .unwrap()
            .contains("TCP port 8080 becomes reachable from every IPv4 address (now: sg-lb)")
    );
    // S6.4: the edit, made by hand and replayed.
    let place = tempfile::tempdir().unwrap();
    let model = fs::read_to_string(folder.join("model.toml")).unwrap();
    let from = "ingress = [{ protocol = \"tcp\", ports = \"8080\", peer = \"sg-lb\" }]\negress = []";
    let to = "ingress = [{ protocol = \"tcp\", ports = \"8080\", peer = \"sg-lb\" }, { protocol = \"tcp\", ports = \"8080\", peer = \"0.0.0.0/0\" }]\negress = [{ protocol = \"tcp\", peer = \"0.0.0.0/0\" }]";
    assert!(model.contains(from), "{model}");
    write(place.path(), "model.toml", model.replace(from, to));
    let capture = folder.join("app.pcapng");
    let arguments = [
        "run",
        capture.to_str().unwrap(),
        "--vpc",
        "model.toml",
        "--eni",
        "eni-app",
        "--quiet",
        "--summary",
        "-",
    ];
    let replay: Value = serde_json::from_str(&run(place.path(), &arguments).ends_with(0).stdout).unwrap();
    let scope =
        replay["scopes"].as_array().unwrap().iter().find(|scope| scope["scope"] == "eni-app").unwrap();
    assert_eq!(scope["peak_occupancy"], saving["demand_after"]);
}

#[test]
fn a_linux_host_and_limits_of_ones_own() {
    let folder = golden("allowance-exhausted");
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "limits.toml", "[limits]\nsmall = 12\nright = 13\nbig = 26\n");
    let limits = place.path().join("limits.toml");
    let more = [
        "--limits",
        limits.to_str().unwrap(),
        "--also",
        "linux",
        "--linux-max",
        "7",
        "--linux-timeout",
        "tcp-time-wait=1s",
    ];
    let report = summary(&folder, &[&EXHAUSTED[..], &more].concat());
    let fits = report["scopes"][0]["fits"].as_array().unwrap();
    let told: Vec<_> = fits
        .iter()
        .map(|fit| {
            (
                fit["name"].as_str().unwrap(),
                fit["fits"].as_bool().unwrap(),
                fit["headroom"].as_u64().unwrap(),
                fit["denies_at"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("small", false, 0, 1), ("right", true, 0, 2), ("big", true, 13, 3)]);
    // With a time-wait of one second the same traffic needs five entries at once, as the capture's story says.
    assert_eq!(report["linux"]["max"], 7);
    assert_eq!(report["linux"]["hosts"][0]["peak"], 5);
    assert_eq!(report["linux"]["hosts"][0]["dropped"], 0);
}

#[test]
fn tables_plots_and_the_series_are_written() {
    let folder = golden("allowance-exhausted");
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let (contributors, sweeps, series) = (path("who.csv"), path("sweeps.jsonl"), path("series.csv"));
    let (svg, png) = (path("plot.svg"), path("plot.png"));
    let outputs = [
        "--contributors",
        &contributors,
        "--sweeps",
        &sweeps,
        "--series",
        &series,
        "--sweep",
        "limit=5,13",
        "--growth-shift",
        "1s",
        "--seed",
        "7",
    ];
    let first = run(&folder, &[&EXHAUSTED[..], &outputs, &["--plot", &svg]].concat());
    first.ends_with(0);
    for text in [
        "eni-app  peak 5 of 5 (100.0 %)",
        "first packet 48",
        "2.60 times the limit",
        "Who fills eni-app",
        "Which limit would do?",
        "seed 7",
    ] {
        assert!(first.stdout.contains(text), "{text}: {}", first.stdout);
    }
    let who = fs::read_to_string(&contributors).unwrap();
    assert!(
        who.starts_with("scope,kind,key,connections,entry_ns,idle_ns,at_peak\neni-app,peer,10.40.1.10,5,"),
        "{who}"
    );
    assert_eq!(fs::read_to_string(&sweeps).unwrap().lines().count(), 4);
    run(&folder, &[&EXHAUSTED[..], &["--quiet", "--plot", &png]].concat()).ends_with(0);
    assert!(fs::read(&svg).unwrap().starts_with(b"<svg") && fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    // The series is that of `run`.
    let own = path("own.csv");
    run(&folder, &["run", "app.pcapng", "--vpc", "model.toml", "--quiet", "--series", &own]).ends_with(0);
    assert_eq!(fs::read(&series).unwrap(), fs::read(&own).unwrap());
}

// S1.5: any number of threads, and one reading where several are not possible.
#[test]
fn threads_and_standard_input_change_nothing() {
    let folder = golden("allowance-exhausted");
    let asked = [
        "--vpc",
        "model.toml",
        "--sweep",
        "limit=3,13",
        "--sweep",
        "tcp-established=1s,60s",
        "--also",
        "linux",
        "--quiet",
        "--summary",
        "-",
    ];
    let with = |threads: &str| {
        let arguments =
            [&["capacity", "app.pcapng", "--threads", threads, "--batch", "7"][..], &asked].concat();
        run(&folder, &arguments).ends_with(0).stdout.clone()
    };
    let first = with("1");
    assert_eq!(first, with("2"));
    assert_eq!(first, with("3"));
    let mut command = program(&folder, &[&["capacity", "-"][..], &asked].concat());
    let output = command.stdin(Stdio::from(File::open(folder.join("app.pcapng")).unwrap())).output().unwrap();
    let once = ran(&output);
    assert_eq!(once.ends_with(0).stdout.replace("\"file\": \"-\"", "\"file\": \"app.pcapng\""), first);
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let folder = golden("allowance-exhausted");
    let place = tempfile::tempdir().unwrap();
    let bad = place.path().join("bad.toml");
    fs::write(&bad, "[limits]\nbig = \"many\"\n").unwrap();
    let bad = bad.to_str().unwrap();
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--sweep", "limit=0"], &["--sweep", "at least 1"]),
        (&["--sweep", "icmp=1s"], &["cannot be swept", "limit, tcp-established, udp, udp-stream"]),
        (&["--sweep", "udp=60s..30s"], &["is empty"]),
        (&["--limits", "nowhere.toml"], &["nowhere.toml", "cannot be read", "[limits]"]),
        (&["--limits", bad], &["bad.toml, line 2, column 7", "expected a number"]),
        (&["--plot", "plot.jpg"], &["--plot", "expected .svg or .png"]),
        (&["--contributors", "who.parquet"], &["--contributors", "not built yet"]),
        (&["--sweeps", "sweeps.csv"], &["there is no sweep", "--sweep"]),
        (&["--linux-max", "7"], &["--also"]),
        (&["--eni", "eni-other"], &["eni-other", "no model has this ENI"]),
        (&["--seed", "7"], &["--growth-shift"]),
        (&["--summary", "model.toml"], &["--summary", "JSON"]),
    ];
    for (more, texts) in cases {
        let ran = run(&folder, &[&EXHAUSTED[..], more].concat());
        ran.ends_with(2).says(texts);
    }
    let mut command = program(&folder, &["capacity", "-", "--vpc", "model.toml", "--untracked", "1"]);
    let output = command.stdin(Stdio::from(File::open(folder.join("app.pcapng")).unwrap())).output().unwrap();
    ran(&output).is_one_error().says(&["--untracked", "read only once", "save the capture"]);
}

#[test]
fn captures_without_a_connection_are_refused() {
    let folder = workplace();
    let path = folder.path();
    write(path, "none.pcap", pcap(&[]));
    let stranger = tcp(([192, 0, 2, 1], 1000), ([192, 0, 2, 2], 80), 2);
    write(path, "strangers.pcap", pcap(&[(0, stranger)]));
    let asked = |capture| run(path, &["capacity", capture, "--vpc", "model.toml"]);
    asked("none.pcap").is_one_error().says(&["no connection is tracked", "there is no packet"]);
    asked("strangers.pcap").is_one_error().says(&["no connection is tracked", "no-interface 1"]);
    // An ENI that the model has and no packet passes.
    let eni = "\n[[eni]]\nid = \"eni-silent\"\nsubnet = \"subnet-public\"\naddresses = [\"10.40.1.99\"]\nsecurity_groups = []\n";
    let base = fs::read_to_string(golden("allowance-exhausted").join("model.toml")).unwrap();
    write(path, "silent.toml", base + eni);
    let capture = golden("allowance-exhausted").join("app.pcapng");
    run(path, &["capacity", capture.to_str().unwrap(), "--vpc", "silent.toml", "--eni", "eni-silent"])
        .is_one_error()
        .says(&["--eni eni-silent", "no packet", "inspect"]);
}

/// One interface that answers everything; every connection is tracked.
const OPEN: &str = r#"
[[vpc]]
id = "vpc-1"
cidrs = ["10.0.0.0/16"]
[[subnet]]
id = "subnet-1"
vpc = "vpc-1"
cidrs = ["10.0.1.0/24"]
[[eni]]
id = "eni-1"
subnet = "subnet-1"
addresses = ["10.0.1.10"]
security_groups = ["sg-1"]
[[security_group]]
id = "sg-1"
ingress = [{ peer = "0.0.0.0/1" }, { peer = "128.0.0.0/1" }]
egress = [{ peer = "0.0.0.0/1" }, { peer = "128.0.0.0/1" }]
"#;

/// One packet every 100 ms for so long, each of a flow of its own.
fn every_tenth(seconds: u32, packet: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    let frames: Vec<_> =
        (0..seconds * 10).map(|number| (number * 100_000, packet(u16::try_from(number).unwrap()))).collect();
    pcap(&frames)
}

// Little's law: a rate of λ and a life of T need λ·T entries. S7.3: queries live for 30 s or 180 s, SYNs for 120 s.
#[test]
fn steady_rates_need_what_the_closed_form_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "model.toml", OPEN);
    let client = [198, 51, 100, 7];
    write(path, "dns.pcap", every_tenth(400, |port| udp((client, port), ([10, 0, 1, 10], 53))));
    write(path, "flood.pcap", every_tenth(400, |port| tcp((client, port), ([10, 0, 1, 10], 80), 2)));
    let peak = |arguments: &[&str]| {
        summary(path, &[arguments, &["--vpc", "model.toml"]].concat())["scopes"][0]["peak"].as_u64()
    };
    assert_eq!(peak(&["capacity", "dns.pcap", "--profile", "classic"]), Some(1800));
    assert_eq!(peak(&["capacity", "dns.pcap", "--profile", "nitro"]), Some(300));
    assert_eq!(peak(&["capacity", "flood.pcap"]), Some(1200));
    let report = summary(path, &["capacity", "flood.pcap", "--vpc", "model.toml", "--limit", "2400"]);
    let scope = &report["scopes"][0];
    // Two copies of 1,200 fill 2,400 and are not denied; a third one is.
    assert_eq!(scope["demand"]["growth"]["reaches_limit_at"], 2);
    assert_eq!(scope["demand"]["growth"]["denies_at"], 3);
    let fate = scope["contributors"].as_array().unwrap().iter().find(|row| row["kind"] == "fate").unwrap();
    assert_eq!(
        (&fate["key"], &fate["at_peak"], fate["idle_ns"] == fate["entry_ns"]),
        (&"half-open".into(), &1200.into(), true)
    );
    // 400 s: full rate from 120 s on. Above 50 % of 1,200 from the 601st SYN on: 340 s less the last packet's tenth.
    let report = summary(path, &["capacity", "flood.pcap", "--vpc", "model.toml", "--limit", "1200"]);
    assert_eq!(report["scopes"][0]["above"][0]["ns"], 339_900_000_000_u64);
}
