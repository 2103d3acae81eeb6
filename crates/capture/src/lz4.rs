//! LZ4 frames one after another, told apart from a stream that is cut.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

use crate::compression::Chunks;

/// An LZ4 frame without content.
const EMPTY_FRAME: [u8; 11] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 0, 0, 0, 0];

/// Reads LZ4 frames to the end of the input.
pub(crate) struct Lz4Frames {
    decoder: FrameDecoder<Chunks>,
    ended: bool,
}

impl Lz4Frames {
    pub(crate) fn new(input: Chunks) -> Self {
        Self { decoder: FrameDecoder::new(input), ended: false }
    }

    /// The decoder returns nothing more, at the end of the input: was the last frame whole?
    ///
    /// The decoder does not say, and takes a frame that ends between two blocks for whole. So it is given an
    /// empty frame: between frames it reads it as such, inside a frame the magic number is no possible block length.
    fn end(&mut self) -> io::Result<usize> {
        self.ended = true;
        self.decoder.get_mut().append(&EMPTY_FRAME);
        match self.decoder.read(&mut [0]) {
            Ok(0) => Ok(0),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the last frame has no end mark")),
        }
    }
}

impl Read for Lz4Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            match self.decoder.read(buffer)? {
                // The end of a frame, or of the input.
                0 if self.decoder.get_mut().fill_buf()?.is_empty() => return self.end(),
                0 => {}
                length => return Ok(length),
            }
        }
        Ok(0)
    }
}
