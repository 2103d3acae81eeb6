//! Takes in many packets, faster than one by one: look-ups of several packets wait for memory together.

use vpcreplay_engine::{Packet, Packets};
use vpcreplay_flow::Timestamp;

use super::Meter;
use crate::visit::{Visit, What};

/// Packets whose entries are looked for together.
const TOGETHER: usize = 64;

impl Meter {
    /// Takes in packets of one visit at most each, in replay order, as [`Meter::packet`] does: faster than one by one.
    /// `visits` are beside the packets.
    pub fn packets(&mut self, packets: &impl Packets, visits: &[Option<Visit>]) {
        let mut hints = [u32::MAX; TOGETHER];
        for (start, visits) in (0..packets.count()).step_by(TOGETHER).zip(visits.chunks(TOGETHER)) {
            // Nothing here waits for what is before it, so the memory is asked for many entries at once.
            for (hint, (at, visit)) in hints.iter_mut().zip((start..).zip(visits)) {
                *hint = self.look_ahead(visit.as_ref(), || packets.packet(at)).unwrap_or(u32::MAX);
            }
            for (hint, (at, visit)) in hints.iter().zip((start..).zip(visits)) {
                let packet = packets.packet(at);
                self.enter(packet.now);
                let Some(visit) = visit else { continue };
                if !self.is_refreshed(*hint, visit, packet.now) {
                    self.visits(&packet, std::iter::once(*visit));
                }
            }
        }
    }

    /// Where the entry of a visit seems to be.
    #[inline]
    fn look_ahead<'a>(&self, visit: Option<&Visit>, packet: impl FnOnce() -> Packet<'a>) -> Option<u32> {
        let visit = visit?;
        if let What::Entered { number, .. } = visit.what
            && let Some(at) = self.entries.find_number(number)
        {
            return Some(at);
        }
        let digest = packet().content.digest()?;
        self.entries.find(&digest.key, visit.eni)
    }

    /// Refreshes the entry of a visit if it is the one at a place; whether it is.
    #[inline]
    fn is_refreshed(&mut self, at: u32, visit: &Visit, now: Timestamp) -> bool {
        let What::Entered { number, state, .. } = visit.what else { return false };
        let Some(entry) = self.entries.get(at) else { return false };
        if entry.number != number || entry.eni != visit.eni {
            return false;
        }
        let deadline = now.after(self.generations.timeout(visit.eni, state, entry.class));
        if entry.state != state {
            self.change_state(at, state, now);
        }
        self.entries.refresh(at, now, deadline);
        true
    }
}
