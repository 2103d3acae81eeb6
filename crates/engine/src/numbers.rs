//! Numbers in order of creation over the whole replay (S9.2, S9.3), given at once or, in a part of an engine, later.
//!
//! A part does not know how many connections the others create meanwhile. It gives provisional numbers; when all parts
//! are back, every one of them is settled by the packet that asked for it.

use vpcreplay_conntrack::in_order;

/// Marks a provisional number.
const PROVISIONAL: u64 = 1 << 63;
/// Bits of a provisional number that count within its part.
const WITHIN: u32 = 40;

/// Gives numbers, from 1. `P` is the place where a number is kept.
#[derive(Debug)]
pub(crate) struct Numbers<P> {
    given: u64,
    /// In a part: its own mark, and what it gave provisionally.
    part: Option<(u64, Vec<Provisional<P>>)>,
}

/// A provisional number: the packet that asked for it, where it is kept, and the settled number once it is known.
#[derive(Clone, Copy, Debug)]
struct Provisional<P> {
    packet: u64,
    place: P,
    settled: u64,
}

impl<P: Copy> Numbers<P> {
    /// Numbers of the whole.
    pub(crate) const fn new() -> Self {
        Self { given: 0, part: None }
    }

    /// Numbers of a part.
    pub(crate) fn of_part(part: usize) -> Self {
        Self { given: 0, part: Some((PROVISIONAL | (part as u64) << WITHIN, Vec::new())) }
    }

    /// How many were given.
    pub(crate) const fn given(&self) -> u64 {
        self.given
    }

    /// The next number, which a packet asks for and which is kept at a place.
    pub(crate) fn next(&mut self, packet: u64, place: P) -> u64 {
        if let Some((mark, provisional)) = &mut self.part {
            let number = *mark | provisional.len() as u64;
            provisional.push(Provisional { packet, place, settled: 0 });
            return number;
        }
        self.given += 1;
        self.given
    }

    /// Settles the provisional numbers of all parts, in the order of the packets that asked for them.
    pub(crate) fn settle(&mut self, parts: &mut [&mut Self]) {
        let lists = parts.iter_mut().filter_map(|part| Some(part.part.as_mut()?.1.as_mut_slice()));
        let mut lists: Vec<&mut [_]> = lists.collect();
        in_order(
            &mut lists,
            |provisional| provisional.packet,
            |provisional| {
                self.given += 1;
                provisional.settled = self.given;
            },
        );
    }

    /// The settled numbers of a part with the provisional ones and their places.
    pub(crate) fn settled(&self) -> impl Iterator<Item = (P, (u64, u64))> {
        let (mark, list) = self.part.as_ref().map_or((0, &[][..]), |(mark, list)| (*mark, list));
        (mark..).zip(list).map(|(number, item)| (item.place, (number, item.settled)))
    }

    /// Forgets provisional numbers that are settled.
    pub(crate) fn forget(&mut self) {
        if let Some((_, list)) = &mut self.part {
            list.clear();
        }
    }

    /// The settled number for one that a part gave.
    fn lookup(&self, number: u64) -> Option<u64> {
        let (_, list) = self.part.as_ref()?;
        let within = usize::try_from(number & ((1 << WITHIN) - 1)).ok()?;
        list.get(within).map(|item| item.settled)
    }
}

/// The part that gave a number; `None` for a settled one.
const fn giver(number: u64) -> Option<usize> {
    let part = (number & !PROVISIONAL) >> WITHIN;
    if number & PROVISIONAL == 0 { None } else { Some(part as usize) }
}

/// A number as it is settled by now; `of` gives the numbers of a part.
pub(crate) fn resolve<'n, P: Copy + 'n>(
    number: u64,
    of: impl FnOnce(usize) -> Option<&'n Numbers<P>>,
) -> u64 {
    giver(number).and_then(of).and_then(|part| part.lookup(number)).unwrap_or(number)
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
