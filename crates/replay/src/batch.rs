//! Packets on their way from reading to judging, as few bytes each as may be.

mod origins;
mod row;
mod views;

use std::ops::Range;

use vpcreplay_engine::{Ahead, Asks, Content, Dealer, InBrief, Packet, asks_about_another_flow};
use vpcreplay_flow::{Brief, Decoded, Digest, FlowKey, PacketKind, Timestamp, Tunnel};

use origins::{Origin, Origins};
use row::{Form, Rest, Row};
pub(crate) use views::Hand;
pub use views::Run;

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

/// Rows that room is made for at once.
const MOST_RESERVED: usize = 1 << 16;
/// Packets in a batch at most: more would be memory without gain, and the places of 2^28 are all that a [`Spot`] tells.
pub(crate) const MOST_PACKETS: usize = 1 << 24;

/// Packets in replay order, dealt out to the parts in which they may be judged.
#[derive(Debug)]
pub struct Batch {
    /// Number of its first packet.
    first: u64,
    layout: Layout,
    /// In replay order, where they are not dealt out.
    rows: Vec<Row>,
    /// By part, where they are.
    hands: Vec<Dealt>,
    dealer: Dealer,
    /// How many packets were dealt out.
    dealt: usize,
    /// Where each of them is, once [`Batch::put_in_order`] has been asked for it.
    spots: Vec<Spot>,
    digests: Vec<Digest>,
    rest: Vec<Rest>,
    origins: Origins,
    asks: Asks,
}

/// How a batch lays its packets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In replay order, for being judged so: without a second look at where each is.
    InOrder,
    /// Dealt out to parts.
    ByPart,
}

/// The packets of a part: together, so that it goes through memory in one direction.
#[derive(Clone, Debug, Default)]
struct Dealt {
    rows: Vec<Row>,
    /// The place of each in the batch.
    places: Vec<u32>,
}

impl Dealt {
    /// The row of the packet at a place of the batch, if it is this part's.
    fn row_of(&self, at: usize) -> Option<&Row> {
        let own = self.places.binary_search(&place_in_batch(at)).ok()?;
        self.rows.get(own)
    }
}

/// Where a packet that was dealt out is: its part in the lowest bits, and its place there.
#[derive(Clone, Copy, Debug)]
struct Spot(u32);

impl Spot {
    const PART: u32 = 0xf;

    #[inline]
    const fn of(part: usize, at: usize) -> Self {
        Self(place_in_batch(at) << 4 | place_in_batch(part) & Self::PART)
    }

    #[inline]
    const fn part(self) -> usize {
        (self.0 & Self::PART) as usize
    }

    #[inline]
    const fn at(self) -> usize {
        (self.0 >> 4) as usize
    }
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
            layout: if parts > 1 { Layout::ByPart } else { Layout::InOrder },
            rows: Vec::new(),
            digests: Vec::new(),
            rest: Vec::new(),
            hands: vec![Dealt::default(); parts],
            dealer: Dealer::new(parts),
            dealt: 0,
            spots: Vec::new(),
            origins: Origins::new(),
            asks: Asks::Own,
        }
    }

    /// All its packets in replay order.
    pub fn all(&self) -> Run<'_> {
        self.run(0..self.len())
    }

    /// Those of a range.
    pub fn run(&self, range: Range<usize>) -> Run<'_> {
        let range = range.start..range.end.min(self.len());
        Run { batch: self, rows: self.rows.get(range.clone()).unwrap_or_default(), range }
    }

    /// The packets of a part among those of a range.
    pub(crate) fn hand(&self, part: usize, range: &Range<usize>) -> Hand<'_> {
        let Some(Dealt { rows, places }) = self.hands.get(part) else {
            return Hand { batch: self, rows: &[], places: &[] };
        };
        let place = |bound: usize| places.partition_point(|at| (*at as usize) < bound);
        let own = place(range.start)..place(range.end);
        Hand {
            batch: self,
            rows: rows.get(own.clone()).unwrap_or_default(),
            places: places.get(own).unwrap_or_default(),
        }
    }

    /// Whether it has no packet.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many packets it has.
    #[inline]
    pub const fn len(&self) -> usize {
        // One of the two is empty.
        self.rows.len() + self.dealt
    }

    #[inline(never)]
    fn row(&self, at: usize) -> Option<&Row> {
        if self.layout == Layout::InOrder {
            return self.rows.get(at);
        }
        match self.spots.get(at) {
            Some(spot) => self.hands.get(spot.part())?.rows.get(spot.at()),
            None => self.hands.iter().find_map(|hand| hand.row_of(at)),
        }
    }

    /// How it lays its packets out.
    pub(crate) const fn layout(&self) -> Layout {
        self.layout
    }

    /// Empties it, to lay packets out in another way, for which it has been made.
    pub(crate) fn lay_out(&mut self, layout: Layout) {
        self.clear();
        self.layout = layout;
    }

    /// Gets ready for its packets being wanted in replay order, all or many of them; without, each is searched for.
    pub(crate) fn put_in_order(&mut self) {
        if self.spots.len() == self.dealt {
            return;
        }
        self.spots.resize(self.dealt, Spot(0));
        for (part, Dealt { places, .. }) in self.hands.iter().enumerate() {
            for (at, place) in places.iter().enumerate() {
                if let Some(spot) = self.spots.get_mut(*place as usize) {
                    *spot = Spot::of(part, at);
                }
            }
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
        (0..self.len()).filter_map(|at| self.item(at))
    }

    /// All that is known of the packet at a place; `None` behind the last.
    pub fn item(&self, at: usize) -> Option<Item> {
        let row = self.row(at)?;
        let Origin { frame, time, file, copy, tunnel } = self.origins.of(place_in_batch(at), row.now);
        let decoded = match row.form {
            Form::Brief => Decoded::Packet(row.brief().whole().facts()),
            Form::Digest => Decoded::Packet(self.digests.get(row.place())?.facts()),
            Form::Any => self.rest.get(row.place())?.decoded,
        };
        Some(Item { number: self.number(at), file, frame, time, now: row.now, copy, tunnel, decoded })
    }

    /// The packet at a place, for the engine; [`Packet::NONE`] behind the last.
    pub fn packet(&self, at: usize) -> Packet<'_> {
        self.row(at).map_or(Packet::NONE, |row| self.packet_of(row, at))
    }

    /// The packet of a row, for the engine.
    #[inline]
    fn packet_of(&self, row: &Row, at: usize) -> Packet<'_> {
        let content = match row.form {
            Form::Brief => Content::Brief(row.brief()),
            Form::Digest | Form::Any => self.content_beside(row),
        };
        Packet { number: self.number(at), now: row.now, content }
    }

    /// The packet of a row, if it is in brief.
    #[inline]
    fn in_brief(&self, row: &Row, at: usize) -> Option<InBrief> {
        if row.form != Form::Brief {
            return None;
        }
        Some(InBrief { number: self.number(at), now: row.now, brief: row.brief() })
    }

    /// The packet of a row, if it has a digest beside.
    #[inline]
    fn with_digest(&self, row: &Row, at: usize) -> Option<(InBrief, &Digest)> {
        if row.form != Form::Digest {
            return None;
        }
        let digest = self.digests.get(row.place())?;
        // From the row what it has: of wide addresses the key in two words takes long.
        let brief = Brief { short: row.short, length: digest.length, kind: row.kind };
        Some((InBrief { number: self.number(at), now: row.now, brief }, digest))
    }

    /// The content of a packet that is not in brief.
    #[inline]
    fn content_beside(&self, row: &Row) -> Content<'_> {
        let content = match row.form {
            Form::Digest => self.digests.get(row.place()).map(Content::Digest),
            _ => self.rest.get(row.place()).map(Rest::content),
        };
        content.unwrap_or(Packet::NONE.content)
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

    /// Number of the packet that is added next, once [`Batch::go_on`] has told where the first one comes from.
    pub(crate) const fn next_number(&self) -> u64 {
        self.number(self.len())
    }

    #[inline]
    const fn number(&self, at: usize) -> u64 {
        self.first + at as u64
    }

    /// Makes room for so many packets, within reason.
    pub(crate) fn reserve(&mut self, size: usize) {
        if self.layout == Layout::InOrder {
            self.rows.reserve(size.min(MOST_RESERVED));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        for Dealt { rows, places } in &mut self.hands {
            rows.clear();
            places.clear();
        }
        self.dealt = 0;
        self.spots.clear();
        self.digests.clear();
        self.rest.clear();
        self.origins.clear();
        self.asks = Asks::Own;
    }

    /// Adds a packet of another batch as the next one, with this number.
    pub(crate) fn push_from(&mut self, other: &Self, at: usize, number: u64) {
        let Some(row) = other.row(at) else { return };
        let Origin { frame, time, file, copy, tunnel } = other.origins.of(place_in_batch(at), row.now);
        self.go_on(Place { number, file, frame, time, now: row.now, copy });
        self.came_out_of(tunnel);
        let times = (time, row.now);
        match row.form {
            Form::Brief => self.push_brief(times, row.brief()),
            Form::Digest => {
                if let Some(digest) = other.digests.get(row.place()) {
                    self.push_next_digest(times, *digest);
                }
            }
            Form::Any => {
                if let Some(rest) = other.rest.get(row.place()) {
                    self.push_rest(times, *rest);
                }
            }
        }
    }

    /// Goes on with packets that come from frames of one file, one after the other, the first at this place.
    pub(crate) fn go_on(&mut self, place: Place) {
        if self.is_empty() {
            self.first = place.number;
        }
        self.origins.go_on(place_in_batch(self.len()), &place);
    }

    /// Goes on with packets that came out of this tunnel, or of none, as those at first.
    pub(crate) fn came_out_of(&mut self, tunnel: Option<Tunnel>) {
        self.origins.note_tunnel(place_in_batch(self.len()), tunnel);
    }

    /// Adds a packet in brief of the frame after that of the packet before, or the first one after [`Batch::go_on`].
    #[expect(clippy::inline_always, reason = "once a packet, as part of the loop over frames")]
    #[inline(always)]
    pub(crate) fn push_brief(&mut self, times: (Timestamp, Timestamp), brief: Brief) {
        let Brief { short, length, kind } = brief;
        let row = Row { short, now: times.1, word: length, kind, form: Form::Brief };
        self.push_row(times, row, |dealer, _| dealer.of_flow(short));
    }

    /// The same of a packet with a digest.
    #[inline]
    pub(crate) fn push_next_digest(&mut self, times: (Timestamp, Timestamp), digest: Digest) {
        if digest.key.is_wide() {
            self.push_digest_v6(times, digest);
        } else {
            self.push_brief(times, digest.brief());
        }
    }

    /// The same of an IPv6 packet.
    #[expect(clippy::inline_always, reason = "as a call it would copy the digest")]
    #[inline(always)]
    pub(crate) fn push_digest_v6(&mut self, times: (Timestamp, Timestamp), digest: Digest) {
        let Brief { short, kind, .. } = digest.brief();
        let word = place_in_batch(self.digests.len());
        self.digests.push(digest);
        let row = Row { short, now: times.1, word, kind, form: Form::Digest };
        self.push_row(times, row, |dealer, _| dealer.of_flow(short));
    }

    /// Adds a packet with a digest, which is that of its copy.
    pub(crate) fn push_digest(&mut self, place: Place, digest: Digest) {
        self.go_on(place);
        self.push_next_digest((place.time, place.now), digest);
    }

    /// Adds any packet, out of a tunnel or of none.
    pub(crate) fn push(&mut self, place: Place, tunnel: Option<Tunnel>, decoded: Decoded) {
        self.came_out_of(tunnel);
        let digest = match &decoded {
            Decoded::Packet(facts) if Digest::is_whole(facts) => Digest::of(facts),
            _ => None,
        };
        if let Some(digest) = digest {
            self.push_digest(place, digest.with_copy(place.copy));
            return;
        }
        self.go_on(place);
        self.push_rest((place.time, place.now), Rest { copy: place.copy, decoded });
    }

    fn push_rest(&mut self, times: (Timestamp, Timestamp), rest: Rest) {
        self.asks = self.asks.max(asks_about_another_flow(&rest.decoded));
        let word = place_in_batch(self.rest.len());
        self.rest.push(rest);
        let short = rest.content().short_key().unwrap_or_default();
        let row = Row { short, now: times.1, word, kind: PacketKind::NONE, form: Form::Any };
        self.push_row(times, row, |dealer, number| dealer.of_packet(number, rest.content()));
    }

    /// Adds a row. Where packets are dealt out, `part` tells to which part the one with a number goes.
    #[expect(clippy::inline_always, reason = "once a packet, as part of the loop over frames")]
    #[inline(always)]
    fn push_row(
        &mut self,
        (time, now): (Timestamp, Timestamp),
        row: Row,
        part: impl FnOnce(&Dealer, u64) -> usize,
    ) {
        if time != now {
            self.origins.note_stamp(place_in_batch(self.len()), time);
        }
        if self.layout == Layout::InOrder {
            self.rows.push(row);
        } else {
            let at = self.dealt;
            let part = part(&self.dealer, self.number(at));
            if let Some(Dealt { rows, places }) = self.hands.get_mut(part) {
                rows.push(row);
                places.push(place_in_batch(at));
                self.dealt += 1;
            }
        }
    }
}

/// A place in a batch, which is far shorter than that.
#[expect(clippy::cast_possible_truncation, reason = "a batch has far fewer packets than 2^32")]
#[inline]
const fn place_in_batch(at: usize) -> u32 {
    at as u32
}

#[cfg(test)]
#[path = "batch/batch_tests.rs"]
mod tests;
