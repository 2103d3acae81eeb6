//! Parts: packets of different shards are judged side by side, where no bound can be reached (S7.0, S7.8).
//!
//! What couples flows is the allowance, the bound on remembered flows, the numbers of connections and flows, the books
//! and the top lists. As long as every packet of a batch could create entries and flows without a bound being reached,
//! the first two decide nothing; the others are told late, and put in replay order when the parts are back. So the
//! verdicts are those of strict replay order. A batch that may reach a bound is judged in that order.

use std::sync::Arc;

use vpcreplay_conntrack::{Borrowers, Table};
use vpcreplay_flow::{Decoded, ShortKey, Timestamp, Transport};
use vpcreplay_policy::IcmpErrors;

use crate::engine::World;
use crate::numbers::{Numbers, resolve};
use crate::settings::FlowRecords;
use crate::{Content, Engine, Packets, Verdict};

/// Entries that one packet creates at most: one at each end.
const MOST_ENTRIES: u64 = 2;

/// How an engine may be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    /// Into how many parts; one or none for strict replay order throughout.
    pub parts: usize,
    /// Fewer packets than this are judged in replay order: bringing parts together costs more.
    pub least: usize,
}

/// Packets that lie ahead.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    /// How many.
    pub packets: usize,
    /// Engine time of the first of them.
    pub first: Timestamp,
    /// Engine time of the last of them.
    pub last: Timestamp,
    /// Whether one of them may ask about another flow than its own (see [`asks_about_another_flow`]).
    pub asks: Asks,
}

/// Whether packets ask about other flows than their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    /// About their own only.
    #[default]
    Own,
    /// One of them asks about another.
    Another,
}

/// How packets were judged so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Regimes {
    /// Packets judged in parts.
    pub in_parts: u64,
    /// Packets judged in strict replay order.
    pub strict: u64,
    /// How often one regime followed the other.
    pub switches: u64,
    last: Option<Regime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Regime {
    InParts,
    Strict,
}

/// In which part of a divided engine packets are judged.
#[derive(Clone, Copy, Debug)]
pub struct Dealer {
    parts: usize,
    borrowers: Borrowers,
}

impl Dealer {
    /// For so many parts, one at least.
    pub fn new(parts: usize) -> Self {
        Self { parts: parts.max(1), borrowers: Borrowers::new(parts) }
    }

    /// The part of the packets of a flow.
    #[inline]
    pub fn of_flow(&self, short: ShortKey) -> usize {
        self.borrowers.of(short.hash64())
    }

    /// The part of the packet with a number.
    pub fn of_packet(&self, number: u64, content: Content<'_>) -> usize {
        match content.short_key() {
            Some(short) => self.of_flow(short),
            // Of no flow, it may be judged anywhere.
            None => usize::try_from(number).unwrap_or(0) % self.parts,
        }
    }
}

/// Whether a packet may ask about another flow than its own: an ICMP error about the flow that it quotes (S6.3.1).
pub const fn asks_about_another_flow(decoded: &Decoded) -> Asks {
    match decoded {
        Decoded::Packet(facts) if matches!(facts.transport, Transport::IcmpError { quoted: Some(_), .. }) => {
            Asks::Another
        }
        _ => Asks::Own,
    }
}

/// A part of an engine: some of its shards, while they are lent.
#[derive(Debug)]
pub struct Part {
    world: World,
}

impl Part {
    /// Judges the packets of this part in replay order; `each` gets every packet's place and its verdict. The numbers of
    /// new connections are provisional until [`Engine::settled`]. `last` is the engine time at which all parts end.
    pub fn judge(&mut self, packets: &impl Packets, last: Timestamp, mut each: impl FnMut(usize, Verdict)) {
        self.world.judge_each(packets, &mut each);
        self.world.expire(last);
    }
}

impl Engine {
    /// The same engine, divided for [`Engine::lend`].
    #[must_use]
    pub fn divided(mut self, division: Division) -> Self {
        self.division = division;
        self.world.table = self.world.table.with_shards(division.parts);
        self
    }

    /// How many of the packets ahead may be judged in parts now. If any, the shards are lent to [`Engine::parts`], of
    /// which each must judge its packets, before [`Engine::take_back`]; if none, the packets are for
    /// [`Engine::judge_batch`].
    pub fn lend(&mut self, ahead: Ahead) -> usize {
        let packets = self.lendable(ahead);
        if packets == 0 {
            return 0;
        }
        if self.parts.first().is_none_or(|part| !Arc::ptr_eq(&part.world.policy, &self.world.policy)) {
            self.disband();
            self.parts =
                (0..self.division.parts).map(|number| Part { world: self.world.part(number) }).collect();
        }
        for part in &mut self.parts {
            part.world.routes = self.world.routes.share();
            part.world.connections.forget();
            part.world.flow_numbers.forget();
        }
        self.world.table.lend(self.parts.iter_mut().map(|part| &mut part.world.table));
        self.regimes.note(Regime::InParts, packets);
        packets
    }

    /// How many of the packets ahead [`Engine::lend`] would let be judged in parts now.
    pub fn lendable(&mut self, ahead: Ahead) -> usize {
        self.begin(ahead.first);
        let packets = self.free_packets(ahead);
        let is_enough = self.division.parts > 1 && packets >= self.division.least.max(1);
        if is_enough { packets } else { 0 }
    }

    /// How many packets can come without a bound being reached, a later model coming into force, or one flow being
    /// asked about by another.
    fn free_packets(&self, ahead: Ahead) -> usize {
        let world = &self.world;
        let asks = ahead.asks == Asks::Another && world.settings.icmp_errors == IcmpErrors::Related;
        if world.next_switch <= ahead.last || asks {
            return 0;
        }
        let scopes = world.policy.scopes().map(|scope| world.ledger.room(scope.0) / MOST_ENTRIES);
        let room = scopes.min().unwrap_or(u64::MAX).min(world.table.room());
        usize::try_from(room).unwrap_or(usize::MAX).min(ahead.packets)
    }

    /// The parts, between [`Engine::lend`] and [`Engine::take_back`].
    pub fn parts(&mut self) -> &mut [Part] {
        &mut self.parts
    }

    /// Takes the shards back from the parts, all of which have judged their packets up to the `last` time, and puts
    /// what they tell in replay order.
    pub fn take_back(&mut self, last: Timestamp) {
        let world = &mut self.world;
        let mut wanted = Vec::new();
        for part in &mut self.parts {
            world.table.take_back(&mut part.world.table);
            wanted.extend(part.world.routes.unshare());
        }
        // Only now: as long as one part shares the routes, none can be added.
        for route in wanted {
            world.routes.number(route);
        }
        self.settle_numbers();
        let world = &mut self.world;
        let mut ledgers: Vec<_> = self.parts.iter_mut().map(|part| &mut part.world.ledger).collect();
        world.ledger.take_over(&mut ledgers);
        let mut counters: Vec<_> = self.parts.iter_mut().map(|part| &mut part.world.counters).collect();
        world.counters.take_denied(&mut counters);
        world.now = Some(last);
        world.close();
    }

    /// Gives connections and flows their numbers (S9.2, S9.3), wherever they are kept.
    fn settle_numbers(&mut self) {
        let Self { world, parts, .. } = self;
        let mut connections: Vec<_> = parts.iter_mut().map(|part| &mut part.world.connections).collect();
        world.connections.settle(&mut connections);
        let mut flows: Vec<_> = parts.iter_mut().map(|part| &mut part.world.flow_numbers).collect();
        world.flow_numbers.settle(&mut flows);
        for part in parts.iter() {
            for ((id, eni), (provisional, number)) in part.world.connections.settled() {
                if let Some((shard, at)) = world.table.place_mut(id) {
                    shard.renumber(at, eni.0, (provisional, number));
                }
            }
        }
        if world.settings.flow_records == FlowRecords::Kept {
            self.settle_records();
        }
    }

    /// Gives the settled numbers to the records of flows.
    fn settle_records(&mut self) {
        let Self { world, parts, .. } = self;
        for part in parts.iter() {
            let flows = part.world.connections.settled().map(|((id, _), _)| id);
            for id in flows.chain(part.world.flow_numbers.settled().map(|(id, _)| id)) {
                if let Some(detail) = world.table.aside_mut(id).and_then(|aside| aside.detail.as_mut()) {
                    detail.renumber(
                        |number| resolve(number, |giver| Some(&parts.get(giver)?.world.connections)),
                        |number| resolve(number, |giver| Some(&parts.get(giver)?.world.flow_numbers)),
                    );
                }
            }
        }
        let over: Vec<_> = parts.iter_mut().flat_map(|part| std::mem::take(&mut part.world.over)).collect();
        let parts = &self.parts;
        self.world.over.extend(over.into_iter().map(|mut record| {
            record.number = resolve(record.number, |giver| Some(&parts.get(giver)?.world.flow_numbers));
            for connection in &mut record.connections {
                let number = connection.number;
                connection.number = resolve(number, |giver| Some(&parts.get(giver)?.world.connections));
            }
            record
        }));
    }

    /// A verdict of the newest packets judged in parts, with the settled number of its connection.
    pub fn settled(&self, verdict: Verdict) -> Verdict {
        let settle = |number: u64| resolve(number, |giver| Some(&self.parts.get(giver)?.world.connections));
        let connection = verdict.connection.and_then(|number| settle(number.get()).try_into().ok());
        Verdict { connection, ..verdict }
    }

    /// How packets were judged so far: it depends on how they came, and changes no verdict.
    pub const fn regimes(&self) -> Regimes {
        self.regimes
    }

    pub(crate) fn note_strict(&mut self, packets: usize) {
        self.regimes.note(Regime::Strict, packets);
    }

    /// Adds what the parts counted, and gives them up.
    pub(crate) fn disband(&mut self) {
        for part in self.parts.drain(..) {
            self.world.counters.add(&part.world.counters);
        }
    }
}

impl World {
    /// A part of this world, without shards.
    fn part(&self, number: usize) -> Self {
        let mut part = Self {
            settings: self.settings.clone(),
            policy: Arc::clone(&self.policy),
            later: crate::Later::new(),
            next_switch: Timestamp::MAX,
            usual_before: Timestamp::MIN,
            table: Table::without_shards(self.table.shard_count()),
            ledger: self.ledger.part(),
            scopes: self.scopes.clone(),
            routes: crate::route::Routes::default(),
            counters: self.counters.part(),
            over: Vec::new(),
            records: Vec::new(),
            connections: Numbers::of_part(number),
            flow_numbers: Numbers::of_part(number),
            now: None,
            parting: None,
        };
        part.note_next_switch();
        part
    }
}

impl Regimes {
    fn note(&mut self, regime: Regime, packets: usize) {
        match regime {
            Regime::InParts => self.in_parts += packets as u64,
            Regime::Strict => self.strict += packets as u64,
        }
        self.switches += u64::from(self.last.is_some_and(|last| last != regime));
        self.last = Some(regime);
    }
}
