//! Frames in, decoded packets in replay order out: clock, tunnels, fragments, selection, copies.

mod decoder;
mod lane;
mod merge;

use std::fs;

use vpcreplay_capture::{CaptureSet, Input, ReadAhead};
use vpcreplay_flow::{ClockStep, Decap, Span, Timestamp};

use crate::batch::{Batch, MOST_PACKETS};
use crate::{Growth, ReplayError};
use lane::{Course, Lane};
use merge::Merge;

/// Which frames are replayed. The others are read and passed over: they have no packet number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Not before this time.
    pub since: Option<TimeBound>,
    /// Only before this time.
    pub until: Option<TimeBound>,
    /// At most this many packets of the captures.
    pub first: Option<u64>,
}

/// A bound in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBound {
    /// A point in time.
    At(Timestamp),
    /// This long after the first frame of the captures.
    After(Span),
}

/// What was seen on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Packets given out, copies included.
    pub packets: u64,
    /// Frames that the selection passed over.
    pub passed_over: u64,
    /// Packets stamped earlier than engine time (S1.2).
    pub clock_regressions: u64,
    /// Steps of more than a day (S1.2).
    pub clock_jumps: u64,
    /// The first packet that made such a step: its number, its file and its frame.
    pub first_clock_jump: Option<(u64, usize, u64)>,
    /// Packets to the port of VXLAN while nothing is taken off (S2.6).
    pub vxlan_packets: u64,
    /// Packets to the port of GENEVE while nothing is taken off (S2.6).
    pub geneve_packets: u64,
    /// Later fragments that took the transport facts of their first one (S2.7).
    pub fragments_inherited: u64,
    /// First fragments that were not entered because the table was full (S2.7).
    pub fragments_forgotten: u64,
    /// Engine time of the first packet.
    pub first_time: Option<Timestamp>,
    /// Engine time of the last packet.
    pub last_time: Option<Timestamp>,
}

/// The packets of some captures, decoded, in replay order.
pub struct Feed {
    /// All packets; or where copies are shifted, those of the original.
    first: Lane,
    /// Where copies are shifted against each other: how they become one.
    merge: Option<Box<Merge>>,
}

impl Feed {
    /// The packets of captures with a tunnel taken off, as far as they are selected.
    pub fn new(captures: CaptureSet, decap: Decap, selection: Selection) -> Self {
        Self { first: Lane::new(captures, (decap, selection), Course::PLAIN), merge: None }
    }

    /// Opens captures: their packets with a tunnel taken off, as far as they are selected, grown.
    ///
    /// # Errors
    /// Captures that cannot be read, or not as often as shifted copies need.
    pub fn open(
        inputs: &[Input],
        (decap, selection): (Decap, Selection),
        growth: &Growth,
    ) -> Result<Self, ReplayError> {
        let copies = growth.copies();
        let lane = |read_ahead, course| -> Result<Lane, ReplayError> {
            let captures = CaptureSet::open_with(inputs, read_ahead)?;
            Ok(Lane::new(captures, (decap, selection), course))
        };
        let Some(shift) = growth.shift.filter(|_| copies > 1) else {
            let course = Course { copies: (0, copies), speed: growth.speed, late: Span::default() };
            return Ok(Self { first: lane(ReadAhead::On, course)?, merge: None });
        };
        check_shifted(inputs, copies)?;
        let course = |copy| Course { copies: (copy, 1), speed: growth.speed, late: shift.of(copy) };
        let first = lane(ReadAhead::On, course(0))?;
        let others = (1..copies).map(|copy| lane(ReadAhead::Off, course(copy)));
        let others = others.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { first, merge: Some(Box::new(Merge::new(others))) })
    }

    /// Fills a batch with up to `size` packets, 2^24 at most; it stays empty at the end of the captures.
    ///
    /// # Errors
    /// A capture that cannot be read on.
    pub fn fill(&mut self, batch: &mut Batch, size: usize) -> Result<(), ReplayError> {
        let size = size.min(MOST_PACKETS);
        match &mut self.merge {
            None => self.first.fill(batch, size),
            Some(merge) => merge.fill(&mut self.first, batch, size),
        }
    }

    /// What was seen so far.
    pub fn stats(&self) -> &FeedStats {
        self.merge.as_ref().map_or(self.first.stats(), |merge| merge.stats())
    }

    /// The captures; where copies are shifted, as the original reads them.
    pub const fn captures(&self) -> &CaptureSet {
        self.first.captures()
    }
}

/// Shifted copies read the captures again, each for itself.
fn check_shifted(inputs: &[Input], copies: u16) -> Result<(), ReplayError> {
    if copies > Growth::MOST_SHIFTED {
        return Err(ReplayError::TooManyShifted { copies, most: Growth::MOST_SHIFTED });
    }
    match inputs.iter().find(|input| !can_be_read_again(input)) {
        Some(input) => Err(ReplayError::NotReadAgain { name: input.name() }),
        None => Ok(()),
    }
}

/// Pipes and standard input can be read only once; what is not there at all is not a matter of reading again.
pub(crate) fn can_be_read_again(input: &Input) -> bool {
    match input {
        Input::Stdin => false,
        Input::Path(path) => {
            fs::metadata(path).map_or(true, |metadata| metadata.is_file() || metadata.is_dir())
        }
    }
}

impl FeedStats {
    /// Notes what a packet's timestamp did to engine time (S1.2): the packet by its number, its file and its frame.
    #[inline]
    fn note_step(&mut self, step: ClockStep, packet: (u64, usize, u64)) {
        match step {
            ClockStep::Forward => {}
            ClockStep::Regression => self.clock_regressions += 1,
            ClockStep::Jump => {
                self.clock_jumps += 1;
                self.first_clock_jump.get_or_insert(packet);
            }
        }
    }

    /// Notes a packet to the port of a tunnel while nothing is taken off.
    #[inline]
    fn note_tunnel(&mut self, tunnel: Option<Decap>) {
        match tunnel {
            Some(Decap::Vxlan) => self.vxlan_packets += 1,
            Some(Decap::Geneve) => self.geneve_packets += 1,
            _ => {}
        }
    }

    /// Notes engine time at the packets of a batch.
    fn note_times(&mut self, batch: &Batch) {
        if let Some((first, last)) = batch.times() {
            self.first_time.get_or_insert(first);
            self.last_time = Some(last);
        }
    }
}

impl Selection {
    /// Whether no time is excluded.
    const fn takes_all(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    fn takes(&self, time: Timestamp, first: Timestamp) -> bool {
        let resolve = |bound: TimeBound| match bound {
            TimeBound::At(time) => time,
            TimeBound::After(span) => first.after(span),
        };
        self.since.is_none_or(|since| resolve(since) <= time)
            && self.until.is_none_or(|until| time < resolve(until))
    }
}
