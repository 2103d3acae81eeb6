//! What a profile says, read and checked.

mod amounts;
mod classes;
mod dto;
mod fleets;
mod named;
mod words;

use std::collections::BTreeMap;

use vpcreplay_flow::{Span, TimeoutName};

use crate::SynthError;
use crate::distribution::Distribution;
use crate::shape::{Rhythm, Shape};

pub use named::{NAMED, Named};

/// Fleets that a profile may have: their subnets fill the VPC.
pub(crate) const MOST_FLEETS: usize = 16;
/// Interfaces that a fleet may have: its subnet is a /20.
pub(crate) const MOST_ENIS: u64 = 4_000;
/// Classes that a profile may have.
pub(crate) const MOST_CLASSES: usize = 64;
/// Addresses that the internet has: 100.64.0.0/10.
pub(crate) const MOST_PEERS: u64 = 1 << 22;
/// The payload of a TCP segment over IPv6 in a frame of usual size.
pub(crate) const MOST_PAYLOAD: u64 = 1_440;

/// A profile of traffic: which interfaces there are, and what they talk about with whom.
#[derive(Clone, Debug)]
pub struct Profile {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) duration: Span,
    pub(crate) snaplen: u32,
    pub(crate) fleets: Vec<Fleet>,
    pub(crate) classes: Vec<Class>,
}

/// Interfaces that are alike: one subnet, one security group.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) name: String,
    pub(crate) enis: u32,
    pub(crate) enis_per_instance: u32,
    pub(crate) interface_type: Option<String>,
    pub(crate) egress: Egress,
    pub(crate) limit: Option<u64>,
    pub(crate) timeouts: BTreeMap<TimeoutName, Span>,
}

/// What the security group of a fleet lets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Egress {
    /// What the profile's classes need, so that all is tracked.
    Needed,
    /// Everything, as AWS does by default: flows that everybody may open from outside are untracked then (S6.4).
    All,
}

/// An end of the connections of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// Addresses outside the VPC.
    Internet,
    /// The fleet with this index.
    Fleet(usize),
}

/// What the packets of a class are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Udp,
    /// One question and its answer over UDP.
    Dns,
    /// Echo requests and replies.
    Icmp,
}

/// Connections that are alike.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Who opens.
    pub(crate) from: Party,
    /// Who is asked.
    pub(crate) to: Party,
    /// Of whom is asked; 0 for ICMP.
    pub(crate) port: u16,
    /// Connections a second at factor 1.
    pub(crate) rate: f64,
    pub(crate) rhythm: Rhythm,
    pub(crate) shape: Shape,
    /// Addresses of the internet.
    pub(crate) peers: u32,
    pub(crate) ports: ClientPorts,
    pub(crate) order: Order,
    /// Share of connections that take addresses and ports of one that has ended.
    pub(crate) port_reuse: f64,
    /// Share of connections over IPv6.
    pub(crate) ipv6: f64,
    pub(crate) lifetime: Distribution,
    pub(crate) packets: Distribution,
    /// Packets of data from the server for each of the client's.
    pub(crate) responses: u8,
    pub(crate) request_bytes: Distribution,
    pub(crate) response_bytes: Distribution,
    /// Half a round trip, in nanoseconds: what an answer takes.
    pub(crate) half_trip: u64,
    /// Idle nanoseconds until a keep-alive probe.
    pub(crate) keep_alive: Option<u64>,
    pub(crate) fates: Fates,
    pub(crate) closed_by: ClosedBy,
    /// Repetitions of an opening that nobody answers.
    pub(crate) retries: u8,
}

/// Ports that clients open from; identifiers of ICMP echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientPorts {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl ClientPorts {
    /// How many there are.
    pub(crate) fn count(self) -> u32 {
        u32::from(self.last - self.first) + 1
    }
}

/// How client and port are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Random,
    /// One after another: each combination of server, client and port comes once before any comes twice.
    RoundRobin,
}

/// Who says farewell first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClosedBy {
    Client,
    Server,
    /// Each of them in half of the connections.
    Either,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered and, if TCP, closed with FINs.
    Closed,
    /// Nobody answers.
    HalfOpen,
    /// SYN and SYN+ACK, but no ACK.
    Unacknowledged,
    /// The SYN is answered with RST.
    Refused,
    /// It ends with RST.
    Reset,
    /// It falls silent without an end.
    NeverClosed,
}

/// Shares of the fates other than the usual one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Fates {
    pub(crate) half_open: f64,
    pub(crate) unacknowledged: f64,
    pub(crate) refused: f64,
    pub(crate) reset: f64,
    pub(crate) never_closed: f64,
}

impl Fates {
    /// The fate that a number from 0 to 1 stands for.
    pub(crate) fn pick(self, unit: f64) -> Fate {
        let mut rest = unit;
        for (share, fate) in [
            (self.half_open, Fate::HalfOpen),
            (self.unacknowledged, Fate::Unacknowledged),
            (self.refused, Fate::Refused),
            (self.reset, Fate::Reset),
            (self.never_closed, Fate::NeverClosed),
        ] {
            if rest < share {
                return fate;
            }
            rest -= share;
        }
        Fate::Closed
    }

    pub(crate) const fn sum(self) -> f64 {
        self.half_open + self.unacknowledged + self.refused + self.reset + self.never_closed
    }
}

impl Profile {
    /// Reads a profile. `document` is what messages call it.
    ///
    /// # Errors
    /// What is not understood or makes no sense, with its place and the remedy.
    pub fn parse(document: &str, text: &str) -> Result<Self, SynthError> {
        let reader = words::Reader::new(text);
        read(&reader, document).map_err(|error| error.in_document(document))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for, in a sentence or two.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// How long its capture is when nothing else is asked for.
    pub const fn duration(&self) -> Span {
        self.duration
    }

    /// How many ENIs its model has.
    pub fn eni_count(&self) -> u64 {
        self.fleets.iter().map(|fleet| u64::from(fleet.enis)).sum()
    }

    /// The name of an end of a class.
    pub(crate) fn party_name(&self, party: Party) -> &str {
        match party {
            Party::Internet => classes::INTERNET,
            Party::Fleet(index) => self.fleets.get(index).map_or("", |fleet| &fleet.name),
        }
    }
}

fn read(reader: &words::Reader<'_>, document: &str) -> Result<Profile, SynthError> {
    let given: dto::Document = reader.document()?;
    let duration = match &given.duration {
        Some(word) => reader.read(word, words::positive_span)?,
        None => Span::from_secs(60),
    };
    let snaplen = match &given.snaplen {
        Some(word) => reader.read(word, |text| words::integer(text, 96, 65_535))?,
        None => 128,
    };
    let fleets = fleets::read(reader, &given.fleet)?;
    let classes = classes::read(reader, &given.class, &fleets)?;
    fleets::refuse_idle(reader, &given.fleet, &classes)?;
    Ok(Profile {
        name: document.to_owned(),
        description: given.description.map(|word| word.into_inner().0).unwrap_or_default(),
        duration,
        snaplen: u32::try_from(snaplen).unwrap_or(u32::MAX),
        fleets,
        classes,
    })
}

#[cfg(test)]
#[path = "profile/profile_tests.rs"]
mod tests;
