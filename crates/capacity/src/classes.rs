//! Classes of connections: by peer, service, rule, protocol, state and fate, each with its share of the table.

use std::hash::Hash;
use std::net::IpAddr;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vpcreplay_engine::{RuleId, State};
use vpcreplay_flow::{Direction, Protocol};

/// Distinct classes of one kind that are counted exactly; connections of later ones are counted together.
const EXACT: usize = 65_536;

/// What entries of a class take of the table. Times are in entry-nanoseconds: one entry for one nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries.
    pub connections: u64,
    /// The time they lived, up to the last packet of the captures (S7.10).
    pub entry_ns: u128,
    /// The part of it after each entry's own last packet.
    pub idle_ns: u128,
    /// Those that lived at the instant at which occupancy was greatest first.
    pub at_peak: u64,
    /// The peak that `at_peak` is of.
    pub(crate) epoch: u32,
}

/// A piece of an entry's life in a scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) entry_ns: u64,
    pub(crate) idle_ns: u64,
    /// Whether it lived at the newest peak, and which one that is.
    pub(crate) is_at_peak: bool,
    pub(crate) epoch: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, life: &Life) {
        self.connections += 1;
        self.entry_ns += u128::from(life.entry_ns);
        self.idle_ns += u128::from(life.idle_ns);
        self.at_epoch(life.epoch);
        self.at_peak += u64::from(life.is_at_peak);
    }

    /// What is known of an earlier peak is of no use any more.
    fn at_epoch(&mut self, epoch: u32) {
        if self.epoch != epoch {
            (self.epoch, self.at_peak) = (epoch, 0);
        }
    }

    pub(crate) fn as_of(mut self, epoch: u32) -> Self {
        self.at_epoch(epoch);
        self
    }
}

/// A service: who opens, over which addresses, to which port of the answerer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceClass {
    /// Ingress where the peer opened the connection.
    pub direction: Direction,
    /// Whether over IPv4.
    pub is_ipv4: bool,
    /// The protocol.
    pub protocol: Protocol,
    /// The answerer's port, where there are ports.
    pub port: Option<u16>,
}

/// How an entry stood at its end, or at the end of the captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// TCP that never got past its handshake: `syn-sent` or `syn-received`.
    HalfOpen,
    /// TCP that was established, and no FIN or RST came.
    NeverClosed,
    /// TCP that a FIN or an RST closed.
    Closed,
    /// UDP that was never answered.
    UdpOneWay,
    /// UDP that was answered.
    UdpAnswered,
    /// Any other protocol.
    Other,
}

impl Fate {
    /// All fates, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::HalfOpen, Self::NeverClosed, Self::Closed, Self::UdpOneWay, Self::UdpAnswered, Self::Other];

    /// The code used in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::HalfOpen => "half-open",
            Self::NeverClosed => "never-closed",
            Self::Closed => "closed",
            Self::UdpOneWay => "udp-one-way",
            Self::UdpAnswered => "udp-answered",
            Self::Other => "other",
        }
    }

    /// The fate of an entry whose last state this is.
    pub const fn of(state: State) -> Self {
        match state {
            State::SynSent | State::SynReceived => Self::HalfOpen,
            State::Established => Self::NeverClosed,
            State::FinWait | State::CloseWait | State::LastAck | State::TimeWait | State::Close => {
                Self::Closed
            }
            State::Unreplied => Self::UdpOneWay,
            State::Replied | State::Stream => Self::UdpAnswered,
            State::Active => Self::Other,
        }
    }
}

/// A class of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contributor {
    /// The other side.
    Peer(IpAddr),
    /// The service.
    Service(ServiceClass),
    /// The security group rule that admitted them; `None` where it is not known.
    Rule(Option<RuleId>),
    /// The IP protocol.
    Protocol(Protocol),
    /// A state; the time is that spent in it.
    State(State),
    /// How they ended.
    Fate(Fate),
}

/// A class of connections and what it takes of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// The class; `None` for those beyond the first 65,536 of its kind.
    pub class: Option<Contributor>,
    /// What it takes.
    pub tally: Tally,
}

/// Classes of one kind, numbered in the order in which they come; number 0 is of those that came too late.
#[derive(Clone, Debug)]
pub(crate) struct Classes<K> {
    numbers: HashMap<K, u32, FxBuildHasher>,
    keys: Vec<K>,
    tallies: Vec<Tally>,
}

impl<K> Default for Classes<K> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), keys: Vec::new(), tallies: vec![Tally::default()] }
    }
}

impl<K: Copy + Eq + Hash + Ord> Classes<K> {
    pub(crate) fn number(&mut self, key: K) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        if self.keys.len() >= EXACT {
            return 0;
        }
        self.keys.push(key);
        self.tallies.push(Tally::default());
        let number = u32::try_from(self.keys.len()).unwrap_or(0);
        self.numbers.insert(key, number);
        number
    }

    /// The class with a number; `None` for those that came too late.
    pub(crate) fn key(&self, number: u32) -> Option<K> {
        self.keys.get((number as usize).checked_sub(1)?).copied()
    }

    #[inline]
    pub(crate) fn tally(&mut self, number: u32) -> Option<&mut Tally> {
        self.tallies.get_mut(number as usize)
    }

    /// The classes in order of their keys, those that came too late last.
    pub(crate) fn all(&self, epoch: u32) -> Vec<(Option<K>, Tally)> {
        let mut all: Vec<_> =
            self.keys.iter().copied().map(Some).zip(self.tallies.iter().skip(1).copied()).collect();
        all.sort_by_key(|(key, _)| *key);
        all.extend(
            self.tallies.first().filter(|others| others.connections > 0).map(|others| (None, *others)),
        );
        all.into_iter().map(|(key, tally)| (key, tally.as_of(epoch))).collect()
    }
}
