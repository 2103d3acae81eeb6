//! Where the bytes of a stream come from, read in the same steps whoever asks for them.

use std::io::{self, Read};

/// A stream of bytes that can be read by another thread.
pub(crate) type Source = Box<dyn Read + Send>;

/// A decoder is asked for at most this many bytes at once, and never across a multiple of it in its output.
///
/// A decoder that fails within a call loses what it made in that call. What it is asked for must therefore not
/// depend on the size of a buffer, nor on the thread that reads: else the same damaged file would hold now more,
/// now fewer frames (S1.5).
pub(crate) const UNIT: usize = 32 << 10;

/// How much is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// As much as one `read()` gives: what a pipe has must not wait for what it has not.
    Once,
    /// Whole [`UNIT`]s, unless the stream ends before: for decoders, which give small pieces.
    Full,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is read to its end.
    Whole,
    /// It failed with this message; what came before stays good.
    Failed(String),
}

/// A stream that is read until it ends or fails, and no further.
pub(crate) struct Supply {
    source: Source,
    filling: Filling,
    end: Option<End>,
}

impl Supply {
    pub(crate) const fn new(source: Source, filling: Filling) -> Self {
        Self { source, filling, end: None }
    }

    /// Reads into `room`, which has [`UNIT`] bytes at least; how many came, never 0, or how the stream ended.
    ///
    /// The end is told after the last bytes, not with them: they are good whatever comes behind them.
    pub(crate) fn fill(&mut self, room: &mut [u8]) -> Result<usize, End> {
        let whole = room.len() - room.len() % UNIT;
        let mut filled = 0;
        while filled < whole && self.end.is_none() {
            let stop = match self.filling {
                Filling::Once => room.len(),
                Filling::Full => filled - filled % UNIT + UNIT,
            };
            filled += self.read(room.get_mut(filled..stop).unwrap_or_default());
            if filled > 0 && self.filling == Filling::Once {
                break;
            }
        }
        match &self.end {
            Some(end) if filled == 0 => Err(end.clone()),
            _ => Ok(filled),
        }
    }

    /// One `read()`; 0 when it was interrupted, or is the last.
    fn read(&mut self, room: &mut [u8]) -> usize {
        match self.source.read(room) {
            Ok(0) => self.end = Some(End::Whole),
            // A source that claims more than there was room for is wrong; the bytes it claims are not there.
            Ok(length) => return length.min(room.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.end = Some(End::Failed(error.to_string())),
        }
        0
    }
}

#[cfg(test)]
#[path = "supply_tests.rs"]
mod tests;
