//! What is told of each allowance scope.

use std::cmp::Reverse;

use vpcreplay_capacity as measured;
use vpcreplay_capacity::{Increase, ScopeMeter, THRESHOLDS, Tally};
use vpcreplay_engine::{Registry, ScopeId};
use vpcreplay_flow::Timestamp;
use vpcreplay_sinks::capacity::{
    Above, Contributor, Demand, DeniedPacket, Fit, Growth, ScopeCapacity, Share, ShiftedGrowth,
};

use super::CapacityPlan;
use super::names::{kind, name};
use super::trial::{Observed, Seen};
use crate::CaptureSet;

/// Kinds of classes, in the order of reports.
const KINDS: [&str; 6] = ["peer", "service", "rule", "protocol", "state", "fate"];

/// Every scope that had an entry or refused one, the fullest first. `free` is the world without limits.
pub(super) fn all(
    plan: &CapacityPlan,
    (free, observed): (&Observed, &Observed),
    captures: &CaptureSet,
) -> Vec<ScopeCapacity> {
    let mut scopes: Vec<ScopeCapacity> = observed
        .scopes
        .iter()
        .filter_map(|seen| {
            let books = observed.meter.as_ref()?.scope(seen.scope)?;
            let free = free.meter.as_ref()?.scope(seen.scope)?;
            if seen.peak.occupancy == 0 && seen.exceeded == 0 {
                return None;
            }
            let mut scope = of_books(seen, books, observed.engine.registry());
            scope.first_denied = first_denied(observed, seen.scope, captures);
            scope.demand = demand(plan, free, seen.limit);
            scope.fits = fits(plan, free);
            scope.curve = books.envelope().parts().collect();
            if free.peak().occupancy > books.peak().occupancy {
                scope.demand_curve = free.envelope().parts().collect();
            }
            Some(scope)
        })
        .collect();
    let fill =
        |scope: &ScopeCapacity| u128::from(scope.demand.peak) * 1_000_000 / u128::from(scope.limit.max(1));
    scopes
        .sort_by(|left, right| (Reverse(fill(left)), &left.scope).cmp(&(Reverse(fill(right)), &right.scope)));
    scopes
}

fn of_books(seen: &Seen, books: &ScopeMeter, registry: &Registry) -> ScopeCapacity {
    let peak = seen.peak;
    ScopeCapacity {
        scope: seen.name.clone(),
        limit: seen.limit,
        peak: peak.occupancy,
        peak_at: peak.at.map(Into::into),
        headroom: seen.limit.saturating_sub(peak.occupancy),
        conntrack_allowance_exceeded: seen.exceeded,
        connections_denied: seen.connections_denied,
        span_ns: books.span_ns(),
        above: THRESHOLDS
            .into_iter()
            .zip(books.above_ns())
            .map(|(percent, ns)| Above { percent, ns })
            .collect(),
        entries: share(&books.total()),
        contributors: contributors(books, registry),
        ..ScopeCapacity::default()
    }
}

pub(super) fn share(tally: &Tally) -> Share {
    let Tally { connections, entry_ns, idle_ns, at_peak, .. } = *tally;
    Share { connections, entry_ns, idle_ns, at_peak }
}

/// Who fills the table: by kind, the greatest first, then by name.
fn contributors(books: &ScopeMeter, registry: &Registry) -> Vec<Contributor> {
    let all = books.contributions();
    // What came too late for a count of its own has no class; its kind is that of the one before.
    let mut newest = KINDS[0];
    let named = all.iter().map(|contribution| {
        let (kind, key) = match &contribution.class {
            Some(class) => (kind(class), name(class, registry)),
            None => (newest, "others".to_owned()),
        };
        newest = kind;
        Contributor { kind, key, share: share(&contribution.tally) }
    });
    let mut named: Vec<Contributor> = named.collect();
    let place = |kind: &str| KINDS.iter().position(|known| *known == kind);
    named.sort_by(|left, right| {
        let order = |row: &Contributor| {
            (place(row.kind), Reverse(row.share.entry_ns), Reverse(row.share.connections))
        };
        (order(left), &left.key).cmp(&(order(right), &right.key))
    });
    named
}

fn first_denied(observed: &Observed, scope: ScopeId, captures: &CaptureSet) -> Option<DeniedPacket> {
    let item = observed.first_denied.get(&scope)?;
    Some(DeniedPacket {
        packet: item.number,
        file: captures.names().get(item.file).cloned().unwrap_or_default(),
        frame: item.frame,
        at: item.time.into(),
    })
}

/// What the traffic needs, and how many copies of it the limit bears.
fn demand(plan: &CapacityPlan, free: &ScopeMeter, limit: u64) -> Demand {
    let shifted = plan.shift.zip(free.changes()).map(|((seed, most), changes)| {
        let growth = measured::shifted_growth(changes, measured::Phases::new(seed, most), limit);
        ShiftedGrowth { most_ns: most.nanos(), seed, growth: growth.ok().map(told), more_than: growth.err() }
    });
    Demand {
        peak: free.peak().occupancy,
        peak_at: free.peak().at.map(|at: Timestamp| at.into()),
        growth: growth(free.increase(), limit),
        shifted_growth: shifted,
    }
}

fn growth(increase: &Increase, limit: u64) -> Growth {
    told(measured::Growth::of(increase, limit))
}

const fn told(growth: measured::Growth) -> Growth {
    Growth { reaches_limit_at: growth.reaches, denies_at: growth.denies }
}

fn fits(plan: &CapacityPlan, free: &ScopeMeter) -> Vec<Fit> {
    let peak = free.peak().occupancy;
    let of = |(name, limit): &(String, u64)| Fit {
        name: name.clone(),
        limit: *limit,
        fits: peak <= *limit,
        headroom: limit.saturating_sub(peak),
        growth: growth(free.increase(), *limit),
    };
    plan.limits.iter().map(of).collect()
}
