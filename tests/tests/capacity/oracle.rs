//! The connection table of a replay once more, slowly: a list of entries, looked through again and again.

use vpcreplay_engine::{Content, Engine, EniId, Packet, Step, Timeline};
use vpcreplay_flow::{Clock, Decoded, FlowKey, KeyClass, Reason, Span, TcpKind, TimeoutName, Timestamp};
use vpcreplay_testkit::reference::Scenario;

/// One entry from its creation to its end.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: FlowKey,
    pub(crate) eni: EniId,
    pub(crate) scope: u32,
    pub(crate) created: Timestamp,
    /// When it was in which state, from each time on.
    pub(crate) states: Vec<(Timestamp, &'static str)>,
    pub(crate) last: Timestamp,
    pub(crate) end: Timestamp,
    /// Whether it lived at the end of the captures.
    pub(crate) is_live: bool,
    /// Whether its timeout ended it.
    pub(crate) is_expired: bool,
    number: u64,
}

/// Something that happened to the occupancy of a scope: the number of the packet (0 for expiries), and by how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    pub(crate) packet: u64,
    pub(crate) scope: u32,
    pub(crate) by: i64,
}

/// A packet at an ENI's security groups, and what they said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    pub(crate) key: FlowKey,
    pub(crate) eni: EniId,
    pub(crate) is_bare_syn: bool,
    pub(crate) reason: Reason,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
    pub(crate) seen: Vec<Seen>,
    /// In order: at each instant what expires, then what packets do.
    pub(crate) changes: Vec<Change>,
    /// When what lives at the end would end: copies that come later see it.
    later: Vec<Change>,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Timestamp,
}

impl Table {
    /// The table of a scenario with one model, told by the steps of the engine.
    pub(crate) fn of(scenario: &Scenario, (mut engine, timeline): (Engine, &Timeline)) -> Self {
        let mut table = Self::default();
        let mut clock = Clock::default();
        for (number, packet) in (1..).zip(&scenario.packets) {
            let (now, _) = clock.observe(packet.time);
            table.first.get_or_insert(now);
            table.last = now;
            table.expire(now);
            let mut steps: Vec<Step> = Vec::new();
            let content = Content::Decoded(&packet.decoded);
            engine.judge_traced(Packet { number, now, content }, &mut steps);
            let Decoded::Packet(facts) = &packet.decoded else { continue };
            let Some((key, _)) = FlowKey::of(facts) else { continue };
            for step in &steps {
                if let Step::SecurityGroup { eni, verdict, .. } = step {
                    let is_bare_syn =
                        facts.transport.tcp_flags().is_some_and(|flags| flags.kind() == TcpKind::Syn);
                    table.seen.push(Seen { at: now, key, eni: *eni, is_bare_syn, reason: verdict.reason });
                }
                table.step(step, (&key, number, now), timeline);
            }
        }
        table.expire_none_after();
        table.changes.sort_by_key(|change| (change.at, change.packet));
        table
    }

    fn expire(&mut self, now: Timestamp) {
        let mut due: Vec<usize> = (0..self.entries.len())
            .filter(|at| self.entries[*at].is_live && self.entries[*at].end <= now)
            .collect();
        due.sort_by_key(|at| self.entries[*at].end);
        for at in due {
            let entry = &mut self.entries[at];
            (entry.is_live, entry.is_expired) = (false, true);
            self.changes.push(Change { at: entry.end, packet: 0, scope: entry.scope, by: -1 });
        }
    }

    /// S7.10: what lives at the end is not expired.
    fn expire_none_after(&mut self) {
        let last = self.last;
        for entry in self.entries.iter_mut().filter(|entry| entry.is_live) {
            self.later.push(Change { at: entry.end, packet: 0, scope: entry.scope, by: -1 });
            entry.end = last;
        }
    }

    fn step(&mut self, step: &Step, (key, number, now): (&FlowKey, u64, Timestamp), timeline: &Timeline) {
        let Step::SecurityGroup { eni, before, verdict, .. } = step else { return };
        let policy = &timeline.first;
        let scope = policy.scope(*eni).expect("an ENI of the model").0;
        let live =
            self.entries.iter().position(|entry| entry.is_live && entry.eni == *eni && entry.key == *key);
        assert_eq!(live.map(|at| self.entries[at].number), before.map(|(number, _)| number.get()), "{key:?}");
        let timeout = |state: &str| policy.timeouts(*eni).get(timeout_of(state, key));
        match (verdict.reason, live) {
            (Reason::Related, _) => {}
            (Reason::Established, Some(at)) => {
                let state = verdict.state.expect("a connection has a state").code();
                let entry = &mut self.entries[at];
                (entry.last, entry.end) = (now, now.after(timeout(state)));
                entry.states.push((now, state));
            }
            (reason, live) => {
                if let Some(at) = live {
                    let entry = &mut self.entries[at];
                    (entry.is_live, entry.end) = (false, now);
                    self.changes.push(Change { at: now, packet: number, scope, by: -1 });
                }
                if matches!(reason, Reason::New | Reason::Midstream) {
                    let state = verdict.state.expect("a connection has a state").code();
                    self.changes.push(Change { at: now, packet: number, scope, by: 1 });
                    self.entries.push(Entry {
                        key: *key,
                        eni: *eni,
                        scope,
                        created: now,
                        states: vec![(now, state)],
                        last: now,
                        end: now.after(timeout(state)),
                        is_live: true,
                        is_expired: false,
                        number: verdict.connection.expect("it made one").get(),
                    });
                }
            }
        }
    }

    /// The changes of a scope.
    pub(crate) fn of_scope(&self, scope: u32) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.scope == scope)
    }

    /// Nanoseconds during which the occupancy of a scope passes a test.
    pub(crate) fn time_with(&self, scope: u32, passes: impl Fn(u64) -> bool) -> u64 {
        let Some(first) = self.first else { return 0 };
        let mut times: Vec<Timestamp> = self.of_scope(scope).map(|change| change.at).collect();
        times.extend([first, self.last]);
        times.sort_unstable();
        times.dedup();
        let live = |at: Timestamp| {
            self.entries
                .iter()
                .filter(|entry| entry.scope == scope && entry.created <= at && at < entry.end)
                .count()
        };
        let spans = times.windows(2).filter(|ends| passes(live(ends[0]) as u64));
        spans.map(|ends| ends[1].since(ends[0]).nanos()).sum()
    }

    /// The peak of copies of the traffic, each later by its own phase. At one instant what expires comes first, then the
    /// copies by their index, or packet by packet where nobody is later.
    pub(crate) fn peak_of_copies(&self, scope: u32, phases: &[Span]) -> u64 {
        let is_shifted = phases.iter().any(|phase| phase.nanos() > 0);
        let mut all: Vec<(Timestamp, Order, i64)> = Vec::new();
        for (copy, phase) in phases.iter().enumerate() {
            let later = self.later.iter().filter(|change| change.scope == scope);
            for change in self.of_scope(scope).chain(later) {
                let Change { at, packet, by, .. } = *change;
                let order =
                    if is_shifted { (packet > 0, 0, copy, packet) } else { (packet > 0, packet, copy, 0) };
                all.push((at.after(*phase), order, by));
            }
        }
        // Stable: the changes of one packet stay in their order.
        all.sort_by_key(|(at, order, _)| (*at, *order));
        let (mut live, mut peak) = (0_i64, 0_i64);
        for (_, _, by) in all {
            live += by;
            peak = peak.max(live);
        }
        peak.unsigned_abs()
    }
}

/// The order of changes at one instant.
type Order = (bool, u64, usize, u64);

/// S7.3
pub(crate) fn timeout_of(state: &str, key: &FlowKey) -> TimeoutName {
    match state {
        "unreplied" | "replied" => TimeoutName::Udp,
        "stream" => TimeoutName::UdpStream,
        "active" if matches!(key.class(), KeyClass::Query(_) | KeyClass::OneWay) => TimeoutName::Icmp,
        "active" => TimeoutName::Other,
        state => TimeoutName::parse(&format!("tcp-{state}")).expect("a state of TCP"),
    }
}
