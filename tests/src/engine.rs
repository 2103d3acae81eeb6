//! The engine on the scenarios of the reference, its results in the reference's terms.

use std::sync::Arc;

use vpcreplay_engine::{
    self as engine, Content, Engine, EniId, FlowRecords, ScopeId, Timeline, Verdict, When,
};
use vpcreplay_flow::{Clock, ClockStep, Decoded, Digest, Span, Timestamp};
use vpcreplay_policy::{
    self as policy, Document, IcmpErrors, Mode, Options, Policy, Registry, Scope, Selection, TcpMidstream,
};
use vpcreplay_testkit::reference::{
    ConnectionRecord, FlowRecord, Model, Outcome, Record, Scenario, SeriesRow, Settings,
};

/// What the engine makes of a scenario, by way of the models' text.
///
/// # Errors
/// A model of the scenario is refused, or the engine's own sums do not add up.
pub fn outcome(scenario: &Scenario) -> Result<Outcome, String> {
    let (mut engine, mut clock) = (engine(scenario)?, Clock::default());
    let mut outcome = Outcome::default();
    let mut waiting = Vec::new();
    for (number, packet) in (1..).zip(&scenario.packets) {
        let (now, step) = clock.observe(packet.time);
        outcome.clock_regressions += u64::from(step == ClockStep::Regression);
        outcome.clock_jumps += u64::from(step == ClockStep::Jump);
        waiting.push(Waiting::new(number, now, &packet.decoded));
        // As a replay does after each batch: what is over is taken. Every third batch goes packet by packet.
        if number % 7 == 0 {
            judge(&mut engine, &mut waiting, &mut outcome);
            take(&mut engine, &mut outcome);
        }
    }
    judge(&mut engine, &mut waiting, &mut outcome);
    engine.finish();
    take(&mut engine, &mut outcome);
    outcome.series.sort_by(|a, b| (a.period_start_ns, &a.scope).cmp(&(b.period_start_ns, &b.scope)));
    outcome.midstream_doubtful = engine.counters().midstream_doubtful;
    outcome.flows_forgotten = engine.counters().flows_forgotten;
    let enis = u32::try_from(engine.registry().eni_count()).expect("few ENIs");
    for eni in (0..enis).map(EniId).filter(|eni| engine.exceeded(*eni) > 0) {
        outcome.exceeded.insert(engine.registry().eni_name(eni).to_owned(), engine.exceeded(eni));
    }
    check_peaks(&engine, &outcome)?;
    Ok(outcome)
}

/// A packet on its way to the engine, packed where it can be, as a replay's batches are.
struct Waiting<'a> {
    number: u64,
    now: Timestamp,
    decoded: &'a Decoded,
    digest: Option<Digest>,
}

impl<'a> Waiting<'a> {
    fn new(number: u64, now: Timestamp, decoded: &'a Decoded) -> Self {
        let digest = match decoded {
            Decoded::Packet(facts) if Digest::is_whole(facts) => Digest::of(facts),
            _ => None,
        };
        Self { number, now, decoded, digest }
    }

    fn packet(&self) -> engine::Packet<'_> {
        let content = match &self.digest {
            Some(digest) => Content::Digest(digest),
            None => Content::Decoded(self.decoded),
        };
        engine::Packet { number: self.number, now: self.now, content }
    }
}

/// Judges what waits: as a batch, or every third time packet by packet.
fn judge(engine: &mut Engine, waiting: &mut Vec<Waiting<'_>>, outcome: &mut Outcome) {
    let mut verdicts = Vec::with_capacity(waiting.len());
    if waiting.last().is_some_and(|last| last.number % 3 == 0) {
        for Waiting { number, now, decoded, .. } in waiting.iter() {
            let content = Content::Decoded(decoded);
            verdicts.push((*number, engine.judge(engine::Packet { number: *number, now: *now, content })));
        }
    } else {
        engine.judge_batch(waiting, Waiting::packet, |item, verdict| verdicts.push((item.number, verdict)));
    }
    let registry = engine.registry();
    outcome.records.extend(verdicts.iter().map(|(number, verdict)| record(*number, verdict, registry)));
    waiting.clear();
}

fn engine(scenario: &Scenario) -> Result<Engine, String> {
    let command = options(&scenario.command);
    let mut registry = Registry::new();
    let first = compile(&scenario.model, &command, None, &mut registry)?;
    let mut later = Vec::new();
    for (time, model) in &scenario.later {
        later.push((When::At(*time), compile(model, &command, Some(&first), &mut registry)?));
    }
    first.check_always_tracked(&registry).map_err(|error| error.to_string())?;
    let given = first.options();
    let settings = engine::Settings {
        mode: given.mode.unwrap_or_default(),
        tcp_midstream: given.tcp_midstream.unwrap_or_default(),
        icmp_errors: given.icmp_errors.unwrap_or_default(),
        flow_memory: scenario.command.flow_memory.unwrap_or(Span::from_secs(300)),
        max_flows: scenario.command.max_flows.map_or(4_194_304, |most| most as u64),
        series_period: Some(given.period.unwrap_or(Span::from_secs(60))),
        flow_records: FlowRecords::Kept,
        only: None,
    };
    Ok(Engine::new(Timeline { first, later, registry: Arc::new(registry) }, settings))
}

fn compile(
    model: &Model,
    command: &Options,
    first: Option<&Policy>,
    registry: &mut Registry,
) -> Result<Arc<Policy>, String> {
    let toml = model.to_toml();
    let refused = |error: policy::LoadError| format!("a model is refused: {error}\n{toml}");
    let document = Document { name: "model.toml".to_owned(), bytes: toml.clone().into_bytes() };
    let loaded = policy::load(&[document], &Selection::default()).map_err(refused)?;
    let (policy, _) = Policy::compile(&loaded.network, command, first, registry).map_err(refused)?;
    Ok(Arc::new(policy))
}

fn options(settings: &Settings) -> Options {
    let known = "the reference names options as the program does";
    Options {
        profile: settings.profile,
        limit: settings.limit,
        scope: settings.scope.map(|value| Scope::parse(value.code()).expect(known)),
        mode: settings.mode.map(|value| Mode::parse(value.code()).expect(known)),
        tcp_midstream: settings.tcp_midstream.map(|value| TcpMidstream::parse(value.code()).expect(known)),
        icmp_errors: settings.icmp_errors.map(|value| IcmpErrors::parse(value.code()).expect(known)),
        decap: None,
        period: settings.period,
        timeouts: settings.timeouts.iter().copied().collect(),
        always_tracked: settings.always_tracked.clone(),
    }
}

fn take(engine: &mut Engine, outcome: &mut Outcome) {
    let flows = engine.take_flows();
    outcome.flows.extend(flows.iter().map(|flow| flow_record(flow, engine.registry())));
    let rows = engine.take_series();
    outcome.series.extend(rows.iter().map(|row| series_row(row, engine.registry())));
}

fn record(packet: u64, verdict: &Verdict, registry: &Registry) -> Record {
    Record {
        packet,
        disposition: verdict.disposition(),
        reason: verdict.reason,
        checkpoint: verdict.checkpoint,
        eni: verdict.eni.map(|eni| registry.eni_name(eni).to_owned()),
        rule: verdict.rule.map(|rule| registry.rule_name(rule).to_owned()),
        connection: verdict.connection.map(u64::from),
        state: verdict.state.map(engine::State::code),
        cause_packet: verdict.cause_packet.map(u64::from),
    }
}

fn flow_record(flow: &engine::FlowRecord, registry: &Registry) -> FlowRecord {
    let (forward, reverse) = (&flow.forward, &flow.reverse);
    let target = flow.source.other();
    let connection = |entry: &engine::ConnectionRecord| ConnectionRecord {
        connection: entry.number,
        eni: registry.eni_name(entry.eni).to_owned(),
        state: entry.state.code(),
        end: entry.ending.code(),
    };
    FlowRecord {
        flow: flow.number,
        protocol: flow.key.protocol().0,
        src: flow.key.address(flow.source),
        src_port: flow.key.port(flow.source),
        dst: flow.key.address(target),
        dst_port: flow.key.port(target),
        icmp_id: flow.key.icmp_id(),
        first_ns: flow.first.nanos(),
        last_ns: flow.last.nanos(),
        packets_forward: forward.packets,
        packets_reverse: reverse.packets,
        bytes_forward: forward.bytes,
        bytes_reverse: reverse.bytes,
        allowed_forward: forward.allowed,
        allowed_reverse: reverse.allowed,
        denied_forward: forward.denied,
        denied_reverse: reverse.denied,
        unsent_forward: forward.unsent,
        unsent_reverse: reverse.unsent,
        connection_count: flow.connection_count,
        connections: flow.connections.iter().map(connection).collect(),
        outcome: flow.outcome.code(),
    }
}

fn series_row(row: &engine::SeriesRow, registry: &Registry) -> SeriesRow {
    SeriesRow {
        scope: registry.scope_name(ScopeId(row.scope)).to_owned(),
        period_start_ns: row.start,
        periods: row.periods,
        occupancy_max: row.occupancy_max,
        occupancy_last: row.occupancy_last,
        created: row.created,
        expired: row.expired,
        reopened: row.reopened,
        removed: row.removed,
        conntrack_allowance_exceeded: row.exceeded,
    }
}

/// S7.8, S7.9: the peak and the denials of a scope are those of its rows.
fn check_peaks(engine: &Engine, outcome: &Outcome) -> Result<(), String> {
    let scopes = u32::try_from(engine.registry().scope_count()).expect("few scopes");
    for scope in (0..scopes).map(ScopeId) {
        let name = engine.registry().scope_name(scope);
        let rows = || outcome.series.iter().filter(|row| row.scope == name);
        let peak = rows().map(|row| row.occupancy_max).max().unwrap_or_default();
        let denied: u64 = rows().map(|row| row.conntrack_allowance_exceeded).sum();
        let told = (engine.peak(scope).occupancy, engine.scope_exceeded(scope));
        if told != (peak, denied) {
            return Err(format!("{name}: peak and denials {told:?}, by the series {:?}", (peak, denied)));
        }
    }
    Ok(())
}
