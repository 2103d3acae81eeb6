//! Where the packets of a batch come from; needed only when something is written of them.

use vpcreplay_flow::{Timestamp, Tunnel};

use super::Place;

/// Packets that are neighbours in their file.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The first of them in the batch.
    at: u32,
    file: u32,
    /// Its frame.
    frame: u64,
    copy: u16,
}

/// Before the first packet of a batch: no packet goes on from it.
const NO_RUN: Run = Run { at: 0, file: u32::MAX, frame: 0, copy: 0 };

impl Run {
    /// Whether the packet that this run would begin with is the next one of another run.
    #[inline]
    const fn goes_on_from(self, other: Self) -> bool {
        self.frame.wrapping_sub(self.at as u64) == other.frame.wrapping_sub(other.at as u64)
            && self.file == other.file
            && self.copy == other.copy
    }
}

/// Where a packet comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) frame: u64,
    pub(super) time: Timestamp,
    pub(super) file: usize,
    pub(super) copy: u16,
    pub(super) tunnel: Option<Tunnel>,
}

/// Where all packets come from, in few words: most follow each other in one file, and engine time is their own.
#[derive(Debug)]
pub(super) struct Origins {
    /// In the order of packets.
    runs: Vec<Run>,
    /// The run that goes on if nothing breaks it.
    run: Run,
    /// Packets whose timestamps are not engine time, with these.
    stamps: Vec<(u32, Timestamp)>,
    /// Packets from which on another tunnel was taken off than before, or none. None was before the first.
    tunnels: Vec<(u32, Option<Tunnel>)>,
}

impl Origins {
    pub(super) const fn new() -> Self {
        Self { runs: Vec::new(), run: NO_RUN, stamps: Vec::new(), tunnels: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.run = NO_RUN;
        self.stamps.clear();
        self.tunnels.clear();
    }

    /// The packet at a place of the batch, and those that follow it frame by frame, come from here.
    pub(super) fn go_on(&mut self, at: u32, &Place { file, frame, copy, .. }: &Place) {
        // A replay has far fewer files.
        let run = Run { at, file: u32::try_from(file).unwrap_or(u32::MAX), frame, copy };
        if !run.goes_on_from(self.run) {
            self.runs.push(run);
            self.run = run;
        }
    }

    /// Notes the timestamp of a packet where it is not engine time.
    #[cold]
    pub(super) fn note_stamp(&mut self, at: u32, time: Timestamp) {
        self.stamps.push((at, time));
    }

    /// The packet at a place of the batch, and those that follow it, came out of this tunnel, or of none.
    pub(super) fn note_tunnel(&mut self, at: u32, tunnel: Option<Tunnel>) {
        let before = self.tunnels.last().and_then(|(_, tunnel)| *tunnel);
        if tunnel != before {
            self.tunnels.push((at, tunnel));
        }
    }

    /// Where the packet at a place comes from; `now` is engine time at it.
    pub(super) fn of(&self, at: u32, now: Timestamp) -> Origin {
        let begun = self.runs.partition_point(|run| run.at <= at);
        let run = begun.checked_sub(1).and_then(|begun| self.runs.get(begun)).copied().unwrap_or(NO_RUN);
        let stamp = self.stamps.binary_search_by_key(&at, |(at, _)| *at).ok();
        let stamp = stamp.and_then(|found| self.stamps.get(found)).map(|(_, time)| *time);
        let changes = self.tunnels.partition_point(|(from, _)| *from <= at);
        let tunnel =
            changes.checked_sub(1).and_then(|last| self.tunnels.get(last)).and_then(|(_, tunnel)| *tunnel);
        let frame = run.frame + u64::from(at.saturating_sub(run.at));
        Origin { frame, time: stamp.unwrap_or(now), file: run.file as usize, copy: run.copy, tunnel }
    }
}

#[cfg(test)]
#[path = "origins_tests.rs"]
mod tests;
