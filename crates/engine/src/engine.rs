//! The engine: a world of one timeline of models, and the packets judged in it.

use std::net::IpAddr;
use std::sync::Arc;

use vpcreplay_conntrack::{FlowId, Ledger, Peak, SeriesRow, Table};
use vpcreplay_flow::{Brief, Cause, Decoded, Digest, PacketFacts, Timestamp};
use vpcreplay_policy::{EniId, Policy, Registry, ScopeId};

use crate::advance::Scopes;
use crate::counters::Counters;
use crate::forks::Parting;
use crate::memory::{Aside, Memory};
use crate::numbers::Numbers;
use crate::parts::{Division, Part, Regimes};
use crate::route::Routes;
use crate::settings::{Later, Settings, Timeline, When, by_time};
use crate::verdict::undecoded;
use crate::{FlowRecord, NoTrace, Packets, Trace, Verdict};

/// A packet to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Its number in replay order, from 1 (S1.4).
    pub number: u64,
    /// Engine time at the packet (S1.2).
    pub now: Timestamp,
    /// What became of its frame.
    pub content: Content<'a>,
}

impl Packet<'_> {
    /// No packet.
    pub const NONE: Self = Packet {
        number: 0,
        now: Timestamp::MIN,
        content: Content::Decoded(&Decoded::Unjudged(Cause::NotIp, None)),
    };
}

/// What became of a packet's frame, in one of several forms.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// An IPv4 packet all of whose facts are in its digest (see [`Digest::is_whole`]), in brief.
    Brief(Brief),
    /// A packet all of whose facts are in its digest.
    Digest(&'a Digest),
    /// Any packet, or none.
    Decoded(&'a Decoded),
    /// The same in a copy of the captures, which has flows of its own; a quoted flow is to be the copy's.
    OfCopy(&'a Decoded, u16),
}

impl<'a> Content<'a> {
    /// What became of a frame, in this copy of the captures; 0 is the original.
    pub const fn of_copy(decoded: &'a Decoded, copy: u16) -> Self {
        if copy == 0 { Self::Decoded(decoded) } else { Self::OfCopy(decoded, copy) }
    }

    /// A packet all of whose facts are in its digest, in brief if it can be.
    #[inline]
    pub const fn of_digest(digest: &'a Digest) -> Self {
        if digest.key.is_wide() { Self::Digest(digest) } else { Self::Brief(digest.brief()) }
    }

    /// The digest of the packet, what an ICMP error quotes left out; `None` where it has no flow key (S2.7).
    pub fn digest(self) -> Option<Digest> {
        let (decoded, copy) = match self {
            Self::Brief(brief) => return Some(brief.whole()),
            Self::Digest(digest) => return Some(*digest),
            Self::Decoded(decoded) => (decoded, 0),
            Self::OfCopy(decoded, copy) => (decoded, copy),
        };
        let Decoded::Packet(facts) = decoded else { return None };
        Digest::of(facts).map(|digest| digest.with_copy(copy))
    }

    /// Source and destination; `None` where there are none.
    pub fn addresses(self) -> Option<(IpAddr, IpAddr)> {
        match self {
            Self::Brief(brief) => Some(brief.whole().addresses()),
            Self::Digest(digest) => Some(digest.addresses()),
            Self::Decoded(_) | Self::OfCopy(..) => self.facts().map(|facts| (facts.src, facts.dst)),
        }
    }

    /// The facts of the packet; `None` where there are none.
    pub fn facts(self) -> Option<PacketFacts> {
        match self {
            Self::Brief(brief) => Some(brief.whole().facts()),
            Self::Digest(digest) => Some(digest.facts()),
            Self::Decoded(Decoded::Packet(facts)) | Self::OfCopy(Decoded::Packet(facts), _) => Some(*facts),
            Self::Decoded(Decoded::Unjudged(..)) | Self::OfCopy(Decoded::Unjudged(..), _) => None,
        }
    }
}

/// Everything that a packet meets.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) policy: Arc<Policy>,
    /// Models still to come, by their time.
    pub(crate) later: Later,
    /// When the next of them comes into force.
    pub(crate) next_switch: Timestamp,
    /// Packets of this time and later are not judged by [`World::most_usual`] and its like, which ask no further.
    pub(crate) usual_before: Timestamp,
    pub(crate) table: Table<Memory, Aside>,
    pub(crate) ledger: Ledger,
    pub(crate) scopes: Scopes,
    pub(crate) routes: Routes,
    pub(crate) counters: Counters,
    /// Records of flows that are over and wait for their turn.
    pub(crate) over: Vec<FlowRecord>,
    /// Records of flows that are over, in order, until they are taken.
    pub(crate) records: Vec<FlowRecord>,
    /// Connections created so far, each at a place of the table and an ENI.
    pub(crate) connections: Numbers<(FlowId, EniId)>,
    /// Flows remembered so far, where records of them are kept.
    pub(crate) flow_numbers: Numbers<FlowId>,
    /// Engine time of the newest packet.
    pub(crate) now: Option<Timestamp>,
    /// Told of what ends, for a sweep.
    pub(crate) parting: Option<Box<Parting>>,
}

/// Judges packets one after another; the same packets give the same verdicts.
#[derive(Debug)]
pub struct Engine {
    pub(crate) world: World,
    registry: Arc<Registry>,
    /// Models whose time is known once the first packet is.
    timeline: Vec<(When, Arc<Policy>)>,
    pub(crate) division: Division,
    pub(crate) parts: Vec<Part>,
    pub(crate) regimes: Regimes,
}

impl Engine {
    /// An engine before its first packet.
    pub fn new(timeline: Timeline, settings: Settings) -> Self {
        let world = World {
            policy: timeline.first,
            later: Later::new(),
            next_switch: Timestamp::MAX,
            usual_before: Timestamp::MIN,
            table: Table::new(settings.flow_memory, settings.max_flows),
            ledger: Ledger::new(settings.series_period),
            scopes: Scopes::default(),
            routes: Routes::default(),
            counters: Counters::new(&timeline.registry),
            over: Vec::new(),
            records: Vec::new(),
            connections: Numbers::new(),
            flow_numbers: Numbers::new(),
            now: None,
            parting: None,
            settings,
        };
        Self {
            world,
            registry: timeline.registry,
            timeline: timeline.later,
            division: Division { parts: 1, least: 0 },
            parts: Vec::new(),
            regimes: Regimes::default(),
        }
    }

    /// Judges a packet. Times must not go back.
    pub fn judge(&mut self, packet: Packet<'_>) -> Verdict {
        self.judge_traced(packet, &mut NoTrace)
    }

    /// Judges a packet and tells its steps.
    pub fn judge_traced(&mut self, packet: Packet<'_>, trace: &mut impl Trace) -> Verdict {
        self.begin(packet.now);
        let verdict = self.world.judge(packet, trace);
        self.world.close();
        verdict
    }

    /// Judges packets one after another: faster than one by one, with the same verdicts. `each` gets every packet's place
    /// and its verdict, in order.
    pub fn judge_batch(&mut self, packets: &impl Packets, mut each: impl FnMut(usize, Verdict)) {
        if packets.count() > 0 {
            self.begin(packets.packet(0).now);
        }
        self.world.judge_each(packets, &mut each);
        self.world.close();
        self.note_strict(packets.count());
    }

    /// At the first packet: orders the timeline by the packet's time; a model of that time or earlier is in force from the start
    /// (S10.1, S12.10).
    pub(crate) fn begin(&mut self, first: Timestamp) {
        if self.world.now.is_some() {
            return;
        }
        let (from_start, later) = by_time(self.timeline.drain(..), first);
        let world = &mut self.world;
        world.later = later;
        if let Some(policy) = from_start {
            world.policy = policy;
        }
        world.note_next_switch();
        world.adopt(first);
        world.now = Some(first);
    }

    /// Takes the records of flows that are over, in order (S9.3). Empty unless they are kept.
    pub fn take_flows(&mut self) -> Vec<FlowRecord> {
        std::mem::take(&mut self.world.records)
    }

    /// Takes the finished rows of the series (S7.9), by start, then scope number.
    pub fn take_series(&mut self) -> Vec<SeriesRow> {
        self.world.ledger.take_rows()
    }

    /// Ends the replay at the time of its last packet: the next [`Engine::take_flows`] has the flows that live on
    /// (S7.10, S9.3), by number, behind those that are over, and the next [`Engine::take_series`] the last rows. No
    /// packet may follow.
    pub fn finish(&mut self) {
        self.disband();
        self.world.finish();
    }

    /// The model in force.
    pub fn policy(&self) -> &Policy {
        &self.world.policy
    }

    /// The names behind the numbers.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// What was counted; what packets judged in parts count is added by [`Engine::finish`].
    pub const fn counters(&self) -> &Counters {
        &self.world.counters
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.world.settings
    }

    /// Connections created so far.
    pub const fn connections(&self) -> u64 {
        self.world.connections.given()
    }

    /// Live entries of a scope now.
    pub fn occupancy(&self, scope: ScopeId) -> u64 {
        self.world.ledger.occupancy(scope.0)
    }

    /// The limit in force at a scope (S7.8).
    pub fn limit(&self, scope: ScopeId) -> u64 {
        self.world.ledger.limit(scope.0)
    }

    /// The greatest occupancy of a scope so far.
    pub fn peak(&self, scope: ScopeId) -> Peak {
        self.world.ledger.peak(scope.0)
    }

    /// Packets that the allowance of a scope denied (S7.8).
    pub fn scope_exceeded(&self, scope: ScopeId) -> u64 {
        self.world.ledger.denied(scope.0)
    }

    /// Packets that the allowance of an ENI denied: its `ConnTrackAllowanceExceeded` (S7.8).
    pub fn exceeded(&self, eni: EniId) -> u64 {
        self.world.counters.exceeded(eni)
    }
}

impl World {
    /// Judges a packet, step by step.
    pub(crate) fn judge(&mut self, packet: Packet<'_>, trace: &mut impl Trace) -> Verdict {
        self.enter(packet.number, packet.now);
        let (decoded, copy) = match packet.content {
            Content::Brief(brief) => {
                let digest = brief.whole();
                return self.judge_facts(packet, (&digest.facts(), Some(&digest)), trace);
            }
            Content::Digest(digest) => {
                return self.judge_facts(packet, (&digest.facts(), Some(digest)), trace);
            }
            Content::Decoded(decoded) => (decoded, 0),
            Content::OfCopy(decoded, copy) => (decoded, copy),
        };
        match decoded {
            Decoded::Packet(facts) => {
                let digest = Digest::of(facts).map(|digest| digest.with_copy(copy));
                self.judge_facts(packet, (facts, digest.as_ref()), trace)
            }
            Decoded::Unjudged(cause, header) => {
                let verdict = Verdict::bare(undecoded(*cause));
                self.counters.count(header.map_or(0, |header| header.length), &verdict);
                verdict
            }
        }
    }
}
