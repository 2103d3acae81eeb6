//! One question of a capacity analysis: the captures replayed under some options, without a limit and, where the limit
//! matters, with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use vpcreplay_capacity::{GapCounts, Meter};
use vpcreplay_engine::{Engine, EniId, Peak, Registry, ScopeId, Timeline};
use vpcreplay_policy::{Options, Policy, Warning};

use super::observer::{Observer, Wanted};
use crate::model::Networks;
use crate::outputs::Outputs;
use crate::run::settings;
use crate::{Item, LoadedModels, Plan, ReplayError, World};

/// More than any table holds.
const NO_LIMIT: u64 = i64::MAX as u64;

/// Whether a world keeps to the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    /// It has none: what the traffic needs.
    No,
    /// It keeps to them.
    Yes,
}

/// Options under which the captures are replayed, and what came of it.
pub(super) struct Trial {
    options: Options,
    networks: Arc<Networks>,
    wanted: Wanted,
    /// The models with their limits.
    pub(super) timeline: Timeline,
    pub(super) warnings: Vec<Warning>,
    /// What came of the world without limits.
    pub(super) free: Option<Observed>,
    /// What came of the world with them.
    pub(super) limited: Option<Observed>,
}

impl Trial {
    pub(super) fn new(
        networks: &Arc<Networks>,
        options: Options,
        wanted: Wanted,
    ) -> Result<Self, ReplayError> {
        let LoadedModels { timeline, warnings } = networks.compile(&options)?;
        let networks = Arc::clone(networks);
        Ok(Self { options, networks, wanted, timeline, warnings, free: None, limited: None })
    }

    /// A world of this trial before its first packet.
    pub(super) fn world(
        &self,
        plan: &Plan,
        limited: Limited,
        outputs: Option<Outputs>,
    ) -> Result<World<Observer>, ReplayError> {
        let timeline = match limited {
            Limited::Yes => self.timeline.clone(),
            Limited::No => {
                let options = Options { limit: Some(NO_LIMIT), ..self.options.clone() };
                self.networks.compile(&options)?.timeline
            }
        };
        let kept = outputs.as_ref().map(Outputs::kept).unwrap_or_default();
        let settings = settings(plan, &timeline, kept)?;
        let denials = (limited == Limited::Yes).then_some((plan.limits.flow_memory, plan.limits.max_flows));
        let wanted = Wanted { denials, ..self.wanted };
        let watcher = Observer::new((&timeline, &self.timeline), wanted, (plan.limits.max_flows, outputs));
        Ok(World { engine: Engine::new(timeline, settings), watcher })
    }

    /// Takes in what came of a world.
    pub(super) fn conclude(&mut self, limited: Limited, world: World<Observer>) {
        let observed = Observed::of(world, &self.timeline);
        match limited {
            Limited::No => self.free = Some(observed),
            Limited::Yes => self.limited = Some(observed),
        }
    }

    /// Whether a limit refuses what the traffic of a world without limits needs. Where none does, the world with the
    /// limits is that world.
    pub(super) fn binds(&self, free: &[Seen]) -> bool {
        free.iter().any(|seen| seen.peak.occupancy > self.least_limit(seen.scope))
    }

    /// The least limit that a scope has in any model of the timeline.
    fn least_limit(&self, scope: ScopeId) -> u64 {
        policies(&self.timeline).filter_map(|policy| policy.limit(scope)).min().unwrap_or(0)
    }

    /// What came of the world with the limits; of the one without them where they do not matter.
    pub(super) fn observed(&self) -> Option<&Observed> {
        self.limited.as_ref().or(self.free.as_ref())
    }
}

/// The models of a timeline, the newest first.
pub(super) fn policies(timeline: &Timeline) -> impl Iterator<Item = &Policy> {
    let later = timeline.later.iter().rev().map(|(_, policy)| &**policy);
    later.chain([&*timeline.first])
}

/// What came of a world.
pub(super) struct Observed {
    pub(super) scopes: Vec<Seen>,
    pub(super) meter: Option<Meter>,
    pub(super) first_denied: BTreeMap<ScopeId, Item>,
    pub(super) engine: Engine,
}

/// What came of a scope.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) scope: ScopeId,
    pub(super) name: String,
    /// Its limit at the end, of the models with their limits.
    pub(super) limit: u64,
    pub(super) peak: Peak,
    pub(super) exceeded: u64,
    pub(super) connections_denied: u64,
    pub(super) gaps: GapCounts,
}

impl Observed {
    fn of(world: World<Observer>, timeline: &Timeline) -> Self {
        let World { engine, watcher } = world;
        let registry = Arc::clone(engine.registry());
        let scope_count = u32::try_from(registry.scope_count()).unwrap_or(u32::MAX);
        let (denials, gaps) = (watcher.denials.as_ref(), watcher.gaps.as_ref());
        let scopes = (0..scope_count)
            .map(ScopeId)
            .map(|scope| Seen {
                scope,
                name: registry.scope_name(scope).to_owned(),
                limit: policies(timeline).find_map(|policy| policy.limit(scope)).unwrap_or(0),
                peak: engine.peak(scope),
                exceeded: engine.scope_exceeded(scope),
                connections_denied: denials.map_or(0, |denials| denials.count(scope)),
                gaps: gaps.map(|gaps| gaps.counts(scope)).unwrap_or_default(),
            })
            .collect();
        let Observer { meter, first_denied, .. } = watcher;
        Self { scopes, meter, first_denied, engine }
    }

    /// What came of a scope with this name.
    pub(super) fn scope(&self, name: &str) -> Option<&Seen> {
        self.scopes.iter().find(|seen| seen.name == name)
    }
}

/// All ENIs of all models.
pub(super) fn enis(registry: &Registry) -> impl Iterator<Item = EniId> + use<> {
    (0..u32::try_from(registry.eni_count()).unwrap_or(u32::MAX)).map(EniId)
}
