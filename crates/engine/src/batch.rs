//! Judges packets in batches: flow keys are hashed ahead, so that the memory of flows is asked for before it is needed.

use vpcreplay_conntrack::{Timer, Wanted};
use vpcreplay_flow::{Decoded, FlowKey, ShortKey};

use crate::engine::World;
use crate::{Content, NoTrace, Packet, Verdict};

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

/// Packets of which one is judged while those of the next two are asked for.
const BLOCK: usize = 32;

/// What the packets of a block want of the table.
type Block = [Wanted; BLOCK];

impl World {
    /// Judges packets in order; `each` gets every item and its packet's verdict.
    pub(crate) fn judge_each<'a, T>(
        &mut self,
        items: &'a [T],
        packet: impl Fn(&'a T) -> Packet<'a>,
        each: &mut impl FnMut(&'a T, Verdict),
    ) {
        self.walk(items, &packet, |world, item, wanted| match world.usual(packet(item), wanted) {
            Some(verdict) => each(item, verdict),
            None => each(item, world.judge(packet(item), &mut NoTrace)),
        });
    }

    /// Goes through packets in order, while the memory of those that follow is asked for, block by block; `each` gets every
    /// item and what its packet wants of the table.
    #[expect(clippy::inline_always, reason = "the loop over packets; as a call its packets would be copied")]
    #[inline(always)]
    pub(crate) fn walk<'a, T>(
        &mut self,
        items: &'a [T],
        packet: impl Fn(&'a T) -> Packet<'a>,
        mut each: impl FnMut(&mut Self, &'a T, &Wanted),
    ) {
        let mut blocks = [[Wanted::default(); BLOCK]; 3];
        let [now, next, last] = &mut blocks;
        let (mut now, mut next, mut last) = (now, next, last);
        let block = |number: usize| {
            let rest = items.get(number * BLOCK..).unwrap_or_default();
            rest.get(..BLOCK).unwrap_or(rest)
        };
        self.ask_for_index((block(0), &packet), next);
        self.ask_for_flows(next);
        self.ask_for_index((block(1), &packet), last);
        for number in 0..items.len().div_ceil(BLOCK) {
            (now, next, last) = (next, last, now);
            self.ask_for_index((block(number + 2), &packet), last);
            self.ask_for_flows(next);
            for (item, wanted) in block(number).iter().zip(now.iter()) {
                each(self, item, wanted);
            }
            // By now the flows have come.
            self.ask_for_rests(next);
        }
    }

    /// Notes what packets will want, and asks for the memory that tells where their flows are.
    #[inline]
    fn ask_for_index<'a, T>(
        &self,
        (items, packet): (&'a [T], impl Fn(&'a T) -> Packet<'a>),
        block: &mut Block,
    ) {
        for (item, place) in items.iter().zip(block) {
            let (short, is_turning) = match packet(item).content {
                Content::Digest(digest) => (digest.key.short(), digest.turns_connection()),
                other => (short_key(other).unwrap_or_default(), false),
            };
            // Field by field: a copy of the whole, read back at once, would have to wait until every store before it is
            // done, those that miss the cache too.
            place.short = short;
            place.hash = short.hash64();
            place.timer = if is_turning { Timer::Moves } else { Timer::Stays };
            self.table.prefetch_index(place);
        }
    }

    /// Asks for the memory of flows.
    #[inline]
    fn ask_for_flows(&self, block: &mut Block) {
        for place in block.iter_mut() {
            self.table.guess_flow(place);
        }
        for place in block {
            self.table.prefetch_flow(place);
        }
    }

    /// Asks for what is kept of flows beside their records.
    #[inline]
    fn ask_for_rests(&self, block: &Block) {
        for place in block {
            self.table.prefetch_rest(place);
        }
    }
}
