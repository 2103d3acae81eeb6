//! Connection entries and their states (S7.1, S7.2, S7.4, S7.7).

use vpcreplay_flow::{End, FlowKey, KeyClass, Protocol, TcpKind, TimeoutName, Timestamp};

/// The state of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    SynSent,
    SynReceived,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    Unreplied,
    Replied,
    Stream,
    Active,
}

impl State {
    /// The name in records.
    pub(super) const fn name(self) -> &'static str {
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

/// How an entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its deadline was reached (S7.2).
    Expired,
    /// A bare SYN came in `time-wait` or `close` (S7.6).
    Reopened,
    /// Its ENI is no longer in the model (S10.1).
    Removed,
}

impl Ending {
    /// The name in records.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Reopened => "reopened",
            Self::Removed => "removed",
        }
    }
}

/// One entry of the connection table, live or over.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// Number over the whole replay, in order of creation (S9.2).
    pub(super) number: u64,
    /// Number of the flow that it belongs to; `None` while that is not remembered (S7.0).
    pub(super) flow: Option<u64>,
    /// The ENI that tracks it.
    pub(super) eni: String,
    /// Flow key (S7.1).
    pub(super) key: FlowKey,
    /// The original end (S7.1).
    original: End,
    /// State now.
    pub(super) state: State,
    /// The end that sent the first FIN: *A* of S7.4.
    first_fin: Option<End>,
    /// UDP: whether an original-direction packet came after the first reply (S7.7).
    original_after_reply: bool,
    /// The rule that it remembers (S6.3.3d).
    pub(super) rule: String,
    /// When it ends, unless refreshed (S7.2).
    pub(super) deadline: Timestamp,
    /// When and why it ended; `None` while it lives.
    pub(super) ended: Option<(Timestamp, Ending)>,
}

impl Connection {
    /// The entry that a packet creates (S6.3.3d), its deadline still open.
    pub(super) fn created_by(
        number: u64,
        flow: Option<u64>,
        eni: &str,
        (key, sender): (FlowKey, End),
        tcp: Option<TcpKind>,
    ) -> Self {
        let state = match tcp {
            Some(TcpKind::Syn) => State::SynSent,
            Some(TcpKind::Rst) => State::Close,   // S7.5
            Some(TcpKind::Fin) => State::FinWait, // S7.5
            Some(TcpKind::SynAck | TcpKind::Ack) => State::Established, // S7.5
            None if key.protocol() == Protocol::UDP => State::Unreplied, // S7.7
            None => State::Active,                // S7.7
        };
        Self {
            number,
            flow,
            eni: eni.to_owned(),
            key,
            original: sender,
            state,
            first_fin: (tcp == Some(TcpKind::Fin)).then_some(sender),
            original_after_reply: false,
            rule: String::new(),
            deadline: Timestamp::MAX,
            ended: None,
        }
    }

    /// Makes the other end the original one (S7.5, `either-end`).
    pub(super) const fn turn_round(&mut self) {
        self.original = self.original.other();
    }

    /// Whether the entry lives.
    pub(super) const fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether a bare SYN reopens it (S7.6).
    pub(super) const fn reopens(&self) -> bool {
        matches!(self.state, State::TimeWait | State::Close)
    }

    /// The timeout of its present state (S7.2, S7.3).
    pub(super) const fn timeout(&self) -> TimeoutName {
        match self.state {
            State::SynSent => TimeoutName::TcpSynSent,
            State::SynReceived => TimeoutName::TcpSynReceived,
            State::Established => TimeoutName::TcpEstablished,
            State::FinWait => TimeoutName::TcpFinWait,
            State::CloseWait => TimeoutName::TcpCloseWait,
            State::LastAck => TimeoutName::TcpLastAck,
            State::TimeWait => TimeoutName::TcpTimeWait,
            State::Close => TimeoutName::TcpClose,
            State::Unreplied | State::Replied => TimeoutName::Udp,
            State::Stream => TimeoutName::UdpStream,
            State::Active => match self.key.class() {
                KeyClass::Query(_) | KeyClass::OneWay => TimeoutName::Icmp,
                KeyClass::Ports | KeyClass::Addresses => TimeoutName::Other,
            },
        }
    }

    /// What a packet that the entry allows does to its state.
    pub(super) fn advance(&mut self, sender: End, tcp: Option<TcpKind>) {
        match tcp {
            Some(kind) => self.advance_tcp(sender, kind),
            None => self.advance_udp(sender),
        }
    }

    /// The table of S7.4; what is not named keeps the state.
    #[expect(clippy::match_same_arms, reason = "one arm for each named cell of the table")]
    fn advance_tcp(&mut self, sender: End, kind: TcpKind) {
        use State::{Close, CloseWait, Established, FinWait, LastAck, SynReceived, SynSent, TimeWait};
        let from_orig = sender == self.original;
        let from_reply = !from_orig;
        let from_a = self.first_fin == Some(sender); // the end that sent the first FIN
        let from_b = !from_a;
        let next = match (self.state, kind) {
            (SynSent, TcpKind::Syn) if from_reply => SynReceived,
            (SynSent, TcpKind::SynAck) if from_reply => SynReceived,
            (SynSent, TcpKind::Fin) => FinWait,
            (SynSent, TcpKind::Ack) if from_orig => Established,
            (SynReceived, TcpKind::Fin) => FinWait,
            (SynReceived, TcpKind::Ack) if from_orig => Established,
            (Established, TcpKind::Fin) => FinWait,
            (FinWait, TcpKind::Fin) if from_b => LastAck,
            (FinWait, TcpKind::Ack) if from_b => CloseWait,
            (CloseWait, TcpKind::Fin) if from_b => LastAck,
            (LastAck, TcpKind::Ack) if from_a => TimeWait,
            (_, TcpKind::Rst) => Close,
            (state, _) => state,
        };
        if next == FinWait && self.state != FinWait {
            self.first_fin = Some(sender);
        }
        self.state = next;
    }

    /// S7.7: UDP; every other protocol has one state.
    fn advance_udp(&mut self, sender: End) {
        let from_reply = sender != self.original;
        match self.state {
            State::Unreplied if from_reply => self.state = State::Replied,
            State::Replied if from_reply && self.original_after_reply => self.state = State::Stream,
            State::Replied if !from_reply => self.original_after_reply = true,
            _ => {}
        }
    }
}
