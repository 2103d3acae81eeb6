//! What came before the packet in its flow, by a second pass.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use vpcreplay_engine::{Engine, Step};
use vpcreplay_flow::{FlowKey, Transport};

use super::{Creator, Explanation, FlowStory, Found, PacketLine, Usage, describe, walk};
use crate::feed::can_be_read_again;
use crate::{Item, Plan, Progress, ReplayError};

/// Packets told from the flow's beginning.
const FIRST: usize = 4;
/// Packets told before the one explained.
const NEWEST: usize = 6;

/// Adds the packets of the flow, the cause, the creators of connections, and the use of a connection.
pub(super) fn add(
    explanation: &mut Explanation,
    plan: &Plan,
    found: &Found,
    progress: &mut dyn Progress,
) -> Result<(), ReplayError> {
    let Some(key) = found.item.flow_key() else { return Ok(()) };
    if !plan.captures.iter().all(can_be_read_again) {
        explanation.flow = Some(FlowStory::default());
        return Ok(());
    }
    let mut gatherer = Gatherer::new(found, key);
    walk::walk(plan, progress, |item, file, engine| gatherer.visit(item, file, engine))?;
    explanation.usage = found.connection.map(|_| gatherer.usage);
    explanation.flow = Some(FlowStory {
        earlier: Some(gatherer.earlier),
        first: gatherer.first,
        newest: gatherer.newest.into(),
        cause: gatherer.cause,
        creators: gatherer.creators,
    });
    Ok(())
}

/// Collects while the captures are replayed again.
struct Gatherer {
    number: u64,
    key: FlowKey,
    /// The flow that an ICMP error quotes.
    quoted: Option<FlowKey>,
    cause_packet: u64,
    /// Connections that the packet found.
    met: Vec<u64>,
    /// The connection that was asked for.
    asked: Option<u64>,
    earlier: u64,
    first: Vec<PacketLine>,
    newest: VecDeque<PacketLine>,
    cause: Option<PacketLine>,
    creators: Vec<Creator>,
    usage: Usage,
}

impl Gatherer {
    fn new(found: &Found, key: FlowKey) -> Self {
        let quoted = match found.facts().map(|facts| facts.transport) {
            Some(Transport::IcmpError { quoted, .. }) => quoted,
            _ => None,
        };
        let met = found.steps.iter().filter_map(|step| match step {
            Step::SecurityGroup { before, verdict, .. } => {
                before.map(|(number, _)| number).or(verdict.connection).map(std::num::NonZero::get)
            }
            Step::NetworkAcl { .. } | Step::SameSubnet { .. } => None,
        });
        Self {
            number: found.item.number,
            key,
            quoted,
            cause_packet: found.verdict.cause_packet.map_or(0, std::num::NonZero::get),
            met: met.collect(),
            asked: found.connection,
            earlier: 0,
            first: Vec::new(),
            newest: VecDeque::new(),
            cause: None,
            creators: Vec::new(),
            usage: Usage::default(),
        }
    }

    fn visit(&mut self, item: &Item, file: &str, engine: &mut Engine) -> ControlFlow<()> {
        if self.asked.is_none() && item.number >= self.number {
            return ControlFlow::Break(());
        }
        let created = engine.connections();
        let mut steps = Vec::new();
        let key = item.flow_key();
        let is_ours = key.is_some_and(|key| key == self.key || Some(key) == self.quoted);
        if !is_ours {
            engine.judge(item.into());
            return ControlFlow::Continue(());
        }
        let verdict = engine.judge_traced(item.into(), &mut steps);
        let line = describe::line(item, file, &verdict, engine);
        self.note_usage(&steps, &line);
        if item.number < self.number {
            let fresh = created + 1..=engine.connections();
            for connection in self.met.iter().copied().filter(|number| fresh.contains(number)) {
                self.creators.push(Creator { connection, packet: line.clone() });
            }
            if key == Some(self.key) {
                self.note_earlier(line);
            }
        }
        ControlFlow::Continue(())
    }

    fn note_usage(&mut self, steps: &[Step], line: &PacketLine) {
        for step in steps {
            let Step::SecurityGroup { verdict, .. } = step else { continue };
            let number = verdict.connection.map(std::num::NonZero::get);
            if number.is_some() && number == self.asked && verdict.is_allowed() {
                self.usage.packets += 1;
                self.usage.last = Some(line.clone());
                self.usage.last_state = verdict.state.map(vpcreplay_engine::State::code);
            }
        }
    }

    fn note_earlier(&mut self, line: PacketLine) {
        self.earlier += 1;
        if line.packet == self.cause_packet {
            self.cause = Some(line.clone());
        }
        if self.first.len() < FIRST {
            self.first.push(line);
            return;
        }
        if self.newest.len() == NEWEST {
            self.newest.pop_front();
        }
        self.newest.push_back(line);
    }
}
