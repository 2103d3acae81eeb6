//! Judges packets in batches: flow keys are hashed ahead, so that the memory of flows is asked for before it is needed.

use vpcreplay_conntrack::Wanted;
use vpcreplay_flow::{Brief, Decoded, Digest, FlowKey, ShortKey, Timestamp};

use crate::engine::World;
use crate::{Content, NoTrace, Packet, Verdict};

/// Packets in replay order, by their place from 0.
pub trait Packets {
    /// How many they are.
    fn count(&self) -> usize;

    /// The packet at a place; [`Packet::NONE`] behind the last.
    fn packet(&self, at: usize) -> Packet<'_>;

    /// The same, if its content is in brief, and only then: others are judged by longer ways.
    #[inline]
    fn in_brief(&self, at: usize) -> Option<InBrief> {
        match self.packet(at) {
            Packet { number, now, content: Content::Brief(brief) } => Some(InBrief { number, now, brief }),
            _ => None,
        }
    }

    /// The same, if it has a digest beside, and only then.
    #[inline]
    fn with_digest(&self, at: usize) -> Option<(InBrief, &Digest)> {
        match self.packet(at) {
            Packet { number, now, content: Content::Digest(digest) } => {
                Some((InBrief { number, now, brief: digest.brief() }, digest))
            }
            _ => None,
        }
    }

    /// The key of its flow in two words, to ask for the memory of the flow ahead; that of no flow where it has none. To be had
    /// with less, if it can.
    #[inline]
    fn short_key(&self, at: usize) -> ShortKey {
        self.packet(at).content.short_key().unwrap_or_default()
    }
}

/// A packet whose content is in brief; what is told beside of one with a digest are its addresses.
#[derive(Clone, Copy, Debug)]
pub struct InBrief {
    /// Its number in replay order, from 1 (S1.4).
    pub number: u64,
    /// Engine time at the packet (S1.2).
    pub now: Timestamp,
    /// What it is.
    pub brief: Brief,
}

/// Items that stand for a packet each.
impl<'a, T, F: Fn(&'a T) -> Packet<'a>> Packets for (&'a [T], F) {
    #[inline]
    fn count(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn packet(&self, at: usize) -> Packet<'_> {
        self.0.get(at).map_or(Packet::NONE, &self.1)
    }
}

impl Content<'_> {
    /// The key of the packet's flow in two words; `None` where it has none.
    #[inline]
    pub fn short_key(self) -> Option<ShortKey> {
        match self {
            Self::Brief(brief) => Some(brief.short),
            Self::Digest(digest) => Some(digest.key.short()),
            Self::Decoded(decoded) => short_key_of(decoded, 0),
            Self::OfCopy(decoded, copy) => short_key_of(decoded, copy),
        }
    }
}

#[inline(never)]
fn short_key_of(decoded: &Decoded, copy: u16) -> Option<ShortKey> {
    match decoded {
        Decoded::Packet(facts) => FlowKey::of(facts).map(|(key, _)| key.with_copy(copy).short()),
        Decoded::Unjudged(..) => None,
    }
}

/// Packets that are judged one after another, between asking for memory for those of later blocks.
const BLOCK: usize = 16;

/// What the packets of a block want of the table.
type Block = [Wanted; BLOCK];

impl World {
    /// Judges packets in order; `each` gets every packet's place and its verdict.
    pub(crate) fn judge_each(&mut self, packets: &impl Packets, each: &mut impl FnMut(usize, Verdict)) {
        self.walk(packets, |world, at, wanted| match world.usual(packets, at, wanted) {
            Some(verdict) => each(at, verdict),
            None => each(at, world.judge(packets.packet(at), &mut NoTrace)),
        });
    }

    /// Goes through packets in order, while the memory of those that follow is asked for, block by block; `each` gets every
    /// packet's place and what it wants of the table.
    #[expect(clippy::inline_always, reason = "the loop over packets; as a call its packets would be copied")]
    #[inline(always)]
    pub(crate) fn walk(&mut self, packets: &impl Packets, mut each: impl FnMut(&mut Self, usize, &Wanted)) {
        let mut blocks = [[Wanted::default(); BLOCK]; 4];
        let [now, next, after, last] = &mut blocks;
        let (mut now, mut next, mut after, mut last) = (now, next, after, last);
        self.ask_for_index((packets, 0), next);
        self.table.prefetch_flows(next);
        self.ask_for_index((packets, BLOCK), after);
        self.ask_for_index((packets, 2 * BLOCK), last);
        for start in (0..packets.count()).step_by(BLOCK) {
            (now, next, after, last) = (next, after, last, now);
            // Before the block and behind it, because the processor waits where too much is asked for at once.
            self.table.prefetch_flows(next);
            for (at, wanted) in (start..packets.count()).zip(now.iter()) {
                each(self, at, wanted);
            }
            self.ask_for_index((packets, start + 3 * BLOCK), last);
            // By now the flows have come.
            self.table.prefetch_rests(next);
        }
        self.counters.enter_counted(&self.routes);
    }

    /// Notes what the packets of the block from a place on will want, and asks for the memory that tells where their flows
    /// are.
    #[inline]
    fn ask_for_index(&self, (packets, start): (&impl Packets, usize), block: &mut Block) {
        let count = packets.count().saturating_sub(start).min(BLOCK);
        let Some(block) = block.get_mut(..count) else { return };
        self.table.prefetch_indexes(block, |at| packets.short_key(start + at).hash64());
    }
}
