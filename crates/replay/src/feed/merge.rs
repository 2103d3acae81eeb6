//! Shifted copies, each from a reading of its own, as one stream in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use vpcreplay_flow::{Clock, Timestamp};

use super::FeedStats;
use super::lane::Lane;
use crate::ReplayError;
use crate::batch::Batch;

/// Packets that each copy reads ahead.
const AHEAD: usize = 64;

/// The copies of captures, merged: always the packet of the copy whose next packet has the smallest engine time, ties by
/// the order of copies. The order inside a copy never changes.
pub(super) struct Merge {
    /// All copies but the original.
    others: Vec<Lane>,
    /// By copy: packets that are read but not given out.
    waiting: Vec<Waiting>,
    /// Copies with a packet: by its engine time, then copy.
    queue: BinaryHeap<Reverse<(Timestamp, usize)>>,
    clock: Clock,
    stats: FeedStats,
}

#[derive(Default)]
struct Waiting {
    batch: Batch,
    /// How many of them are given out.
    done: usize,
}

impl Merge {
    pub(super) fn new(others: Vec<Lane>) -> Self {
        let waiting = (0..=others.len()).map(|_| Waiting::default()).collect();
        let (queue, clock, stats) = (BinaryHeap::new(), Clock::default(), FeedStats::default());
        Self { others, waiting, queue, clock, stats }
    }

    pub(super) const fn stats(&self) -> &FeedStats {
        &self.stats
    }

    /// Fills a batch with up to `size` packets; it stays empty at the end of the captures.
    pub(super) fn fill(
        &mut self,
        original: &mut Lane,
        batch: &mut Batch,
        size: usize,
    ) -> Result<(), ReplayError> {
        batch.clear();
        batch.reserve(size);
        if self.stats.packets == 0 {
            for copy in 0..self.waiting.len() {
                self.refill(original, copy)?;
            }
        }
        while batch.len() < size {
            let Some(Reverse((_, copy))) = self.queue.pop() else { break };
            self.give_out(copy, batch);
            self.refill(original, copy)?;
        }
        self.stats.note_times(batch);
        self.sum_up(original);
        Ok(())
    }

    /// Gives out the next packet of a copy.
    fn give_out(&mut self, copy: usize, batch: &mut Batch) {
        let Some(Waiting { batch: from, done }) = self.waiting.get_mut(copy) else { return };
        let at = *done;
        let Some(item) = from.item(at) else { return };
        *done += 1;
        self.stats.packets += 1;
        // Copies come by their engine time, so that it is that of all: only steps are seen anew.
        let (_, step) = self.clock.observe(item.now);
        self.stats.note_step(step, (self.stats.packets, item.file, item.frame));
        batch.push_from(from, at, self.stats.packets);
    }

    /// Puts a copy back into the queue, if it has another packet.
    fn refill(&mut self, original: &mut Lane, copy: usize) -> Result<(), ReplayError> {
        let Some(Waiting { batch, done }) = self.waiting.get_mut(copy) else { return Ok(()) };
        if *done >= batch.len() {
            *done = 0;
            let lane = match copy.checked_sub(1) {
                None => original,
                Some(other) => match self.others.get_mut(other) {
                    Some(lane) => lane,
                    None => return Ok(()),
                },
            };
            lane.fill(batch, AHEAD)?;
        }
        if let Some(now) = batch.time(*done) {
            self.queue.push(Reverse((now, copy)));
        }
        Ok(())
    }

    /// Sums up what the copies saw. Frames are those of one reading.
    fn sum_up(&mut self, original: &Lane) {
        let lanes = || std::iter::once(original).chain(&self.others).map(Lane::stats);
        let sum = |of: fn(&FeedStats) -> u64| lanes().map(of).sum();
        self.stats = FeedStats {
            passed_over: original.stats().passed_over,
            clock_regressions: sum(|stats| stats.clock_regressions),
            vxlan_packets: sum(|stats| stats.vxlan_packets),
            geneve_packets: sum(|stats| stats.geneve_packets),
            fragments_inherited: sum(|stats| stats.fragments_inherited),
            fragments_forgotten: sum(|stats| stats.fragments_forgotten),
            ..self.stats
        };
    }
}
