//! Captures met in the wild and those of the conformance cases, frame by frame.
//!
//! They are not part of the repository; where they are absent the test says so and passes.

use std::path::{Path, PathBuf};

use vpcreplay_flow::LinkType;

use crate::captures;
use crate::check;

/// The captures in a folder, or in the folders in it.
fn captures_below(folder: &Path) -> Vec<PathBuf> {
    let is_capture = |path: &Path| {
        let name = path.to_string_lossy();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        [".pcap", ".pcapng", ".cap"].iter().any(|suffix| plain.ends_with(suffix))
    };
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { captures_below(&path) } else { vec![path] });
    files.filter(|path| is_capture(path)).collect()
}

#[test]
fn frames_of_captures() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    for name in ["captures/real", "conformance"] {
        let folder = shared.join(name);
        if !folder.is_dir() {
            eprintln!("SKIPPED: no captures at {}", folder.display());
            continue;
        }
        let (mut answered, mut frames) = (0, 0);
        let files = captures_below(&folder);
        for file in &files {
            for frame in captures::read(file) {
                frames += 1;
                let fast = check(LinkType(frame.link_type), &frame.bytes, frame.original_length);
                answered += usize::from(fast.unwrap_or_else(|wrong| panic!("{}: {wrong}", file.display())));
            }
        }
        eprintln!("{name}: {} files, {answered} of {frames} frames answered", files.len());
        assert!(answered * 100 >= frames * 80, "{name}: only {answered} of {frames} frames answered");
    }
}
