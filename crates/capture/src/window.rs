//! A sliding window over a stream: one buffer, filled by `read()`, that grows only as far as a record needs.

use std::io::{self, Read};

/// A stream of bytes that can be read by another thread.
pub(crate) type Source = Box<dyn Read + Send>;

/// The unread part of a stream that is in memory.
pub(crate) struct Window {
    source: Source,
    buffer: Vec<u8>,
    /// Unread bytes are `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Offset in the stream of `buffer[0]`.
    base: u64,
    state: State,
}

/// How far the source is.
enum State {
    /// More may come.
    Open,
    /// It is read to its end.
    Ended,
    /// It failed with this message; what came before stays good.
    Failed(String),
}

impl Window {
    /// A window with a buffer of `capacity` bytes.
    pub(crate) fn new(source: Source, capacity: usize) -> Self {
        Self { source, buffer: vec![0; capacity.max(64)], start: 0, end: 0, base: 0, state: State::Open }
    }

    /// The unread bytes that are in memory.
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Where the unread bytes begin in the buffer.
    #[inline]
    pub(crate) const fn position(&self) -> usize {
        self.start
    }

    /// Bytes of the buffer, read ones too, as a [`crate::frame::Head`] names them.
    #[inline]
    pub(crate) fn slice(&self, start: usize, length: usize) -> &[u8] {
        self.buffer.get(start..start + length).unwrap_or_default()
    }

    /// Offset in the stream of the first unread byte.
    pub(crate) const fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Takes `length` bytes as read; at most those in memory.
    #[inline]
    pub(crate) fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Reads until at least `need` unread bytes are in memory; `false` when the stream ends before.
    ///
    /// The buffer grows as bytes arrive, so that a wrong length costs no memory that the file does not fill.
    pub(crate) fn ensure(&mut self, need: usize) -> bool {
        while self.end - self.start < need {
            if !matches!(self.state, State::Open) {
                return false;
            }
            self.fill(need);
        }
        true
    }

    /// Why the stream ended early, if it did.
    pub(crate) fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Failed(message) => Some(message),
            State::Open | State::Ended => None,
        }
    }

    /// One `read()` behind the unread bytes, which move to the front of the buffer first.
    fn fill(&mut self, need: usize) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let larger = need.min(self.buffer.len().saturating_mul(2));
            self.buffer.resize(larger, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.source.read(room) {
            Ok(0) => self.state = State::Ended,
            Ok(length) => self.end = (self.end + length).min(self.buffer.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.state = State::Failed(error.to_string()),
        }
    }
}
