//! Packets on their way from reading to judging, as few bytes each as may be.

use std::ops::Range;

use vpcreplay_engine::{Ahead, Asks, Content, Packet, asks_about_another_flow, part_of};
use vpcreplay_flow::{Cause, Decoded, Digest, Timestamp, Tunnel};

/// A packet of the replay and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Number in replay order, from 1 (S1.4).
    pub number: u64,
    /// Index of its file in [`crate::CaptureSet::names`].
    pub file: usize,
    /// Number of its frame in that file, from 1.
    pub frame: u64,
    /// Its own timestamp.
    pub time: Timestamp,
    /// Engine time at the packet (S1.2).
    pub now: Timestamp,
    /// The tunnel taken off.
    pub tunnel: Option<Tunnel>,
    /// What became of its frame.
    pub decoded: Decoded,
}

impl<'a> From<&'a Item> for Packet<'a> {
    fn from(item: &'a Item) -> Self {
        Self { number: item.number, now: item.now, content: Content::Decoded(&item.decoded) }
    }
}

/// A packet in a batch, as the engine needs it: one cache line, so that little goes from the reading thread to the
/// judging one.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Row {
    /// All facts of most packets.
    digest: Option<Digest>,
    now: Timestamp,
    /// Where it is in the batch.
    at: u32,
    /// Where the rest is.
    rest: u32,
}

/// Where a packet of a batch comes from; needed only when something is written of it.
#[derive(Clone, Copy, Debug)]
struct Origin {
    frame: u64,
    time: Timestamp,
    file: u32,
}

/// What few packets have.
#[derive(Clone, Copy, Debug)]
struct Rest {
    tunnel: Option<Tunnel>,
    decoded: Decoded,
}

/// Rows that room is made for at once.
const MOST_RESERVED: usize = 1 << 16;

/// No rest.
const NONE: u32 = u32::MAX;

/// Packets in replay order.
#[derive(Debug, Default)]
pub struct Batch {
    /// Number of its first packet.
    first: u64,
    rows: Vec<Row>,
    /// By row.
    origins: Vec<Origin>,
    rest: Vec<Rest>,
    /// Once it is dealt: by row its part, and by part its rows in order.
    parts: Vec<u8>,
    hands: Vec<Vec<u32>>,
    asks: Asks,
}

/// Where a packet comes from, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) file: usize,
    pub(crate) frame: u64,
    pub(crate) time: Timestamp,
    pub(crate) now: Timestamp,
}

impl Batch {
    /// Packets in replay order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether it has no packet.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many packets it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Deals the packets out to parts, at most 256.
    pub(crate) fn deal(&mut self, parts: usize) {
        self.hands.resize_with(parts, Vec::new);
        self.hands.iter_mut().for_each(Vec::clear);
        self.parts.clear();
        for (at, row) in (0_u32..).zip(&self.rows) {
            let part = part_of(self.packet(row), parts);
            self.parts.push(u8::try_from(part).unwrap_or(u8::MAX));
            if let Some(hand) = self.hands.get_mut(part) {
                hand.push(at);
            }
        }
        let asks = |rest: &Rest| asks_about_another_flow(&rest.decoded) == Asks::Another;
        self.asks = if self.rest.iter().any(asks) { Asks::Another } else { Asks::Own };
    }

    /// The packets of a part, in order, among those of a range of rows.
    pub(crate) fn hand(&self, part: usize, rows: &Range<usize>) -> &[u32] {
        let hand = self.hands.get(part).map_or(&[][..], Vec::as_slice);
        let place = |bound: usize| hand.partition_point(|&at| (at as usize) < bound);
        hand.get(place(rows.start)..place(rows.end)).unwrap_or_default()
    }

    /// The packet of a row, for the engine. A row behind the last is one of no frame.
    #[inline]
    pub(crate) fn packet_at(&self, at: u32) -> Packet<'_> {
        match self.rows.get(at as usize) {
            Some(row) => self.packet(row),
            None => Packet { number: 0, now: Timestamp::MIN, content: Content::Decoded(&NOTHING) },
        }
    }

    /// Engine time at a row.
    pub(crate) fn time(&self, at: usize) -> Option<Timestamp> {
        self.rows.get(at).map(|row| row.now)
    }

    /// By row its part.
    pub(crate) fn parts(&self) -> &[u8] {
        &self.parts
    }

    /// What lies ahead from a row on; `None` behind the last.
    pub(crate) fn ahead(&self, from: usize) -> Option<Ahead> {
        let rows = self.rows.get(from..)?;
        Some(Ahead { packets: rows.len(), last: rows.last()?.now, asks: self.asks })
    }

    /// Its packets, each with all that is known of it.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        self.rows.iter().map(|row| self.item(row))
    }

    /// All that is known of one of its packets.
    pub fn item(&self, row: &Row) -> Item {
        let (number, now) = (self.number(row), row.now);
        let origin = self.origins.get(row.at as usize).copied().unwrap_or(NOWHERE);
        let rest = self.rest_of(row);
        let whole = row.digest.map(|digest| Decoded::Packet(digest.facts()));
        let decoded = whole.or_else(|| rest.map(|rest| rest.decoded)).unwrap_or(NOTHING);
        let tunnel = rest.and_then(|rest| rest.tunnel);
        let Origin { frame, time, file } = origin;
        Item { number, file: file as usize, frame, time, now, tunnel, decoded }
    }

    /// One of its packets, for the engine.
    #[inline]
    pub fn packet<'a>(&'a self, row: &'a Row) -> Packet<'a> {
        let content = match &row.digest {
            Some(digest) => Content::Digest(digest),
            None => Content::Decoded(self.rest_of(row).map_or(&NOTHING, |rest| &rest.decoded)),
        };
        Packet { number: self.number(row), now: row.now, content }
    }

    /// Engine time at the first and at the last packet; `None` when it has none.
    pub(crate) fn times(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.rows.first()?.now, self.rows.last()?.now))
    }

    /// Number of the last packet; 0 when it has none.
    pub fn last_number(&self) -> u64 {
        self.rows.last().map_or(0, |row| self.number(row))
    }

    #[inline]
    fn number(&self, row: &Row) -> u64 {
        self.first + u64::from(row.at)
    }

    /// Makes room for so many packets, within reason.
    pub(crate) fn reserve(&mut self, size: usize) {
        self.rows.reserve(size.min(MOST_RESERVED));
        self.origins.reserve(size.min(MOST_RESERVED));
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.origins.clear();
        self.rest.clear();
    }

    /// Adds a usual packet.
    #[inline]
    pub(crate) fn push_digest(&mut self, place: Place, digest: Digest) {
        self.push_row(place, Some(digest), NONE);
    }

    /// Adds any packet.
    pub(crate) fn push(&mut self, place: Place, tunnel: Option<Tunnel>, decoded: Decoded) {
        let digest = match &decoded {
            Decoded::Packet(facts) if Digest::is_whole(facts) => Digest::of(facts),
            _ => None,
        };
        let mut rest = NONE;
        if digest.is_none() || tunnel.is_some() {
            rest = u32::try_from(self.rest.len()).unwrap_or(NONE);
            self.rest.push(Rest { tunnel, decoded });
        }
        self.push_row(place, digest, rest);
    }

    #[inline]
    fn push_row(&mut self, place: Place, digest: Option<Digest>, rest: u32) {
        let Place { number, file, frame, time, now } = place;
        if self.rows.is_empty() {
            self.first = number;
        }
        // A batch is far shorter than that, and a replay has far fewer files.
        let at = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let file = u32::try_from(file).unwrap_or(u32::MAX);
        self.rows.push(Row { digest, now, at, rest });
        self.origins.push(Origin { frame, time, file });
    }

    fn rest_of(&self, row: &Row) -> Option<&Rest> {
        self.rest.get(row.rest as usize)
    }
}

/// Never seen: every row has an origin.
const NOWHERE: Origin = Origin { frame: 0, time: Timestamp::MIN, file: u32::MAX };

/// Never seen: a packet without a digest has a rest.
const NOTHING: Decoded = Decoded::Unjudged(Cause::NotIp, None);

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn a_row_is_a_cache_line() {
        assert_eq!(size_of::<Row>(), 64);
    }
}
