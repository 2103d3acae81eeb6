//! Compressed streams, recognised by their first bytes.

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::info::Compression;
use crate::lz4::Lz4Frames;
use crate::supply::Source;

/// How many first bytes tell the formats apart.
const MAGIC: usize = 6;

/// Most memory that an xz stream may ask for; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 128 << 20;

/// Recognises the compression of a stream and takes it off; the second part is `None` for a plain stream.
///
/// Concatenated gzip members, zstd frames, lz4 frames and xz streams are read to the last one.
pub(crate) fn open(mut source: Source) -> io::Result<(Source, Option<Compression>)> {
    let mut magic = [0; MAGIC];
    let length = read_full(&mut source, &mut magic)?;
    let head: Vec<u8> = magic.into_iter().take(length).collect();
    let compression = detect(&head);
    let whole: Source = Box::new(Cursor::new(head).chain(source));
    let Some(compression) = compression else { return Ok((whole, None)) };
    let chunks = Chunks::new(whole);
    let plain: Source = match compression {
        Compression::Gzip => Box::new(Named { inner: MultiGzDecoder::new(chunks), compression }),
        Compression::Zstd => Box::new(Named { inner: ZstdDecoder::with_buffer(chunks)?, compression }),
        Compression::Lz4 => Box::new(Named { inner: Lz4Frames::new(chunks), compression }),
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
            Box::new(Named { inner: XzDecoder::new_stream(chunks, stream), compression })
        }
    };
    Ok((plain, Some(compression)))
}

/// The compression that a stream's first bytes stand for.
fn detect(head: &[u8]) -> Option<Compression> {
    match head {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // A zstd file may begin with a skippable frame.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Compression::Lz4),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
        _ => None,
    }
}

/// Reads until `bytes` is full or the stream ends.
fn read_full(source: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match source.read(room) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Names the compression in the errors of its decoder.
struct Named<R> {
    inner: R,
    compression: Compression,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            let state = if error.kind() == io::ErrorKind::UnexpectedEof { "cut" } else { "damaged" };
            io::Error::new(error.kind(), format!("the {} stream is {state}: {error}", self.compression))
        })
    }
}

/// Compressed input for a decoder, in small pieces at fixed places.
///
/// A decoder that fails within a call loses what it made in that call; small pieces keep that small. Fixed places
/// make the result the same for a file and for a pipe, whose reads are cut anywhere (S1.5).
pub(crate) struct Chunks {
    source: Source,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Chunks {
    const CAPACITY: usize = 64 << 10;
    const PIECE: usize = 512;

    fn new(source: Source) -> Self {
        Self { source, buffer: vec![0; Self::CAPACITY], start: 0, end: 0 }
    }

    /// Puts these bytes behind the end of the stream, which must be reached.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.source = Box::new(Cursor::new(bytes.to_vec()));
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = read_full(&mut self.source, &mut self.buffer)?;
        }
        let piece = self.end.min(self.start + Self::PIECE);
        Ok(self.buffer.get(self.start..piece).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.end);
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = self.fill_buf()?;
        let length = piece.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}
