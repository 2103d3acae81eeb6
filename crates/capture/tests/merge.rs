//! Several captures as one (S1.3, S1.4): the smallest head first, ties by the order of the files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod build;

use std::fs;
use std::path::Path;

use build::{Order, Read1, drain, enhanced, interface, pcap, read_each_way, section};
use proptest::prelude::*;
use vpcreplay_capture::{CaptureError, CaptureSet, Input};

/// A capture whose frames have these seconds.
fn capture(seconds: &[u32]) -> Vec<u8> {
    let records: Vec<_> = seconds.iter().map(|second| (*second, 0, &b"data"[..])).collect();
    pcap(Order::Little, 0xa1b2_c3d4, &records)
}

/// The same as pcap, or as pcapng where `at` is odd.
fn any_capture(at: usize, seconds: &[u32]) -> Vec<u8> {
    if at.is_multiple_of(2) {
        return capture(seconds);
    }
    let start = [section(Order::Little), interface(Order::Little, 1, 0, &[])].concat();
    let micros = |second: &u32| u64::from(*second) * 1_000_000;
    let packets = seconds.iter().map(|second| enhanced(Order::Little, 0, micros(second), b"data"));
    packets.fold(start, |file, packet| [file, packet].concat())
}

fn order(frames: &[Read1]) -> Vec<(i64, usize, u64)> {
    frames.iter().map(|frame| (frame.nanos / 1_000_000_000, frame.file, frame.number)).collect()
}

/// The rule, word by word: of all heads the smallest, of equal ones the first file's.
fn naive(files: &[Vec<u32>]) -> Vec<(i64, usize, u64)> {
    let mut next = vec![0; files.len()];
    let mut merged = Vec::new();
    loop {
        let heads = files.iter().zip(&next).enumerate();
        let heads = heads.filter_map(|(file, (seconds, at))| Some((*seconds.get(*at)?, file)));
        let Some((second, file)) = heads.min() else { return merged };
        next[file] += 1;
        merged.push((i64::from(second), file, next[file] as u64));
    }
}

fn write(directory: &Path, files: &[Vec<u32>]) -> Vec<Input> {
    let paths = files.iter().enumerate().map(|(index, seconds)| {
        let path = directory.join(format!("{index:03}.pcap"));
        fs::write(&path, capture(seconds)).unwrap();
        Input::Path(path)
    });
    paths.collect()
}

proptest! {
    // S1.3, for streams that stay open and for files that are opened when they are due.
    #[test]
    fn merges_as_the_rule_says(files in proptest::collection::vec(proptest::collection::vec(0_u32..8, 0..12), 1..6)) {
        let expected = naive(&files);
        let captures: Vec<_> = files.iter().enumerate().map(|(at, seconds)| any_capture(at, seconds)).collect();
        let (frames, damages) = read_each_way(&captures).unwrap();
        prop_assert_eq!(order(&frames), expected.clone());
        prop_assert!(damages.is_empty());

        let directory = tempfile::tempdir().unwrap();
        let inputs = write(directory.path(), &files);
        let (frames, damages) = drain(CaptureSet::open(&inputs).unwrap());
        prop_assert_eq!(order(&frames), expected);
        prop_assert!(damages.is_empty());
    }
}

// S1.5: a capture in rotated pieces is the capture whole; more pieces than files may be open.
#[test]
fn rotated_files_are_one_capture() {
    let directory = tempfile::tempdir().unwrap();
    let files: Vec<Vec<u32>> = (0..1_500).map(|piece| vec![2 * piece, 2 * piece + 1]).collect();
    write(directory.path(), &files);
    let set = CaptureSet::open(&[Input::Path(directory.path().to_path_buf())]).unwrap();
    let (read, total) = set.progress();
    assert_eq!((read, total), (0, Some(1_500 * (24 + 2 * 20))));
    let (frames, _) = drain(set);
    let seconds: Vec<_> = frames.iter().map(|frame| frame.nanos / 1_000_000_000).collect();
    assert_eq!(seconds, (0..3_000).collect::<Vec<_>>());
}

#[test]
fn progress_ends_at_the_total() {
    let directory = tempfile::tempdir().unwrap();
    for count in [1, 3] {
        let inputs = write(directory.path(), &vec![vec![1, 2, 3]; count]);
        let mut set = CaptureSet::open(&inputs).unwrap();
        while set.next_frame().unwrap().is_some() {}
        let total = 84 * count as u64;
        assert_eq!(set.progress(), (total, Some(total)));
    }
}

// A directory stands for its captures by first timestamp, then name; the rest of it is named.
#[test]
fn directory_order_and_names() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("a-late.pcap"), capture(&[9])).unwrap();
    fs::write(at("b-early.pcap"), capture(&[1, 10])).unwrap();
    fs::write(at("d-same.pcap"), capture(&[1])).unwrap();
    fs::write(at("c-same.pcap"), capture(&[1])).unwrap();
    fs::write(at("A-none.pcap"), capture(&[])).unwrap();
    fs::write(at("notes.txt"), "some notes").unwrap();
    fs::write(at("empty.pcap"), "").unwrap();
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/deep.pcap"), capture(&[1])).unwrap();
    let set = CaptureSet::open(&[Input::Path(directory.path().to_path_buf())]).unwrap();
    let name = |name: &str| at(name).display().to_string();
    let names = ["b-early.pcap", "c-same.pcap", "d-same.pcap", "a-late.pcap", "A-none.pcap"];
    assert_eq!(set.names(), names.map(name));
    let skipped: Vec<_> = set.skipped().iter().map(|s| (s.name.clone(), s.found.clone())).collect();
    let expected = [
        (name("empty.pcap"), "an empty file (0 bytes)".to_owned()),
        (name("notes.txt"), "text, beginning `some notes`".to_owned()),
        (name("sub"), "a directory; subdirectories are not searched".to_owned()),
    ];
    assert_eq!(skipped, expected);
    let (frames, _) = drain(set);
    assert_eq!(order(&frames), [(1, 0, 1), (1, 1, 1), (1, 2, 1), (9, 3, 1), (10, 0, 2)]);
}

#[test]
fn the_same_file_twice_is_two_inputs() {
    let directory = tempfile::tempdir().unwrap();
    let inputs = write(directory.path(), &[vec![1, 2]]);
    let (frames, _) = drain(CaptureSet::open(&[inputs[0].clone(), inputs[0].clone()]).unwrap());
    assert_eq!(order(&frames), [(1, 0, 1), (1, 1, 1), (2, 0, 2), (2, 1, 2)]);
}

// Damage is told with the file it is in, once, also where a file is opened twice, and in files without frames.
#[test]
fn damage_names_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("a.pcap"), capture(&[5])).unwrap();
    fs::write(at("b.pcap"), &capture(&[6, 7])[..60]).unwrap();
    fs::write(at("c.pcap"), &capture(&[1])[..30]).unwrap();
    let inputs = ["a.pcap", "b.pcap", "c.pcap"].map(|name| Input::Path(at(name)));
    let (frames, damages) = drain(CaptureSet::open(&inputs).unwrap());
    assert_eq!(order(&frames), [(5, 0, 1), (6, 1, 1)]);
    let seen: Vec<_> = damages.iter().map(|d| (d.file, d.offset, d.after_frame)).collect();
    assert_eq!(seen, [(2, 24, 0), (1, 44, 1)]);
    assert!(
        damages.iter().all(|damage| damage.name
            == at(["a", "b", "c"][damage.file]).with_extension("pcap").display().to_string())
    );
}

// A file that vanishes before its turn is an error, not a shorter capture.
#[test]
fn vanished_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let inputs = write(directory.path(), &[vec![1], vec![2]]);
    let mut set = CaptureSet::open(&inputs).unwrap();
    fs::remove_file(directory.path().join("001.pcap")).unwrap();
    assert!(set.next_frame().unwrap().is_some());
    assert!(
        matches!(set.next_frame(), Err(CaptureError::Unreadable { name, .. }) if name.ends_with("001.pcap"))
    );
}

// A file that changed before its turn takes its new place.
#[test]
fn changed_file_is_merged_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let inputs = write(directory.path(), &[vec![1, 5], vec![2]]);
    let mut set = CaptureSet::open(&inputs).unwrap();
    fs::write(directory.path().join("001.pcap"), capture(&[9])).unwrap();
    let mut seconds = Vec::new();
    while let Some(frame) = set.next_frame().unwrap() {
        seconds.push(frame.time.nanos() / 1_000_000_000);
    }
    assert_eq!(seconds, [1, 5, 9]);
}

// Errors say what was found, where, and what to do.
#[test]
fn errors_teach() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let cases: [(&str, &[u8], &str); 9] = [
        ("empty", b"", "an empty file (0 bytes)"),
        ("json", b"\n {\"Vpcs\": []}", "JSON, beginning `{\"Vpcs\": []}`"),
        ("text", b"hello", "text, beginning `hello`"),
        ("elf", b"\x7fELF\x02\x01\x01", "an ELF program"),
        ("zip", b"PK\x03\x04....", "a zip archive"),
        ("bin", &[1, 2, 3, 0xff], "binary data, beginning 01 02 03 ff"),
        (
            "pcap",
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0],
            "a pcap file that ends within its header, after 6 of 24 bytes",
        ),
        (
            "ng",
            &[0x0a, 0x0d, 0x0d, 0x0a, 28, 0],
            "a pcapng file that ends within its header, after 6 of 28 bytes",
        ),
        ("bom", &[10, 13, 13, 10, 28, 0, 0, 0, 1, 2, 3, 4], "a wrong byte-order magic"),
    ];
    for (name, content, says) in cases {
        fs::write(at(name), content).unwrap();
        let Err(error) = CaptureSet::open(&[Input::Path(at(name))]) else { panic!("{name} is no capture") };
        let text = error.to_string();
        assert!(text.contains(says) && text.contains(&at(name).display().to_string()), "{text}");
        assert!(text.contains("expected pcap or pcapng"), "{text}");
    }
    let error = |inputs: &[Input]| match CaptureSet::open(inputs) {
        Err(error) => error,
        Ok(_) => panic!("{inputs:?} should not open"),
    };
    assert!(matches!(error(&[Input::Path(at("missing"))]), CaptureError::Unreadable { .. }));
    assert!(matches!(error(&[]), CaptureError::NoInput));
    assert!(matches!(error(&[Input::Stdin, Input::Stdin]), CaptureError::StdinTwice));
    assert!(matches!(error(&[Input::Path(directory.path().to_path_buf())]), CaptureError::NoCaptures { .. }));
    fs::create_dir(at("sub")).unwrap();
    let text = error(&[Input::Path(at("sub"))]).to_string();
    assert!(text.contains("a directory without captures: found nothing"), "{text}");
}
