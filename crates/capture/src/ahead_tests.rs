use std::collections::HashSet;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::{Ahead, BLOCKS, HEADROOM, Permit, ReadAhead, Threads};
use crate::supply::{End, Filling, Supply, UNIT};

fn start(source: impl Read + Send + 'static, filling: Filling, permit: Permit) -> Ahead {
    Ahead::start(Supply::new(Box::new(source), filling), UNIT, permit).ok().unwrap()
}

fn permit(threads: &Threads) -> Permit {
    threads.permit().unwrap()
}

/// Waits until no thread is left.
fn all_ended(threads: &Threads) -> bool {
    (0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        threads.running.load(Ordering::Relaxed) == 0
    })
}

// The buffers go round: what is read is what the stream holds, in as many buffers as there are.
#[test]
fn blocks_come_in_order_and_go_round() {
    let threads = Threads::new(ReadAhead::On);
    let bytes: Vec<u8> = (0..40 * UNIT + 5).map(|at| (at / 3).to_le_bytes()[0]).collect();
    let mut ahead = start(Cursor::new(bytes.clone()), Filling::Full, permit(&threads));
    let (mut seen, mut buffers) = (Vec::new(), HashSet::new());
    ahead.give_back(Vec::new());
    let end = loop {
        match ahead.next() {
            Ok(block) => {
                buffers.insert(block.buffer.as_ptr());
                seen.extend_from_slice(&block.buffer[HEADROOM..HEADROOM + block.length]);
                ahead.give_back(block.buffer);
            }
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Whole);
    assert!(seen == bytes);
    assert!(buffers.len() <= BLOCKS, "{} buffers", buffers.len());
    assert!(all_ended(&threads));
}

/// Panics after some bytes.
struct Broken(Cursor<Vec<u8>>);

impl Read for Broken {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.0.read(room)? {
            0 => panic!("a bug in a decoder"),
            length => Ok(length),
        }
    }
}

// A panic of the thread goes on in the caller's, after what came before it, and the permit is given back.
#[test]
fn panics_are_not_lost() {
    let threads = Threads::new(ReadAhead::On);
    let mut ahead = start(Broken(Cursor::new(vec![1; 10])), Filling::Once, permit(&threads));
    assert_eq!(ahead.next().map(|block| block.length), Ok(10));
    let panic = catch_unwind(AssertUnwindSafe(|| ahead.next().map(|_| ()))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a bug in a decoder"));
    assert!(all_ended(&threads));
}

/// A pipe whose writer says nothing until it is gone.
struct Silent(Receiver<()>);

impl Read for Silent {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.recv().map_or(0, |()| 1))
    }
}

// A thread that is blocked in a read is not waited for, and ends when the read does.
#[test]
fn dropping_does_not_wait_for_a_pipe() {
    let threads = Threads::new(ReadAhead::On);
    let (writer, pipe) = channel();
    drop(start(Silent(pipe), Filling::Once, permit(&threads)));
    assert_eq!(threads.running.load(Ordering::Relaxed), 1);
    writer.send(()).unwrap();
    assert!(all_ended(&threads));
}

// A thread that waits for a buffer ends when nobody will give it one.
#[test]
fn dropping_ends_a_thread_that_waits() {
    let threads = Threads::new(ReadAhead::On);
    let mut ahead = start(io::repeat(7), Filling::Full, permit(&threads));
    for _ in 1..BLOCKS {
        ahead.next().ok().unwrap();
    }
    drop(ahead);
    assert!(all_ended(&threads));
}

#[test]
fn threads_are_bounded() {
    assert!(Threads::new(ReadAhead::Off).permit().is_none());
    let threads = Threads::new(ReadAhead::On);
    let mut permits: Vec<_> = std::iter::from_fn(|| threads.permit()).collect();
    assert_eq!(permits.len(), Threads::MOST);
    assert!(!threads.are_free());
    permits.pop();
    assert!(threads.are_free() && threads.permit().is_some());
}
