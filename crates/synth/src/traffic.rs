//! The packets of a profile, one after another in order of time.

use vpcreplay_flow::{Span, Timestamp};

use crate::connection::{Connection, Family};
use crate::dice::Dice;
use crate::frame::{self, Route};
use crate::ports::{Choice, Chosen, InUse};
use crate::profile::{Class, Kind, Profile};
use crate::queue::{Event, Queue};
use crate::shape::Arrivals;
use crate::totals::{ClassTotals, Totals};
use crate::{SynthError, addresses};

/// The first second that classic pcap has no room for.
const END_OF_PCAP: i64 = 1 << 32;
const SECOND: i64 = 1_000_000_000;
/// Events of this and above are arrivals of the class with the number that is left.
const ARRIVAL: u32 = 1 << 31;
/// Arrivals come behind the packets of open connections.
const RANK_OF_ARRIVALS: u64 = 1 << 63;
/// The stream of random numbers that times of arrival are drawn from; the others are connections.
const ARRIVALS: u64 = u64::MAX;

/// What is asked of a capture beside its profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What random numbers start from: the same profile and settings give the same bytes.
    pub seed: u64,
    /// When the capture begins.
    pub start: Timestamp,
    /// Connections a second of all classes together, at factor 1; the classes keep their shares. `None`: the profile's.
    pub rate: Option<f64>,
    /// How much time is covered.
    pub duration: Option<Span>,
    /// How many packets are written at most.
    pub packets: Option<u64>,
    /// How many connections are opened at most. Those that are open go on to their end.
    pub connections: Option<u64>,
}

impl Settings {
    /// The seed when none is given.
    pub const SEED: u64 = 1;
    /// When captures begin that nobody gave a time: 2026-01-01T00:00:00Z.
    pub const START: Timestamp = Timestamp::from_nanos(1_767_225_600_000_000_000);
}

impl Default for Settings {
    /// The profile as it is, with its own duration.
    fn default() -> Self {
        Self {
            seed: Self::SEED,
            start: Self::START,
            rate: None,
            duration: None,
            packets: None,
            connections: None,
        }
    }
}

/// A frame of a capture.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When.
    pub time: Timestamp,
    /// What is captured of it.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub length: u32,
}

/// Why there are no more packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its time is over.
    Duration,
    /// It has as many packets as were asked for.
    Packets,
    /// All connections that were asked for, or that the profile has, are over.
    Connections,
}

/// Makes the packets of a profile. Memory is bounded by connections that are open at once.
#[derive(Debug)]
pub struct Traffic {
    classes: Vec<ClassState>,
    queue: Queue,
    connections: Slots,
    in_use: InUse,
    settings: Settings,
    /// Nanoseconds from the start at which it ends.
    end: u64,
    snaplen: u32,
    frame: Vec<u8>,
    totals: Totals,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct ClassState {
    class: Class,
    arrivals: Arrivals,
    choice: Choice,
    ends: (addresses::Block, addresses::Block),
    /// Connections so far, those without a port too.
    numbered: u64,
}

impl Traffic {
    /// Traffic before its first packet.
    ///
    /// # Errors
    /// Settings that make no sense.
    pub fn new(profile: &Profile, settings: &Settings) -> Result<Self, SynthError> {
        let end = check(profile, settings)?;
        let whole: f64 = profile.classes.iter().map(|class| class.rate).sum();
        let factor = settings.rate.map_or(1.0, |rate| rate / whole);
        let ends = addresses::ends(profile);
        let mut queue = Queue::new();
        let mut classes = Vec::new();
        let mut totals = Totals::default();
        for ((class, ends), number) in profile.classes.iter().zip(ends).zip(0_u32..) {
            let dice = Dice::of(settings.seed, number.into(), ARRIVALS);
            let mut arrivals = Arrivals::new(class.shape.clone(), class.rhythm, class.rate * factor, dice);
            push_arrival(&mut queue, &mut arrivals, number);
            let choice = Choice::new(ends);
            classes.push(ClassState { class: class.clone(), arrivals, choice, ends, numbered: 0 });
            totals.classes.push(class_totals(profile, class));
        }
        Ok(Self {
            classes,
            queue,
            connections: Slots::default(),
            in_use: InUse::default(),
            settings: *settings,
            end,
            snaplen: profile.snaplen,
            frame: Vec::new(),
            totals,
            ending: None,
        })
    }

    /// The next packet.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        if self.ending.is_some() {
            return None;
        }
        if self.settings.packets.is_some_and(|most| self.totals.packets >= most) {
            return self.end(Ending::Packets);
        }
        let (time, length) = loop {
            let Some(event) = self.queue.pop() else { return self.end(Ending::Connections) };
            if event.time >= self.end {
                return self.end(Ending::Duration);
            }
            let slot = match event.what.checked_sub(ARRIVAL) {
                None => Some(event.what),
                Some(class) => self.arrive(class, event.time),
            };
            if let Some(length) = slot.and_then(|slot| self.advance(slot, event.time)) {
                break (event.time, length);
            }
        };
        let time = self.settings.start.after(Span::from_nanos(time));
        self.count(time, length);
        Some(Frame { time, bytes: &self.frame, length })
    }

    /// What was made so far.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Why there are no more packets, when there are none.
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// How much of the frames is captured.
    pub const fn snaplen(&self) -> u32 {
        self.snaplen
    }

    fn end(&mut self, ending: Ending) -> Option<Frame<'_>> {
        self.ending = Some(ending);
        None
    }

    /// Opens a connection of a class, and lets the class's next one come.
    fn arrive(&mut self, index: u32, now: u64) -> Option<u32> {
        if self.settings.connections.is_some_and(|most| self.totals.connections >= most) {
            return None;
        }
        let state = self.classes.get_mut(index as usize)?;
        let totals = self.totals.classes.get_mut(index as usize)?;
        push_arrival(&mut self.queue, &mut state.arrivals, index);
        let number = state.numbered;
        state.numbered += 1;
        let mut dice = Dice::of(self.settings.seed, index.into(), number);
        let tuple = match state.choice.choose(&state.class, number, &mut dice, &mut self.in_use) {
            Chosen::Fresh(tuple) => tuple,
            Chosen::Again(tuple) => {
                totals.reused += 1;
                tuple
            }
            Chosen::Nothing => {
                totals.without_port += 1;
                return None;
            }
        };
        let class_number = u16::try_from(index).unwrap_or(u16::MAX);
        let connection = Connection::new(&state.class, class_number, tuple, dice, now);
        totals.count(connection.fate);
        totals.ipv6 += u64::from(tuple.family == Family::V6);
        self.totals.connections += 1;
        self.totals.open += 1;
        self.totals.most_open = self.totals.most_open.max(self.totals.open);
        Some(self.connections.add(connection, self.totals.connections))
    }

    /// Lets a connection send the packet that is due; its length on the wire.
    fn advance(&mut self, slot: u32, now: u64) -> Option<u32> {
        let (connection, number) = self.connections.get(slot)?;
        let tuple = connection.tuple;
        let index = usize::from(connection.class);
        let state = self.classes.get_mut(index)?;
        let sent = connection.advance(&state.class, now);
        if let Some(time) = sent.next {
            self.queue.push(Event { time, rank: *number, what: slot });
        } else {
            state.choice.release(&state.class, tuple, &mut self.in_use);
            self.connections.remove(slot);
            self.totals.open -= 1;
        }
        self.totals.classes.get_mut(index)?.packets += 1;
        let route = Route {
            kind: state.class.kind,
            family: tuple.family,
            client: (&state.ends.0, tuple.client),
            server: (&state.ends.1, tuple.server),
            client_port: tuple.port,
            server_port: state.class.port,
        };
        Some(frame::write(&route, &sent.packet, self.snaplen as usize, &mut self.frame))
    }

    fn count(&mut self, time: Timestamp, length: u32) {
        let totals = &mut self.totals;
        totals.packets += 1;
        totals.bytes += u64::from(length);
        totals.captured_bytes += self.frame.len() as u64;
        totals.first.get_or_insert(time);
        totals.last = Some(time);
    }
}

fn push_arrival(queue: &mut Queue, arrivals: &mut Arrivals, class: u32) {
    if let Some(time) = arrivals.next() {
        queue.push(Event { time, rank: RANK_OF_ARRIVALS | u64::from(class), what: ARRIVAL | class });
    }
}

fn class_totals(profile: &Profile, class: &Class) -> ClassTotals {
    let service = match class.kind {
        Kind::Tcp => format!("tcp {}", class.port),
        Kind::Udp => format!("udp {}", class.port),
        Kind::Dns => format!("dns {}", class.port),
        Kind::Icmp => "icmp".to_owned(),
    };
    ClassTotals {
        name: class.name.clone(),
        from: profile.party_name(class.from).to_owned(),
        to: profile.party_name(class.to).to_owned(),
        service,
        ..ClassTotals::default()
    }
}

/// Checks the settings; the nanosecond from the start at which the capture ends.
fn check(profile: &Profile, settings: &Settings) -> Result<u64, SynthError> {
    let start = settings.start.nanos();
    if !(0..END_OF_PCAP * SECOND).contains(&start) {
        return Err(SynthError::new("the capture would begin at a time that pcap files cannot hold")
            .expected("a start from 1970-01-01T00:00:00Z to 2106-02-07T06:28:15Z"));
    }
    for (name, bound) in [
        ("no time", settings.duration.map(Span::nanos)),
        ("no packets", settings.packets),
        ("no connections", settings.connections),
    ] {
        if bound == Some(0) {
            return Err(SynthError::new(format!("the capture would have {name}"))
                .expected("a bound of more than 0")
                .remedy("Leave the bound out, or give a larger one."));
        }
    }
    if settings.rate.is_some_and(|rate| !(1e-6..=1e9).contains(&rate)) {
        return Err(SynthError::new("the rate is out of range")
            .expected("from 0.000001 to 1000000000 connections a second"));
    }
    // The profile's own duration counts when nothing else bounds the capture.
    let is_bounded = settings.packets.is_some() || settings.connections.is_some();
    let own = (!is_bounded).then_some(profile.duration);
    let room = u64::try_from(END_OF_PCAP * SECOND - start).unwrap_or(0);
    match settings.duration.or(own).map(Span::nanos) {
        Some(duration) if duration > room => {
            Err(SynthError::new("the capture would end at a time that pcap files cannot hold")
                .expected("an end before 2106-02-07T06:28:16Z")
                .remedy("Begin earlier, or make it shorter."))
        }
        duration => Ok(duration.unwrap_or(room)),
    }
}

/// Open connections with their numbers; places that are free are used again.
#[derive(Debug, Default)]
struct Slots {
    all: Vec<(Connection, u64)>,
    free: Vec<u32>,
}

impl Slots {
    fn add(&mut self, connection: Connection, number: u64) -> u32 {
        let entry = (connection, number);
        if let Some(slot) = self.free.pop() {
            if let Some(place) = self.all.get_mut(slot as usize) {
                *place = entry;
            }
            return slot;
        }
        self.all.push(entry);
        u32::try_from(self.all.len() - 1).unwrap_or(ARRIVAL - 1)
    }

    fn get(&mut self, slot: u32) -> Option<&mut (Connection, u64)> {
        self.all.get_mut(slot as usize)
    }

    fn remove(&mut self, slot: u32) {
        self.free.push(slot);
    }
}
