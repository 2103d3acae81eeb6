//! Frames to packets: the usual ones by short ways, one after another from the most usual on; what these do not know, the decoder
//! says.

use vpcreplay_capture::{Frame, SameFrame};
use vpcreplay_flow::{
    Clock, ClockStep, Decap, Decoded, Digest, LinkType, PacketFacts, Timestamp, Transport, Tunnel,
};
use vpcreplay_packet::{
    FragmentTable, brief, brief_anywhere, decode, digest, digest_v6, inside, tunnel_port, tunnel_port_of,
};

use super::FeedStats;
use crate::batch::{Batch, Place};

/// What turns frames into packets.
pub(super) struct Decoder {
    pub(super) decap: Decap,
    fragments: FragmentTable,
}

/// A frame, decoded.
pub(super) enum What {
    Usual(Digest),
    Any(Option<Tunnel>, Decoded),
}

impl Decoder {
    pub(super) fn new(decap: Decap) -> Self {
        Self { decap, fragments: FragmentTable::new() }
    }

    /// First fragments that were not entered because the table was full (S2.7).
    pub(super) const fn fragments_forgotten(&self) -> u64 {
        self.fragments.forgotten()
    }

    /// Decodes a frame whose copies come at `now`, and tells whether it is a later fragment that took the facts of its
    /// first one.
    pub(super) fn decode(&mut self, frame: &Frame<'_>, now: Timestamp) -> (What, bool) {
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
    pub(super) fn take(
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
    pub(super) fn take_out(
        &mut self,
        frame: Frame<'_>,
        now: &mut Timestamp,
        stats: &mut FeedStats,
        batch: &mut Batch,
    ) {
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
    pub(super) fn take_any(
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

fn has_unknown_ports(decoded: &Decoded) -> bool {
    matches!(decoded, Decoded::Packet(PacketFacts { transport: Transport::Unknown, .. }))
}
