//! Passes over the captures, each with the worlds that are due.

use std::sync::Arc;

use super::CapacityPlan;
use super::trial::{Limited, Trial};
use crate::feed::can_be_read_again;
use crate::model::Networks;
use crate::outputs::{OutputFiles, Outputs};
use crate::worlds::{Replayed, replay_worlds};
use crate::{Feed, Progress, ReplayError, Signal};

/// Worlds of a trial that are due.
pub(super) struct Pick<'a> {
    pub(super) trial: &'a mut Trial,
    pub(super) worlds: &'static [Limited],
    /// Whether the world with limits writes the series.
    pub(super) has_series: bool,
}

/// How often captures can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Once: standard input, pipes.
    Once,
    /// As often as it takes.
    Again,
}

/// What all passes have in common.
pub(super) struct Ground<'a> {
    pub(super) plan: &'a CapacityPlan,
    pub(super) networks: Arc<Networks>,
    feed: Option<Feed>,
    end: Signal,
}

impl<'a> Ground<'a> {
    pub(super) fn new(plan: &'a CapacityPlan) -> Result<Self, ReplayError> {
        let networks = Arc::new(Networks::load(&plan.replay.models)?);
        Ok(Self { plan, networks, feed: None, end: Signal::Continue })
    }

    /// Whether the captures can be read again.
    pub(super) fn reading(&self) -> Reading {
        let is_again = self.plan.replay.captures.iter().all(can_be_read_again);
        if is_again { Reading::Again } else { Reading::Once }
    }

    /// Whether nobody stopped the analysis.
    pub(super) fn goes_on(&self) -> bool {
        self.end == Signal::Continue
    }

    pub(super) const fn end(&self) -> Signal {
        self.end
    }

    /// Packets of the first pass.
    pub(super) fn packets(&self) -> u64 {
        self.feed.as_ref().map_or(0, |feed| feed.stats().packets)
    }

    /// The captures after the first pass.
    pub(super) fn into_feed(self) -> Result<Feed, ReplayError> {
        self.feed.ok_or_else(|| ReplayError::NothingTracked { found: "nothing was replayed".to_owned() })
    }

    /// Replays the worlds that are due, if any is, and tells their trials.
    pub(super) fn pass(
        &mut self,
        picks: Vec<Pick<'_>>,
        progress: &mut dyn Progress,
    ) -> Result<(), ReplayError> {
        let plan = &self.plan.replay;
        let mut worlds = Vec::new();
        for Pick { trial, worlds: wanted, has_series } in &picks {
            for limited in *wanted {
                let series = plan.outputs.series.clone().filter(|_| *has_series && *limited == Limited::Yes);
                let outputs = match series {
                    Some(series) => {
                        let files = OutputFiles { series: Some(series), ..OutputFiles::default() };
                        Some(Outputs::open(&files, &plan.growth)?)
                    }
                    None => None,
                };
                worlds.push(trial.world(plan, *limited, outputs)?);
            }
        }
        if worlds.is_empty() {
            return Ok(());
        }
        let decap = picks.first().and_then(|pick| pick.trial.timeline.first.options().decap);
        let feed = Feed::open(&plan.captures, (decap.unwrap_or_default(), plan.selection), &plan.growth)?;
        let Replayed { worlds, feed, end } = replay_worlds(feed, worlds, plan.limits, progress)?;
        let mut worlds = worlds.into_iter();
        for Pick { trial, worlds: wanted, .. } in picks {
            for (limited, world) in wanted.iter().zip(worlds.by_ref()) {
                trial.conclude(*limited, world);
            }
        }
        self.feed.get_or_insert(feed);
        self.end = end;
        Ok(())
    }
}
