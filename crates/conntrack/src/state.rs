//! Connection states and their steps (S7.4, S7.5, S7.7).

use vpcreplay_flow::{Digest, End, Protocol, Shape, TcpKind, TimeoutName};

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

/// What a packet means to the state of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A TCP packet of this kind.
    Tcp(TcpKind),
    /// A UDP packet.
    Udp,
    /// A packet of ICMP or ICMPv6.
    Icmp,
    /// A packet of any other protocol; UDP-Lite, SCTP and DCCP too.
    Other,
}

impl Event {
    /// What a packet means.
    #[inline]
    pub const fn of(digest: &Digest) -> Self {
        match (digest.tcp_kind(), digest.shape()) {
            (Some(kind), _) => Self::Tcp(kind),
            (None, Shape::Ports) if digest.key.protocol().0 == Protocol::UDP.0 => Self::Udp,
            (None, Shape::Request | Shape::Answer | Shape::IcmpError | Shape::IcmpOneWay) => Self::Icmp,
            _ => Self::Other,
        }
    }

    /// What the packet counts as, for TCP (S2.4).
    #[inline]
    pub const fn tcp(self) -> Option<TcpKind> {
        match self {
            Self::Tcp(kind) => Some(kind),
            _ => None,
        }
    }
}

/// The state of a connection with what its next steps depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracking {
    state: State,
    /// The end that sent the packet which created the entry.
    original: End,
    /// TCP: the end that sent the first FIN. Meaningful from `fin-wait` on.
    closer: End,
    /// Not TCP: ICMP or not, for the timeout. UDP: the original end spoke after the first reply.
    mark: bool,
}

impl Tracking {
    /// Of no connection.
    pub(crate) const NONE: Self =
        Self { state: State::Active, original: End::A, closer: End::A, mark: false };

    /// The tracking of a new entry: `sender` sent the packet that creates it, `original` is its original end.
    ///
    /// The two differ only where a rule of the opposite direction admitted a midstream packet (S7.5).
    pub const fn open(event: Event, sender: End, original: End) -> Self {
        let state = match event {
            Event::Tcp(TcpKind::Syn) => State::SynSent,
            Event::Tcp(TcpKind::Rst) => State::Close,
            Event::Tcp(TcpKind::Fin) => State::FinWait,
            Event::Tcp(TcpKind::SynAck | TcpKind::Ack) => State::Established,
            Event::Udp => State::Unreplied,
            Event::Icmp | Event::Other => State::Active,
        };
        Self { state, original, closer: sender, mark: matches!(event, Event::Icmp) }
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The original end.
    pub const fn original(&self) -> End {
        self.original
    }

    /// The timeout that the state has (S7.2, S7.3).
    pub const fn timeout(&self) -> TimeoutName {
        self.state.timeout(if self.mark { TimeoutName::Icmp } else { TimeoutName::Other })
    }

    /// Whether a bare SYN on this entry reopens it (S7.6).
    pub const fn reopens(&self) -> bool {
        matches!(self.state, State::TimeWait | State::Close)
    }

    /// Whether another connection steps through the same states as this one whatever packets come: what they differ in, if
    /// anything, no later step looks at.
    pub fn behaves_as(&self, other: &Self) -> bool {
        self.state == other.state
            && match self.state {
                State::SynSent | State::SynReceived | State::Unreplied => self.original == other.original,
                State::FinWait | State::CloseWait | State::LastAck => self.closer == other.closer,
                State::Replied => (self.original, self.mark) == (other.original, other.mark),
                State::Active => self.mark == other.mark,
                State::Established | State::TimeWait | State::Close | State::Stream => true,
            }
    }

    /// Takes the step for a packet that the checkpoint allowed on this entry (S7.4, S7.7).
    #[inline]
    pub fn step(&mut self, event: Event, sender: End) {
        match event {
            Event::Tcp(kind) => self.step_tcp(kind, sender),
            Event::Udp => self.step_udp(sender),
            Event::Icmp | Event::Other => {}
        }
    }

    #[inline]
    fn step_tcp(&mut self, kind: TcpKind, sender: End) {
        let turn = Turn { kind, from_original: sender == self.original, from_closer: sender == self.closer };
        let before = self.state;
        self.state = turn.after(before);
        if self.state == State::FinWait && before != State::FinWait {
            self.closer = sender;
        }
    }

    fn step_udp(&mut self, sender: End) {
        let from_original = sender == self.original;
        match self.state {
            State::Unreplied if !from_original => self.state = State::Replied,
            State::Replied if from_original => self.mark = true,
            State::Replied if self.mark => self.state = State::Stream,
            _ => {}
        }
    }
}

/// A TCP packet on a connection, as its state looks at it.
#[derive(Clone, Copy)]
struct Turn {
    kind: TcpKind,
    from_original: bool,
    from_closer: bool,
}

/// TCP packets that differ for a state: five kinds, from the original end or not, from the closer or not.
const TURNS: usize = 5 * 4;
/// States in all; those of TCP come first.
const STATES: usize = State::ALL.len();

impl Turn {
    /// The state after a packet. A look-up: which one comes cannot be foretold, and a wrong guess costs more.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every state and every packet has its entry")]
    const fn after(self, before: State) -> State {
        const AFTER: [State; STATES * TURNS] = {
            let mut after = [State::Active; STATES * TURNS];
            let mut at = 0;
            while at < STATES * TURNS {
                after[at] = Turn::of_index(at % TURNS).rule(State::ALL[at / TURNS]);
                at += 1;
            }
            after
        };
        AFTER[before as usize * TURNS + self.index()]
    }

    #[inline]
    const fn index(self) -> usize {
        self.kind as usize * 4 + self.from_original as usize * 2 + self.from_closer as usize
    }

    const fn of_index(index: usize) -> Self {
        let kind = match index / 4 {
            0 => TcpKind::Rst,
            1 => TcpKind::SynAck,
            2 => TcpKind::Syn,
            3 => TcpKind::Fin,
            _ => TcpKind::Ack,
        };
        Self { kind, from_original: index & 2 != 0, from_closer: index & 1 != 0 }
    }

    /// The table of S7.4.
    const fn rule(self, before: State) -> State {
        use State::{Close, CloseWait, Established, FinWait, LastAck, SynReceived, SynSent, TimeWait};
        let Self { kind, from_original, from_closer } = self;
        match (before, kind) {
            (_, TcpKind::Rst) => Close,
            (SynSent, TcpKind::Syn | TcpKind::SynAck) if !from_original => SynReceived,
            (SynSent | SynReceived | Established, TcpKind::Fin) => FinWait,
            (SynSent | SynReceived, TcpKind::Ack) if from_original => Established,
            (FinWait | CloseWait, TcpKind::Fin) if !from_closer => LastAck,
            (FinWait, TcpKind::Ack) if !from_closer => CloseWait,
            (LastAck, TcpKind::Ack) if from_closer => TimeWait,
            (state, _) => state,
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
