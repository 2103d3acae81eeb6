//! The replay itself: packets in batches through the engine to the outputs.

use vpcreplay_capture::CaptureSet;
use vpcreplay_engine::{Engine, FlowRecords, Settings, Timeline};
use vpcreplay_flow::Span;
use vpcreplay_policy::{EniId, Warning};

use crate::judge::Judge;
use crate::outputs::Outputs;
use crate::{Feed, Limits, LoadedModels, Plan, ReplayError, load_models};

/// ENIs named in an error message.
const KNOWN_ENIS: usize = 8;

/// How far a replay is, and whether it should go on. Asked on the thread that leads the replay.
pub trait Progress: Send {
    /// Told after every batch: bytes of the captures read, of how many, and packets judged.
    fn update(&mut self, bytes: u64, total: Option<u64>, packets: u64) -> Signal;
}

/// Whether a replay goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It does.
    Continue,
    /// It ends here, cleanly; its outputs are marked partial.
    Stop,
}

impl Signal {
    /// The same when no more comes of some captures: a stream that was stopped stops the replay.
    pub(crate) fn at_end_of(self, captures: &CaptureSet) -> Self {
        if captures.is_cut_short() { Self::Stop } else { self }
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Progress for Unobserved {
    fn update(&mut self, _bytes: u64, _total: Option<u64>, _packets: u64) -> Signal {
        Signal::Continue
    }
}

/// What a replay leaves behind beside its files.
pub struct Report {
    /// The engine after the last packet: counters, peaks, names.
    pub engine: Engine,
    /// The captures after the last frame, and what was seen on the way: formats, damage, clock, tunnels.
    pub feed: Feed,
    /// What the user should know about the models.
    pub warnings: Vec<Warning>,
    /// Whether the replay was stopped before the end of the captures.
    pub end: Signal,
}

/// Replays a plan.
///
/// # Errors
/// Captures, models or outputs that cannot be used. What was written before stays valid.
pub fn run(plan: &Plan, progress: &mut dyn Progress) -> Result<Report, ReplayError> {
    let models = load_models(&plan.models, &plan.options)?;
    let LoadedModels { timeline, warnings } = models;
    let decap = timeline.first.options().decap.unwrap_or_default();
    let feed = Feed::open(&plan.captures, (decap, plan.selection), &plan.growth)?;
    let outputs = Outputs::open(&plan.outputs, &plan.growth)?;
    let settings = settings(plan, &timeline, outputs.kept())?;
    let limits = limits_beside(&feed, &outputs, plan.limits);
    let engine = Engine::new(timeline, settings).divided(limits.division());
    let mut judge = Judge { engine, outputs, progress, end: Signal::Continue };
    let feed =
        if limits.threads > 1 { judge.together(feed, &limits)? } else { judge.alone(feed, limits.batch)? };
    let Judge { mut engine, outputs, end, .. } = judge;
    outputs.finish(&mut engine)?;
    let end = end.at_end_of(feed.captures());
    Ok(Report { engine, feed, warnings, end })
}

/// The limits, with what threads have to do beside: where all captures are compressed, one that decompresses takes a processor of
/// its own. Verdicts that are written are worth the more threads all the same.
fn limits_beside(feed: &Feed, outputs: &Outputs, limits: Limits) -> Limits {
    let is_decompressed = feed.captures().formats().iter().all(|file| file.compression.is_some());
    let threads = if is_decompressed && !outputs.wants_verdicts() {
        limits.threads.saturating_sub(1)
    } else {
        limits.threads
    };
    Limits { threads: threads.max(1), ..limits }
}

/// What a replay keeps beside its verdicts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) flows: FlowRecords,
    pub(crate) series: SeriesRows,
}

/// Whether rows of the series are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SeriesRows {
    #[default]
    Off,
    Kept,
}

/// The settings of the engine: the plan's over those of the first model.
pub(crate) fn settings(plan: &Plan, timeline: &Timeline, kept: Kept) -> Result<Settings, ReplayError> {
    let options = timeline.first.options();
    let period = options.period.unwrap_or(Span::from_secs(60));
    Ok(Settings {
        mode: options.mode.unwrap_or_default(),
        tcp_midstream: options.tcp_midstream.unwrap_or_default(),
        icmp_errors: options.icmp_errors.unwrap_or_default(),
        flow_memory: plan.limits.flow_memory,
        max_flows: plan.limits.max_flows,
        series_period: (kept.series == SeriesRows::Kept).then_some(period),
        flow_records: kept.flows,
        only: chosen_enis(&plan.enis, timeline)?,
    })
}

/// The ENIs that the user chose; `None` when all are judged.
fn chosen_enis(ids: &[String], timeline: &Timeline) -> Result<Option<Vec<EniId>>, ReplayError> {
    if ids.is_empty() {
        return Ok(None);
    }
    let registry = &timeline.registry;
    let known = || {
        let count = u32::try_from(registry.eni_count()).unwrap_or(u32::MAX);
        (0..count).take(KNOWN_ENIS).map(|eni| registry.eni_name(EniId(eni)).to_owned()).collect()
    };
    let find = |id: &String| {
        registry.eni_id(id).ok_or_else(|| ReplayError::UnknownEni { id: id.clone(), known: known() })
    };
    ids.iter().map(find).collect::<Result<Vec<_>, _>>().map(Some)
}
