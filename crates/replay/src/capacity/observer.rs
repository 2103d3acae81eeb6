//! What watches a world for a capacity analysis.

use std::collections::BTreeMap;
use std::sync::Arc;

use vpcreplay_capacity::{
    Denials, Gaps, Generations, KeepChanges, Meter, Visit, What, needs_steps, visit_of, visits_of,
};
use vpcreplay_engine::{Engine, Packet, Packets, ScopeId, Step, Timeline};
use vpcreplay_flow::{Reason, Span, TimeoutName};
use vpcreplay_policy::{IcmpErrors, Policy};

use crate::outputs::Outputs;
use crate::{Batch, Item, ReplayError, Watcher};

/// What is wanted of a world beside its peaks and what it denies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    /// The books of every entry; whether all changes are kept.
    pub(super) meter: Option<KeepChanges>,
    /// Connections that a timeout cuts short.
    pub(super) gaps: Option<TimeoutName>,
    /// Connections that the allowance denies: how long they are remembered, and how many.
    pub(super) denials: Option<(Span, u64)>,
}

/// Watches a world.
pub(super) struct Observer {
    pub(super) meter: Option<Meter>,
    pub(super) gaps: Option<Gaps>,
    pub(super) denials: Option<Denials>,
    /// The first packet that the allowance of a scope denied.
    pub(super) first_denied: BTreeMap<ScopeId, Item>,
    /// The models of the timeline, and the one in force.
    policies: Vec<Arc<Policy>>,
    generations: Generations,
    outputs: Option<Outputs>,
    steps: Vec<Step>,
    /// What each packet of the batch did.
    visits: Vec<Option<Visit>>,
}

impl Observer {
    /// An observer of a replay of these models. The books of the meter are kept by the limits of `measured`, models that
    /// differ in their limits only.
    pub(super) fn new(
        (timeline, measured): (&Timeline, &Timeline),
        wanted: Wanted,
        (max_flows, outputs): (u64, Option<Outputs>),
    ) -> Self {
        let policies =
            std::iter::once(&timeline.first).chain(timeline.later.iter().map(|(_, policy)| policy));
        Self {
            meter: wanted.meter.map(|keep| Meter::new(measured, keep)),
            gaps: wanted.gaps.map(|name| Gaps::new(timeline, name, max_flows)),
            denials: wanted.denials.map(|(memory, most)| Denials::new(memory, most)),
            first_denied: BTreeMap::new(),
            policies: policies.cloned().collect(),
            generations: Generations::new(timeline),
            outputs,
            steps: Vec::new(),
            visits: Vec::new(),
        }
    }

    const fn is_idle(&self) -> bool {
        self.meter.is_none() && self.gaps.is_none() && self.denials.is_none()
    }

    /// Has packets judged whose verdicts tell everything.
    fn judge_alone(&mut self, engine: &mut Engine, packets: &impl Packets) {
        if packets.count() == 0 {
            return;
        }
        let visits = &mut self.visits;
        visits.clear();
        engine.judge_batch(packets, |_, verdict| visits.push(visit_of(&verdict)));
        if let Some(meter) = &mut self.meter {
            meter.packets(packets, visits);
        }
        if self.gaps.is_some() || self.denials.is_some() {
            let visits = std::mem::take(&mut self.visits);
            for (at, visit) in visits.iter().enumerate() {
                self.note(&packets.packet(at), visit.as_slice());
            }
            self.visits = visits;
        }
    }

    fn judge_traced(&mut self, engine: &mut Engine, packet: &Packet<'_>) {
        let mut steps = std::mem::take(&mut self.steps);
        steps.clear();
        engine.judge_traced(*packet, &mut steps);
        let visits: Vec<_> = visits_of(&steps).collect();
        self.steps = steps;
        if let Some(meter) = &mut self.meter {
            meter.packet(packet, visits.iter().copied());
        }
        self.note(packet, &visits);
    }

    /// Tells everything but the meter of a packet.
    fn note(&mut self, packet: &Packet<'_>, visits: &[Visit]) {
        if let Some(gaps) = &mut self.gaps {
            gaps.packet(packet, visits.iter().copied());
        }
        let Some(denials) = &mut self.denials else { return };
        self.generations.catch_up(packet.now);
        for visit in visits {
            let key = || vpcreplay_capacity::key_of(packet);
            match visit.what {
                What::Refused(Reason::ConntrackAllowanceExceeded) => {
                    let scope = self.generations.current().scope(visit.eni);
                    if let Some((key, scope)) = key().zip(scope) {
                        denials.denied(&key, (visit.eni, scope), packet.now);
                    }
                }
                What::Entered { .. } | What::Passed if denials.is_waiting() => {
                    if let Some(key) = key() {
                        denials.admitted(&key, visit.eni);
                    }
                }
                _ => {}
            }
        }
    }

    /// Remembers where the packets come from that are the first denied ones of their scopes.
    fn note_first_denied(&mut self, batch: &Batch) {
        let Some(meter) = &self.meter else { return };
        let last = batch.last_number();
        for (scope, number) in meter.first_denied() {
            if number <= last
                && !self.first_denied.contains_key(&scope)
                && let Some(item) = batch.items().find(|item| item.number == number)
            {
                self.first_denied.insert(scope, item);
            }
        }
    }
}

impl Watcher for Observer {
    fn batch(&mut self, engine: &mut Engine, batch: &Batch, _files: &[String]) -> Result<(), ReplayError> {
        let icmp_errors = engine.settings().icmp_errors;
        if self.is_idle() {
            engine.judge_batch(&batch.all(), |_, _| {});
        } else if icmp_errors != IcmpErrors::Related
            && self.policies.iter().all(|policy| policy.enis().nth(1).is_none())
        {
            self.judge_alone(engine, &batch.all());
        } else {
            let mut start = 0;
            while start < batch.len() {
                let is_more = |at: &usize| needs_steps(&batch.packet(*at), &self.policies, icmp_errors);
                let end = (start..batch.len()).find(is_more).unwrap_or(batch.len());
                self.judge_alone(engine, &batch.run(start..end));
                if end < batch.len() {
                    self.judge_traced(engine, &batch.packet(end));
                }
                start = end + 1;
            }
        }
        self.note_first_denied(batch);
        match &mut self.outputs {
            Some(outputs) => outputs.drain(engine),
            None => Ok(()),
        }
    }

    fn finish(&mut self, engine: &mut Engine) -> Result<(), ReplayError> {
        if let Some(meter) = &mut self.meter {
            meter.finish();
        }
        if let Some(outputs) = self.outputs.take() {
            return outputs.finish(engine);
        }
        engine.finish();
        Ok(())
    }
}
