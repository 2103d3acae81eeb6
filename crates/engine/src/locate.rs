//! Judges packets in batches: their flow keys are hashed ahead, so that the memory of a batch's flows is asked for together.

use vpcreplay_flow::{Decoded, FlowKey, ShortKey};

use crate::engine::World;
use crate::usual::Found;
use crate::{Content, NoTrace, Packet, Verdict};

/// Packets whose flows are fetched together.
const AHEAD: usize = 64;

/// The short flow key of a packet; no flow's where it has none.
#[inline]
fn short_key(content: Content<'_>) -> ShortKey {
    match content {
        Content::Digest(digest) => digest.key.short(),
        Content::Decoded(Decoded::Packet(facts)) => {
            FlowKey::of(facts).map_or(ShortKey::default(), |(key, _)| key.short())
        }
        Content::Decoded(Decoded::Unjudged(..)) => ShortKey::default(),
    }
}

impl World {
    /// Judges packets in order; `each` gets every item and its packet's verdict.
    pub(crate) fn judge_batch<'a, T>(
        &mut self,
        items: &'a [T],
        packet: impl Fn(&'a T) -> Packet<'a>,
        each: &mut impl FnMut(&'a T, Verdict),
    ) {
        let mut found = [Found::default(); AHEAD];
        for chunk in items.chunks(AHEAD) {
            for (found, item) in found.iter_mut().zip(chunk) {
                let short = short_key(packet(item).content);
                *found = Found { short, hash: short.hash64(), guess: 0 };
            }
            self.fetch(found.get_mut(..chunk.len()).unwrap_or_default());
            for (item, found) in chunk.iter().zip(&found) {
                let packet = packet(item);
                match self.usual(packet, *found) {
                    Some(verdict) => each(item, verdict),
                    None => each(item, self.judge(packet, &mut NoTrace)),
                }
            }
        }
        self.close();
    }

    fn fetch(&self, found: &mut [Found]) {
        self.table.fetch(found.iter_mut().map(|found| (found.hash, &mut found.guess)));
    }
}
