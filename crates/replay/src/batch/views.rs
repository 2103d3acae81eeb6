//! Packets of a batch as the engine takes them.

use std::ops::Range;

use vpcreplay_engine::{InBrief, Packet, Packets};
use vpcreplay_flow::{Digest, ShortKey};

use super::Batch;
use super::row::Row;

/// Some packets of a batch that follow each other.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    pub(super) batch: &'a Batch,
    pub(super) range: Range<usize>,
    /// Their rows, where they are not dealt out.
    pub(super) rows: &'a [Row],
}

/// The packets of one part among those of a range of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hand<'a> {
    pub(super) batch: &'a Batch,
    pub(super) rows: &'a [Row],
    pub(super) places: &'a [u32],
}

impl Packets for Run<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.range.len()
    }

    #[inline]
    fn packet(&self, at: usize) -> Packet<'_> {
        let place = self.range.start + at;
        match self.rows.get(at) {
            Some(row) => self.batch.packet_of(row, place),
            None => self.batch.packet(place),
        }
    }

    #[inline]
    fn in_brief(&self, at: usize) -> Option<InBrief> {
        let place = self.range.start + at;
        let row = self.rows.get(at).or_else(|| self.batch.row(place))?;
        self.batch.in_brief(row, place)
    }

    #[inline]
    fn with_digest(&self, at: usize) -> Option<(InBrief, &Digest)> {
        let place = self.range.start + at;
        let row = self.rows.get(at).or_else(|| self.batch.row(place))?;
        self.batch.with_digest(row, place)
    }

    #[inline]
    fn short_key(&self, at: usize) -> ShortKey {
        let row = self.rows.get(at).or_else(|| self.batch.row(self.range.start + at));
        row.map_or_else(ShortKey::default, |row| row.short)
    }
}

impl Hand<'_> {
    /// The places of its packets in the batch.
    pub(crate) const fn places(&self) -> &[u32] {
        self.places
    }
}

impl Packets for Hand<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    fn packet(&self, at: usize) -> Packet<'_> {
        match (self.rows.get(at), self.places.get(at)) {
            (Some(row), Some(place)) => self.batch.packet_of(row, *place as usize),
            _ => Packet::NONE,
        }
    }

    #[inline]
    fn in_brief(&self, at: usize) -> Option<InBrief> {
        let (row, place) = (self.rows.get(at)?, self.places.get(at)?);
        self.batch.in_brief(row, *place as usize)
    }

    #[inline]
    fn with_digest(&self, at: usize) -> Option<(InBrief, &Digest)> {
        let (row, place) = (self.rows.get(at)?, self.places.get(at)?);
        self.batch.with_digest(row, *place as usize)
    }

    #[inline]
    fn short_key(&self, at: usize) -> ShortKey {
        self.rows.get(at).map_or_else(ShortKey::default, |row| row.short)
    }
}
