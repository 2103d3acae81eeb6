//! Which limit would do?

use vpcreplay_capacity::Sweep;
use vpcreplay_flow::Timestamp;
use vpcreplay_policy::Options;
use vpcreplay_sinks::capacity::{SweepRow, SweepTable};

use super::observer::Wanted;
use super::passes::Ground;
use super::trial::{Observed, Seen, Trial};
use crate::ReplayError;

/// A trial for each limit.
pub(super) fn trials(ground: &Ground<'_>, values: &[u64]) -> Result<Vec<Trial>, ReplayError> {
    let trial = |value: &u64| {
        let options = Options { limit: Some(*value), ..ground.plan.replay.options.clone() };
        Trial::new(&ground.networks, options, Wanted::default())
    };
    values.iter().map(trial).collect()
}

/// What the limits do. Where a limit is not reached its world is that without limits.
pub(super) fn table(sweep: &Sweep, (values, trials): (&[u64], &[Trial]), free: &Observed) -> SweepTable {
    let mut rows = Vec::new();
    let mut smallest = None;
    for (value, trial) in values.iter().zip(trials) {
        let observed = trial.limited.as_ref().unwrap_or(free);
        for seen in used(&observed.scopes) {
            let demand = free.scope(&seen.name).map_or(0, |free| free.peak.occupancy);
            rows.push(SweepRow { limit: *value, ..row((value.to_string(), *value), seen, demand) });
        }
        if smallest.is_none() && observed.scopes.iter().all(|seen| seen.exceeded == 0) {
            smallest = Some(value.to_string());
        }
    }
    SweepTable {
        sweep: "limit",
        asked: sweep.text.clone(),
        rows,
        smallest_that_denies_nothing: smallest,
        ..SweepTable::default()
    }
    .with_totals()
}

/// Scopes that had an entry or refused one.
pub(super) fn used(scopes: &[Seen]) -> impl Iterator<Item = &Seen> {
    scopes.iter().filter(|seen| seen.peak.occupancy > 0 || seen.exceeded > 0)
}

/// What is told of a scope in every sweep.
pub(super) fn row((value, number): (String, u64), seen: &Seen, demand_peak: u64) -> SweepRow {
    SweepRow {
        value,
        number,
        scope: seen.name.clone(),
        limit: seen.limit,
        peak: seen.peak.occupancy,
        peak_at_ns: seen.peak.at.map(Timestamp::nanos),
        demand_peak,
        conntrack_allowance_exceeded: seen.exceeded,
        connections_denied: seen.connections_denied,
        connections_broken: None,
        connections_recreated: None,
    }
}
