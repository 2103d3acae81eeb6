//! Packets on their way from reading to judging, as few bytes each as may be.

mod origins;

use std::ops::Range;

use vpcreplay_engine::{Ahead, Asks, Content, Packet, asks_about_another_flow, part_of};
use vpcreplay_flow::{Cause, Decoded, Digest, FlowKey, Timestamp, Tunnel};

use origins::{Origin, Origins};

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
    /// Which copy of the captures it belongs to; 0 is the original.
    pub copy: u16,
    /// The tunnel taken off.
    pub tunnel: Option<Tunnel>,
    /// What became of its frame.
    pub decoded: Decoded,
}

impl Item {
    /// The flow that the packet belongs to, if it has one (S7.1).
    pub fn flow_key(&self) -> Option<FlowKey> {
        match &self.decoded {
            Decoded::Packet(facts) => facts.flow().map(|(key, _)| key.with_copy(self.copy)),
            Decoded::Unjudged(..) => None,
        }
    }
}

impl<'a> From<&'a Item> for Packet<'a> {
    fn from(item: &'a Item) -> Self {
        let content = Content::of_copy(&item.decoded, item.copy);
        Self { number: item.number, now: item.now, content }
    }
}

/// A packet in a batch, as the engine needs it: one cache line, so that little goes from the reading thread to the
/// judging one.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Row {
    /// All facts of most packets.
    digest: Digest,
    now: Timestamp,
    /// Where it is in the batch.
    at: u32,
    /// Where the rest is, and whether there is a digest.
    rest: Beside,
}

/// Where in a batch a packet has what is beside its digest: the place, and a mark on top if there is a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beside(u32);

impl Beside {
    const HAS_DIGEST: u32 = 1 << 31;
    /// Nothing, but a digest.
    const NOTHING: Self = Self(u32::MAX);

    const fn has_digest(self) -> bool {
        self.0 & Self::HAS_DIGEST != 0
    }

    const fn place(self) -> usize {
        (self.0 & !Self::HAS_DIGEST) as usize
    }
}

impl Row {
    /// All facts of the packet, if they are in a digest.
    #[inline]
    const fn digest(&self) -> Option<&Digest> {
        if self.rest.has_digest() { Some(&self.digest) } else { None }
    }

    /// Engine time at the packet.
    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }
}

/// What few packets have.
#[derive(Clone, Copy, Debug)]
struct Rest {
    tunnel: Option<Tunnel>,
    decoded: Decoded,
    copy: u16,
}

/// Rows that room is made for at once.
const MOST_RESERVED: usize = 1 << 16;

/// Packets in replay order, dealt out to the parts in which they may be judged.
#[derive(Debug)]
pub struct Batch {
    /// Number of its first packet.
    first: u64,
    /// By part, its packets in replay order.
    hands: Vec<Vec<Row>>,
    /// The place of each packet in the hands; empty where there is one hand only.
    spots: Vec<Spot>,
    len: u32,
    origins: Origins,
    rest: Vec<Rest>,
    asks: Asks,
}

/// Where a packet is: in which hand, and at which place there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) part: u16,
    at: u32,
}

/// Where a packet comes from, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) number: u64,
    pub(crate) file: usize,
    pub(crate) frame: u64,
    pub(crate) time: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) copy: u16,
}

impl Default for Batch {
    fn default() -> Self {
        Self::of_parts(1)
    }
}

impl Batch {
    /// An empty batch whose packets will be dealt out to so many parts, at least one.
    pub(crate) fn of_parts(parts: usize) -> Self {
        Self {
            first: 0,
            hands: vec![Vec::new(); parts.max(1)],
            spots: Vec::new(),
            len: 0,
            origins: Origins::new(),
            rest: Vec::new(),
            asks: Asks::Own,
        }
    }

    /// Packets in replay order, of a batch that is not dealt out to parts.
    pub fn rows(&self) -> &[Row] {
        match self.hands.as_slice() {
            [rows] => rows,
            _ => &[],
        }
    }

    /// Whether it has no packet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many packets it has.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// The packets of a part, in order, among those of a range of the batch.
    pub(crate) fn hand(&self, part: usize, range: &Range<usize>) -> &[Row] {
        let hand = self.hands.get(part).map_or(&[][..], Vec::as_slice);
        let place = |bound: usize| hand.partition_point(|row| (row.at as usize) < bound);
        hand.get(place(range.start)..place(range.end)).unwrap_or_default()
    }

    /// The packets of a range of a batch that is dealt out, in replay order.
    pub(crate) fn spots(&self, range: Range<usize>) -> &[Spot] {
        self.spots.get(range).unwrap_or_default()
    }

    /// The packet at a place; at none, one of no frame.
    #[inline]
    pub(crate) fn packet_at(&self, spot: Spot) -> Packet<'_> {
        match self.row_at(spot) {
            Some(row) => self.packet(row),
            None => Packet { number: 0, now: Timestamp::MIN, content: Content::Decoded(&NOTHING) },
        }
    }

    #[inline]
    pub(crate) fn row_at(&self, spot: Spot) -> Option<&Row> {
        self.hands.get(usize::from(spot.part))?.get(spot.at as usize)
    }

    fn row(&self, at: usize) -> Option<&Row> {
        match self.hands.as_slice() {
            [rows] => rows.get(at),
            _ => self.row_at(*self.spots.get(at)?),
        }
    }

    /// Engine time at a packet.
    pub(crate) fn time(&self, at: usize) -> Option<Timestamp> {
        self.row(at).map(|row| row.now)
    }

    /// What lies ahead from a packet on; `None` behind the last.
    pub(crate) fn ahead(&self, from: usize) -> Option<Ahead> {
        let packets = self.len().checked_sub(from).filter(|packets| *packets > 0)?;
        let (first, last) = (self.time(from)?, self.time(self.len() - 1)?);
        Some(Ahead { packets, first, last, asks: self.asks })
    }

    /// Its packets, each with all that is known of it.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        (0..self.len()).filter_map(|at| self.row(at)).map(|row| self.item(row))
    }

    /// All that is known of one of its packets.
    pub fn item(&self, row: &Row) -> Item {
        let (number, now) = (self.number(row), row.now);
        let Origin { frame, time, file, copy } = self.origins.of(row.at, row.now);
        let rest = self.rest_of(row);
        let whole = row.digest().map(|digest| Decoded::Packet(digest.facts()));
        let decoded = whole.or_else(|| rest.map(|rest| rest.decoded)).unwrap_or(NOTHING);
        let tunnel = rest.and_then(|rest| rest.tunnel);
        Item { number, file, frame, time, now, copy, tunnel, decoded }
    }

    /// One of its packets, for the engine.
    #[inline]
    pub fn packet<'a>(&'a self, row: &'a Row) -> Packet<'a> {
        let content = match row.digest() {
            Some(digest) => Content::Digest(digest),
            None => self.content_of_rest(row.rest),
        };
        Packet { number: self.number(row), now: row.now, content }
    }

    fn content_of_rest(&self, rest: Beside) -> Content<'_> {
        match self.rest.get(rest.place()) {
            Some(rest) => Content::of_copy(&rest.decoded, rest.copy),
            None => Content::Decoded(&NOTHING),
        }
    }

    /// Engine time at the first and at the last packet; `None` when it has none.
    pub(crate) fn times(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.time(0)?, self.time(self.len().checked_sub(1)?)?))
    }

    /// Number of the last packet; 0 when it has none.
    pub fn last_number(&self) -> u64 {
        match self.len() as u64 {
            0 => 0,
            packets => self.first + packets - 1,
        }
    }

    #[inline]
    fn number(&self, row: &Row) -> u64 {
        self.first + u64::from(row.at)
    }

    /// Makes room for so many packets, within reason.
    pub(crate) fn reserve(&mut self, size: usize) {
        if let [rows] = self.hands.as_mut_slice() {
            rows.reserve(size.min(MOST_RESERVED));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.hands.iter_mut().for_each(Vec::clear);
        self.spots.clear();
        self.asks = Asks::Own;
        self.len = 0;
        self.origins.clear();
        self.rest.clear();
    }

    /// Adds a packet of another batch as the next one, with this number.
    pub(crate) fn push_from(&mut self, other: &Self, row: &Row, number: u64) {
        let Origin { frame, time, file, copy } = other.origins.of(row.at, row.now);
        let place = Place { number, file, frame, time, now: row.now, copy };
        let beside = other.rest_of(row).copied();
        self.push_at(place, row.digest().copied(), beside);
    }

    /// Adds a usual packet; its digest is that of its copy.
    #[inline]
    pub(crate) fn push_digest(&mut self, place: Place, digest: Digest) {
        self.push_at(place, Some(digest), None);
    }

    /// Goes on with packets that come from frames of one file, one after the other, the first at this place.
    pub(crate) fn go_on(&mut self, place: Place) {
        if self.len == 0 {
            self.first = place.number;
        }
        self.origins.go_on(self.len, &place);
    }

    /// Adds a usual packet of the frame after that of the packet before, or the first one after [`Batch::go_on`]. `write` puts
    /// its digest where it belongs; where it has none, no packet is added: `false`. The batch is not dealt out to parts.
    #[expect(clippy::inline_always, reason = "once a packet, as part of the loop over frames")]
    #[inline(always)]
    pub(crate) fn push_next(
        &mut self,
        (time, now): (Timestamp, Timestamp),
        write: impl FnOnce(&mut Digest) -> bool,
    ) -> bool {
        let at = self.len;
        let Some(hand) = self.hands.first_mut() else { return false };
        hand.push(Row { digest: Digest::NONE, now, at, rest: Beside::NOTHING });
        let is_usual = hand.last_mut().is_some_and(|row| write(&mut row.digest));
        if !is_usual {
            hand.pop();
            return false;
        }
        self.len = at + 1;
        self.origins.note_stamp(at, (time, now));
        true
    }

    /// Whether packets are dealt out to parts.
    #[inline]
    pub(crate) const fn is_dealt(&self) -> bool {
        self.hands.len() > 1
    }

    /// As [`Batch::push_next`], where the digest tells whose hand the packet comes to.
    #[inline]
    pub(crate) fn deal_next(&mut self, (time, now): (Timestamp, Timestamp), digest: Digest) {
        self.origins.note_stamp(self.len, (time, now));
        self.push_row(now, digest, Beside::NOTHING);
    }

    /// Adds any packet.
    pub(crate) fn push(&mut self, place: Place, tunnel: Option<Tunnel>, decoded: Decoded) {
        let digest = match &decoded {
            Decoded::Packet(facts) if Digest::is_whole(facts) => Digest::of(facts),
            _ => None,
        };
        let digest = digest.map(|digest| digest.with_copy(place.copy));
        let mut beside = None;
        if digest.is_none() || tunnel.is_some() {
            self.asks = self.asks.max(asks_about_another_flow(&decoded));
            beside = Some(Rest { tunnel, decoded, copy: place.copy });
        }
        self.push_at(place, digest, beside);
    }

    fn push_at(&mut self, place: Place, digest: Option<Digest>, beside: Option<Rest>) {
        self.go_on(place);
        self.origins.note_stamp(self.len, (place.time, place.now));
        let mut rest = Beside::NOTHING;
        if let Some(beside) = beside {
            let mark = if digest.is_some() { Beside::HAS_DIGEST } else { 0 };
            // A batch is far shorter than that.
            rest = Beside(u32::try_from(self.rest.len()).unwrap_or(u32::MAX) | mark);
            self.rest.push(beside);
        }
        self.push_row(place.now, digest.unwrap_or(Digest::NONE), rest);
    }

    #[inline]
    fn push_row(&mut self, now: Timestamp, digest: Digest, rest: Beside) {
        let at = self.len;
        self.len += 1;
        let row = Row { digest, now, at, rest };
        let part = match self.hands.len() {
            1 => 0,
            parts => self.part((self.first + u64::from(at), parts), &row),
        };
        if let Some(hand) = self.hands.get_mut(part) {
            hand.push(row);
        }
    }

    /// The part for a packet, and its spot there.
    #[inline]
    fn part(&mut self, (number, parts): (u64, usize), row: &Row) -> usize {
        let content = match row.digest() {
            Some(digest) => Content::Digest(digest),
            None => self.content_of_rest(row.rest),
        };
        let part = part_of(number, content, parts);
        let at = self.hands.get(part).map_or(u32::MAX, |hand| u32::try_from(hand.len()).unwrap_or(u32::MAX));
        self.spots.push(Spot { part: u16::try_from(part).unwrap_or(u16::MAX), at });
        part
    }

    fn rest_of(&self, row: &Row) -> Option<&Rest> {
        self.rest.get(row.rest.place())
    }
}

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
