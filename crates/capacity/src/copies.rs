//! Copies of the same traffic: how many of them the limit bears.
//!
//! A copy has flows of its own, so that without a limit copies do not touch each other, and the occupancy of several is the
//! sum of what each has. Copies without a phase follow each other packet by packet.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use vpcreplay_flow::{Span, Timestamp};

/// Occupancy that one packet makes beyond what is there before and after it: it may create at one ENI and take away at
/// another one of the same scope.
const MOST_BEYOND: usize = 2;
/// Changes looked at in a search for a number of copies with phases; more would take minutes.
const MOST_CHANGES: u64 = 300_000_000;

/// What the peak of copies without phases follows from: for packets that create, the greater of the occupancy before and
/// after the packet, by how much more it was meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Increase {
    greatest: [Option<u64>; MOST_BEYOND + 1],
}

impl Increase {
    /// Notes a packet that created: the greater of occupancy before and after it, and the greatest meanwhile.
    pub(crate) fn note(&mut self, ends: u64, top: u64) {
        let beyond = usize::try_from(top.saturating_sub(ends)).unwrap_or(MOST_BEYOND).min(MOST_BEYOND);
        if let Some(greatest) = self.greatest.get_mut(beyond) {
            *greatest = Some(ends).max(*greatest);
        }
    }

    /// The peak of so many copies.
    ///
    /// Copy *k* of a packet finds the occupancies of *k* − 1 copies after it and of the others before it; the sum is
    /// greatest for the first or the last copy.
    pub fn peak(&self, copies: u64) -> u128 {
        let of = |(beyond, ends): (u128, &Option<u64>)| {
            ends.map(|ends| u128::from(ends) * u128::from(copies) + beyond)
        };
        (0_u128..).zip(&self.greatest).filter_map(of).max().unwrap_or(0)
    }
}

/// How many copies of the traffic the limit bears. The traffic itself is the first copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The smallest number of copies at which occupancy reaches the limit; `None` where no number does.
    pub reaches: Option<u64>,
    /// The smallest number of copies at which the allowance denies a packet; `None` where no number does.
    pub denies: Option<u64>,
}

impl Growth {
    /// The growth that copies without phases have.
    pub fn of(increase: &Increase, limit: u64) -> Self {
        let least = |is_enough: &dyn Fn(u128) -> bool| {
            if increase.peak(u64::MAX) == 0 {
                return None;
            }
            let (mut too_few, mut enough) = (0_u64, u64::MAX);
            while enough - too_few > 1 {
                let middle = too_few + (enough - too_few) / 2;
                if is_enough(increase.peak(middle)) { enough = middle } else { too_few = middle }
            }
            is_enough(increase.peak(enough)).then_some(enough)
        };
        Self {
            reaches: least(&|peak| peak >= u128::from(limit)),
            denies: least(&|peak| peak > u128::from(limit)),
        }
    }
}

/// An instant at which occupancy changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// When.
    pub at: Timestamp,
    /// Occupancy after what expires at this instant.
    pub start: u32,
    /// The greatest occupancy at this instant.
    pub top: u32,
    /// Occupancy after this instant.
    pub end: u32,
}

/// Every change of the occupancy of a scope, by time, up to the end of the last entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    instants: Vec<Instant>,
    /// The instant of the newest packet, until it is known whether it changes anything.
    open: Option<(Timestamp, u32)>,
}

impl Changes {
    /// The instants at which occupancy changes, by time.
    pub fn instants(&self) -> &[Instant] {
        &self.instants
    }

    /// Begins an instant with packets: everything that expires by then is told.
    pub(crate) fn begin(&mut self, at: Timestamp, occupancy: u64) {
        if self.open.is_none_or(|(open, _)| open != at) {
            self.open = Some((at, narrow(occupancy)));
        }
    }

    /// Notes the occupancy after an entry came at the instant that was begun.
    pub(crate) fn rise(&mut self, occupancy: u64) {
        let occupancy = narrow(occupancy);
        if let Some(instant) = self.present() {
            instant.top = instant.top.max(occupancy);
            instant.end = occupancy;
        }
    }

    /// Notes the occupancy after an entry went.
    pub(crate) fn fall(&mut self, at: Timestamp, occupancy: u64) {
        let occupancy = narrow(occupancy);
        if self.open.is_some_and(|(open, _)| open == at) {
            if let Some(instant) = self.present() {
                instant.end = occupancy;
            }
            return;
        }
        match self.instants.last_mut() {
            Some(last) if last.at == at => {
                *last = Instant { at, start: occupancy, top: occupancy, end: occupancy }
            }
            _ => self.instants.push(Instant { at, start: occupancy, top: occupancy, end: occupancy }),
        }
    }

    /// The instant that was begun.
    fn present(&mut self) -> Option<&mut Instant> {
        let (at, start) = self.open?;
        if self.instants.last().is_none_or(|last| last.at != at) {
            self.instants.push(Instant { at, start, top: start, end: start });
        }
        self.instants.last_mut()
    }
}

fn narrow(occupancy: u64) -> u32 {
    u32::try_from(occupancy).unwrap_or(u32::MAX)
}

/// The phase of a copy: 0 for the first, else an amount below `most` that follows from the seed and the copy's index.
pub fn phase(seed: u64, copy: u64, most: Span) -> Span {
    if copy == 0 || most.nanos() == 0 {
        return Span::from_nanos(0);
    }
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mut bits = seed.wrapping_add(copy.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    let scaled = (u128::from(bits) * u128::from(most.nanos())) >> 64;
    Span::from_nanos(u64::try_from(scaled).unwrap_or(0))
}

/// Phases of copies: what they follow from and what they are below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    /// What they follow from.
    pub seed: u64,
    /// What they are below.
    pub most: Span,
    /// Changes of occupancy that a search looks at before it is given up.
    pub patience: u64,
}

impl Phases {
    /// Phases with the usual patience: about half a minute.
    pub const fn new(seed: u64, most: Span) -> Self {
        Self { seed, most, patience: MOST_CHANGES }
    }
}

/// The growth that copies with phases have: copy *k* comes later by its [`phase`]. At one instant copies follow each other by
/// their index. `Err` with a number of copies that is known to be too few, where the search is given up.
///
/// # Errors
/// So many copies are needed that the search would take minutes.
pub fn shifted_growth(changes: &Changes, phases: Phases, limit: u64) -> Result<Growth, u64> {
    let greatest = changes.instants.iter().map(|instant| instant.top).max().unwrap_or(0);
    if greatest == 0 {
        return Ok(Growth { reaches: None, denies: None });
    }
    let mut patience = phases.patience;
    let mut least = |wanted: u64| -> Result<u64, u64> {
        let mut is_enough = |copies: u64| -> Option<bool> {
            patience = patience.checked_sub(copies.saturating_mul(changes.instants.len() as u64))?;
            Some(shifted_peak(changes, phases, copies) >= wanted)
        };
        // Fewer cannot do, whatever their phases.
        let mut too_few = wanted.div_ceil(u64::from(greatest)).max(1) - 1;
        let mut step = 1;
        let mut enough = too_few + 1;
        while !is_enough(enough).ok_or(too_few)? {
            too_few = enough;
            step *= 2;
            enough += step;
        }
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            if is_enough(middle).ok_or(too_few)? { enough = middle } else { too_few = middle }
        }
        Ok(enough)
    };
    Ok(Growth { reaches: Some(least(limit.max(1))?), denies: Some(least(limit.saturating_add(1))?) })
}

/// The peak of copies with phases.
fn shifted_peak(changes: &Changes, Phases { seed, most, .. }: Phases, copies: u64) -> u64 {
    let instants = &changes.instants;
    let phases: Vec<Span> = (0..copies).map(|copy| phase(seed, copy, most)).collect();
    let mut heads: BinaryHeap<Reverse<(Timestamp, usize, usize)>> = BinaryHeap::new();
    let due = |copy: usize, at: usize| -> Option<Reverse<(Timestamp, usize, usize)>> {
        Some(Reverse((instants.get(at)?.at.after(*phases.get(copy)?), copy, at)))
    };
    heads.extend((0..phases.len()).filter_map(|copy| due(copy, 0)));
    let (mut total, mut peak) = (0_i128, 0_i128);
    let mut together: Vec<(usize, usize)> = Vec::new();
    while let Some(Reverse((now, ..))) = heads.peek().copied() {
        together.clear();
        while let Some(Reverse((at, copy, index))) = heads.peek().copied()
            && at == now
        {
            heads.pop();
            together.push((copy, index));
            heads.extend(due(copy, index + 1));
        }
        // What expires does so before any copy's packets.
        for (_, index) in &together {
            let before =
                index.checked_sub(1).and_then(|index| instants.get(index)).map_or(0, |last| last.end);
            let start = instants.get(*index).map_or(0, |instant| instant.start);
            total += i128::from(start) - i128::from(before);
        }
        for instant in together.iter().filter_map(|(_, index)| instants.get(*index)) {
            peak = peak.max(total + i128::from(instant.top) - i128::from(instant.start));
            total += i128::from(instant.end) - i128::from(instant.start);
        }
    }
    u64::try_from(peak).unwrap_or(0)
}
