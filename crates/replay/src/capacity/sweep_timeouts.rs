//! Which timeout would do? Every value is a world of its own.

use vpcreplay_capacity::Sweep;
use vpcreplay_flow::{Span, TimeoutName};
use vpcreplay_sinks::capacity::{SweepRow, SweepTable};

use super::observer::Wanted;
use super::passes::Ground;
use super::sweep_limits::{row, used};
use super::trial::{Seen, Trial};
use crate::ReplayError;

/// A trial for each value. The value stands above those of models and ENIs, as one of the command line does (S12.10).
pub(super) fn trials(
    ground: &Ground<'_>,
    name: TimeoutName,
    values: &[Span],
) -> Result<Vec<Trial>, ReplayError> {
    let wanted = Wanted { gaps: Some(name), ..Wanted::default() };
    let trial = |value: &Span| {
        let mut options = ground.plan.replay.options.clone();
        options.timeouts.insert(name, *value);
        Trial::new(&ground.networks, options, wanted)
    };
    values.iter().map(trial).collect()
}

/// What the values do.
pub(super) fn table<'s>(
    sweep: &Sweep,
    name: TimeoutName,
    found: impl Iterator<Item = (&'s Span, Option<(&'s [Seen], &'s [Seen])>)>,
) -> SweepTable {
    let mut table = SweepTable { sweep: name.code(), asked: sweep.text.clone(), ..SweepTable::default() };
    for (value, scopes) in found {
        let Some((scopes, free)) = scopes else { continue };
        for seen in used(scopes) {
            let demand = free.iter().find(|free| free.name == seen.name);
            let demand = demand.map_or(seen.peak.occupancy, |free| free.peak.occupancy);
            table.rows.push(SweepRow {
                connections_broken: Some(seen.gaps.broken),
                connections_recreated: Some(seen.gaps.recreated),
                ..row((value.to_string(), value.nanos()), seen, demand)
            });
        }
        let breaks_nothing = scopes.iter().all(|seen| seen.gaps.broken == 0);
        if breaks_nothing && table.smallest_that_breaks_nothing.is_none() {
            table.smallest_that_breaks_nothing = Some(value.to_string());
        }
        if scopes.iter().all(|seen| seen.exceeded == 0) {
            table.largest_within_limit = Some(value.to_string());
        }
    }
    table.with_totals()
}
