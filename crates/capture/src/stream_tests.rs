use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::Stream;

#[expect(clippy::unwrap_used, reason = "a test without pipes ends here")]
fn stream(ended: &'static AtomicBool) -> (std::io::PipeWriter, Stream, Arc<AtomicBool>) {
    let (reader, writer) = pipe().unwrap();
    let cut_short = Arc::new(AtomicBool::new(false));
    let file = File::from(OwnedFd::from(reader));
    (writer, Stream { file, ended, cut_short: Arc::clone(&cut_short) }, cut_short)
}

#[test]
fn a_stream_is_read_to_its_own_end() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    let (mut writer, mut stream, cut_short) = stream(&ENDED);
    let late = thread::spawn(move || {
        writer.write_all(b"soon").unwrap();
        // Longer than one wait.
        thread::sleep(Duration::from_millis(150));
        writer.write_all(b"later").unwrap();
    });
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    late.join().unwrap();
    assert_eq!(all, b"soonlater");
    assert!(!cut_short.load(Ordering::Relaxed));
}

#[test]
fn a_silent_stream_ends_when_it_is_told_to() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    let (mut writer, mut stream, cut_short) = stream(&ENDED);
    writer.write_all(b"so far").unwrap();
    let word = thread::spawn(|| {
        thread::sleep(Duration::from_millis(50));
        ENDED.store(true, Ordering::Relaxed);
    });
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    word.join().unwrap();
    assert_eq!(all, b"so far");
    assert!(cut_short.load(Ordering::Relaxed));
    drop(writer);
}

#[test]
fn a_non_blocking_stream_is_waited_for() {
    static ENDED: AtomicBool = AtomicBool::new(false);
    let (mut writer, reader) = UnixStream::pair().unwrap();
    reader.set_nonblocking(true).unwrap();
    let file = File::from(OwnedFd::from(reader));
    let mut stream = Stream { file, ended: &ENDED, cut_short: Arc::default() };
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        writer.write_all(b"late").unwrap();
    });
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    late.join().unwrap();
    assert_eq!(all, b"late");
}
