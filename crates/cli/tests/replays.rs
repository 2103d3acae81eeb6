//! Replays as a user starts them: outputs, exit status, standard streams.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it should be"
)]

mod program;

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};

use program::{golden, ipv4, pcap, program, ran, run, tcp, workplace, write};

const MODEL: &[&str] = &["--vpc", "model.toml"];

fn run_with(folder: &Path, more: &[&str]) -> program::Ran {
    let arguments: Vec<&str> = ["run", "web.pcap"].iter().chain(MODEL).chain(more).copied().collect();
    run(folder, &arguments)
}

#[test]
fn the_summary_goes_where_no_records_go() {
    let folder = workplace();
    let plain = run_with(folder.path(), &[]);
    plain.ends_with(0).says(&["packets/s"]);
    assert!(plain.stdout.contains("nacl-default 2"), "{}", plain.stdout);
    assert!(!plain.stdout.contains('\u{1b}'), "no colours without a terminal");
    let records = run_with(folder.path(), &["--out", "-"]);
    records.ends_with(0).says(&["nacl-default 2"]);
    assert_eq!(records.stdout.lines().count(), 14);
    assert!(records.stdout.lines().all(|line| line.starts_with("{\"packet\":")));
    let quiet = run_with(folder.path(), &["--quiet"]);
    quiet.ends_with(0);
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty(), "{}{}", quiet.stdout, quiet.stderr);
}

#[test]
fn fail_on_ends_with_1_when_it_matches() {
    let folder = workplace();
    run_with(folder.path(), &["--fail-on", "deny"]).ends_with(1);
    run_with(folder.path(), &["--fail-on", "exceeded"]).ends_with(0);
    run_with(folder.path(), &["--fail-on", "exceeded,deny"]).ends_with(1);
    run_with(folder.path(), &["--limit", "0", "--fail-on", "exceeded"]).ends_with(1);
    run_with(folder.path(), &["--first", "3", "--fail-on", "deny"]).ends_with(0);
}

#[test]
fn damage_is_a_warning_and_with_strict_status_2() {
    let folder = workplace();
    let path = folder.path();
    let whole = fs::read(path.join("web.pcap")).unwrap();
    write(path, "cut.pcap", &whole[..whole.len() - 10]);
    let arguments = ["run", "cut.pcap", "--vpc", "model.toml", "--out", "out.jsonl"];
    run(path, &arguments).ends_with(0).says(&["warning: cut.pcap: damaged at byte", "after frame 13"]);
    fs::remove_file(path.join("out.jsonl")).unwrap();
    let strict: Vec<&str> = arguments.iter().chain(&["--strict", "--fail-on", "deny"]).copied().collect();
    run(path, &strict).ends_with(2).says(&["damaged"]);
    // S4.4: what came before the damage is judged and written.
    assert_eq!(fs::read_to_string(path.join("out.jsonl")).unwrap().lines().count(), 13);
}

#[test]
fn members_of_a_folder_that_are_no_captures_are_named() {
    let folder = workplace();
    let path = folder.path();
    fs::create_dir(path.join("day")).unwrap();
    fs::copy(path.join("web.pcap"), path.join("day/a.pcap")).unwrap();
    write(path, "day/notes.txt", "not a capture");
    run(path, &["run", "day", "--vpc", "model.toml"])
        .ends_with(0)
        .says(&["warning: day/notes.txt: left out"]);
}

#[test]
fn a_capture_on_standard_input_gives_the_same_verdicts() {
    let folder = workplace();
    let mut child = program(folder.path(), &["run", "-", "--vpc", "model.toml", "--out", "-", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let capture = fs::read(folder.path().join("web.pcap")).unwrap();
    child.stdin.take().unwrap().write_all(&capture).unwrap();
    let piped = ran(&child.wait_with_output().unwrap());
    let named = run_with(folder.path(), &["--out", "-", "--quiet"]);
    // S1.5: all but the name of the file.
    assert_eq!(piped.ends_with(0).stdout, named.stdout.replace("\"file\":\"web.pcap\"", "\"file\":\"-\""));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::copy(golden("ephemeral-port-pitfall").join("model.toml"), path.join("model.toml")).unwrap();
    let syn = |port| tcp(([203, 0, 113, 9], port), ([10, 30, 1, 10], 80), 2);
    let frames: Vec<(u32, Vec<u8>)> = (1..20_000).map(|port| (u32::from(port), syn(port))).collect();
    write(path, "web.pcap", pcap(&frames));
    for arguments in [
        &["run", "web.pcap", "--vpc", "model.toml", "--out", "-"][..],
        &["schema"],
        &["completions", "bash"],
        &["reason"],
        &["run", "web.pcap", "--vpc", "model.toml"],
    ] {
        let mut child =
            program(path, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 1];
        let mut stdout = child.stdout.take().unwrap();
        if arguments.len() > 4 && arguments.contains(&"--out") {
            stdout.read_exact(&mut first).unwrap();
        }
        drop(stdout);
        let ended = ran(&child.wait_with_output().unwrap());
        ended.ends_with(0);
        assert!(!ended.stderr.contains("panicked") && !ended.stderr.contains("error"), "{}", ended.stderr);
    }
}

#[test]
fn outputs_are_the_same_for_any_threads_and_batches() {
    // S1.5: at the connection limit too.
    let capture = golden("allowance-exhausted");
    let base = ["run", "app.pcapng", "--vpc", "model.toml", "--limit", "3", "--quiet", "--period", "1s"];
    let mut first: Option<Vec<Vec<u8>>> = None;
    for more in [
        ["--threads", "1", "--batch", "1024"],
        ["--threads", "2", "--batch", "1"],
        ["--threads", "2", "--batch", "7"],
        ["--threads", "1", "--batch", "1"],
    ] {
        let out = tempfile::tempdir().unwrap();
        let names =
            ["out.jsonl", "flows.csv", "series.csv", "summary.json"].map(|name| out.path().join(name));
        let mut arguments: Vec<&str> = base.iter().chain(&more).copied().collect();
        for (option, name) in ["--out", "--connections", "--series", "--summary"].iter().zip(&names) {
            arguments.extend([option, name.to_str().unwrap()]);
        }
        run(&capture, &arguments).ends_with(0);
        let files: Vec<Vec<u8>> = names.iter().map(|name| fs::read(name).unwrap()).collect();
        assert!(files.iter().all(|file| !file.is_empty()));
        match &first {
            None => first = Some(files),
            Some(first) => assert!(*first == files, "{more:?}"),
        }
    }
}

#[test]
fn of_several_timeouts_of_one_name_the_last_wins() {
    let folder = workplace();
    run_with(folder.path(), &["--timeout", "udp=40s", "--timeout", "udp=50s", "--summary", "s.json"])
        .ends_with(0);
    let summary = fs::read_to_string(folder.path().join("s.json")).unwrap();
    assert!(summary.contains("udp=50s") && !summary.contains("udp=40s"));
}

#[test]
fn models_of_the_timeline_and_the_selection_apply() {
    let folder = workplace();
    let path = folder.path();
    fs::copy(golden("ephemeral-port-pitfall").join("fixed.toml"), path.join("fixed.toml")).unwrap();
    // S12.10: a model whose time is before the first packet is in force from the start.
    let fixed = run_with(path, &["--at", "0=fixed.toml", "--out", "-", "--quiet"]);
    let direct = run(path, &["run", "web.pcap", "--vpc", "fixed.toml", "--out", "-", "--quiet"]);
    assert_eq!(fixed.ends_with(0).stdout, direct.ends_with(0).stdout);
    let first = run_with(path, &["--first", "4", "--out", "-", "--quiet"]);
    assert_eq!(first.ends_with(0).stdout.lines().count(), 4);
    let none = run_with(path, &["--since", "2100-01-01T00:00:00Z", "--out", "-", "--quiet"]);
    assert!(none.ends_with(0).stdout.is_empty());
    let nobody = run_with(path, &["--until", "+0s"]);
    assert!(nobody.ends_with(0).stdout.contains("There is no packet to judge"));
}

#[test]
fn names_in_captures_do_not_steer_the_terminal() {
    let folder = workplace();
    let path = folder.path();
    let name = "we\u{1b}[31mb.pcap";
    fs::copy(path.join("web.pcap"), path.join(name)).unwrap();
    for arguments in [
        &["run", name, "--vpc", "model.toml"][..],
        &["explain", name, "--vpc", "model.toml", "--packet", "3"],
        &["inspect", name],
    ] {
        assert!(!run(path, arguments).ends_with(0).stdout.contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn odd_frames_are_counted_and_end_well() {
    let folder = workplace();
    let path = folder.path();
    let frames = vec![(1, vec![]), (2, vec![0x45]), (3, ipv4(6, [1, 2, 3, 4], [10, 30, 1, 10], &[0; 3]))];
    write(path, "web.pcap", pcap(&frames));
    let ran = run_with(path, &["--out", "-", "--quiet"]);
    assert_eq!(ran.ends_with(0).stdout.matches("\"disposition\":\"unjudged\"").count(), 3);
}

/// A command that was started, and its standard input.
#[cfg(unix)]
fn started(path: &Path, arguments: &[&str]) -> (Child, ChildStdin) {
    let mut child = program(path, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

#[cfg(unix)]
fn press_ctrl_c(child: &Child) {
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_replay_cleanly() {
    let folder = workplace();
    let path = folder.path();
    let syn = |port| tcp(([203, 0, 113, 9], port), ([10, 30, 1, 10], 80), 2);
    let frames: Vec<(u32, Vec<u8>)> = (1..60_000).map(|port| (u32::from(port), syn(port))).collect();
    let capture = pcap(&frames);
    let (before, after) = capture.split_at(capture.len() / 2);
    let arguments =
        ["run", "-", "--vpc", "model.toml", "--out", "out.jsonl", "--summary", "s.json", "--no-progress"];
    let (child, mut stdin) = started(path, &arguments);
    stdin.write_all(before).unwrap();
    press_ctrl_c(&child);
    std::thread::sleep(std::time::Duration::from_millis(200));
    // It may have stopped reading by now.
    let _ = stdin.write_all(after);
    drop(stdin);
    let ended = ran(&child.wait_with_output().unwrap());
    ended.ends_with(130).says(&["stopped", "partial"]);
    let records = fs::read_to_string(path.join("out.jsonl")).unwrap();
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path.join("s.json")).unwrap()).unwrap();
    assert_eq!(summary["partial"], true);
    assert_eq!(summary["packets"].as_u64(), Some(records.lines().count() as u64));
    assert!(records.lines().count() < 59_999);
    assert!(records.lines().all(|line| line.ends_with('}')));
}

/// Starts a command that reads standard input, hands it some bytes, and presses Ctrl-C while it waits for more.
#[cfg(unix)]
fn interrupted_while_it_waits(path: &Path, arguments: &[&str], bytes: &[u8]) -> program::Ran {
    let (child, mut stdin) = started(path, arguments);
    stdin.write_all(bytes).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    press_ctrl_c(&child);
    // Standard input stays open until the program has ended by itself.
    let ended = ran(&child.wait_with_output().unwrap());
    drop(stdin);
    ended
}

#[test]
#[cfg(unix)]
fn ctrl_c_is_heard_while_standard_input_is_silent() {
    let folder = workplace();
    let path = folder.path();
    let syn = |port| tcp(([203, 0, 113, 9], port), ([10, 30, 1, 10], 80), 2);
    let frames: Vec<(u32, Vec<u8>)> = (1..=3).map(|port| (u32::from(port), syn(port))).collect();
    let run = |threads, bytes: &[u8]| {
        let arguments = ["run", "-", "--vpc", "model.toml", "--out", "out.jsonl", "--summary", "s.json"];
        let arguments = [&arguments[..], &["--no-progress", "--threads", threads]].concat();
        interrupted_while_it_waits(path, &arguments, bytes)
    };
    for threads in ["1", "2"] {
        run(threads, &pcap(&frames)).ends_with(130).says(&["stopped", "partial"]);
        assert_eq!(fs::read_to_string(path.join("out.jsonl")).unwrap().lines().count(), 3);
        let summary: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path.join("s.json")).unwrap()).unwrap();
        assert_eq!((&summary["partial"], &summary["packets"]), (&true.into(), &3.into()));
        run(threads, &pcap(&frames)[..10]).ends_with(130).says(&["-: stopped before a capture came"]);
    }
    let inspected = interrupted_while_it_waits(path, &["inspect", "-", "--no-progress"], &pcap(&frames));
    assert!(inspected.ends_with(130).stdout.contains("3 frames"), "{}", inspected.stdout);
}

#[test]
fn inspect_counts_one_thing_in_the_singular() {
    let folder = workplace();
    let path = folder.path();
    let syn = tcp(([203, 0, 113, 9], 40_000), ([10, 30, 1, 10], 80), 2);
    write(path, "one.pcap", pcap(&[(1, syn.clone())]));
    let one = run(path, &["inspect", "one.pcap"]);
    for text in ["1 frame, ", " in 1 file\n", "Top talkers, of 1 pair\n"] {
        assert!(one.ends_with(0).stdout.contains(text), "`{text}` is missing in: {}", one.stdout);
    }
    let other = tcp(([203, 0, 113, 8], 40_000), ([10, 30, 1, 10], 80), 2);
    write(path, "two.pcap", pcap(&[(1, syn), (1, other)]));
    let two = run(path, &["inspect", "two.pcap"]);
    for text in ["2 frames, ", "Top talkers, of 2 pairs\n"] {
        assert!(two.ends_with(0).stdout.contains(text), "`{text}` is missing in: {}", two.stdout);
    }
}
