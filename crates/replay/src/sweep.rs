//! Many values of one timeout in one pass over the captures.

use vpcreplay_engine::{Engine, Forks, Peak, Swept, Timeline};
use vpcreplay_flow::{Span, TimeoutName};
use vpcreplay_policy::Options;

use crate::model::Networks;
use crate::run::{Kept, settings};
use crate::{Batch, Feed, Plan, Progress, ReplayError, Signal};

/// What a sweep found with one value of the timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepValue {
    /// The value.
    pub value: Span,
    /// By scope, in the order of the model.
    pub scopes: Vec<SweepScope>,
}

/// What a sweep found in an allowance scope with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepScope {
    /// The scope: an ENI or instance id.
    pub scope: String,
    /// Its limit.
    pub limit: u64,
    /// The greatest occupancy, as if there were no limit.
    pub peak: Peak,
    /// Connections created.
    pub created: u64,
    /// Connections that the timeout ended and whose next packet at their ENI, not a bare SYN, was denied there.
    pub broken: u64,
    /// Connections that the timeout ended and whose next packet at their ENI, not a bare SYN, made another one.
    pub recreated: u64,
}

/// What a sweep found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// By value, ascending.
    pub values: Vec<SweepValue>,
    /// Packets judged.
    pub packets: u64,
    /// Whether flows came to their bound (S7.0): then all values need replays of their own.
    pub is_full: bool,
    /// Connections that all values ended and that were forgotten before a packet came, to keep memory bounded.
    pub forgotten: u64,
    /// Whether the sweep was stopped before the end of the captures.
    pub end: Signal,
}

impl SweepScope {
    /// Whether a connection would have been refused: then the value needs a replay of its own.
    pub const fn is_over_limit(&self) -> bool {
        self.peak.occupancy > self.limit
    }
}

impl SweepValue {
    /// Whether the value needs a replay of its own, because what follows a refused connection depends on it.
    pub fn is_over_limit(&self) -> bool {
        self.scopes.iter().any(SweepScope::is_over_limit)
    }
}

/// Replays a plan once for all values of a timeout, each over everything else that is said of it. Outputs of the plan are not
/// written.
///
/// `None` where values need replays of their own whatever comes: the plan has later models, or ICMP errors that are
/// `related`; and without a value.
///
/// # Errors
/// Captures or models that cannot be used.
pub fn sweep(
    plan: &Plan,
    (name, values): (TimeoutName, &[Span]),
    progress: &mut dyn Progress,
) -> Result<Option<Sweep>, ReplayError> {
    let networks = Networks::load(&plan.models)?;
    let own = networks.compile(&plan.options)?.timeline;
    let mut values = values.to_vec();
    values.sort_unstable();
    values.dedup();
    let mut worlds: Vec<(Span, Timeline)> = Vec::with_capacity(values.len());
    for value in values {
        let mut options = Options { limit: Some(u64::MAX), ..plan.options.clone() };
        options.timeouts.insert(name, value);
        worlds.push((value, networks.compile(&options)?.timeline));
    }
    let decap = own.first.options().decap.unwrap_or_default();
    let mut feed = Feed::open(&plan.captures, (decap, plan.selection), &plan.growth)?;
    let settings = settings(plan, &own, Kept::default())?;
    let Some(mut forks) = Forks::new(name, worlds, settings) else { return Ok(None) };
    let mut batch = Batch::default();
    let mut end = Signal::Continue;
    while end == Signal::Continue {
        feed.fill(&mut batch, plan.limits.batch)?;
        if batch.is_empty() {
            break;
        }
        forks.judge_batch(&batch.all());
        let (bytes, total) = feed.captures().progress();
        end = progress.update(bytes, total, batch.last_number());
    }
    Ok(Some(Sweep {
        values: forks.swept().iter().map(|swept| named(swept, forks.engine(), &own)).collect(),
        packets: feed.stats().packets,
        is_full: forks.is_full(),
        forgotten: forks.forgotten(),
        end: end.at_end_of(feed.captures()),
    }))
}

/// What was found with a value, with names and limits.
fn named(swept: &Swept, engine: &Engine, own: &Timeline) -> SweepValue {
    let of = |scope: &vpcreplay_engine::SweptScope| SweepScope {
        scope: engine.registry().scope_name(scope.scope).to_owned(),
        limit: own.first.limit(scope.scope).unwrap_or(0),
        peak: scope.peak,
        created: scope.created,
        broken: scope.broken,
        recreated: scope.recreated,
    };
    SweepValue { value: swept.value, scopes: swept.scopes.iter().map(of).collect() }
}
