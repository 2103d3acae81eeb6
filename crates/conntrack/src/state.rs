//! Connection states and their steps (S7.4, S7.5, S7.7).

use vpcreplay_flow::{End, Event, TcpKind, TimeoutName};

/// The state of a connection, as records show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// TCP: a SYN was seen.
    SynSent,
    /// TCP: the SYN was answered.
    SynReceived,
    /// TCP: open.
    Established,
    /// TCP: the first FIN was seen.
    FinWait,
    /// TCP: the first FIN was acknowledged.
    CloseWait,
    /// TCP: the second FIN was seen.
    LastAck,
    /// TCP: the second FIN was acknowledged.
    TimeWait,
    /// TCP: an RST was seen.
    Close,
    /// UDP: no answer yet.
    Unreplied,
    /// UDP: answered.
    Replied,
    /// UDP: more than one exchange.
    Stream,
    /// Any other protocol.
    Active,
}

impl State {
    /// All states.
    pub const ALL: [Self; 12] = [
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
        Self::Unreplied,
        Self::Replied,
        Self::Stream,
        Self::Active,
    ];

    /// The timeout that a connection in this state has (S7.3, S7.7); `active` is that of its protocol where the state is
    /// [`State::Active`].
    pub const fn timeout(self, active: TimeoutName) -> TimeoutName {
        match self {
            Self::SynSent => TimeoutName::TcpSynSent,
            Self::SynReceived => TimeoutName::TcpSynReceived,
            Self::Established => TimeoutName::TcpEstablished,
            Self::FinWait => TimeoutName::TcpFinWait,
            Self::CloseWait => TimeoutName::TcpCloseWait,
            Self::LastAck => TimeoutName::TcpLastAck,
            Self::TimeWait => TimeoutName::TcpTimeWait,
            Self::Close => TimeoutName::TcpClose,
            Self::Unreplied | Self::Replied => TimeoutName::Udp,
            Self::Stream => TimeoutName::UdpStream,
            Self::Active => active,
        }
    }

    /// The code used in records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SynSent => "syn-sent",
            Self::SynReceived => "syn-received",
            Self::Established => "established",
            Self::FinWait => "fin-wait",
            Self::CloseWait => "close-wait",
            Self::LastAck => "last-ack",
            Self::TimeWait => "time-wait",
            Self::Close => "close",
            Self::Unreplied => "unreplied",
            Self::Replied => "replied",
            Self::Stream => "stream",
            Self::Active => "active",
        }
    }
}

/// The state of a connection with what its next steps depend on, in one byte: from the bottom, the state in four bits, the
/// original end, the closer, the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracking(u8);

/// The same, apart.
#[derive(Clone, Copy)]
struct Parts {
    state: State,
    /// The end that sent the packet which created the entry.
    original: End,
    /// TCP: the end that sent the first FIN. Meaningful from `fin-wait` on.
    closer: End,
    /// Not TCP: ICMP or not, for the timeout. UDP: the original end spoke after the first reply.
    mark: bool,
}

impl Parts {
    const fn pack(self) -> u8 {
        self.state as u8
            | (self.original as u8) << ORIGINAL
            | (self.closer as u8) << CLOSER
            | (self.mark as u8) << MARK
    }

    #[expect(clippy::indexing_slicing, reason = "bounded by the number of states")]
    const fn unpack(bits: u8) -> Self {
        let state = bits as usize & 15;
        let last = State::ALL.len() - 1;
        Self {
            state: State::ALL[if state > last { last } else { state }],
            original: end(bits, ORIGINAL),
            closer: end(bits, CLOSER),
            mark: bits >> MARK & 1 != 0,
        }
    }

    /// After a packet that the checkpoint allowed (S7.4, S7.7).
    const fn after(self, event: Event, sender: End) -> Self {
        match (event.tcp(), event) {
            (Some(kind), _) => self.after_tcp(kind, sender),
            (None, Event::Udp) => self.after_udp(sender),
            (None, _) => self,
        }
    }

    /// The table of S7.4.
    const fn after_tcp(self, kind: TcpKind, sender: End) -> Self {
        use State::{Close, CloseWait, Established, FinWait, LastAck, SynReceived, SynSent, TimeWait};
        let from_original = sender as u8 == self.original as u8;
        let from_closer = sender as u8 == self.closer as u8;
        let state = match (self.state, kind) {
            (_, TcpKind::Rst) => Close,
            (SynSent, TcpKind::Syn | TcpKind::SynAck) if !from_original => SynReceived,
            (SynSent | SynReceived | Established, TcpKind::Fin) => {
                return Self { state: FinWait, closer: sender, ..self };
            }
            (SynSent | SynReceived, TcpKind::Ack) if from_original => Established,
            (FinWait | CloseWait, TcpKind::Fin) if !from_closer => LastAck,
            (FinWait, TcpKind::Ack) if !from_closer => CloseWait,
            (LastAck, TcpKind::Ack) if from_closer => TimeWait,
            (state, _) => state,
        };
        Self { state, ..self }
    }

    /// S7.7.
    const fn after_udp(self, sender: End) -> Self {
        let from_original = sender as u8 == self.original as u8;
        match self.state {
            State::Unreplied if !from_original => Self { state: State::Replied, ..self },
            State::Replied if from_original => Self { mark: true, ..self },
            State::Replied if self.mark => Self { state: State::Stream, ..self },
            _ => self,
        }
    }
}

const TIME_WAIT: u8 = State::TimeWait as u8;
const CLOSE: u8 = State::Close as u8;
const ORIGINAL: u8 = 4;
const CLOSER: u8 = 5;
const MARK: u8 = 6;
/// Values that a tracking may have.
const TRACKINGS: usize = 1 << 7;
/// Beside the tracking after a packet: the packet is a bare SYN that reopens the entry.
const REOPENED: u8 = 1 << 7;

const fn end(bits: u8, shift: u8) -> End {
    if bits >> shift & 1 == 0 { End::A } else { End::B }
}

/// The tracking after each packet on each tracking. A look-up: which packet comes next cannot be foretold, and a wrong guess
/// costs more than all the rest.
#[expect(clippy::indexing_slicing, reason = "every tracking and every packet has its entry")]
#[expect(clippy::cast_possible_truncation, reason = "there are 128 trackings")]
const AFTER: [[u8; TRACKINGS]; Event::TURNS] = {
    let mut after = [[0; TRACKINGS]; Event::TURNS];
    let mut turn = 0;
    while turn < Event::TURNS {
        let (event, sender) = Event::of_turn(turn);
        let mut bits = 0;
        while bits < TRACKINGS {
            after[turn][bits] = after_or_reopened(bits as u8, event, sender);
            bits += 1;
        }
        turn += 1;
    }
    after
};

/// The entry of [`AFTER`] for a tracking and a packet.
const fn after_or_reopened(bits: u8, event: Event, sender: End) -> u8 {
    let after = Parts::unpack(bits).after(event, sender).pack();
    if matches!(event, Event::TcpSyn) && Tracking(bits).reopens() { after | REOPENED } else { after }
}

/// The timeout of each tracking.
#[expect(clippy::indexing_slicing, reason = "every tracking has its entry")]
#[expect(clippy::cast_possible_truncation, reason = "there are 128 trackings")]
const TIMEOUT: [TimeoutName; TRACKINGS] = {
    let mut timeouts = [TimeoutName::Other; TRACKINGS];
    let mut bits = 0;
    while bits < TRACKINGS {
        let Parts { state, mark, .. } = Parts::unpack(bits as u8);
        timeouts[bits] = state.timeout(if mark { TimeoutName::Icmp } else { TimeoutName::Other });
        bits += 1;
    }
    timeouts
};

/// The state of each tracking.
#[expect(clippy::indexing_slicing, reason = "every tracking has its entry")]
#[expect(clippy::cast_possible_truncation, reason = "there are 128 trackings")]
const STATE: [State; TRACKINGS] = {
    let mut states = [State::Active; TRACKINGS];
    let mut bits = 0;
    while bits < TRACKINGS {
        states[bits] = Parts::unpack(bits as u8).state;
        bits += 1;
    }
    states
};

impl Tracking {
    /// Of no connection.
    pub(crate) const NONE: Self =
        Self(Parts { state: State::Active, original: End::A, closer: End::A, mark: false }.pack());

    /// The tracking of a new entry: `sender` sent the packet that creates it, `original` is its original end.
    ///
    /// The two differ only where a rule of the opposite direction admitted a midstream packet (S7.5).
    pub const fn open(event: Event, sender: End, original: End) -> Self {
        let state = match event {
            Event::TcpSyn => State::SynSent,
            Event::TcpRst => State::Close,
            Event::TcpFin => State::FinWait,
            Event::TcpSynAck | Event::TcpAck => State::Established,
            Event::Udp => State::Unreplied,
            Event::Icmp | Event::Other => State::Active,
        };
        Self(Parts { state, original, closer: sender, mark: matches!(event, Event::Icmp) }.pack())
    }

    const fn parts(self) -> Parts {
        Parts::unpack(self.0)
    }

    /// The state.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every tracking has its entry")]
    pub const fn state(&self) -> State {
        STATE[self.0 as usize % TRACKINGS]
    }

    /// The original end.
    pub const fn original(&self) -> End {
        self.parts().original
    }

    /// The timeout that the state has (S7.2, S7.3).
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every tracking has its entry")]
    pub const fn timeout(&self) -> TimeoutName {
        TIMEOUT[self.0 as usize % TRACKINGS]
    }

    /// Whether a bare SYN on this entry reopens it (S7.6).
    #[inline]
    pub const fn reopens(&self) -> bool {
        // The state's bits as they are: no look-up.
        matches!(self.0 & 15, TIME_WAIT | CLOSE)
    }

    /// Whether another connection steps through the same states as this one whatever packets come: what they differ in, if
    /// anything, no later step looks at.
    pub fn behaves_as(&self, other: &Self) -> bool {
        let (this, other) = (self.parts(), other.parts());
        this.state == other.state
            && match this.state {
                State::SynSent | State::SynReceived | State::Unreplied => this.original == other.original,
                State::FinWait | State::CloseWait | State::LastAck => this.closer == other.closer,
                State::Replied => (this.original, this.mark) == (other.original, other.mark),
                State::Active => this.mark == other.mark,
                State::Established | State::TimeWait | State::Close | State::Stream => true,
            }
    }

    /// Takes the step for a packet that the checkpoint allowed on this entry (S7.4, S7.7).
    #[inline]
    pub const fn step(&mut self, event: Event, sender: End) {
        self.0 = self.bits_after(event, sender) & !REOPENED;
    }

    /// The tracking after such a step; `None` for a bare SYN that reopens the entry (S7.6).
    #[inline]
    pub(crate) const fn stepped(self, event: Event, sender: End) -> Option<Self> {
        let bits = self.bits_after(event, sender);
        if bits & REOPENED == 0 { Some(Self(bits)) } else { None }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every tracking and every packet has its entry")]
    const fn bits_after(self, event: Event, sender: End) -> u8 {
        AFTER[event.turn(sender)][self.0 as usize % TRACKINGS]
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
