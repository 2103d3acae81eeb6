//! Captures as bytes: pcap and pcapng in all their kinds, cut in pieces, compressed.

mod compress;
mod pcap;
mod pcapng;

use vpcreplay_flow::Timestamp;

use crate::build::Frame;

pub use compress::{gzip, lz4, xz, zstd};
pub use pcap::{Endian, Magic, pcap};
pub use pcapng::{BlockKind, Interface, Pcapng, Resolution};

/// A frame and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedFrame {
    /// Its timestamp.
    pub time: Timestamp,
    /// The frame.
    pub frame: Frame,
}

/// Cuts a capture in pieces before the frames with these indexes, as a rotating capture would (S1.5); the order of
/// the indexes does not matter, those beyond the end make empty pieces.
pub fn cut(frames: &[TimedFrame], before: &[usize]) -> Vec<Vec<TimedFrame>> {
    let mut cuts: Vec<usize> = before.iter().map(|index| (*index).min(frames.len())).collect();
    cuts.extend([0, frames.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|ends| frames[ends[0]..ends[1]].to_vec()).collect()
}
