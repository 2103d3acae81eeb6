//! Frames in, decoded packets in replay order out: clock, tunnels, fragments, selection.

use vpcreplay_capture::{CaptureSet, Frame};
use vpcreplay_flow::{Clock, ClockStep, Decap, Decoded, PacketFacts, Span, Timestamp, Transport};
use vpcreplay_packet::{FragmentTable, decode, digest, tunnel_port, tunnel_port_of};

use crate::ReplayError;
use crate::batch::{Batch, Place};

/// Which frames are replayed. The others are read and passed over: they have no packet number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Not before this time.
    pub since: Option<TimeBound>,
    /// Only before this time.
    pub until: Option<TimeBound>,
    /// At most this many packets.
    pub first: Option<u64>,
}

/// A bound in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBound {
    /// A point in time.
    At(Timestamp),
    /// This long after the first frame of the captures.
    After(Span),
}

/// What was seen on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Packets given out.
    pub packets: u64,
    /// Frames that the selection passed over.
    pub passed_over: u64,
    /// Packets stamped earlier than engine time (S1.2).
    pub clock_regressions: u64,
    /// Steps of more than a day (S1.2).
    pub clock_jumps: u64,
    /// The first packet that made such a step: its number, its file and its frame.
    pub first_clock_jump: Option<(u64, usize, u64)>,
    /// Packets to the port of VXLAN while nothing is taken off (S2.6).
    pub vxlan_packets: u64,
    /// Packets to the port of GENEVE while nothing is taken off (S2.6).
    pub geneve_packets: u64,
    /// Later fragments that took the transport facts of their first one (S2.7).
    pub fragments_inherited: u64,
    /// First fragments that were not entered because the table was full (S2.7).
    pub fragments_forgotten: u64,
    /// Engine time of the first packet.
    pub first_time: Option<Timestamp>,
    /// Engine time of the last packet.
    pub last_time: Option<Timestamp>,
}

/// The packets of some captures, decoded, in replay order.
pub struct Feed {
    captures: CaptureSet,
    decap: Decap,
    selection: Selection,
    clock: Clock,
    fragments: FragmentTable,
    first_frame: Option<Timestamp>,
    stats: FeedStats,
}

impl Feed {
    /// The packets of captures with a tunnel taken off, as far as they are selected.
    pub fn new(captures: CaptureSet, decap: Decap, selection: Selection) -> Self {
        Self {
            captures,
            decap,
            selection,
            clock: Clock::default(),
            fragments: FragmentTable::new(),
            first_frame: None,
            stats: FeedStats::default(),
        }
    }

    /// Fills a batch with up to `size` packets; it stays empty at the end of the captures.
    ///
    /// # Errors
    /// A capture that cannot be read on.
    pub fn fill(&mut self, batch: &mut Batch, size: usize) -> Result<(), ReplayError> {
        batch.clear();
        let left = self.selection.first.map_or(u64::MAX, |first| first.saturating_sub(self.stats.packets));
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(size);
        batch.reserve(size);
        while batch.len() < size {
            let Some(frame) = self.captures.next_frame()? else { break };
            if !self.selection.takes_all() {
                let first_frame = *self.first_frame.get_or_insert(frame.time);
                if !self.selection.takes(frame.time, first_frame) {
                    self.stats.passed_over += 1;
                    continue;
                }
            }
            Decoder { decap: self.decap, clock: &mut self.clock, fragments: &mut self.fragments }.take(
                &frame,
                &mut self.stats,
                batch,
            );
        }
        if let Some((first, last)) = batch.times() {
            self.stats.first_time.get_or_insert(first);
            self.stats.last_time = Some(last);
        }
        self.stats.fragments_forgotten = self.fragments.forgotten();
        Ok(())
    }

    /// What was seen so far.
    pub const fn stats(&self) -> &FeedStats {
        &self.stats
    }

    /// The captures.
    pub const fn captures(&self) -> &CaptureSet {
        &self.captures
    }
}

/// The parts of a feed that turn a frame into a packet, apart from the captures that lend the frame.
struct Decoder<'a> {
    decap: Decap,
    clock: &'a mut Clock,
    fragments: &'a mut FragmentTable,
}

impl Decoder<'_> {
    #[inline]
    fn take(&mut self, frame: &Frame<'_>, stats: &mut FeedStats, batch: &mut Batch) {
        stats.packets += 1;
        let (now, step) = self.clock.observe(frame.time);
        match step {
            ClockStep::Forward => {}
            ClockStep::Regression => stats.clock_regressions += 1,
            ClockStep::Jump => {
                stats.clock_jumps += 1;
                stats.first_clock_jump.get_or_insert((stats.packets, frame.file, frame.number));
            }
        }
        let place =
            Place { number: stats.packets, file: frame.file, frame: frame.number, time: frame.time, now };
        if self.decap == Decap::None
            && let Some(digest) = digest(frame.link_type, frame.captured, frame.original_length)
        {
            stats.note_tunnel(tunnel_port_of(&digest));
            batch.push_digest(place, digest);
        } else {
            self.take_any(frame, place, stats, batch);
        }
    }

    /// Takes a frame of any shape.
    #[inline(never)]
    fn take_any(&mut self, frame: &Frame<'_>, place: Place, stats: &mut FeedStats, batch: &mut Batch) {
        let mut decoded = decode(frame.link_type, frame.captured, frame.original_length, self.decap);
        if decoded.is_fragment() {
            let was_unknown = has_unknown_ports(&decoded.decoded);
            self.fragments.resolve(&mut decoded, place.now);
            stats.fragments_inherited += u64::from(was_unknown && !has_unknown_ports(&decoded.decoded));
        }
        if self.decap == Decap::None {
            stats.note_tunnel(tunnel_port(&decoded.decoded));
        }
        batch.push(place, decoded.tunnel, decoded.decoded);
    }
}

impl FeedStats {
    /// Notes a packet to the port of a tunnel while nothing is taken off.
    #[inline]
    fn note_tunnel(&mut self, tunnel: Option<Decap>) {
        match tunnel {
            Some(Decap::Vxlan) => self.vxlan_packets += 1,
            Some(Decap::Geneve) => self.geneve_packets += 1,
            _ => {}
        }
    }
}

impl Selection {
    /// Whether no time is excluded.
    const fn takes_all(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    fn takes(&self, time: Timestamp, first: Timestamp) -> bool {
        let resolve = |bound: TimeBound| match bound {
            TimeBound::At(time) => time,
            TimeBound::After(span) => first.after(span),
        };
        self.since.is_none_or(|since| resolve(since) <= time)
            && self.until.is_none_or(|until| time < resolve(until))
    }
}

fn has_unknown_ports(decoded: &Decoded) -> bool {
    matches!(decoded, Decoded::Packet(PacketFacts { transport: Transport::Unknown, .. }))
}
