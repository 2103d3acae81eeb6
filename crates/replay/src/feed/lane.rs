//! One reading of the captures: every packet once, or followed by its copies.

use vpcreplay_capture::{CaptureSet, Frame};
use vpcreplay_flow::{Clock, Decap, Decoded, PacketFacts, Span, Timestamp, Transport};
use vpcreplay_packet::{tunnel_port, tunnel_port_of};

use super::decoder::{Decoder, What};
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

impl Lane {
    pub(super) fn new(captures: CaptureSet, (decap, selection): (Decap, Selection), course: Course) -> Self {
        Self {
            captures,
            selection,
            course,
            decoder: Decoder::new(decap),
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
        self.stats.fragments_forgotten = self.decoder.fragments_forgotten();
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

/// What a frame holds, in a copy: the flow that an ICMP error quotes is the copy's (S6.3.1).
fn of_copy(decoded: &Decoded, copy: u16) -> Decoded {
    let mut decoded = *decoded;
    if let Decoded::Packet(PacketFacts { transport: Transport::IcmpError { quoted, .. }, .. }) = &mut decoded
    {
        *quoted = quoted.map(|key| key.with_copy(copy));
    }
    decoded
}
