//! One pass for many values of one timeout (S11.1).
//!
//! As long as no bound is reached flows do not see each other, and a flow goes different ways with two values only where it
//! idles for longer than the one and not the other. So there is one world, that of the least value, in which packets are
//! judged as ever. When it ends a connection by the swept timeout, the connection is kept aside with its flow: it *parted*. At
//! the flow's next packet the values fall into classes, those with which the connection is gone and those with which it
//! lives; the packet is judged once for each class, and classes that have become alike are joined again. A flow of one
//! class goes back to the others.
//!
//! Occupancy is booked by ranges of values. Connections that idle stand in one queue by their last packets, with a cursor
//! for each value.

mod apart;
mod books;
mod classes;
mod idle;
mod parting;

use std::sync::Arc;

use vpcreplay_conntrack::Peak;
use vpcreplay_flow::{Disposition, Span, TimeoutName};
use vpcreplay_policy::{IcmpErrors, ScopeId};

use crate::{Engine, FlowRecords, Packets, Settings, Timeline};
use apart::Apart;
use books::Books;

pub(crate) use parting::{Parted, Parting};

/// Replays one capture with many values of one timeout at once.
#[derive(Debug)]
pub struct Forks {
    engine: Engine,
    apart: Apart,
}

/// What a sweep found with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// The value.
    pub value: Span,
    /// By scope, those without a connection left out.
    pub scopes: Vec<SweptScope>,
}

/// What a sweep found in an allowance scope with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweptScope {
    /// The scope.
    pub scope: ScopeId,
    /// The greatest occupancy, as if there were no limit; above the limit the value needs a replay of its own.
    pub peak: Peak,
    /// Connections created.
    pub created: u64,
    /// Connections that the timeout ended and whose next packet at their ENI, not a bare SYN, was denied there.
    pub broken: u64,
    /// Connections that the timeout ended and whose next packet at their ENI, not a bare SYN, made another one.
    pub recreated: u64,
}

impl Forks {
    /// A sweep before its first packet: one timeline for each value, ascending, that differ in this timeout only and have
    /// no limit.
    ///
    /// `None` where flows depend on each other or values have more than one model: ICMP errors are `related`, a later model
    /// comes, or there is no value or they do not ascend.
    pub fn new(name: TimeoutName, worlds: Vec<(Span, Timeline)>, settings: Settings) -> Option<Self> {
        let values: Vec<Span> = worlds.iter().map(|(value, _)| *value).collect();
        let is_ascending = values.is_sorted_by(|one, next| one < next);
        let is_one_model = worlds.iter().all(|(_, timeline)| timeline.later.is_empty());
        if settings.icmp_errors == IcmpErrors::Related || !is_ascending || !is_one_model {
            return None;
        }
        let policies = worlds.iter().map(|(_, timeline)| Arc::clone(&timeline.first)).collect();
        let (_, timeline) = worlds.into_iter().next()?;
        let settings = Settings { series_period: None, flow_records: FlowRecords::Off, ..settings };
        let mut engine = Engine::new(timeline, settings);
        engine.world.parting = Some(Box::new(Parting::new(name)));
        Some(Self { engine, apart: Apart::new(name, Books::new(values), policies) })
    }

    /// Judges packets, one after another.
    pub fn judge_batch(&mut self, packets: &impl Packets) {
        let Some(last) = packets.count().checked_sub(1) else { return };
        self.engine.begin(packets.packet(0).now);
        let (world, apart) = (&mut self.engine.world, &mut self.apart);
        world.walk(packets, |world, at, wanted| match world.usual(packets, at, wanted) {
            Some(verdict) if verdict.disposition() == Disposition::Unsent => {
                apart.unsent(world, packets.packet(at));
            }
            Some(_) => {}
            None => apart.judge(world, packets.packet(at)),
        });
        world.close();
        apart.close(world, packets.count(), packets.packet(last).now);
    }

    /// What was found with each value so far.
    pub fn swept(&mut self) -> Vec<Swept> {
        let scopes = u32::try_from(self.engine.registry().scope_count()).unwrap_or(u32::MAX);
        let books = &mut self.apart.books;
        let values = books.values.clone();
        let mut of = |(at, value): (usize, Span)| {
            let scope = |number: u32| {
                let account = books.account(number)?;
                let count = |counts: &[u64]| counts.get(at).copied().unwrap_or(0);
                let swept = SweptScope {
                    scope: ScopeId(number),
                    peak: account.peak(at),
                    created: count(&account.created),
                    broken: count(&account.broken),
                    recreated: count(&account.recreated),
                };
                (swept.created > 0).then_some(swept)
            };
            Swept { value, scopes: (0..scopes).filter_map(scope).collect() }
        };
        values.into_iter().enumerate().map(&mut of).collect()
    }

    /// The names behind the numbers.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether flows may have come to their bound: then every value needs a replay of its own.
    pub const fn is_full(&self) -> bool {
        self.apart.is_full
    }

    /// Connections that every value ended and that were forgotten to keep memory bounded: they are neither in the broken nor
    /// in the created again, should a packet have come.
    pub const fn forgotten(&self) -> u64 {
        self.apart.forgotten
    }
}
