//! Reading ahead: a thread reads (and decompresses) a stream into a few buffers while the frames before are walked.
//!
//! The buffers go round: filled ones to the walk, used ones back to the thread. There are [`BLOCKS`] of them, so
//! that memory is bounded and nothing is allocated on the way. What is read does not depend on who reads it: the
//! thread and the walk itself use the same [`Supply`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::supply::{End, Supply, UNIT};

/// Whether compressed captures are read ahead by threads. Frames, damage and their order are the same either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadAhead {
    /// Everything is read by the caller's thread, when it is needed.
    Off,
    /// Compressed captures, streams too, are decompressed by threads of their own, at most eight at a time; the next
    /// of several compressed files is begun before its first frame is due. Plain ones are read when they are needed.
    #[default]
    On,
}

/// How many buffers go round: one is walked, one is filled, two wait.
const BLOCKS: usize = 4;

/// Room in front of a block's bytes, for the beginning of a record that ended in the block before.
///
/// Nearly all records fit (jumbo frames have 9 kB); the bytes of larger ones are copied together.
pub(crate) const HEADROOM: usize = 16 << 10;

/// How many threads may read at once; what is beyond is read when it is needed.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    limit: usize,
    running: Arc<AtomicUsize>,
}

impl Threads {
    const MOST: usize = 8;

    pub(crate) fn new(setting: ReadAhead) -> Self {
        let limit = match setting {
            ReadAhead::Off => 0,
            ReadAhead::On => Self::MOST,
        };
        Self { limit, running: Arc::default() }
    }

    /// Whether a permit is to be had.
    pub(crate) fn are_free(&self) -> bool {
        self.running.load(Ordering::Relaxed) < self.limit
    }

    /// Leave for one thread to run, if fewer than the limit do.
    pub(crate) fn permit(&self) -> Option<Permit> {
        let more = |running: usize| (running < self.limit).then_some(running + 1);
        let taken = self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.is_ok().then(|| Permit(Arc::clone(&self.running)))
    }
}

/// Given back when the thread ends, in whatever way.
pub(crate) struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A part of a stream: its bytes are `buffer[HEADROOM..HEADROOM + length]`.
pub(crate) struct Block {
    pub(crate) buffer: Vec<u8>,
    pub(crate) length: usize,
}

/// The walk's end of a thread that reads ahead.
///
/// When it is dropped the thread ends with the block it is at. It is not waited for: it may be blocked in a
/// `read()` of a pipe that stays silent.
pub(crate) struct Ahead {
    filled: Receiver<Result<Block, End>>,
    used: SyncSender<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Starts a thread that reads in blocks of `capacity` bytes; without a thread the supply comes back.
    pub(crate) fn start(supply: Supply, capacity: usize, permit: Permit) -> Result<Self, Supply> {
        let capacity = capacity.max(1).next_multiple_of(UNIT);
        // The channels hold all buffers, and the end: nobody ever waits to send.
        let (to_walk, filled) = sync_channel(BLOCKS + 1);
        let (used, to_fill) = sync_channel(BLOCKS);
        for _ in 1..BLOCKS {
            // They get their size from the thread when it needs them: a small file needs one. The window has the fourth.
            let _ = used.try_send(Vec::new());
        }
        // The supply is handed over afterwards, so that it is not lost when no thread can be started.
        let (hand, over) = sync_channel::<Supply>(1);
        let work = move || {
            let _permit = permit;
            if let Ok(supply) = over.recv() {
                read(supply, capacity, &to_fill, &to_walk);
            }
        };
        match thread::Builder::new().name("read-ahead".to_owned()).spawn(work) {
            Ok(thread) => {
                hand.send(supply).map_err(|error| error.0)?;
                Ok(Self { filled, used, thread: Some(thread) })
            }
            Err(_) => Err(supply),
        }
    }

    /// The next block, or how the stream ended.
    ///
    /// # Panics
    ///
    /// When the thread did: its panic goes on here, as if the caller's thread had read.
    pub(crate) fn next(&mut self) -> Result<Block, End> {
        if let Ok(next) = self.filled.recv() {
            return next;
        }
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        Err(End::Failed("the thread that reads it has ended".to_owned()))
    }

    /// Gives a buffer back to be filled again.
    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        // The thread may have ended: then nobody needs it.
        let _ = self.used.try_send(buffer);
    }
}

/// What the thread does, until the stream ends or nobody listens any more.
fn read(
    mut supply: Supply,
    capacity: usize,
    to_fill: &Receiver<Vec<u8>>,
    to_walk: &SyncSender<Result<Block, End>>,
) {
    let least = HEADROOM + capacity;
    while let Ok(mut buffer) = to_fill.recv() {
        // A buffer may have grown for a record that lay across two. With very large ones they would all be large.
        if !(least..=4 * least).contains(&buffer.len()) {
            buffer = vec![0; least];
        }
        let filled = supply.fill(buffer.get_mut(HEADROOM..least).unwrap_or_default());
        let ended = filled.is_err();
        let sent = to_walk.send(filled.map(|length| Block { buffer, length }));
        if ended || sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
#[path = "ahead_tests.rs"]
mod tests;
