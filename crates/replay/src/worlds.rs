//! Worlds: one pass over the captures, decoded once, any number of replays side by side (S11.1).
//!
//! A world is an engine of its own, with its models and options, and what watches it. Worlds share nothing but the
//! packets, so that each one's result is that of a replay of its own, byte for byte. What comes before judging is common
//! to all: captures, selection, the tunnel that is taken off.

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use vpcreplay_engine::Engine;
use vpcreplay_flow::Decap;
use vpcreplay_policy::Warning;

use crate::outputs::Outputs;
use crate::run::settings;
use crate::{Batch, Feed, Limits, LoadedModels, Plan, Progress, ReplayError, Signal, load_models};

/// What watches a world: judges its packets, batch by batch, and keeps what it wants of the verdicts.
pub trait Watcher: Send {
    /// Has a batch judged. `files` are the names behind the numbers of files.
    ///
    /// # Errors
    /// Outputs that cannot be written.
    fn batch(&mut self, engine: &mut Engine, batch: &Batch, files: &[String]) -> Result<(), ReplayError>;

    /// Ends the replay after the last batch.
    ///
    /// # Errors
    /// Outputs that cannot be written.
    fn finish(&mut self, engine: &mut Engine) -> Result<(), ReplayError>;
}

/// One replay among others.
pub struct World<W> {
    /// Judges the packets.
    pub engine: Engine,
    /// Watches the verdicts.
    pub watcher: W,
}

/// What a pass leaves behind.
pub struct Replayed<W> {
    /// The worlds after the last packet, in the order in which they were given.
    pub worlds: Vec<World<W>>,
    /// The captures after the last frame.
    pub feed: Feed,
    /// Whether the pass was stopped before the end of the captures.
    pub end: Signal,
}

/// Replays the packets of a feed in several worlds. With more than one thread worlds run beside each other, and the
/// next batch is read and decoded meanwhile.
///
/// # Errors
/// A capture that cannot be read on, outputs that cannot be written; of several worlds the first one's.
pub fn replay_worlds<W: Watcher>(
    feed: Feed,
    worlds: Vec<World<W>>,
    limits: Limits,
    progress: &mut dyn Progress,
) -> Result<Replayed<W>, ReplayError> {
    let pool = match limits.threads {
        0 | 1 => None,
        // Without threads of its own the pass goes on with this one.
        threads => ThreadPoolBuilder::new().num_threads(threads).build().ok(),
    };
    match pool {
        None => pass(feed, worlds, (Next::Behind, limits.batch), progress),
        // By one of its threads, which goes on at once when a batch is judged: a thread that waits outside had to be woken.
        Some(pool) => {
            let size = limits.batch.saturating_mul(BATCHES_BESIDE);
            pool.install(|| pass(feed, worlds, (Next::Beside, size), progress))
        }
    }
}

/// Batches that are judged at once while the next ones are read: at the end of each turn threads wait for each other.
const BATCHES_BESIDE: usize = 32;

/// When the next batch is read.
enum Next {
    /// When this one is judged.
    Behind,
    /// While it is judged, and worlds run beside each other: on the threads of the pool that the pass runs in.
    Beside,
}

/// Replays batches of a size.
fn pass<W: Watcher>(
    mut feed: Feed,
    mut worlds: Vec<World<W>>,
    (when, size): (Next, usize),
    progress: &mut dyn Progress,
) -> Result<Replayed<W>, ReplayError> {
    let files = feed.captures().names().to_vec();
    let (mut now, mut next) = (Batch::default(), Batch::default());
    let mut end = Signal::Continue;
    // What was read before a failure is judged.
    let mut read = feed.fill(&mut now, size);
    while !now.is_empty() && end == Signal::Continue {
        let (bytes, total) = feed.captures().progress();
        let judge = |world: &mut World<W>| world.watcher.batch(&mut world.engine, &now, &files);
        let mut read_next = || {
            next.clear();
            if read.is_ok() {
                read = feed.fill(&mut next, size);
            }
        };
        match when {
            Next::Behind => {
                worlds.iter_mut().try_for_each(judge)?;
                read_next();
            }
            Next::Beside => {
                let all = || worlds.par_iter_mut().map(judge).collect::<Vec<_>>();
                let ((), judged) = rayon::join(read_next, all);
                judged.into_iter().collect::<Result<(), _>>()?;
            }
        }
        end = progress.update(bytes, total, now.last_number());
        std::mem::swap(&mut now, &mut next);
    }
    read?;
    for world in &mut worlds {
        world.watcher.finish(&mut world.engine)?;
    }
    let end = end.at_end_of(feed.captures());
    Ok(Replayed { worlds, feed, end })
}

/// What several replays of one pass leave behind beside their files.
pub struct WorldsReport {
    /// Each replay's engine after the last packet, with what the user should know about its models.
    pub worlds: Vec<(Engine, Vec<Warning>)>,
    /// The captures after the last frame.
    pub feed: Feed,
    /// Whether the pass was stopped before the end of the captures.
    pub end: Signal,
}

/// Replays several plans in one pass, each with the outputs that [`crate::run()`] gives it. The plans have their captures,
/// their selection and the tunnel that is taken off in common; threads and batch are those of the first.
///
/// # Errors
/// Plans that cannot share a pass; captures, models or outputs that cannot be used.
pub fn run_worlds(plans: &[Plan], progress: &mut dyn Progress) -> Result<WorldsReport, ReplayError> {
    let Some(first) = plans.first() else {
        return Err(ReplayError::Worlds { what: "there is no plan to replay".to_owned() });
    };
    let mut worlds = Vec::new();
    let mut warnings = Vec::new();
    let mut decap = None;
    for (number, plan) in (1..).zip(plans) {
        let (world, its_decap, its_warnings) = written(plan)?;
        let is_common = plan.captures == first.captures
            && plan.selection == first.selection
            && plan.growth == first.growth;
        if !is_common || decap.replace(its_decap).is_some_and(|decap| decap != its_decap) {
            let what = format!(
                "plan {number} differs in captures, selection, growth or tunnel from those before it"
            );
            return Err(ReplayError::Worlds { what });
        }
        worlds.push(world);
        warnings.push(its_warnings);
    }
    let feed = Feed::open(&first.captures, (decap.unwrap_or_default(), first.selection), &first.growth)?;
    let Replayed { worlds, feed, end } = replay_worlds(feed, worlds, first.limits, progress)?;
    let worlds = worlds.into_iter().map(|world| world.engine).zip(warnings).collect();
    Ok(WorldsReport { worlds, feed, end })
}

/// The world of a plan with its outputs.
fn written(plan: &Plan) -> Result<(World<Written>, Decap, Vec<Warning>), ReplayError> {
    let LoadedModels { timeline, warnings } = load_models(&plan.models, &plan.options)?;
    let outputs = Outputs::open(&plan.outputs, &plan.growth)?;
    let settings = settings(plan, &timeline, outputs.kept())?;
    let decap = timeline.first.options().decap.unwrap_or_default();
    let world = World { engine: Engine::new(timeline, settings), watcher: Written { outputs } };
    Ok((world, decap, warnings))
}

/// Writes the outputs of a plan.
pub(crate) struct Written {
    pub(crate) outputs: Outputs,
}

impl Watcher for Written {
    fn batch(&mut self, engine: &mut Engine, batch: &Batch, files: &[String]) -> Result<(), ReplayError> {
        self.outputs.judge(engine, batch, files)
    }

    fn finish(&mut self, engine: &mut Engine) -> Result<(), ReplayError> {
        std::mem::take(&mut self.outputs).finish(engine)
    }
}
