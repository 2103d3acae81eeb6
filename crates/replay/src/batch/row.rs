//! A packet in a batch: its row, and what few packets have beside.

use vpcreplay_engine::Content;
use vpcreplay_flow::{Brief, Decoded, PacketKind, ShortKey, Timestamp};

/// A packet in a batch, as the engine needs it: half a cache line, since every packet is written and read again.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Row {
    /// The key of its flow in two words; of no flow where it has none.
    pub(super) short: ShortKey,
    pub(super) now: Timestamp,
    /// In brief its length, else the place of what there is beside.
    pub(super) word: u32,
    pub(super) kind: PacketKind,
    pub(super) form: Form,
}

/// In which form a batch has a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Form {
    /// All in its row.
    Brief,
    /// Its digest beside: an IPv6 packet.
    Digest,
    /// A [`Rest`] beside.
    Any,
}

impl Row {
    #[inline]
    pub(super) const fn brief(&self) -> Brief {
        Brief { short: self.short, length: self.word, kind: self.kind }
    }

    pub(super) const fn place(&self) -> usize {
        self.word as usize
    }
}

/// What few packets have: their facts, or why there are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    pub(super) copy: u16,
    pub(super) decoded: Decoded,
}

impl Rest {
    pub(super) const fn content(&self) -> Content<'_> {
        Content::of_copy(&self.decoded, self.copy)
    }
}

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn two_rows_are_a_cache_line() {
        assert_eq!(size_of::<Row>(), 32);
    }
}
