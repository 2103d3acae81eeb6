//! Classic pcap: little-endian, nanoseconds, Ethernet.

use std::io::{self, Write};
use std::ops::ControlFlow;

use crate::Traffic;

const MAGIC_OF_NANOSECONDS: u32 = 0xa1b2_3c4d;
const VERSION: u32 = 0x0004_0002;
const ETHERNET: u32 = 1;
const SECOND: u64 = 1_000_000_000;
/// Bytes that are written at once.
const CHUNK: usize = 1 << 18;

/// Whether all was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it.
    Whole,
    /// Whoever watches stopped it; what was written is a capture.
    Stopped,
}

/// Writes a capture. `watch` is asked after every quarter of a megabyte whether it goes on, and told how many bytes the
/// file has.
///
/// # Errors
/// Those of the output.
pub fn write(
    traffic: &mut Traffic,
    mut out: impl Write,
    mut watch: impl FnMut(&Traffic, u64) -> ControlFlow<()>,
) -> io::Result<Written> {
    let mut buffer = Vec::with_capacity(CHUNK + 4096);
    for word in [MAGIC_OF_NANOSECONDS, VERSION, 0, 0, traffic.snaplen(), ETHERNET] {
        buffer.extend_from_slice(&word.to_le_bytes());
    }
    let mut written = 0;
    loop {
        while buffer.len() < CHUNK {
            let Some(frame) = traffic.next_frame() else {
                out.write_all(&buffer)?;
                out.flush()?;
                written += buffer.len() as u64;
                // Nothing is left to stop.
                let _ = watch(traffic, written);
                return Ok(Written::Whole);
            };
            buffer.extend_from_slice(&record_header(&frame));
            buffer.extend_from_slice(frame.bytes);
        }
        out.write_all(&buffer)?;
        written += buffer.len() as u64;
        buffer.clear();
        if watch(traffic, written).is_break() {
            out.flush()?;
            return Ok(Written::Stopped);
        }
    }
}

fn record_header(frame: &crate::Frame<'_>) -> [u8; 16] {
    // Times are checked to be within what these words hold.
    let nanos = frame.time.nanos().unsigned_abs();
    let word = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut header = [0; 16];
    header[0..4].copy_from_slice(&word(nanos / SECOND));
    header[4..8].copy_from_slice(&word(nanos % SECOND));
    header[8..12].copy_from_slice(&word(frame.bytes.len() as u64));
    header[12..16].copy_from_slice(&frame.length.to_le_bytes());
    header
}
