//! Reading ahead changes nothing but the time it takes (S1.5).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod build;

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use build::{Order, Read1, enhanced, interface, pcap, section};
use vpcreplay_capture::{CaptureSet, Damage, Input, ReadAhead};

const MICROS: u32 = 0xa1b2_c3d4;

type Outcome = Result<(Vec<Read1>, Vec<Damage>), String>;

fn outcome(set: Result<CaptureSet, vpcreplay_capture::CaptureError>) -> Outcome {
    set.map(build::drain).map_err(|error| error.to_string())
}

fn streams(files: &[Vec<u8>], setting: ReadAhead) -> Outcome {
    let readers = files.iter().map(|file| {
        let reader: Box<dyn Read + Send> = Box::new(Cursor::new(file.clone()));
        ("stream".to_owned(), reader)
    });
    outcome(CaptureSet::from_readers_with(readers.collect(), setting))
}

fn same(files: &[Vec<u8>], what: &str) -> Outcome {
    let (off, on) = (streams(files, ReadAhead::Off), streams(files, ReadAhead::On));
    assert!(off == on, "{what}");
    on
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn all_kinds(data: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(data).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 0);
    xz.write_all(data).unwrap();
    [
        ("gzip", gzip(data)),
        ("zstd", zstd::encode_all(data, 1).unwrap()),
        ("lz4", lz4.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
    ]
}

/// Records with lengths that vary, some larger than a block.
fn records(count: u32, first: u32) -> Vec<(u32, u32, Vec<u8>)> {
    let length = |n: u32| if n % 97 == 5 { 70_000 } else { 40 + n * 31 % 1_400 };
    let data = |n: u32| (0..length(n)).map(|at| (at * (n | 1)).to_le_bytes()[1]).collect();
    (0..count).map(|n| (first + n, n, data(n))).collect()
}

fn capture(count: u32, first: u32) -> Vec<u8> {
    let records = records(count, first);
    let borrowed: Vec<_> = records.iter().map(|(s, f, data)| (*s, *f, data.as_slice())).collect();
    pcap(Order::Little, MICROS, &borrowed)
}

fn capture_ng(count: u32) -> Vec<u8> {
    let mut file = [section(Order::Big), interface(Order::Big, 1, 0, &[])].concat();
    for (second, _, data) in records(count, 0) {
        file.extend(enhanced(Order::Big, 0, second.into(), &data));
        if second % 100 == 50 {
            // Lost in the middle, found again at the next section.
            file.extend([0; 12]);
            file.extend([section(Order::Big), interface(Order::Big, 1, 0, &[])].concat());
        }
    }
    file
}

#[test]
fn sound_files_are_the_same() {
    for plain in [capture(900, 0), capture_ng(600)] {
        let expected = same(std::slice::from_ref(&plain), "plain").unwrap();
        assert!(expected.0.len() >= 600);
        for (kind, file) in all_kinds(&plain) {
            let (frames, damages) = same(&[file], kind).unwrap();
            assert!(frames == expected.0, "{kind}");
            let places =
                |damages: &[Damage]| damages.iter().map(|d| (d.offset, d.action)).collect::<Vec<_>>();
            assert_eq!(places(&damages), places(&expected.1), "{kind}");
        }
    }
}

// Cut or with wrong bytes: the same frames, the same damage at the same place.
#[test]
fn damaged_files_are_the_same() {
    for plain in [capture(300, 0), capture_ng(300)] {
        for (kind, file) in all_kinds(&plain) {
            for part in 0..40 {
                let at = file.len() * part / 40 + part % 7;
                let mut wrong = file.clone();
                wrong[at] ^= 0x55;
                let _ = same(&[file[..at].to_vec()], &format!("{kind} cut at {at}"));
                let _ = same(&[wrong], &format!("{kind} wrong at {at}"));
            }
        }
    }
}

fn write(directory: &Path, files: impl Iterator<Item = Vec<u8>>) -> Vec<Input> {
    let write = |(index, file): (usize, Vec<u8>)| {
        let path = directory.join(format!("{index:03}"));
        fs::write(&path, file).unwrap();
        Input::Path(path)
    };
    files.enumerate().map(write).collect()
}

fn sets_are_the_same(inputs: &[Input]) -> (Vec<Read1>, Vec<Damage>) {
    let off = outcome(CaptureSet::open_with(inputs, ReadAhead::Off));
    let on = outcome(CaptureSet::open_with(inputs, ReadAhead::On));
    assert!(off == on);
    on.unwrap()
}

// Rotated files, the next begun ahead; and more files at a time than there are threads.
#[test]
fn many_files_are_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let rotated = write(directory.path(), (0..30).map(|n| gzip(&capture(50, n * 50))));
    let (frames, damages) = sets_are_the_same(&rotated);
    assert_eq!((frames.len(), damages.len()), (1_500, 0));
    assert!(frames.windows(2).all(|pair| pair[0].nanos < pair[1].nanos));

    let overlapping = write(directory.path(), (0..20).map(|n| gzip(&capture(300, n))));
    let (frames, damages) = sets_are_the_same(&overlapping);
    assert_eq!((frames.len(), damages.len()), (6_000, 0));

    let mixed = write(
        directory.path(),
        (0..6).map(|n| if n % 2 == 0 { capture(50, n) } else { gzip(&capture(50, n)) }),
    );
    assert_eq!(sets_are_the_same(&mixed).0.len(), 300);
}

// A cut file among sound ones is damage, and the meter still counts what is on disk.
#[test]
fn progress_counts_what_is_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let inputs = write(directory.path(), (0..4).map(|n| gzip(&capture(200, n * 200))));
    let mut set = CaptureSet::open(&inputs).unwrap();
    let (_, total) = set.progress();
    while set.next_frame().unwrap().is_some() {}
    assert_eq!(set.progress(), (total.unwrap(), total));
    let on_disk: u64 =
        fs::read_dir(directory.path()).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(total, Some(on_disk));
}

// What keeps a file from being begun ahead is told when it is due, not before.
#[test]
fn a_file_that_cannot_be_begun_is_told_when_it_is_due() {
    let directory = tempfile::tempdir().unwrap();
    let inputs = write(directory.path(), (0..2).map(|n| gzip(&capture(3, n * 3))));
    let mut set = CaptureSet::open(&inputs).unwrap();
    fs::remove_file(directory.path().join("001")).unwrap();
    for _ in 0..3 {
        assert!(set.next_frame().unwrap().is_some());
    }
    let Err(error) = set.next_frame() else { panic!("001 is gone") };
    assert!(error.to_string().contains("001"), "{error}");
}

// A compressed pipe is read ahead; a set that is dropped early does not wait for what the pipe may still bring.
#[cfg(unix)]
#[test]
fn pipes_are_read_ahead_and_left() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let plain = capture(400, 0);
    let expected = build::read_sound(&plain);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(&plain).unwrap();
    let file = encoder.finish().unwrap();
    for length in [file.len(), 300_000] {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let (path, bytes) = (pipe.clone(), file[..length].to_vec());
        let writer = std::thread::spawn(move || {
            let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
            // The reader may be gone before all is written.
            let _ = file.write_all(&bytes);
            if length == 300_000 {
                let _ = wait.recv();
            }
        });
        let mut set = CaptureSet::open(&[Input::Path(pipe.clone())]).unwrap();
        if length == file.len() {
            assert!(build::drain(set).0 == expected);
        } else {
            assert_eq!(set.next_frame().unwrap().unwrap().captured, expected[0].data);
            // The thread is blocked in its read: the writer goes on only after the set is gone.
            drop(set);
            drop(done);
        }
        writer.join().unwrap();
    }
}
