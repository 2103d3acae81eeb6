//! The engine on the scenarios of the reference, its results in the reference's terms.

use std::collections::BTreeMap;
use std::sync::Arc;

use vpcreplay_engine::{
    self as engine, Ahead, Asks, Content, Dealer, DenialKey, Division, Engine, EniId, FlowRecords, ScopeId,
    Tally, Timeline, Verdict, When,
};
use vpcreplay_flow::{Clock, ClockStep, Decoded, Digest, PacketFacts, Reason, Span, Timestamp, Transport};
use vpcreplay_policy::{
    self as policy, Document, IcmpErrors, Mode, Options, Policy, Registry, RuleId, Scope, Selection,
    TcpMidstream,
};
use vpcreplay_testkit::reference::{
    ConnectionRecord, FlowRecord, Model, Outcome, Record, Scenario, SeriesRow, Settings,
};

/// Packets of a batch, so that a scenario has a few batches.
const FEW: u64 = 7;

/// How packets come to the engine.
#[derive(Clone, Copy)]
struct Way {
    /// Packets of a batch.
    batch: u64,
    /// Parts in which they are judged side by side; one for strict replay order.
    parts: usize,
}

/// One after another.
const STRICT: Way = Way { batch: FEW, parts: 1 };

/// What the engine makes of a scenario, by way of the models' text. It is the same whether flow records are kept or not:
/// where they are not, the usual packet is judged by another path of the code. It is the same in any number of parts.
///
/// # Errors
/// A model of the scenario is refused, the engine's own sums do not add up, or one path says what the other does not.
pub fn outcome(scenario: &Scenario) -> Result<Outcome, String> {
    let (kept, counted) = run(scenario, FlowRecords::Kept, STRICT)?;
    check_same((&kept, &counted), run(scenario, FlowRecords::Off, STRICT)?)?;
    for parts in [2, 3, 16] {
        let batch = 3 * parts as u64;
        let (divided, divided_counted) = run(scenario, FlowRecords::Kept, Way { batch, parts })?;
        if divided.flows != kept.flows {
            return Err(format!(
                "in {parts} parts the flows are\n{:#?}\nelse\n{:#?}",
                divided.flows, kept.flows
            ));
        }
        check_same((&kept, &counted), (divided, divided_counted))?;
        check_same((&kept, &counted), run(scenario, FlowRecords::Off, Way { batch, parts })?)?;
    }
    Ok(kept)
}

/// What the engine makes of a scenario without flow records, in one batch.
///
/// # Errors
/// As [`outcome`]; batches of another size say something else.
pub fn outcome_of_one_batch(scenario: &Scenario) -> Result<Outcome, String> {
    let (few, counted) = run(scenario, FlowRecords::Off, STRICT)?;
    for parts in [1, 5] {
        check_same((&few, &counted), run(scenario, FlowRecords::Off, Way { batch: u64::MAX, parts })?)?;
    }
    Ok(few)
}

/// What is counted beside the verdicts.
#[derive(Debug, PartialEq)]
struct Counted {
    /// By ENI, then by reason.
    tallies: Vec<Tally>,
    rule_hits: Vec<u64>,
    denied_peers: BTreeMap<(engine::Denial, DenialKey), Tally>,
    denied_services: BTreeMap<(engine::Denial, DenialKey), Tally>,
    sg_egress_then_nacl: u64,
    untracked_outside: u64,
}

impl Counted {
    fn of(engine: &Engine) -> Self {
        let (counters, registry) = (engine.counters(), engine.registry());
        let enis = u32::try_from(registry.eni_count()).expect("few ENIs");
        let rules = u32::try_from(registry.rule_count()).expect("few rules");
        let places = (0..enis).map(|eni| Some(EniId(eni))).chain([None]);
        Self {
            tallies: places.flat_map(|eni| Reason::ALL.map(|reason| counters.tally(eni, reason))).collect(),
            rule_hits: (0..rules).map(|rule| counters.rule_hits(RuleId(rule))).collect(),
            denied_peers: counters.denied_peers.exact().collect(),
            denied_services: counters.denied_services.exact().collect(),
            sg_egress_then_nacl: counters.sg_egress_then_nacl,
            untracked_outside: counters.untracked_outside,
        }
    }
}

/// Compares two ways to judge a scenario; flow records are in the first only.
fn check_same(
    (outcome, counted): (&Outcome, &Counted),
    (mut other, other_counted): (Outcome, Counted),
) -> Result<(), String> {
    if let Some((one, other)) = outcome.records.iter().zip(&other.records).find(|(one, other)| one != other) {
        return Err(format!("one way:\n{one:#?}\nthe other way:\n{other:#?}"));
    }
    other.flows.clone_from(&outcome.flows);
    if *outcome != other {
        return Err(format!("one way: {outcome:#?}\nthe other way: {other:#?}"));
    }
    if *counted != other_counted {
        return Err(format!("one way: {counted:#?}\nthe other way: {other_counted:#?}"));
    }
    Ok(())
}

/// Judges a scenario in batches.
fn run(scenario: &Scenario, records: FlowRecords, way: Way) -> Result<(Outcome, Counted), String> {
    let division = Division { parts: way.parts, least: 1 };
    let (mut engine, mut clock) = (engine(scenario, records)?.divided(division), Clock::default());
    let mut outcome = Outcome::default();
    let mut waiting = Vec::new();
    for (number, packet) in (1..).zip(&scenario.packets) {
        let (now, step) = clock.observe(packet.time);
        outcome.clock_regressions += u64::from(step == ClockStep::Regression);
        outcome.clock_jumps += u64::from(step == ClockStep::Jump);
        waiting.push(Waiting::new((number, now), &packet.decoded, packet.copy));
        // As a replay does after each batch: what is over is taken. Every third batch goes packet by packet.
        if number % way.batch == 0 {
            judge(&mut engine, &mut waiting, (way, &mut outcome));
            take(&mut engine, &mut outcome);
        }
    }
    judge(&mut engine, &mut waiting, (way, &mut outcome));
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
    Ok((outcome, Counted::of(&engine)))
}

/// A packet as it is in a copy: its flow, and the flow that it quotes, are the copy's.
pub fn in_copy(decoded: Decoded, copy: u16) -> Decoded {
    match decoded {
        Decoded::Packet(PacketFacts {
            transport: Transport::IcmpError { icmp_type, code, quoted },
            src,
            dst,
            protocol,
            length,
        }) => {
            let quoted = quoted.map(|key| key.with_copy(copy));
            let transport = Transport::IcmpError { icmp_type, code, quoted };
            Decoded::Packet(PacketFacts { src, dst, protocol, transport, length })
        }
        other => other,
    }
}

/// A packet on its way to the engine, packed where it can be, as a replay's batches are.
struct Waiting<'a> {
    number: u64,
    now: Timestamp,
    decoded: &'a Decoded,
    copy: u16,
    digest: Option<Digest>,
}

impl<'a> Waiting<'a> {
    fn new((number, now): (u64, Timestamp), decoded: &'a Decoded, copy: u16) -> Self {
        let digest = match decoded {
            Decoded::Packet(facts) if Digest::is_whole(facts) => Digest::of(facts),
            _ => None,
        };
        let digest = digest.map(|digest| digest.with_copy(copy));
        Self { number, now, decoded, copy, digest }
    }

    fn packet(&self) -> engine::Packet<'_> {
        let content = match &self.digest {
            Some(digest) => Content::of_digest(digest),
            None => Content::of_copy(self.decoded, self.copy),
        };
        engine::Packet { number: self.number, now: self.now, content }
    }
}

/// Judges what waits: as a batch, or every third time packet by packet.
fn judge(engine: &mut Engine, waiting: &mut Vec<Waiting<'_>>, (way, outcome): (Way, &mut Outcome)) {
    let mut verdicts = Vec::with_capacity(waiting.len());
    let mut done = 0;
    if way.parts > 1 {
        done = judge_in_parts(engine, waiting, (way.parts, &mut verdicts));
    }
    let rest = waiting.get(done..).unwrap_or_default();
    if way.parts == 1 && way.batch == FEW && waiting.last().is_some_and(|last| last.number % 3 == 0) {
        for Waiting { number, now, decoded, copy, .. } in waiting.iter() {
            let content = Content::of_copy(decoded, *copy);
            verdicts.push((*number, engine.judge(engine::Packet { number: *number, now: *now, content })));
        }
    } else {
        let packets = (rest, Waiting::packet);
        engine.judge_batch(&packets, |at, verdict| verdicts.push((rest[at].number, verdict)));
    }
    let registry = engine.registry();
    outcome.records.extend(verdicts.iter().map(|(number, verdict)| record(*number, verdict, registry)));
    waiting.clear();
}

/// The packet of a hand's item.
fn packet_of<'h>(item: &'h &Waiting<'_>) -> engine::Packet<'h> {
    item.packet()
}

/// Judges as much of what waits as may be judged in parts, the last part first; says how much.
fn judge_in_parts(
    engine: &mut Engine,
    waiting: &[Waiting<'_>],
    (parts, verdicts): (usize, &mut Vec<(u64, Verdict)>),
) -> usize {
    let (mut done, dealer) = (0, Dealer::new(parts));
    while let Some(last) = waiting.get(done..).and_then(<[_]>::last) {
        let rest = &waiting[done..];
        let asks = rest.iter().any(|item| engine::asks_about_another_flow(item.decoded) == Asks::Another);
        let asks = if asks { Asks::Another } else { Asks::Own };
        let packets = engine.lend(Ahead { packets: rest.len(), first: rest[0].now, last: last.now, asks });
        if packets == 0 {
            break;
        }
        let span = &rest[..packets];
        let mut judged = Vec::new();
        for (number, part) in engine.parts().iter_mut().enumerate().rev() {
            let hand: Vec<&Waiting> = span
                .iter()
                .filter(|item| dealer.of_packet(item.number, item.packet().content) == number)
                .collect();
            let each = |at: usize, verdict| judged.push((hand[at].number, verdict));
            part.judge(&(hand.as_slice(), packet_of), span[packets - 1].now, each);
        }
        engine.take_back(span[packets - 1].now);
        judged.sort_by_key(|(number, _)| *number);
        verdicts.extend(judged.into_iter().map(|(number, verdict)| (number, engine.settled(verdict))));
        done += packets;
    }
    done
}

fn engine(scenario: &Scenario, flow_records: FlowRecords) -> Result<Engine, String> {
    let (timeline, settings) = timeline(scenario, flow_records)?;
    Ok(Engine::new(timeline, settings))
}

/// The models and the settings of a scenario.
///
/// # Errors
/// A model of the scenario is refused.
pub fn timeline(
    scenario: &Scenario,
    flow_records: FlowRecords,
) -> Result<(Timeline, engine::Settings), String> {
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
        flow_records,
        only: None,
    };
    Ok((Timeline { first, later, registry: Arc::new(registry) }, settings))
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

/// The options of a scenario's command line.
///
/// # Panics
/// The reference and the program do not name an option alike.
pub fn options(settings: &Settings) -> Options {
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
