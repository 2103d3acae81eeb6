//! LZ4 frames one after another, told apart from a stream that is cut.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::{Error, FrameDecoder};

use crate::compression::Chunks;

/// No frame begins like this, and no block is as long as this says.
const NO_FRAME: [u8; 19] = [0xff; 19];

/// Reads LZ4 frames to the end of the input, each with a decoder of its own: frames may differ in block size.
pub(crate) struct Lz4Frames {
    /// The decoder of the frame being read; `None` behind the last.
    decoder: Option<FrameDecoder<Chunks>>,
}

impl Lz4Frames {
    pub(crate) fn new(input: Chunks) -> Self {
        Self { decoder: Some(FrameDecoder::new(input)) }
    }
}

/// The decoder returns nothing more, at the end of the input: was the last frame whole?
///
/// The decoder does not say, and takes a frame that ends between two blocks for whole. So it is given bytes that are
/// wrong in either case: as the beginning of a frame where the last one is whole, as a block inside a frame.
fn end(mut decoder: FrameDecoder<Chunks>) -> io::Result<usize> {
    decoder.get_mut().append(&NO_FRAME);
    let error = decoder.read(&mut [0]).err();
    let cause = error.as_ref().and_then(io::Error::get_ref).and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::WrongMagicNumber) => Ok(0),
        _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the last frame has no end mark")),
    }
}

impl Read for Lz4Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut decoder) = self.decoder.take() {
            let length = decoder.read(buffer)?;
            if length > 0 {
                self.decoder = Some(decoder);
                return Ok(length);
            }
            if decoder.get_mut().fill_buf()?.is_empty() {
                return end(decoder);
            }
            self.decoder = Some(FrameDecoder::new(decoder.into_inner()));
        }
        Ok(0)
    }
}
