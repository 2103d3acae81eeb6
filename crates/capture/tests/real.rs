//! Captures met in the wild: as many frames as their index says.
#![allow(clippy::unwrap_used, reason = "tests")]

mod build;

use std::path::Path;

use vpcreplay_capture::{CaptureSet, Input};

/// Captures that are damaged: name, frames, what the damage says.
///
/// The seventh record header of this one says 4 MB, more than the file has left: whole records count, the rest is the
/// damage (S12.1). Its index counts what a lenient reader makes of the rest.
const DAMAGED: [(&str, &str, &str); 1] =
    [("suricata-verify__tls_DER-incomplete-header.pcap", "6", "4325376 captured bytes")];

#[test]
fn real_captures_hold_the_frames_of_their_index() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures/real");
    let Ok(index) = std::fs::read_to_string(directory.join("INDEX.tsv")) else {
        eprintln!("SKIPPED: no real captures at {}", directory.display());
        return;
    };
    let mut failures = Vec::new();
    let column = index.lines().next().unwrap().split('\t').position(|name| name == "packets").unwrap();
    for line in index.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (Some(name), Some(packets)) = (fields.first(), fields.get(column)) else { continue };
        let set = CaptureSet::open(&[Input::Path(directory.join(name))]).unwrap();
        let (frames, damages) = build::drain(set);
        let known = DAMAGED.iter().find(|(file, ..)| file == name);
        let expected = known.map_or(*packets, |(_, frames, _)| frames);
        if frames.len().to_string() != expected {
            failures.push(format!("{name}: {} frames, {expected} expected", frames.len()));
        }
        if damages.len() != usize::from(known.is_some()) {
            failures.push(format!("{name}: {} damages", damages.len()));
        }
        for damage in &damages {
            if !known.is_some_and(|(.., says)| damage.found.contains(says)) {
                failures.push(format!("unexpected: {damage}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
