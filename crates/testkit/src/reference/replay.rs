//! One packet after another: time, expiry, the timeline, flows (S1.2, S7.0, S7.2, S10.1).

use vpcreplay_flow::{Cause, Decoded, Disposition, End, FlowKey, PacketFacts, Reason, Timestamp};

use super::causality::tcp_kind;
use super::connection::{Connection, Ending};
use super::flow::Flow;
use super::model::{Mode, Model};
use super::path::Verdict;
use super::records::{FlowRecord, Outcome, Record, Scenario};
use super::series::{Event, Happening, Series};
use super::world::World;

/// Replays a scenario.
pub fn replay(scenario: &Scenario) -> Outcome {
    let mut replay = Replay::begin(scenario);
    for packet in &scenario.packets {
        let now = replay.advance_clock(packet.time);
        replay.apply_models(now);
        replay.expire(now);
        replay.end_flows(now);
        replay.copy = packet.copy;
        let verdict = replay.judge(&packet.decoded, now);
        replay.number += 1;
        let record = verdict.record(replay.number);
        replay.out.records.push(record);
    }
    replay.finish()
}

/// The state of a replay.
pub(super) struct Replay {
    pub(super) world: World,
    /// Models to come, by time, those of one time in the order given.
    later: Vec<(Timestamp, Model)>,
    /// Engine time; `None` before the first packet.
    now: Option<Timestamp>,
    /// Packets judged so far.
    pub(super) number: u64,
    /// The copy that the packet at hand belongs to.
    copy: u16,
    /// All connections, live and over, by number.
    pub(super) connections: Vec<Connection>,
    /// All flows, remembered and over, by number.
    pub(super) flows: Vec<Flow>,
    pub(super) series: Series,
    pub(super) out: Outcome,
}

impl Replay {
    fn begin(scenario: &Scenario) -> Self {
        let mut later = scenario.later.clone();
        later.sort_by_key(|(time, _)| *time); // stable: two at one time in the order given (S12.10)
        let world = World::new(&scenario.model, &scenario.command);
        Self {
            series: Series::new(world.period()),
            world,
            later,
            now: None,
            number: 0,
            copy: 0,
            connections: Vec::new(),
            flows: Vec::new(),
            out: Outcome::default(),
        }
    }

    /// S1.2: engine time is the largest timestamp seen so far.
    fn advance_clock(&mut self, stamp: Timestamp) -> Timestamp {
        const DAY: i128 = 86_400_000_000_000;
        let Some(before) = self.now else {
            // S12.10: models whose time has come before the first packet are in force from the start.
            while self.later.first().is_some_and(|(time, _)| *time <= stamp) {
                self.world.model = self.later.remove(0).1;
            }
            self.now = Some(stamp);
            self.series.begin(stamp);
            self.name_scopes(stamp);
            return stamp; // S12.12: the first packet makes no step
        };
        if stamp < before {
            self.out.clock_regressions += 1;
            self.series.packet(before);
            return before;
        }
        // S12.12: measured from engine time; exactly a day is none.
        if i128::from(stamp.nanos()) - i128::from(before.nanos()) > DAY {
            self.out.clock_jumps += 1;
        }
        self.now = Some(stamp);
        self.series.packet(stamp);
        stamp
    }

    /// Gives the series the scopes of the model in force (S7.9, S12.8).
    fn name_scopes(&mut self, from: Timestamp) {
        for eni in &self.world.model.enis {
            self.series.scope(self.world.scope_of(eni), from);
        }
    }

    /// S10.1: puts into force the models whose time has come.
    fn apply_models(&mut self, now: Timestamp) {
        while self.later.first().is_some_and(|(time, _)| *time <= now) {
            let (time, model) = self.later.remove(0);
            self.expire(time); // entries whose deadline is ≤ T expire first
            let before: Vec<_> = self.connections.iter().map(|entry| self.scope_of(&entry.eni)).collect();
            let gone: Vec<_> = (0..self.connections.len())
                .filter(|index| self.connections[*index].is_live())
                .filter(|index| model.eni(&self.connections[*index].eni).is_none())
                .collect();
            for index in gone {
                self.end(index, time, Ending::Removed);
            }
            self.world.model = model;
            self.name_scopes(time);
            // An ENI that moves to another instance takes its entries along; all leave before any comes, so that two
            // ENIs that change places never count twice.
            let moves: Vec<_> = self
                .connections
                .iter()
                .zip(before)
                .map(|(entry, before)| (entry.is_live(), before, self.scope_of(&entry.eni)))
                .filter(|(is_live, before, after)| *is_live && before != after)
                .collect();
            for (_, scope, _) in &moves {
                self.series.log(Event { time, scope: scope.clone(), what: Happening::Left });
            }
            for (_, _, scope) in moves {
                self.series.log(Event { time, scope, what: Happening::Came });
            }
        }
    }

    /// The scope of an ENI of the model in force.
    fn scope_of(&self, eni: &str) -> String {
        self.world.model.eni(eni).map_or_else(String::new, |eni| self.world.scope_of(eni))
    }

    /// S7.2: every entry whose deadline is reached ends, at its deadline.
    fn expire(&mut self, now: Timestamp) {
        let mut due: Vec<_> = (0..self.connections.len())
            .filter(|index| {
                self.connections[*index].is_live() && self.connections[*index].deadline.is_due(now)
            })
            .collect();
        due.sort_by_key(|index| self.connections[*index].deadline); // the series wants them in order of time
        for index in due {
            let deadline = self.connections[index].deadline;
            self.end(index, deadline, Ending::Expired);
        }
    }

    /// Ends a live entry.
    pub(super) fn end(&mut self, index: usize, time: Timestamp, ending: Ending) {
        let scope = self.scope_of(&self.connections[index].eni);
        let what = match ending {
            Ending::Expired => Happening::Expired,
            Ending::Reopened => Happening::Reopened,
            Ending::Removed => Happening::Removed,
        };
        self.series.log(Event { time, scope, what });
        self.connections[index].ended = Some((time, ending));
    }

    /// S7.0: a flow is remembered while it has a live connection, and until the memory after its last packet.
    fn end_flows(&mut self, now: Timestamp) {
        let memory = self.world.flow_memory();
        for flow in self.flows.iter_mut().filter(|flow| flow.over.is_none()) {
            let own = || self.connections.iter().filter(|entry| entry.flow == Some(flow.number));
            if own().any(Connection::is_live) {
                continue;
            }
            // S12.18: the later of last packet + flow memory and the end of its last connection.
            let last_end = own().filter_map(|entry| entry.ended.map(|(time, _)| time)).max();
            let over = flow.last.after(memory).max(last_end.unwrap_or(Timestamp::MIN));
            if over.is_due(now) {
                flow.over = Some(over);
            }
        }
    }

    /// The verdict on a frame, tests in the order of S3.8.
    fn judge(&mut self, decoded: &Decoded, now: Timestamp) -> Verdict {
        let facts = match decoded {
            Decoded::Packet(facts) => facts,
            Decoded::Unjudged(cause, _) => {
                return Verdict::bare(match cause {
                    Cause::NotIp => Reason::NotIp,
                    Cause::Truncated => Reason::Truncated,
                    Cause::Malformed => Reason::Malformed,
                    Cause::UnsupportedLinkType => Reason::UnsupportedLinkType,
                });
            }
        };
        match self.world.model.before_path(facts) {
            Some(reason) => Verdict::bare(reason),
            None => self.judge_in_flow(facts, now),
        }
    }

    /// S7.0, S8: the flow of the packet around its path.
    fn judge_in_flow(&mut self, facts: &PacketFacts, now: Timestamp) -> Verdict {
        let Some((key, sender)) = self.key_of(facts) else {
            return self.take_path(facts, None, now); // S2.7: unknown ports, no flow
        };
        let Some(index) = self.flow_of(key, sender, now) else {
            return self.take_path(facts, None, now); // S7.0: not remembered, outside causality
        };
        let tcp = tcp_kind(facts);
        self.flows[index].before_judging(sender, tcp);
        let unsent = self.flows[index].unsent(sender, tcp).filter(|_| self.world.mode() == Mode::Causal);
        let verdict = if let Some((reason, cause)) = unsent {
            Verdict { cause_packet: Some(cause), ..Verdict::bare(reason) }
        } else {
            let verdict = self.take_path(facts, Some(index), now);
            let packet = self.number + 1;
            self.flows[index].after_judging(sender, tcp, verdict.reason.disposition(), packet);
            verdict
        };
        self.flows[index].count(sender, facts, verdict.reason.disposition(), now);
        verdict
    }

    /// S7.1: the flow key of the packet at hand and the end that sent it; a copy of a capture has flows of its own.
    pub(super) fn key_of(&self, facts: &PacketFacts) -> Option<(FlowKey, End)> {
        facts.flow().map(|(key, sender)| (self.in_copy(key), sender))
    }

    /// A flow key in the copy of the packet at hand.
    pub(super) const fn in_copy(&self, key: FlowKey) -> FlowKey {
        key.with_copy(self.copy)
    }

    /// S7.0: the remembered flow of a packet; a new one is remembered unless the bound is reached.
    fn flow_of(&mut self, key: FlowKey, sender: End, now: Timestamp) -> Option<usize> {
        let remembered = |flow: &Flow| flow.over.is_none();
        if let Some(index) = self.flows.iter().position(|flow| remembered(flow) && flow.key == key) {
            return Some(index);
        }
        // S12.6: flows that are over do not count towards the bound.
        if self.flows.iter().filter(|flow| remembered(flow)).count() >= self.world.max_flows() {
            self.out.flows_forgotten += 1; // every packet of an unremembered flow tries and counts again
            return None;
        }
        let number = self.flows.len() as u64 + 1;
        self.flows.push(Flow::begun_by((key, sender), number, now));
        // S12.18: a flow remembered late takes along its connections that still live.
        for entry in self.connections.iter_mut().filter(|entry| entry.is_live() && entry.key == key) {
            entry.flow = Some(number);
        }
        Some(self.flows.len() - 1)
    }

    /// S7.10, S9.3: what is left at the end lives; nothing is expired by end of file.
    fn finish(mut self) -> Outcome {
        // S9.3: what is not over at the engine time of the last packet lives.
        if let Some(now) = self.now {
            self.end_flows(now);
        }
        self.out.series = self.series.rows();
        let mut flows: Vec<&Flow> = self.flows.iter().collect();
        // By the time a flow was over, then by number; those that live last, by number.
        flows.sort_by_key(|flow| (flow.over.is_none(), flow.over, flow.number));
        let records: Vec<FlowRecord> = flows
            .into_iter()
            .map(|flow| {
                let own = self.connections.iter().filter(|entry| entry.flow == Some(flow.number));
                flow.record(&own.collect::<Vec<_>>())
            })
            .collect();
        self.out.flows = records;
        self.out
    }
}

impl Verdict {
    /// The record of the packet with this number.
    fn record(self, packet: u64) -> Record {
        let disposition: Disposition = self.reason.disposition();
        Record {
            packet,
            disposition,
            reason: self.reason,
            checkpoint: self.place.as_ref().map(|(checkpoint, _)| *checkpoint),
            eni: self.place.map(|(_, eni)| eni),
            rule: self.rule,
            connection: self.connection.map(|(number, _)| number),
            state: self.connection.map(|(_, state)| state),
            cause_packet: self.cause_packet,
        }
    }
}
