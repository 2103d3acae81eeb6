//! Bytes to frames: capture formats, compression, merging by time (S1.3, S1.4, S2.1, S12.1).
//!
//! [`CaptureSet`] takes files, directories and standard input and lends frames in replay order. Files are
//! read with `read()` into one buffer each, never mapped: a file that is cut while it is read is damage, not
//! a crash. Memory is bounded by the files whose time spans overlap, never by the length of a capture; the
//! largest record that is taken is [`MAX_RECORD_BYTES`].
//!
//! Nothing is skipped in silence: what is wrong inside a capture is a [`Damage`], a file of a directory that
//! is no capture is a [`Skipped`], and everything else is a [`CaptureError`].

mod ahead;
mod compression;
mod damage;
mod error;
mod frame;
mod identify;
mod info;
mod input;
mod interface;
mod lz4;
mod pcap;
mod pcapng;
mod plan;
mod reader;
mod resync;
mod set;
mod stream;
mod supply;
mod window;

pub use ahead::ReadAhead;
pub use damage::{Damage, DamageAction};
pub use error::CaptureError;
pub use frame::{Frame, SameFrame};
pub use info::{Compression, Endianness, FileInfo, Format, InterfaceInfo, Resolution};
pub use input::{Input, Skipped};
pub use set::CaptureSet;
pub use stream::end_streams;

/// The largest record (frame of a pcap file, block of a pcapng file) that is taken into memory, in bytes.
///
/// 16 MiB is the bound that libpcap and Wireshark put on pcapng blocks; no frame that carries IP comes near
/// it. A larger one is taken for a wrong length, which is damage.
pub const MAX_RECORD_BYTES: u32 = 16 << 20;
