//! Connections that a timeout ends too early: a later packet finds the entry gone.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vpcreplay_engine::{EniId, Packet, ScopeId, State, Timeline};
use vpcreplay_flow::{FlowKey, Reason, TcpKind, TimeoutName, Timestamp};

use crate::generations::{Generations, timeout_name};
use crate::visit::{Visit, What};

/// Entries below which nothing is forgotten.
const FEW: usize = 1024;

/// Connections that a timeout ended before their last packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GapCounts {
    /// A later packet found the entry gone and was denied: no rule admits it, or it opens no connection (S7.5).
    pub broken: u64,
    /// A later packet found the entry gone and made another one.
    pub recreated: u64,
    /// Forgotten before a packet told, because too many waited.
    pub forgotten: u64,
}

/// Watches one timeout: which connections it ends too early.
///
/// Looked at are entries that expire in a state which has this timeout (S7.3), each once: the first later packet of its
/// flow that reaches the ENI's security groups and is not denied by the allowance tells. A bare SYN asks for a connection
/// of its own. What expired is remembered as long as there is room.
#[derive(Debug)]
pub struct Gaps {
    generations: Generations,
    name: TimeoutName,
    /// How many entries are remembered, those that expired among them.
    room: usize,
    entries: HashMap<(FlowKey, EniId), Tracked, FxBuildHasher>,
    /// When there are this many, those that are over are forgotten.
    most: usize,
    /// By scope number.
    counts: Vec<GapCounts>,
    begun: bool,
}

#[derive(Clone, Copy, Debug)]
struct Tracked {
    number: u64,
    state: State,
    deadline: Timestamp,
    /// The flow's newest packet at this ENI.
    last: Timestamp,
}

impl Gaps {
    /// Watches a timeout in a replay of these models; as many flows are remembered at most (S7.0).
    pub fn new(timeline: &Timeline, name: TimeoutName, max_flows: u64) -> Self {
        Self {
            generations: Generations::new(timeline),
            name,
            room: usize::try_from(max_flows).unwrap_or(usize::MAX),
            entries: HashMap::default(),
            most: FEW,
            counts: Vec::new(),
            begun: false,
        }
    }

    /// Connections of a scope that the timeout ended too early.
    pub fn counts(&self, scope: ScopeId) -> GapCounts {
        self.counts.get(scope.index()).copied().unwrap_or_default()
    }

    /// Takes in a packet and what it did at its security group checkpoints.
    pub fn packet(&mut self, packet: &Packet<'_>, visits: impl IntoIterator<Item = Visit>) {
        let now = packet.now;
        if !self.begun {
            self.begun = true;
            self.generations.begin(now);
        }
        while self.generations.is_due(now) && self.generations.advance(now).is_some() {
            let policy = self.generations.current();
            self.entries.retain(|(_, eni), _| policy.contains(*eni));
        }
        let Some(digest) = packet.content.digest() else { return };
        let (key, tcp) = (digest.key, digest.kind.event().tcp());
        for visit in visits {
            self.visit((&key, tcp), &visit, now);
        }
        if self.entries.len() >= self.most {
            self.make_room(now);
        }
    }

    /// Forgets entries of which nothing is to be told, and the oldest where there are too many.
    fn make_room(&mut self, now: Timestamp) {
        let name = self.name;
        self.entries.retain(|(key, _), entry| {
            !entry.deadline.is_due(now) || timeout_name(entry.state, key.class()) == name
        });
        if self.entries.len() > self.room {
            let expired = self.entries.values().filter(|entry| entry.deadline.is_due(now));
            let mut ages: Vec<Timestamp> = expired.map(|entry| entry.last).collect();
            ages.sort_unstable();
            if let Some(newest) = ages.get(ages.len() / 2).copied() {
                let gone = |entry: &Tracked| entry.deadline.is_due(now) && entry.last <= newest;
                let places = self.entries.extract_if(|_, entry| gone(entry));
                let enis: Vec<EniId> = places.map(|((_, eni), _)| eni).collect();
                for eni in enis {
                    self.count(eni, |counts| counts.forgotten += 1);
                }
            }
        }
        self.most = FEW.max(2 * self.entries.len());
    }

    fn visit(&mut self, (key, tcp): (&FlowKey, Option<TcpKind>), visit: &Visit, now: Timestamp) {
        let place = (*key, visit.eni);
        let known = self.entries.get(&place).copied();
        match (visit.what, known) {
            (What::Entered { number, state, .. }, Some(known)) if known.number == number => {
                self.track(place, (number, state), now);
            }
            (What::Refused(Reason::ConntrackAllowanceExceeded), Some(known)) => {
                // A later packet tells whether it is created anew, unless a bare SYN took it away.
                if tcp == Some(TcpKind::Syn) {
                    self.entries.remove(&place);
                } else {
                    self.entries.insert(place, Tracked { last: now, ..known });
                }
            }
            (what, known) => {
                if known.is_some_and(|known| self.is_cut_short(&known, (key, tcp), now)) {
                    match what {
                        What::Refused(_) => self.count(visit.eni, |counts| counts.broken += 1),
                        What::Entered { .. } => self.count(visit.eni, |counts| counts.recreated += 1),
                        What::Passed => {}
                    }
                }
                match what {
                    What::Entered { number, state, .. } => self.track(place, (number, state), now),
                    What::Passed | What::Refused(_) => drop(self.entries.remove(&place)),
                }
            }
        }
    }

    fn track(&mut self, place: (FlowKey, EniId), (number, state): (u64, State), now: Timestamp) {
        let deadline = now.after(self.generations.timeout(place.1, state, place.0.class()));
        self.entries.insert(place, Tracked { number, state, deadline, last: now });
    }

    /// Whether the watched timeout ended an entry, and a packet other than a bare SYN finds it gone.
    fn is_cut_short(&self, known: &Tracked, (key, tcp): (&FlowKey, Option<TcpKind>), now: Timestamp) -> bool {
        let is_expired = known.deadline.is_due(now) && timeout_name(known.state, key.class()) == self.name;
        is_expired && tcp != Some(TcpKind::Syn)
    }

    fn count(&mut self, eni: EniId, count: impl FnOnce(&mut GapCounts)) {
        let Some(scope) = self.generations.current().scope(eni) else { return };
        if self.counts.len() <= scope.index() {
            self.counts.resize(scope.index() + 1, GapCounts::default());
        }
        if let Some(counts) = self.counts.get_mut(scope.index()) {
            count(counts);
        }
    }
}
