//! Judges packets in batches: their flow keys are hashed ahead, so that the memory of a batch's flows is asked for together.

use vpcreplay_flow::{Decoded, FlowKey};

use crate::engine::World;
use crate::usual::Known;
use crate::{Content, NoTrace, Packet, Verdict};

/// Packets whose flows are fetched together.
const AHEAD: usize = 64;

/// The hash of a packet's flow key; 0 where it has none.
#[inline]
fn hash_of(content: Content<'_>) -> u64 {
    match content {
        Content::Digest(digest) => digest.key.hash64(),
        Content::Decoded(Decoded::Packet(facts)) => FlowKey::of(facts).map_or(0, |(key, _)| key.hash64()),
        Content::Decoded(Decoded::Unjudged(..)) => 0,
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
        let (mut hashes, mut guesses) = ([0; AHEAD], [0; AHEAD]);
        for chunk in items.chunks(AHEAD) {
            for (hash, item) in hashes.iter_mut().zip(chunk) {
                *hash = hash_of(packet(item).content);
            }
            let known = hashes.get(..chunk.len()).unwrap_or_default();
            self.table.fetch(known, &mut guesses);
            for (item, (hash, guess)) in chunk.iter().zip(hashes.iter().zip(guesses)) {
                let verdict = self.judge_ahead(packet(item), (*hash, guess));
                each(item, verdict);
            }
        }
        self.close();
    }

    #[inline]
    fn judge_ahead(&mut self, packet: Packet<'_>, (hash, guess): (u64, u32)) -> Verdict {
        if let Content::Digest(digest) = packet.content {
            self.enter_shard(packet.now, hash);
            let known = Known { digest, now: packet.now, hash, guess };
            if let Some(verdict) = self.usual(known) {
                return verdict;
            }
        }
        self.judge(packet, &mut NoTrace)
    }
}
