//! Packets that the allowance turned away, counted by what tells the rest of them: few routes, few rules.

use vpcreplay_policy::RuleId;

use crate::Tally;
use crate::route::{Hop, RouteId};

/// Rows there are; a power of two. Who comes to a row that another has takes it over.
const ROWS: usize = 32;

/// Packets that took one route and were admitted by one rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The number of their denial.
    pub(crate) denial: u32,
    pub(crate) route: RouteId,
    pub(crate) hop: Hop,
    pub(crate) rule: RuleId,
    pub(crate) counted: Tally,
}

/// Packets that wait to be entered in the counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct TurnedAway([Option<Row>; ROWS]);

impl TurnedAway {
    /// The row of a route and a rule, if they have it.
    #[inline]
    pub(crate) fn get_mut(&mut self, route: RouteId, rule: RuleId) -> Option<&mut Row> {
        let row = self.0.get_mut(place(route, rule))?.as_mut()?;
        if (row.route, row.rule) == (route, rule) { Some(row) } else { None }
    }

    /// Puts a row in; gives the one that had its place.
    pub(crate) fn put(&mut self, row: Row) -> Option<Row> {
        self.0.get_mut(place(row.route, row.rule))?.replace(row)
    }

    /// Takes all rows out.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Row> + use<> {
        std::mem::take(&mut self.0).into_iter().flatten()
    }
}

#[inline]
const fn place(route: RouteId, RuleId(rule): RuleId) -> usize {
    (rule as usize ^ (route as usize) << 3) % ROWS
}
