//! Packets that a security group refuses, counted by what tells the rest of them: most come by few routes and rules.

use std::num::NonZeroU16;

use vpcreplay_flow::Reason;
use vpcreplay_policy::RuleId;

use crate::route::{Hop, RouteId};
use crate::{Tally, Verdict};

/// Why the one ENI that a packet passes refuses it, where the packet has no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A rule admits it, but its scope is at its limit (S6.3.3c).
    NoRoom(RuleId),
    /// No rule admits it (S6.3.3).
    NoRule,
    /// No rule admits it, but one of the opposite direction admits the reversed flow, which matters to packets in the middle of a
    /// TCP connection (S7.5, S12.16).
    Reversible,
}

/// No rule admits the packets, and none of the opposite direction does, in one word.
const NO_RULE: u16 = u16::MAX;
/// No rule admits the packets, and one of the opposite direction does.
const REVERSIBLE: u16 = NO_RULE - 1;

impl Refusal {
    /// The rule that the verdict names.
    #[inline]
    pub(crate) const fn rule(self) -> Option<RuleId> {
        match self {
            Self::NoRoom(rule) => Some(rule),
            Self::NoRule | Self::Reversible => None,
        }
    }

    /// All of it in one word, never 0: flows are many. `None` of a rule with a great number.
    #[inline]
    pub(crate) fn pack(self) -> Option<NonZeroU16> {
        let word = match self {
            Self::NoRoom(RuleId(rule)) => {
                let after = u16::try_from(rule).ok()?.checked_add(1)?;
                if after >= REVERSIBLE {
                    return None;
                }
                after
            }
            Self::NoRule => NO_RULE,
            Self::Reversible => REVERSIBLE,
        };
        NonZeroU16::new(word)
    }

    /// What [`Refusal::pack`] packed.
    #[inline]
    pub(crate) fn unpack(word: NonZeroU16) -> Self {
        match word.get() {
            NO_RULE => Self::NoRule,
            REVERSIBLE => Self::Reversible,
            after => Self::NoRoom(RuleId(u32::from(after) - 1)),
        }
    }
}

/// The verdict on a packet that is refused at a hop, although a rule admits it, or because none does.
pub(crate) fn refused_at(hop: Hop, rule: Option<RuleId>) -> Verdict {
    let reason = if rule.is_some() { Reason::ConntrackAllowanceExceeded } else { Reason::SgNoRule };
    Verdict { rule, ..hop.gate().verdict(reason) }
}

/// Rows there are; a power of two. Who comes to a row that another has takes it over.
const ROWS: usize = 32;

/// Packets that took one route and were refused for one reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The number of their denial.
    pub(crate) denial: u32,
    pub(crate) route: RouteId,
    pub(crate) hop: Hop,
    /// The refusal, packed.
    pub(crate) why: NonZeroU16,
    pub(crate) counted: Tally,
}

impl Row {
    /// Why they were refused.
    #[inline]
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal::unpack(self.why)
    }
}

/// Packets that wait to be entered in the counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused([Option<Row>; ROWS]);

impl Refused {
    /// The row of a route and a packed refusal, if they have it.
    #[inline]
    pub(crate) fn get_mut(&mut self, route: RouteId, why: NonZeroU16) -> Option<&mut Row> {
        let row = self.0.get_mut(place(route, why))?.as_mut()?;
        if (row.route, row.why) == (route, why) { Some(row) } else { None }
    }

    /// Puts a row in; gives the one that had its place.
    pub(crate) fn put(&mut self, row: Row) -> Option<Row> {
        self.0.get_mut(place(row.route, row.why))?.replace(row)
    }

    /// Takes all rows out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Row> + use<> {
        std::mem::take(&mut self.0).into_iter().flatten()
    }
}

#[inline]
const fn place(route: RouteId, why: NonZeroU16) -> usize {
    // An odd factor: routes alone, or rules alone, that follow each other have rows of their own.
    (route as usize * 7).wrapping_add(why.get() as usize) % ROWS
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vpcreplay_flow::Direction;
    use vpcreplay_policy::{EniId, RuleId};

    use super::{ROWS, Refusal, Refused, Row};
    use crate::Tally;
    use crate::route::Hop;

    /// What is taken out and what had to make room add up to what was put in, by route and refusal.
    #[test]
    fn nothing_is_lost_where_rows_are_taken_over() {
        let hop = Hop { eni: EniId(0), direction: Direction::Ingress, nacl: None };
        for (routes, rules) in [(1, 1), (3, 4), (1, 40), (200, 1), (20, 20)] {
            let (mut rows, mut added) = (Refused::default(), BTreeMap::<_, Tally>::new());
            let mut entered: BTreeMap<_, Tally> = BTreeMap::new();
            let mut enter = |row: Row| {
                assert_eq!(row.refusal().pack(), Some(row.why));
                entered.entry((row.route, row.why)).or_default().add_all(row.counted);
            };
            let mut taken_over = 0;
            for number in 0..3_000_u16 {
                // Some come several times in a row, some by turns.
                let refusal = match number % 7 % rules {
                    5 => Refusal::NoRule,
                    4 => Refusal::Reversible,
                    rule => Refusal::NoRoom(RuleId(rule.into())),
                };
                let (why, route, length) = (refusal.pack().unwrap(), number / 3 % routes, number.into());
                added.entry((route, why)).or_default().add(length);
                if let Some(row) = rows.get_mut(route, why) {
                    row.counted.add(length);
                } else {
                    let before = rows.put(Row { denial: 1, route, hop, why, counted: Tally::of(length) });
                    taken_over += u32::from(before.is_some());
                    before.map(&mut enter);
                }
            }
            rows.take().for_each(&mut enter);
            assert_eq!(rows.take().count(), 0);
            assert_eq!(entered, added);
            assert_eq!(taken_over > 0, added.len() > ROWS, "{routes} routes, {rules} rules");
        }
    }
}
