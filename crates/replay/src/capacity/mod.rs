//! Capacity: how full the connection table gets, who fills it, and what would change that.
//!
//! Every figure is that of a replay: worlds (S11.1) are replayed side by side, first without a limit, which tells what the
//! traffic needs; where that is more than a limit allows, with the limit as well, in a second pass. Captures that
//! can be read only once are replayed in all worlds at once.

mod linux;
mod names;
mod observer;
mod passes;
mod scopes;
mod sweep_limits;
mod sweep_once;
mod sweep_timeouts;
mod trial;
mod untracked;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use vpcreplay_capacity::{KeepChanges, Sweep};
use vpcreplay_flow::{Reason, Span, TimeoutName};
use vpcreplay_sinks::Summary;
use vpcreplay_sinks::capacity::CapacityReport;
use vpcreplay_sinks::summary::Notice;

use crate::summary::context;
use crate::{CaptureSet, Feed, Plan, Progress, ReplayError, Signal};
use observer::Wanted;
use passes::{Ground, Pick, Reading};
use trial::{Limited, Observed, Seen, Trial};

pub use linux::LINUX_MAX;

/// A capacity analysis: a replay, and what is asked of it.
#[derive(Clone, Debug)]
pub struct CapacityPlan {
    /// The replay as configured. Of its outputs only the series is written.
    pub replay: Plan,
    /// Options whose values are compared.
    pub sweeps: Vec<Sweep>,
    /// The user's own table of names and limits.
    pub limits: Vec<(String, u64)>,
    /// Classes of connections, at most, that are looked at as if they were untracked.
    pub untracked: usize,
    /// A Linux host's table beside.
    pub linux: Option<LinuxPlan>,
    /// Copies with phases of their own: the seed, and what phases are below.
    pub shift: Option<(u64, Span)>,
}

/// The connection table of a Linux host.
#[derive(Clone, Debug)]
pub struct LinuxPlan {
    /// `nf_conntrack_max`.
    pub max: u64,
    /// Timeouts other than the kernel's own.
    pub timeouts: BTreeMap<TimeoutName, Span>,
}

/// What a capacity analysis leaves behind.
pub struct CapacityOutcome {
    /// What it found.
    pub report: CapacityReport,
    /// The captures after the last frame.
    pub feed: Feed,
    /// Whether it was stopped before the end of the captures.
    pub end: Signal,
}

impl CapacityOutcome {
    /// The captures.
    pub const fn captures(&self) -> &CaptureSet {
        self.feed.captures()
    }
}

/// Analyses the capacity that some traffic needs.
///
/// # Errors
/// Captures, models or outputs that cannot be used; captures in which nothing is tracked; chosen ENIs that no packet
/// passes; a question that needs a second reading of captures that can be read only once.
pub fn capacity(plan: &CapacityPlan, progress: &mut dyn Progress) -> Result<CapacityOutcome, ReplayError> {
    let mut ground = Ground::new(plan)?;
    if plan.untracked > 0 && ground.reading() == Reading::Once {
        return Err(ReplayError::ReadOnce { option: "--untracked" });
    }
    let mut trials = Trials::of(plan, &ground)?;
    let reading = ground.reading();
    first_pass(plan, &mut ground, &mut trials, progress)?;
    trials.check(plan, &ground)?;
    let mut untracked = untracked::Candidates::default();
    if ground.goes_on() && reading == Reading::Again {
        untracked = untracked::Candidates::of(plan, &ground, &trials.main)?;
        let mut picks = trials.second_picks();
        picks.extend(untracked.picks(Limited::No));
        ground.pass(picks, progress)?;
        if ground.goes_on() {
            ground.pass(untracked.picks(Limited::Yes), progress)?;
        }
    }
    report(plan, ground, &trials, &untracked)
}

/// The questions that are known before the captures are read.
struct Trials {
    main: Trial,
    sweeps: Vec<SweepTrials>,
    linux: Option<Trial>,
}

/// A sweep: a trial for each value.
struct SweepTrials {
    sweep: Sweep,
    trials: Vec<Trial>,
    /// By value what one pass told of the scopes without limits; empty where every value is replayed by itself.
    swept: Vec<Vec<Seen>>,
}

impl SweepTrials {
    /// What came of a value without limits.
    fn free(&self, at: usize) -> Option<&[Seen]> {
        let replayed = || Some(self.trials.get(at)?.free.as_ref()?.scopes.as_slice());
        self.swept.get(at).map(Vec::as_slice).or_else(replayed)
    }

    /// What came of each value: with its limits where they bind.
    fn found(&self) -> impl Iterator<Item = Option<(&[Seen], &[Seen])>> {
        self.trials.iter().enumerate().map(|(at, trial)| {
            let free = self.free(at)?;
            Some((trial.limited.as_ref().map_or(free, |limited| &limited.scopes), free))
        })
    }
}

/// Replays everything without limits. Sweeps of timeouts go through all their values at once, beside it where there is
/// another thread; where one pass cannot tell, and where captures can be read only once, each value is replayed by itself.
fn first_pass(
    plan: &CapacityPlan,
    ground: &mut Ground<'_>,
    trials: &mut Trials,
    progress: &mut dyn Progress,
) -> Result<(), ReplayError> {
    let reading = ground.reading();
    if reading == Reading::Once {
        return ground.pass(trials.first_picks(plan, reading), progress);
    }
    let stop = AtomicBool::new(false);
    let sweep = || sweep_once::sweep_all(&plan.replay, &plan.sweeps, &stop);
    let swept = if plan.replay.limits.threads > 1 {
        thread::scope(|scope| {
            let sweeping = scope.spawn(sweep);
            let passed = ground.pass(trials.first_picks(plan, reading), progress);
            stop.store(passed.is_err() || !ground.goes_on(), Ordering::Relaxed);
            let swept = sweeping.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            passed.and(swept)
        })?
    } else {
        ground.pass(trials.first_picks(plan, reading), progress)?;
        stop.store(!ground.goes_on(), Ordering::Relaxed);
        sweep()?
    };
    for (trials, swept) in trials.sweeps.iter_mut().zip(swept) {
        let values = trials.trials.iter().zip(swept.into_iter().flatten());
        trials.swept = values.map(|(trial, scopes)| sweep_once::seen(trial, &scopes)).collect();
    }
    ground.pass(trials.unswept(), progress)
}

impl Trials {
    fn of(plan: &CapacityPlan, ground: &Ground<'_>) -> Result<Self, ReplayError> {
        let keep = if plan.shift.is_some() { KeepChanges::Yes } else { KeepChanges::No };
        let wanted = Wanted { meter: Some(keep), ..Wanted::default() };
        let main = Trial::new(&ground.networks, plan.replay.options.clone(), wanted)?;
        let sweeps = plan.sweeps.iter().map(|sweep| {
            let trials = match &sweep.of {
                vpcreplay_capacity::SweepOf::Limit(values) => sweep_limits::trials(ground, values),
                vpcreplay_capacity::SweepOf::Timeout(name, values) => {
                    sweep_timeouts::trials(ground, *name, values)
                }
            };
            Ok(SweepTrials { sweep: sweep.clone(), trials: trials?, swept: Vec::new() })
        });
        let sweeps = sweeps.collect::<Result<_, ReplayError>>()?;
        let linux = plan.linux.as_ref().map(|linux| linux::trial(ground, linux)).transpose()?;
        Ok(Self { main, sweeps, linux })
    }

    /// What is replayed first: everything without limits; everything with limits too where there is no second pass.
    fn first_picks(&mut self, plan: &CapacityPlan, reading: Reading) -> Vec<Pick<'_>> {
        let at_once = reading == Reading::Once;
        let mut picks = Vec::new();
        let has_series = plan.replay.outputs.series.is_some();
        let both = if at_once { &[Limited::No, Limited::Yes][..] } else { &[Limited::No] };
        let main = if has_series || at_once { &[Limited::No, Limited::Yes][..] } else { &[Limited::No] };
        picks.push(Pick { trial: &mut self.main, worlds: main, has_series });
        for SweepTrials { sweep, trials, .. } in &mut self.sweeps {
            // What the traffic needs does not depend on the limit.
            let is_limit = matches!(sweep.of, vpcreplay_capacity::SweepOf::Limit(_));
            let worlds = match (is_limit, at_once) {
                (true, true) => &[Limited::Yes][..],
                // Those of limits follow; those of timeouts go through all values at once.
                (_, false) => continue,
                (false, true) => both,
            };
            picks.extend(trials.iter_mut().map(|trial| Pick { trial, worlds, has_series: false }));
        }
        picks.extend(self.linux.iter_mut().map(|trial| Pick { trial, worlds: both, has_series: false }));
        picks
    }

    /// Values of timeouts that one pass could not tell of.
    fn unswept(&mut self) -> Vec<Pick<'_>> {
        let is_due = |sweep: &&mut SweepTrials| {
            sweep.swept.is_empty() && matches!(sweep.sweep.of, vpcreplay_capacity::SweepOf::Timeout(..))
        };
        let trials = self.sweeps.iter_mut().filter(is_due).flat_map(|sweep| &mut sweep.trials);
        trials.map(|trial| Pick { trial, worlds: &[Limited::No], has_series: false }).collect()
    }

    /// What has to be replayed with its limits, which bind.
    fn second_picks(&mut self) -> Vec<Pick<'_>> {
        let Self { main, sweeps, linux } = self;
        let mut picks = Vec::new();
        for sweep in sweeps {
            let is_limit = matches!(sweep.sweep.of, vpcreplay_capacity::SweepOf::Limit(_));
            let main = main.free.as_ref().map(|free| free.scopes.as_slice());
            let binds = |(at, trial): (usize, &Trial)| {
                let free = if is_limit { main } else { sweep.free(at) };
                free.is_some_and(|free| trial.binds(free))
            };
            let binds: Vec<bool> = sweep.trials.iter().enumerate().map(binds).collect();
            let trials = sweep.trials.iter_mut().zip(binds).filter(|(_, binds)| *binds);
            picks.extend(trials.map(|(trial, _)| Pick { trial, worlds: &[Limited::Yes], has_series: false }));
        }
        for trial in linux.iter_mut().chain([main]) {
            let free = trial.free.as_ref().map(|free| free.scopes.as_slice());
            let is_due = trial.limited.is_none() && free.is_some_and(|free| trial.binds(free));
            if is_due {
                picks.push(Pick { trial, worlds: &[Limited::Yes], has_series: false });
            }
        }
        picks
    }

    /// Whether there is anything to analyse.
    fn check(&self, plan: &CapacityPlan, ground: &Ground<'_>) -> Result<(), ReplayError> {
        let Some(free) = &self.main.free else { return Ok(()) };
        let silent = |id: &&String| {
            let eni = free.engine.registry().eni_id(id);
            eni.is_some_and(|eni| {
                let is_seen = free.meter.as_ref().is_some_and(|meter| meter.has_seen(eni));
                let tally = |reason: &Reason| free.engine.counters().tally(Some(eni), *reason).packets;
                !is_seen && Reason::ALL.iter().all(|reason| tally(reason) == 0)
            })
        };
        let ids: Vec<String> = plan.replay.enis.iter().filter(silent).cloned().collect();
        if ground.goes_on() && !ids.is_empty() {
            return Err(ReplayError::SilentEnis { ids });
        }
        if free.engine.connections() > 0 || !ground.goes_on() {
            return Ok(());
        }
        Err(ReplayError::NothingTracked { found: instead_of_connections(free, ground) })
    }
}

/// What the captures have where no connection is tracked.
fn instead_of_connections(free: &Observed, ground: &Ground<'_>) -> String {
    let packets = ground.packets();
    if packets == 0 {
        return "there is no packet to judge".to_owned();
    }
    let counters = free.engine.counters();
    let mut reasons: Vec<(u64, &str)> =
        Reason::ALL.iter().map(|reason| (counters.total(*reason).packets, reason.code())).collect();
    reasons.retain(|(packets, _)| *packets > 0);
    reasons.sort_by_key(|(packets, _)| std::cmp::Reverse(*packets));
    let reasons: Vec<String> = reasons.iter().map(|(packets, code)| format!("{code} {packets}")).collect();
    format!("{packets} packets, by reason: {}", reasons.join(", "))
}

/// A warning where connections that a swept timeout ended had to be forgotten before a packet told of them.
fn forgotten(sweeps: &[SweepTrials]) -> Option<Notice> {
    let scopes = sweeps.iter().flat_map(SweepTrials::found).flatten().flat_map(|(scopes, _)| scopes);
    let count = scopes.map(|seen| seen.gaps.forgotten).sum();
    let text = "connections that a swept timeout ended were forgotten before a packet told whether it breaks them; --max-flows makes more room";
    (count > 0).then(|| Notice { code: "sweep-forgotten".to_owned(), text: text.to_owned(), count })
}

fn report(
    plan: &CapacityPlan,
    ground: Ground<'_>,
    trials: &Trials,
    untracked: &untracked::Candidates,
) -> Result<CapacityOutcome, ReplayError> {
    let end = ground.end();
    let feed = ground.into_feed()?;
    let Trials { main, sweeps, linux } = trials;
    let (Some(free), Some(observed)) = (&main.free, main.observed()) else {
        return Err(ReplayError::NothingTracked { found: "nothing was replayed".to_owned() });
    };
    let in_force = (main.timeline.first.options(), main.warnings.as_slice());
    let summary = Summary::collect(&observed.engine, context(&plan.replay, &feed, in_force, end));
    let mut report = CapacityReport::of(summary);
    report.scopes = scopes::all(plan, (free, observed), feed.captures());
    let used = report.scopes.len() as u64;
    report.unused_scopes = (observed.scopes.len() as u64).saturating_sub(used);
    for swept in sweeps {
        let SweepTrials { sweep, trials, .. } = swept;
        report.sweeps.push(match &sweep.of {
            vpcreplay_capacity::SweepOf::Limit(values) => sweep_limits::table(sweep, (values, trials), free),
            vpcreplay_capacity::SweepOf::Timeout(name, values) => {
                sweep_timeouts::table(sweep, *name, values.iter().zip(swept.found()))
            }
        });
    }
    report.warnings.extend(forgotten(sweeps));
    report.untracked = untracked.savings(main);
    report.linux =
        plan.linux.as_ref().zip(linux.as_ref()).and_then(|(plan, trial)| linux::table(plan, trial));
    Ok(CapacityOutcome { report, feed, end })
}
