//! One reading of the captures: every packet once, or followed by its copies.

use vpcreplay_capture::{CaptureSet, Frame, SameFrame};
use vpcreplay_flow::{
    Clock, ClockStep, Decap, Decoded, Digest, LinkType, PacketFacts, Span, Timestamp, Transport, Tunnel,
};
use vpcreplay_packet::{
    FragmentTable, brief, brief_anywhere, decode, digest, digest_v6, inside, tunnel_port, tunnel_port_of,
};

use super::{FeedStats, Selection};
use crate::batch::{Batch, Place};
use crate::{ReplayError, Speed};

/// What a lane makes of the captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Course {
    /// Copies it gives out: the first, and how many.
    pub(super) copies: (u16, u16),
    /// How fast time goes by.
    pub(super) speed: Speed,
    /// By how much packets are late.
    pub(super) late: Span,
}

impl Course {
    /// Every packet once, as it is.
    pub(super) const PLAIN: Self = Self { copies: (0, 1), speed: Speed::ONE, late: Span::from_nanos(0) };
}

/// The packets of captures, from one reading.
pub(super) struct Lane {
    captures: CaptureSet,
    selection: Selection,
    course: Course,
    decoder: Decoder,
    clock: Clock,
    /// Time of the first frame of the captures.
    first_frame: Option<Timestamp>,
    /// Time of the first packet in the captures.
    first_packet: Option<Timestamp>,
    /// A packet some of whose copies are still to be given out.
    held: Option<Held>,
    stats: FeedStats,
}

/// What turns frames into packets.
struct Decoder {
    decap: Decap,
    fragments: FragmentTable,
}

/// A packet and its copies.
struct Held {
    file: usize,
    frame: u64,
    time: Timestamp,
    what: What,
    /// Whether it is a later fragment that took the facts of its first one.
    is_inherited: bool,
    /// The copies still to be given out.
    copies: std::ops::Range<u16>,
}

/// A frame, decoded.
enum What {
    Usual(Digest),
    Any(Option<Tunnel>, Decoded),
}

impl Lane {
    pub(super) fn new(captures: CaptureSet, (decap, selection): (Decap, Selection), course: Course) -> Self {
        Self {
            captures,
            selection,
            course,
            decoder: Decoder { decap, fragments: FragmentTable::new() },
            clock: Clock::default(),
            first_frame: None,
            first_packet: None,
            held: None,
            stats: FeedStats::default(),
        }
    }

    pub(super) const fn stats(&self) -> &FeedStats {
        &self.stats
    }

    pub(super) const fn captures(&self) -> &CaptureSet {
        &self.captures
    }

    /// Fills a batch with up to `size` packets; it stays empty at the end of the captures.
    pub(super) fn fill(&mut self, batch: &mut Batch, size: usize) -> Result<(), ReplayError> {
        batch.clear();
        let size = usize::try_from(self.left()).unwrap_or(usize::MAX).min(size);
        batch.reserve(size);
        let is_plain = self.course == Course::PLAIN;
        self.give_out(batch, size);
        let takes_each = is_plain && self.selection.takes_all();
        while batch.len() < size {
            // The very first packet sets the clock.
            if takes_each && self.take_those_at_hand(batch, size) > 0 {
                continue;
            }
            let Some(frame) = self.captures.next_frame()? else { break };
            if !self.selection.takes_all() {
                let first_frame = *self.first_frame.get_or_insert(frame.time);
                if !self.selection.takes(frame.time, first_frame) {
                    self.stats.passed_over += 1;
                    continue;
                }
            }
            if is_plain {
                let Frame { time, link_type, captured, original_length, file, number: frame } = frame;
                self.stats.packets += 1;
                let number = self.stats.packets;
                let (now, step) = self.clock.observe(time);
                self.stats.note_step(step, (number, file, frame));
                let place = Place { number, file, frame, time, now, copy: 0 };
                batch.go_on(place);
                let what = (link_type, captured, original_length);
                self.decoder.take_any(place, what, &mut self.stats, batch);
                continue;
            }
            let first = *self.first_packet.get_or_insert(frame.time);
            let time = self.course.speed.at(frame.time, first).after(self.course.late);
            let (from, count) = self.course.copies;
            // The first copy moves engine time on, and fragments age by it.
            let now = self.clock.now().map_or(time, |now| now.max(time));
            let (what, is_inherited) = self.decoder.decode(&frame, now);
            self.held = Some(Held {
                file: frame.file,
                frame: frame.number,
                time,
                what,
                is_inherited,
                copies: from..from.saturating_add(count),
            });
            self.give_out(batch, size);
        }
        self.stats.note_times(batch);
        self.stats.fragments_forgotten = self.decoder.fragments.forgotten();
        Ok(())
    }

    /// Takes the frames that are at hand, up to a batch of so many packets; how many.
    #[inline]
    fn take_those_at_hand(&mut self, batch: &mut Batch, size: usize) -> usize {
        if self.decoder.decap != Decap::None {
            return self.take_out_of_tunnels(batch, size);
        }
        match self.take_at_hand::<false, false>(batch, size) {
            0 => self.take_blocks(batch, size),
            taken => taken,
        }
    }

    /// The same, of pcapng.
    #[inline(never)]
    fn take_blocks(&mut self, batch: &mut Batch, size: usize) -> usize {
        self.take_at_hand::<true, false>(batch, size)
    }

    /// The same, where tunnels are taken off.
    #[inline(never)]
    fn take_out_of_tunnels(&mut self, batch: &mut Batch, size: usize) -> usize {
        match self.take_at_hand::<false, true>(batch, size) {
            0 => self.take_at_hand::<true, true>(batch, size),
            taken => taken,
        }
    }

    /// The same, of pcapng or of pcap only, and with tunnels taken off or not: each a loop of its own.
    #[inline]
    fn take_at_hand<const PCAP_NG: bool, const OUT: bool>(
        &mut self,
        batch: &mut Batch,
        size: usize,
    ) -> usize {
        let Self { captures, decoder, clock, stats, .. } = self;
        let (Some((file, frame)), Some(now)) = (captures.at_hand(), clock.now()) else { return 0 };
        let number = stats.packets + 1;
        batch.go_on(Place { number, file, frame, time: now, now, copy: 0 });
        let most = size - batch.len();
        // At hand itself, not behind a reference.
        let mut now = now;
        let taken = captures.each_at_hand::<PCAP_NG>(most, |frame, again| {
            if OUT {
                decoder.take_out(frame, &mut now, stats, batch);
            } else {
                decoder.take((frame, again), &mut now, stats, batch);
            }
        });
        stats.packets += taken as u64;
        clock.go_to(now);
        taken
    }

    /// Packets that the selection leaves.
    fn left(&self) -> u64 {
        let (_, copies) = self.course.copies;
        let all = |first: u64| first.saturating_mul(u64::from(copies));
        self.selection.first.map_or(u64::MAX, |first| all(first).saturating_sub(self.stats.packets))
    }

    /// Gives out the copies of the packet at hand, as many as there is room for.
    fn give_out(&mut self, batch: &mut Batch, size: usize) {
        let Some(held) = &mut self.held else { return };
        while batch.len() < size {
            let Some(copy) = held.copies.next() else {
                self.held = None;
                return;
            };
            let Held { file, frame, time, .. } = *held;
            let stats = &mut self.stats;
            stats.packets += 1;
            let number = stats.packets;
            let (now, step) = self.clock.observe(time);
            stats.note_step(step, (number, file, frame));
            stats.fragments_inherited += u64::from(held.is_inherited);
            let place = Place { number, file, frame, time, now, copy };
            match &held.what {
                What::Usual(digest) => {
                    stats.note_tunnel(tunnel_port_of(digest.brief()));
                    batch.push_digest(place, digest.with_copy(copy));
                }
                What::Any(tunnel, decoded) => {
                    if self.decoder.decap == Decap::None {
                        stats.note_tunnel(tunnel_port(decoded));
                    }
                    batch.push(place, *tunnel, of_copy(decoded, copy));
                }
            }
        }
    }
}

impl Decoder {
    /// Decodes a frame whose copies come at `now`, and tells whether it is a later fragment that took the facts of its
    /// first one.
    fn decode(&mut self, frame: &Frame<'_>, now: Timestamp) -> (What, bool) {
        if self.decap == Decap::None
            && let Some(digest) = digest(frame.link_type, frame.captured, frame.original_length)
        {
            return (What::Usual(digest), false);
        }
        let what = (frame.link_type, frame.captured, frame.original_length);
        let (tunnel, decoded, is_inherited) = self.decode_any(what, now);
        (What::Any(tunnel, decoded), is_inherited)
    }

    /// Decodes a frame of any shape, given by its link type, what was captured, and its length on the wire.
    fn decode_any(
        &mut self,
        (link_type, captured, original_length): (LinkType, &[u8], u32),
        now: Timestamp,
    ) -> (Option<Tunnel>, Decoded, bool) {
        let mut decoded = decode(link_type, captured, original_length, self.decap);
        let mut is_inherited = false;
        if decoded.is_fragment() {
            let was_unknown = has_unknown_ports(&decoded.decoded);
            self.fragments.resolve(&mut decoded, now);
            is_inherited = was_unknown && !has_unknown_ports(&decoded.decoded);
        }
        (decoded.tunnel, decoded.decoded, is_inherited)
    }

    /// Takes a frame as the one packet that it is, where no tunnel is taken off; `now` is engine time.
    #[expect(clippy::inline_always, reason = "the loop over frames; as a call they would be copied")]
    #[inline(always)]
    fn take(
        &mut self,
        (frame, again): (Frame<'_>, SameFrame<'_>),
        now: &mut Timestamp,
        stats: &mut FeedStats,
        batch: &mut Batch,
    ) {
        let Frame { time, link_type, captured, original_length, file, number } = frame;
        let step = Clock::step(now, time);
        if step != ClockStep::Forward {
            stats.note_step(step, (batch.next_number(), file, number));
        }
        if let Some((brief, tunnel)) = brief(link_type, captured, original_length) {
            stats.note_tunnel(tunnel);
            batch.push_brief((time, *now), brief);
            return;
        }
        if link_type == LinkType::ETHERNET && take_v6(again, *now, stats, batch) {
            return;
        }
        let Frame { time, link_type, captured, original_length, file, number: frame } = again.lend();
        let place = Place { number: batch.next_number(), file, frame, time, now: *now, copy: 0 };
        self.take_less_usual(place, (link_type, captured, original_length), stats, batch);
    }

    /// Takes a frame as the one packet that it is, where tunnels are taken off; `now` is engine time.
    #[inline]
    fn take_out(&mut self, frame: Frame<'_>, now: &mut Timestamp, stats: &mut FeedStats, batch: &mut Batch) {
        let Frame { time, link_type, captured, original_length, file, number: frame } = frame;
        let step = Clock::step(now, time);
        if step != ClockStep::Forward {
            stats.note_step(step, (batch.next_number(), file, frame));
        }
        let place = Place { number: batch.next_number(), file, frame, time, now: *now, copy: 0 };
        self.take_any_out(place, (link_type, captured, original_length), stats, batch);
    }

    /// Takes a frame that is the next packet, of any shape, and out of the tunnel if it is in one.
    fn take_any_out(
        &mut self,
        place: Place,
        what: (LinkType, &[u8], u32),
        stats: &mut FeedStats,
        batch: &mut Batch,
    ) {
        let (link_type, captured, original_length) = what;
        let times = (place.time, place.now);
        let inside = inside(self.decap, link_type, captured, original_length);
        let tunnel = inside.map(|inside| inside.tunnel);
        let (link_type, captured, original_length) =
            inside.map_or(what, |inside| (inside.link_type, inside.captured, inside.original_length));
        // One level is taken off, no more (S2.6).
        let is_outside = |hint| tunnel.is_some() || hint != Some(self.decap);
        if let Some((brief, hint)) = brief(link_type, captured, original_length) {
            if is_outside(hint) {
                batch.came_out_of(tunnel);
                batch.push_brief(times, brief);
                return;
            }
        } else if let Some(digest) = digest(link_type, captured, original_length)
            && is_outside(tunnel_port_of(digest.brief()))
        {
            batch.came_out_of(tunnel);
            batch.push_next_digest(times, digest);
            return;
        }
        self.take_seldom(place, what, stats, batch);
    }

    /// Takes a frame that is the next packet, of any shape.
    #[inline(never)]
    fn take_any(
        &mut self,
        place: Place,
        what: (LinkType, &[u8], u32),
        stats: &mut FeedStats,
        batch: &mut Batch,
    ) {
        if self.decap != Decap::None {
            self.take_any_out(place, what, stats, batch);
        } else if let Some((brief, tunnel)) = brief(what.0, what.1, what.2) {
            stats.note_tunnel(tunnel);
            batch.push_brief((place.time, place.now), brief);
        } else {
            self.take_less_usual(place, what, stats, batch);
        }
    }

    /// Takes a frame that is the next packet, of a shape that is not the most usual one, where no tunnel is taken off.
    #[inline(never)]
    fn take_less_usual(
        &mut self,
        place: Place,
        (link_type, captured, original_length): (LinkType, &[u8], u32),
        stats: &mut FeedStats,
        batch: &mut Batch,
    ) {
        if let Some((brief, tunnel)) = brief_anywhere(link_type, captured, original_length) {
            stats.note_tunnel(tunnel);
            batch.push_brief((place.time, place.now), brief);
            return;
        }
        if let Some(digest) = digest(link_type, captured, original_length) {
            stats.note_tunnel(tunnel_port_of(digest.brief()));
            batch.push_next_digest((place.time, place.now), digest);
            return;
        }
        self.take_seldom(place, (link_type, captured, original_length), stats, batch);
    }

    /// Takes a frame that is the next packet, of a shape that has no digest, or out of a tunnel if it is in one.
    #[inline(never)]
    fn take_seldom(
        &mut self,
        place: Place,
        what: (LinkType, &[u8], u32),
        stats: &mut FeedStats,
        batch: &mut Batch,
    ) {
        let (tunnel, decoded, is_inherited) = self.decode_any(what, place.now);
        stats.fragments_inherited += u64::from(is_inherited);
        if self.decap == Decap::None {
            stats.note_tunnel(tunnel_port(&decoded));
        }
        batch.push(place, tunnel, decoded);
    }
}

/// Takes an Ethernet frame that is the next packet if it is of the most usual shape over IPv6; `false` and no change otherwise.
#[inline(never)]
fn take_v6(again: SameFrame<'_>, now: Timestamp, stats: &mut FeedStats, batch: &mut Batch) -> bool {
    let Frame { time, captured, original_length, .. } = again.lend();
    let Some((digest, tunnel)) = digest_v6(captured, original_length) else { return false };
    stats.note_tunnel(tunnel);
    batch.push_digest_v6((time, now), digest);
    true
}

/// What a frame holds, in a copy: the flow that an ICMP error quotes is the copy's (S6.3.1).
fn of_copy(decoded: &Decoded, copy: u16) -> Decoded {
    let mut decoded = *decoded;
    if let Decoded::Packet(PacketFacts { transport: Transport::IcmpError { quoted, .. }, .. }) = &mut decoded
    {
        *quoted = quoted.map(|key| key.with_copy(copy));
    }
    decoded
}

fn has_unknown_ports(decoded: &Decoded) -> bool {
    matches!(decoded, Decoded::Packet(PacketFacts { transport: Transport::Unknown, .. }))
}
