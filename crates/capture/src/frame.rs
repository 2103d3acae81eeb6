//! Frames as they are lent to the caller, and where they lie while they wait.

use vpcreplay_flow::{LinkType, Timestamp};

use crate::pcap::Pcap;
use crate::pcapng::PcapNg;

/// One captured frame (S1.4), lent from the buffer of its file until the next one is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its own timestamp, as the capture has it (S1.1, S12.1).
    pub time: Timestamp,
    /// Link type of the interface it was captured on.
    pub link_type: LinkType,
    /// The bytes that were captured.
    pub captured: &'a [u8],
    /// Length on the wire in bytes, as the capture says; may be less than what was captured.
    pub original_length: u32,
    /// Index of its file in [`crate::CaptureSet::names`].
    pub file: usize,
    /// Its number in its file, from 1; packet blocks only (S1.4).
    pub number: u64,
}

/// A frame lent by a walk that does not know its file.
pub(crate) struct Lent<'a> {
    pub(crate) time: Timestamp,
    pub(crate) link_type: LinkType,
    pub(crate) original_length: u32,
    pub(crate) captured: &'a [u8],
}

impl<'a> Lent<'a> {
    /// The same as a frame of a file.
    #[inline]
    pub(crate) const fn frame(self, file: usize, number: u64) -> Frame<'a> {
        let Self { time, link_type, original_length, captured } = self;
        Frame { time, link_type, captured, original_length, file, number }
    }
}

/// A frame that is being lent, to be had again by whoever needs more of it than of most: in a loop over all frames nothing of it
/// is kept at hand for that, which costs more than to read a record twice now and then.
#[derive(Clone, Copy)]
pub struct SameFrame<'a> {
    pub(crate) walk: WalkAgain<'a>,
    /// The bytes from its record or its block on.
    pub(crate) record: &'a [u8],
    pub(crate) file: usize,
    pub(crate) number: u64,
}

/// The walk that lends a frame, of either format.
#[derive(Clone, Copy)]
pub(crate) enum WalkAgain<'a> {
    Pcap(&'a Pcap),
    PcapNg(&'a PcapNg),
}

impl<'a> SameFrame<'a> {
    /// The frame.
    #[inline]
    pub fn lend(self) -> Frame<'a> {
        let lent = match self.walk {
            WalkAgain::Pcap(walk) => walk.lend_again(self.record),
            WalkAgain::PcapNg(walk) => walk.lend_again(self.record),
        };
        lent.frame(self.file, self.number)
    }
}

/// A frame that lies in its reader's window.
///
/// Where it goes by value, that is inlined; else the walks write it in place, field by field: copied right after it
/// was written in other widths, the processor would wait for that on each frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) time: Timestamp,
    pub(crate) link_type: LinkType,
    pub(crate) original_length: u32,
    /// Where the captured bytes begin in the window's buffer; holds until the window is filled again.
    pub(crate) start: usize,
    /// How many bytes were captured.
    pub(crate) captured: usize,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            time: Timestamp::default(),
            link_type: LinkType::NULL,
            original_length: 0,
            start: 0,
            captured: 0,
        }
    }
}
