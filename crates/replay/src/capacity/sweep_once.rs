//! All values of a timeout in one pass over the captures, as far as one pass can tell.

use std::sync::atomic::{AtomicBool, Ordering};

use vpcreplay_capacity::{GapCounts, Sweep, SweepOf};
use vpcreplay_engine::ScopeId;

use super::trial::{Seen, Trial};
use crate::sweep::{SweepScope, sweep};
use crate::{Plan, Progress, ReplayError, Signal};

/// What a sweep found by value, and by scope, as if there were no limits; `None` where every value needs a replay of its
/// own.
pub(super) type Swept = Option<Vec<Vec<SweepScope>>>;

/// Goes on until it is told to stop.
struct Until<'a>(&'a AtomicBool);

impl Progress for Until<'_> {
    fn update(&mut self, _bytes: u64, _total: Option<u64>, _packets: u64) -> Signal {
        if self.0.load(Ordering::Relaxed) { Signal::Stop } else { Signal::Continue }
    }
}

/// Goes through every sweep of a timeout, until `stop`; `None` for the others.
///
/// # Errors
/// Captures or models that cannot be used.
pub(super) fn sweep_all(plan: &Plan, sweeps: &[Sweep], stop: &AtomicBool) -> Result<Vec<Swept>, ReplayError> {
    let one = |asked: &Sweep| {
        let SweepOf::Timeout(name, values) = &asked.of else { return Ok(None) };
        // One value is a replay of its own.
        if values.len() < 2 {
            return Ok(None);
        }
        let found = sweep(plan, (*name, values), &mut Until(stop))?;
        let is_told =
            |found: &crate::Sweep| !found.is_full && found.forgotten == 0 && found.end == Signal::Continue;
        Ok(found.filter(is_told).map(|found| found.values.into_iter().map(|value| value.scopes).collect()))
    };
    sweeps.iter().map(one).collect()
}

/// What a trial would have found of the scopes without limits.
pub(super) fn seen(trial: &Trial, scopes: &[SweepScope]) -> Vec<Seen> {
    let registry = &trial.timeline.registry;
    let count = u32::try_from(registry.scope_count()).unwrap_or(u32::MAX);
    let named = (0..count).map(ScopeId).map(|scope| (scope, registry.scope_name(scope)));
    let of = |(scope, name): (ScopeId, &str)| {
        let found = scopes.iter().find(|found| found.scope == name)?;
        Some(Seen {
            scope,
            name: name.to_owned(),
            limit: found.limit,
            peak: found.peak,
            exceeded: 0,
            connections_denied: 0,
            gaps: GapCounts { broken: found.broken, recreated: found.recreated, forgotten: 0 },
        })
    };
    named.filter_map(of).collect()
}
