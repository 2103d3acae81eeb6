//! The replay itself: packets in batches through the engine to the outputs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use vpcreplay_engine::{Engine, FlowRecords, Settings, Timeline};
use vpcreplay_flow::Span;
use vpcreplay_policy::{EniId, Warning};

use crate::outputs::Outputs;
use crate::{Batch, Feed, LoadedModels, Plan, ReplayError, load_models};

/// Batches that may wait between reading and judging.
const BATCHES_AHEAD: usize = 8;
/// ENIs named in an error message.
const KNOWN_ENIS: usize = 8;

/// How far a replay is, and whether it should go on.
pub trait Progress {
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
    let engine = Engine::new(timeline, settings);
    let mut judge = Judge { engine, outputs, progress, end: Signal::Continue };
    let feed = if plan.limits.threads > 1 {
        judge.beside(feed, plan.limits.batch)?
    } else {
        judge.alone(feed, plan.limits.batch)?
    };
    let Judge { mut engine, outputs, end, .. } = judge;
    outputs.finish(&mut engine)?;
    Ok(Report { engine, feed, warnings, end })
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

/// The judging side of a replay.
struct Judge<'a> {
    engine: Engine,
    outputs: Outputs,
    progress: &'a mut dyn Progress,
    end: Signal,
}

/// A batch on its way from reading to judging, with how far reading is.
struct Parcel {
    batch: Batch,
    bytes: u64,
    total: Option<u64>,
}

impl Judge<'_> {
    /// Reads and judges by turns on this thread.
    fn alone(&mut self, mut feed: Feed, size: usize) -> Result<Feed, ReplayError> {
        let mut batch = Batch::default();
        loop {
            feed.fill(&mut batch, size)?;
            let (bytes, total) = feed.captures().progress();
            if batch.is_empty() {
                return Ok(feed);
            }
            self.judge(&batch, feed.captures().names())?;
            self.note(bytes, total, &batch);
            if self.end == Signal::Stop {
                return Ok(feed);
            }
        }
    }

    /// Reads on a thread of its own while this one judges. Batches come in order, so nothing else changes.
    fn beside(&mut self, mut feed: Feed, size: usize) -> Result<Feed, ReplayError> {
        let names = feed.captures().names().to_vec();
        let (full_out, full_in) = sync_channel::<Parcel>(BATCHES_AHEAD);
        let (empty_out, empty_in) = sync_channel::<Batch>(BATCHES_AHEAD + 2);
        thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let read = read_ahead(&mut feed, size, &full_out, &empty_in);
                read.map(|()| feed)
            });
            let judged = self.receive(&full_in, &empty_out, &names);
            drop(full_in);
            let feed = match reader.join() {
                Ok(read) => read,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            judged?;
            feed
        })
    }

    fn receive(
        &mut self,
        full: &Receiver<Parcel>,
        empty: &SyncSender<Batch>,
        names: &[String],
    ) -> Result<(), ReplayError> {
        for Parcel { batch, bytes, total } in full {
            self.judge(&batch, names)?;
            self.note(bytes, total, &batch);
            if self.end == Signal::Stop {
                break;
            }
            // The reader may be done already; then the buffer is not needed any more.
            let _ = empty.try_send(batch);
        }
        Ok(())
    }

    fn judge(&mut self, batch: &Batch, names: &[String]) -> Result<(), ReplayError> {
        let Self { engine, outputs, .. } = self;
        if outputs.wants_verdicts() {
            let registry = Arc::clone(engine.registry());
            let mut written = Ok(());
            let packet = |row| batch.packet(row);
            engine.judge_batch(batch.rows(), packet, |row, verdict| {
                if written.is_ok() {
                    let item = batch.item(row);
                    let file = names.get(item.file).map_or("", String::as_str);
                    written = outputs.verdict(&item, file, &verdict, &registry);
                }
            });
            written?;
        } else {
            engine.judge_batch(batch.rows(), |row| batch.packet(row), |_, _| {});
        }
        outputs.drain(engine)
    }

    fn note(&mut self, bytes: u64, total: Option<u64>, batch: &Batch) {
        let packets = batch.last_number();
        self.end = self.progress.update(bytes, total, packets);
    }
}

/// Fills batches until the captures end, or until nobody judges any more.
fn read_ahead(
    feed: &mut Feed,
    size: usize,
    full: &SyncSender<Parcel>,
    empty: &Receiver<Batch>,
) -> Result<(), ReplayError> {
    loop {
        let mut batch = empty.try_recv().unwrap_or_default();
        feed.fill(&mut batch, size)?;
        if batch.is_empty() {
            return Ok(());
        }
        let (bytes, total) = feed.captures().progress();
        if full.send(Parcel { batch, bytes, total }).is_err() {
            return Ok(());
        }
    }
}
