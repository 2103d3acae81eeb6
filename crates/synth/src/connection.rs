//! One connection: which packet it sends next, and when.

use crate::dice::Dice;
use crate::profile::{Class, ClosedBy, Fate, Kind, MOST_PAYLOAD};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// Between two packets that a server sends in a row: a full frame at a gigabit a second.
const BACK_TO_BACK: u64 = 12_000;
/// A packet of data takes this long at least, when a lifetime is too short for its packets.
const LEAST_SPACING: u64 = 10_000;
const SECOND: u64 = 1_000_000_000;

/// Which end sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

impl Sender {
    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Who talks with whom: indices of the addresses of the class, and the client's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuple {
    pub(crate) client: u32,
    pub(crate) server: u32,
    pub(crate) port: u16,
    pub(crate) family: Family,
}

/// A packet, without its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) sender: Sender,
    /// TCP flags.
    pub(crate) flags: u8,
    /// TCP sequence number; of DNS the id; of echo the sequence number.
    pub(crate) number: u32,
    /// TCP acknowledgement; of DNS the number of the name.
    pub(crate) acknowledged: u32,
    /// Bytes of data; DNS messages make their own.
    pub(crate) payload: u32,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Syn,
    SynAck,
    Refusal,
    HandshakeAck,
    Request,
    Response,
    /// The acknowledgement of the last packet of an exchange.
    DataAck(Sender),
    Probe,
    ProbeAnswer,
    Fin,
    FinAck,
    SecondFin,
    LastAck,
    Reset,
}

/// A connection that has packets to send.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    dice: Dice,
    /// When the close begins or, without one, when the last request is sent: nanoseconds from the start.
    close_at: u64,
    /// When the next request or the close is due; keep-alive probes may come before.
    due: u64,
    pub(crate) tuple: Tuple,
    pub(crate) class: u16,
    /// Sequence numbers of TCP; of the others what their packets carry.
    client_next: u32,
    server_next: u32,
    /// Packets of data not sent yet.
    left: u32,
    stage: Stage,
    pub(crate) fate: Fate,
    closer: Sender,
    /// Packets of the exchange sent already.
    turn: u8,
    /// Repetitions not sent yet.
    tries: u8,
}

/// What a connection gives when its time has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) packet: Packet,
    /// When the next packet is due; `None` after the last one.
    pub(crate) next: Option<u64>,
}

impl Connection {
    /// A connection whose first packet is sent now.
    pub(crate) fn new(class: &Class, index: u16, tuple: Tuple, mut dice: Dice, now: u64) -> Self {
        let fate = class.fates.pick(dice.unit());
        let lifetime = class.lifetime.draw(&mut dice);
        let drawn = if class.kind == Kind::Dns { 2 } else { class.packets.draw(&mut dice) };
        // What never closes sends a packet of data at its end.
        let packets = if fate == Fate::NeverClosed { drawn.max(1) } else { drawn };
        let closer = match class.closed_by {
            ClosedBy::Client => Sender::Client,
            ClosedBy::Either if dice.roll(2) == 0 => Sender::Client,
            ClosedBy::Server | ClosedBy::Either => Sender::Server,
        };
        let mut connection = Self {
            client_next: dice.roll32(u32::MAX),
            server_next: dice.roll32(u32::MAX),
            dice,
            close_at: 0,
            due: 0,
            tuple,
            class: index,
            left: u32::try_from(packets).unwrap_or(u32::MAX),
            stage: if class.kind == Kind::Tcp { Stage::Syn } else { Stage::Request },
            fate,
            closer,
            turn: 0,
            tries: class.retries,
        };
        if class.kind == Kind::Icmp {
            connection.client_next = 0;
        }
        connection.close_at = connection.close_time(class, now, lifetime);
        connection
    }

    /// When the close begins, so that the last packet is sent when the lifetime is over; later where the lifetime is too
    /// short for the packets.
    fn close_time(&self, class: &Class, now: u64, lifetime: u64) -> u64 {
        let half = class.half_trip;
        let exchanges = self.exchanges_left(class);
        let of_last = u64::from(self.left).saturating_sub((exchanges.max(1) - 1) * size_of_exchange(class));
        let answers = match of_last {
            0 | 1 => 0,
            of_last => half + (of_last - 2) * BACK_TO_BACK,
        };
        let (tail, least) = match (class.kind, self.fate) {
            (Kind::Tcp, Fate::Closed) => (2 * half, 3 * half),
            (Kind::Tcp, Fate::NeverClosed) => (answers + half, 3 * half),
            (Kind::Tcp, _) => (0, 3 * half),
            (_, Fate::HalfOpen) => (0, 0),
            _ => (answers, 0),
        };
        let spaced = u64::from(self.left) * LEAST_SPACING;
        now.saturating_add(lifetime.saturating_sub(tail).max(least.saturating_add(spaced)))
    }

    fn exchanges_left(&self, class: &Class) -> u64 {
        u64::from(self.left).div_ceil(size_of_exchange(class))
    }

    /// The packet that is due now, and when the next one is.
    pub(crate) fn advance(&mut self, class: &Class, now: u64) -> Sent {
        let (packet, wait) =
            if class.kind == Kind::Tcp { self.tcp(class, now) } else { self.datagram(class, now) };
        Sent { packet, next: wait.map(|wait| now.saturating_add(wait.max(1))) }
    }

    fn tcp(&mut self, class: &Class, now: u64) -> (Packet, Option<u64>) {
        let half = class.half_trip;
        match self.stage {
            Stage::Syn => self.syn(class),
            Stage::SynAck => self.syn_ack(class),
            Stage::Refusal => {
                let packet = Packet { number: 0, ..self.bare(Sender::Server, RST | ACK) };
                (packet, None)
            }
            Stage::HandshakeAck => (self.bare(Sender::Client, ACK), self.schedule(class, now)),
            Stage::Request | Stage::Response => self.data(class),
            Stage::DataAck(sender) => (self.bare(sender, ACK), self.schedule(class, now)),
            Stage::Probe => {
                self.stage = Stage::ProbeAnswer;
                let probe = self.bare(Sender::Client, ACK);
                (Packet { number: probe.number.wrapping_sub(1), ..probe }, Some(half))
            }
            Stage::ProbeAnswer => (self.bare(Sender::Server, ACK), Some(self.resume(class, now))),
            Stage::Fin => {
                self.stage = Stage::FinAck;
                (self.flagged(self.closer, FIN | ACK), Some(half / 2))
            }
            Stage::FinAck => {
                self.stage = Stage::SecondFin;
                (self.bare(self.closer.other(), ACK), Some(half - half / 2))
            }
            Stage::SecondFin => {
                self.stage = Stage::LastAck;
                (self.flagged(self.closer.other(), FIN | ACK), Some(half))
            }
            Stage::LastAck => (self.bare(self.closer, ACK), None),
            Stage::Reset => (self.bare(self.closer, RST | ACK), None),
        }
    }

    fn syn(&mut self, class: &Class) -> (Packet, Option<u64>) {
        let packet = Packet { acknowledged: 0, ..self.bare(Sender::Client, SYN) };
        if self.fate == Fate::HalfOpen {
            return (packet, self.retry(class));
        }
        self.client_next = self.client_next.wrapping_add(1);
        self.stage = if self.fate == Fate::Refused { Stage::Refusal } else { Stage::SynAck };
        (packet, Some(class.half_trip))
    }

    fn syn_ack(&mut self, class: &Class) -> (Packet, Option<u64>) {
        let packet = self.bare(Sender::Server, SYN | ACK);
        if self.fate == Fate::Unacknowledged {
            return (packet, self.retry(class));
        }
        self.server_next = self.server_next.wrapping_add(1);
        self.stage = Stage::HandshakeAck;
        (packet, Some(class.half_trip))
    }

    /// The wait for another try of the same: 1 s, doubled each time.
    fn retry(&mut self, class: &Class) -> Option<u64> {
        let done = class.retries - self.tries;
        self.tries = self.tries.checked_sub(1)?;
        Some(SECOND << done)
    }

    /// A packet of data of an exchange: the request, responses, then the acknowledgement of the last.
    fn data(&mut self, class: &Class) -> (Packet, Option<u64>) {
        let (sender, size) = match self.stage {
            Stage::Response => (Sender::Server, &class.response_bytes),
            _ => (Sender::Client, &class.request_bytes),
        };
        let payload = u32::try_from(size.draw(&mut self.dice).clamp(1, MOST_PAYLOAD)).unwrap_or(1);
        let packet = Packet { payload, ..self.bare(sender, PSH | ACK) };
        *self.next_of(sender) = self.next_of(sender).wrapping_add(payload);
        self.left = self.left.saturating_sub(1);
        let wait = self.after_data(class, sender);
        if wait.is_none() {
            self.stage = Stage::DataAck(sender.other());
        }
        (packet, Some(wait.unwrap_or(class.half_trip)))
    }

    /// The wait for the next packet of the exchange; `None` when it was the last.
    fn after_data(&mut self, class: &Class, sender: Sender) -> Option<u64> {
        self.turn = if self.stage == Stage::Request { 1 } else { self.turn + 1 };
        if self.left == 0 || u64::from(self.turn) >= size_of_exchange(class) {
            return None;
        }
        self.stage = Stage::Response;
        Some(if sender == Sender::Client { class.half_trip } else { BACK_TO_BACK })
    }

    /// When the next exchange or the end is due, and the wait for it or for a probe before it.
    fn schedule(&mut self, class: &Class, now: u64) -> Option<u64> {
        let exchanges = self.exchanges_left(class);
        let window = self.close_at.saturating_sub(now);
        let has_close = class.kind == Kind::Tcp && self.fate != Fate::NeverClosed;
        let gap = match (exchanges, has_close) {
            (0, true) | (1, false) => window,
            (0, false) => return None,
            (exchanges, true) => self.about(window / (exchanges + 1)),
            (exchanges, false) => self.about(window / exchanges),
        };
        self.due = now.saturating_add(gap);
        Some(self.resume(class, now))
    }

    /// From half of a span to one and a half of it.
    fn about(&mut self, span: u64) -> u64 {
        span / 2 + self.dice.roll(span)
    }

    /// The wait for what is due, or for a keep-alive probe before it.
    fn resume(&mut self, class: &Class, now: u64) -> u64 {
        let wait = self.due.saturating_sub(now);
        if let Some(idle) = class.keep_alive.filter(|idle| *idle < wait) {
            self.stage = Stage::Probe;
            return idle;
        }
        self.stage = match self.fate {
            _ if self.left > 0 => Stage::Request,
            Fate::Reset => Stage::Reset,
            _ => Stage::Fin,
        };
        wait
    }

    /// UDP, DNS and ICMP: exchanges without handshake, acknowledgements and close.
    fn datagram(&mut self, class: &Class, now: u64) -> (Packet, Option<u64>) {
        let sender = if self.stage == Stage::Response { Sender::Server } else { Sender::Client };
        let payload = self.datagram_size(class, sender);
        let (number, acknowledged) = match class.kind {
            Kind::Dns => (self.client_next, self.server_next),
            _ => (self.client_next, 0),
        };
        let packet = Packet { sender, flags: 0, number, acknowledged, payload };
        if self.fate == Fate::HalfOpen && class.kind == Kind::Dns {
            return (packet, self.retry(class));
        }
        self.left = self.left.saturating_sub(1);
        let wait = match self.after_data(class, sender) {
            Some(_) if self.fate == Fate::HalfOpen => {
                let unanswered = u32::try_from(size_of_exchange(class) - 1).unwrap_or(0);
                self.left = self.left.saturating_sub(unanswered);
                None
            }
            wait => wait,
        };
        if wait.is_some() {
            return (packet, wait);
        }
        if class.kind == Kind::Icmp {
            self.client_next = self.client_next.wrapping_add(1);
        }
        (packet, self.schedule(class, now))
    }

    fn datagram_size(&mut self, class: &Class, sender: Sender) -> u32 {
        let size = match (class.kind, sender) {
            (Kind::Dns, _) => return 0,
            // An echo gives back what it got.
            (Kind::Icmp, Sender::Server) => return self.server_next,
            (_, Sender::Client) => &class.request_bytes,
            (_, Sender::Server) => &class.response_bytes,
        };
        let payload = u32::try_from(size.draw(&mut self.dice).clamp(1, MOST_PAYLOAD)).unwrap_or(1);
        if class.kind == Kind::Icmp {
            self.server_next = payload;
        }
        payload
    }

    fn next_of(&mut self, sender: Sender) -> &mut u32 {
        match sender {
            Sender::Client => &mut self.client_next,
            Sender::Server => &mut self.server_next,
        }
    }

    /// A TCP packet without data.
    const fn bare(&self, sender: Sender, flags: u8) -> Packet {
        let (number, acknowledged) = match sender {
            Sender::Client => (self.client_next, self.server_next),
            Sender::Server => (self.server_next, self.client_next),
        };
        Packet { sender, flags, number, acknowledged, payload: 0 }
    }

    /// A TCP packet that counts as a byte: a FIN.
    fn flagged(&mut self, sender: Sender, flags: u8) -> Packet {
        let packet = self.bare(sender, flags);
        *self.next_of(sender) = self.next_of(sender).wrapping_add(1);
        packet
    }
}

/// Packets of data of a whole exchange.
fn size_of_exchange(class: &Class) -> u64 {
    match class.kind {
        Kind::Tcp | Kind::Udp => 1 + u64::from(class.responses),
        Kind::Dns | Kind::Icmp => 2,
    }
}
