//! Judges packets in batches: flow keys are hashed ahead, so that the memory of flows is asked for before it is needed.

use vpcreplay_conntrack::{Timer, Wanted};
use vpcreplay_flow::{Decoded, FlowKey, ShortKey};

use crate::engine::World;
use crate::{Content, NoTrace, Packet, Verdict};

/// How many packets ahead the memory of a packet's flow is asked for.
const FLOW_AHEAD: usize = 24;
/// How many packets ahead what is kept of a flow beside its record is asked for.
const REST_AHEAD: usize = FLOW_AHEAD / 2;
/// How many packets ahead the memory is asked for that tells where the flow is.
const INDEX_AHEAD: usize = 2 * FLOW_AHEAD;
/// Packets on the way.
const ON_THE_WAY: usize = INDEX_AHEAD.next_power_of_two();

/// What a packet will want of the table. Written field by field into its place: a copy of the whole, read back at once,
/// would have to wait until every store before it is done, those that miss the cache too.
#[expect(clippy::inline_always, reason = "as a call it would be such a copy")]
#[inline(always)]
fn note_wanted(content: Content<'_>, place: &mut Wanted) {
    let (short, is_turning) = match content {
        Content::Digest(digest) => (digest.key.short(), digest.turns_connection()),
        other => (short_key(other).unwrap_or_default(), false),
    };
    place.short = short;
    place.hash = short.hash64();
    place.timer = if is_turning { Timer::Moves } else { Timer::Stays };
}

/// The key of a packet's flow in two words; `None` where it has none.
#[inline]
pub(crate) fn short_key(content: Content<'_>) -> Option<ShortKey> {
    match content {
        Content::Digest(digest) => Some(digest.key.short()),
        Content::Decoded(decoded) => short_key_of(decoded, 0),
        Content::OfCopy(decoded, copy) => short_key_of(decoded, copy),
    }
}

#[inline(never)]
fn short_key_of(decoded: &Decoded, copy: u16) -> Option<ShortKey> {
    match decoded {
        Decoded::Packet(facts) => FlowKey::of(facts).map(|(key, _)| key.with_copy(copy).short()),
        Decoded::Unjudged(..) => None,
    }
}

impl World {
    /// Judges packets in order; `each` gets every item and its packet's verdict.
    pub(crate) fn judge_each<'a, T>(
        &mut self,
        items: &'a [T],
        packet: impl Fn(&'a T) -> Packet<'a>,
        each: &mut impl FnMut(&'a T, Verdict),
    ) {
        self.walk(items, packet, |world, item, (packet, flow)| match world.usual(packet, flow) {
            Some(verdict) => each(item, verdict),
            None => each(item, world.judge(packet, &mut NoTrace)),
        });
    }

    /// Goes through packets in order, while the memory of those that follow is asked for; `each` gets every item, its packet
    /// and what the packet wants of the table.
    #[expect(clippy::inline_always, reason = "the loop over packets; as a call its packets would be copied")]
    #[inline(always)]
    pub(crate) fn walk<'a, T>(
        &mut self,
        items: &'a [T],
        packet: impl Fn(&'a T) -> Packet<'a>,
        mut each: impl FnMut(&mut Self, &'a T, (Packet<'a>, Wanted)),
    ) {
        let mut way = [Wanted::default(); ON_THE_WAY];
        for step in 0..items.len() + INDEX_AHEAD {
            if let (Some(item), Some(place)) = (items.get(step), way.get_mut(step % ON_THE_WAY)) {
                note_wanted(packet(item).content, place);
                self.table.prefetch_index(place);
            }
            // What lies before the first packet or behind the last is no flow's.
            if let Some(place) = way.get_mut(step.wrapping_sub(FLOW_AHEAD) % ON_THE_WAY) {
                self.table.prefetch_flow(place);
            }
            if let Some(place) = way.get(step.wrapping_sub(INDEX_AHEAD - REST_AHEAD) % ON_THE_WAY) {
                self.table.prefetch_rest(place);
            }
            let Some(at) = step.checked_sub(INDEX_AHEAD) else { continue };
            let (Some(item), Some(flow)) = (items.get(at), way.get(at % ON_THE_WAY)) else { continue };
            each(self, item, (packet(item), *flow));
        }
    }
}
