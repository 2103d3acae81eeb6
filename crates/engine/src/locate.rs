//! Flow keys made and hashed ahead of judging, so that the memory of a batch's flows is asked for together.

use vpcreplay_flow::{Decoded, End, FlowKey};

use crate::engine::World;
use crate::{NoTrace, Packet, Verdict};

/// Packets whose flows are fetched together.
const AHEAD: usize = 64;

/// The flow key of a packet, the end that sent it, and the key's hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub(crate) key: FlowKey,
    pub(crate) sender: End,
    pub(crate) hash: u64,
}

impl Located {
    /// The flow of a packet; `None` where it has no flow key.
    pub(crate) fn of(decoded: &Decoded) -> Option<Self> {
        let Decoded::Packet(facts) = decoded else { return None };
        let (key, sender) = facts.flow()?;
        Some(Self { key, sender, hash: key.hash64() })
    }
}

impl World {
    /// Judges packets in order; `each` gets every item and its packet's verdict.
    pub(crate) fn judge_batch<'a, T>(&mut self, items: &'a [T], each: &mut impl FnMut(&'a T, Verdict))
    where
        Packet<'a>: From<&'a T>,
    {
        let mut ahead = std::mem::take(&mut self.ahead);
        let mut hashes = [0; AHEAD];
        for chunk in items.chunks(AHEAD) {
            ahead.clear();
            ahead.extend(chunk.iter().map(|item| Located::of(Packet::from(item).decoded)));
            let mut known = 0;
            for (hash, located) in hashes.iter_mut().zip(ahead.iter().flatten()) {
                *hash = located.hash;
                known += 1;
            }
            self.table.fetch(hashes.get(..known).unwrap_or_default());
            for (item, located) in chunk.iter().zip(&ahead) {
                let verdict = self.judge(Packet::from(item), located.as_ref(), &mut NoTrace);
                each(item, verdict);
            }
        }
        self.ahead = ahead;
    }
}
