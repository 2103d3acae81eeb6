//! A sliding window over a stream: one buffer, filled by `read()` or changed for one that a thread has filled, that
//! grows only as far as a record needs.

use crate::ahead::{Ahead, Block, HEADROOM, Permit};
use crate::supply::{End, Supply, UNIT};

/// The unread part of a stream that is in memory.
pub(crate) struct Window {
    held: Held,
    /// Offset in the stream of the end of what is held.
    reached: u64,
    feed: Feed,
    /// Set once the stream was read to its end.
    over: Option<End>,
}

/// A buffer, and which part of it is unread: `buffer[start..end]`.
struct Held {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// The most that is read at a time where nobody reads ahead: what is walked next is to stay in the processor's own cache,
/// beside the flows. A buffer of 256 KiB costs a third more time in the kernel, one of 32 KiB as much for more calls.
const MOST_HERE: usize = 64 << 10;

/// Who fills the buffers.
enum Feed {
    Here(Supply),
    /// A thread.
    Ahead(Ahead),
}

impl Window {
    /// A window that reads about `capacity` bytes at a time; with a permit, by a thread that starts at once.
    pub(crate) fn new(supply: Supply, capacity: usize, permit: Option<Permit>) -> Self {
        let started = match permit {
            // Half the size: eight threads at most then have about as much in all as is meant for all buffers.
            Some(permit) => Ahead::start(supply, capacity / 2, permit),
            None => Err(supply),
        };
        let (feed, length) = match started {
            Ok(ahead) => (Feed::Ahead(ahead), 0),
            Err(supply) => (Feed::Here(supply), HEADROOM + capacity.min(MOST_HERE).next_multiple_of(UNIT)),
        };
        let held = Held { buffer: vec![0; length], start: 0, end: 0 };
        Self { held, reached: 0, feed, over: None }
    }

    /// The unread bytes that are in memory.
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        self.held.unread()
    }

    /// The first `N` bytes, but beyond the unread ones they mean nothing: [`Self::take`] tells.
    #[inline]
    pub(crate) fn peek<const N: usize>(&self) -> Option<&[u8; N]> {
        self.held.buffer.get(self.held.start..)?.first_chunk()
    }

    /// Takes `length` bytes as read, if so many are in memory; where they begin in the buffer.
    #[inline]
    pub(crate) const fn take(&mut self, length: usize) -> Option<usize> {
        let start = self.held.start;
        if start + length > self.held.end {
            return None;
        }
        self.held.start = start + length;
        Some(start)
    }

    /// Where the unread bytes begin in the buffer.
    #[inline]
    pub(crate) const fn position(&self) -> usize {
        self.held.start
    }

    /// Bytes of the buffer, read ones too, as a [`crate::frame::Head`] names them.
    #[inline]
    pub(crate) fn slice(&self, start: usize, length: usize) -> &[u8] {
        self.held.buffer.get(start..start + length).unwrap_or_default()
    }

    /// Offset in the stream of the first unread byte.
    pub(crate) const fn offset(&self) -> u64 {
        self.reached - self.held.left() as u64
    }

    /// Takes `length` bytes as read; at most those in memory.
    #[inline]
    pub(crate) fn consume(&mut self, length: usize) {
        self.held.start = (self.held.start + length).min(self.held.end);
    }

    /// Reads until at least `need` unread bytes are in memory; `false` when the stream ends before.
    ///
    /// The buffer grows as bytes arrive, so that a wrong length costs no memory that the file does not fill.
    pub(crate) fn ensure(&mut self, need: usize) -> bool {
        while self.held.left() < need {
            if self.over.is_some() {
                return false;
            }
            match self.fill(need) {
                Ok(length) => self.reached += length as u64,
                Err(end) => self.over = Some(end),
            }
        }
        true
    }

    /// Why the stream ended early, if it did.
    pub(crate) fn failure(&self) -> Option<&str> {
        match &self.over {
            Some(End::Failed(message)) => Some(message),
            Some(End::Whole) | None => None,
        }
    }

    /// Puts more bytes behind the unread ones, of which `need` are wanted in all; how many.
    fn fill(&mut self, need: usize) -> Result<usize, End> {
        match &mut self.feed {
            Feed::Here(supply) => {
                let length = supply.fill(self.held.room(need))?;
                self.held.end += length;
                Ok(length)
            }
            Feed::Ahead(ahead) => {
                let block = ahead.next()?;
                let length = block.length;
                ahead.give_back(self.held.join(block));
                Ok(length)
            }
        }
    }
}

impl Held {
    #[inline]
    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    const fn left(&self) -> usize {
        self.end - self.start
    }

    /// Room behind the unread bytes, of which `need` are wanted in all: at least [`UNIT`].
    fn room(&mut self, need: usize) -> &mut [u8] {
        let left = self.left();
        // Short reads go on where they are; moving what is there for each of them would be slow.
        if left == 0 || self.buffer.len() - self.end < UNIT {
            self.move_to(HEADROOM.saturating_sub(left));
        }
        if self.buffer.len() - self.end < UNIT {
            let more = need.saturating_sub(left).min(self.buffer.len()).max(UNIT);
            self.buffer.resize(self.end + more, 0);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Moves the unread bytes; there is room for them at the front.
    fn move_to(&mut self, start: usize) {
        self.buffer.copy_within(self.start..self.end, start);
        (self.start, self.end) = (start, start + self.left());
    }

    /// Joins a block to the unread bytes; the buffer that is no longer needed comes back.
    fn join(&mut self, mut block: Block) -> Vec<u8> {
        let left = self.left();
        let front = HEADROOM.checked_sub(left).filter(|_| left <= block.length);
        if let Some(start) = front
            && let Some(front) = block.buffer.get_mut(start..HEADROOM)
        {
            front.copy_from_slice(self.unread());
            (self.start, self.end) = (start, HEADROOM + block.length);
            return std::mem::replace(&mut self.buffer, block.buffer);
        }
        // A large record, or a few bytes of a slow pipe: they are put behind the unread bytes.
        if self.buffer.len() - self.end < block.length {
            self.move_to(0);
        }
        let end = self.end + block.length;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let bytes = block.buffer.get(HEADROOM..HEADROOM + block.length).unwrap_or_default();
        if let Some(room) = self.buffer.get_mut(self.end..end) {
            room.copy_from_slice(bytes);
        }
        self.end = end;
        block.buffer
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
