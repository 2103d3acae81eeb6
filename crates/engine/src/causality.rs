//! Causality: packets that would never have been sent under the replayed rules (S8).

use vpcreplay_flow::{End, Event, Protocol, Reason, TcpKind};

/// What causality looks at in a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// The end that sent it.
    pub(crate) sender: End,
    /// What it counts as, for TCP.
    pub(crate) tcp: Option<TcpKind>,
}

/// What became of the packets that decide about others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// None was judged yet.
    #[default]
    None,
    /// It passed.
    Passed,
    /// It was denied.
    Denied,
}

/// Which denied packet is the cause of another one being unsent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The opening one.
    Opening,
    /// The answer.
    Answer,
}

/// Who opened a flow, and what became of the packets that decide about others (S7.0, S8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// Who opened the flow; `None` for TCP before the first bare SYN.
    pub(crate) opener: Option<End>,
    /// TCP: the newest bare SYN. Other protocols: the opener's packets; one that passed counts for good.
    opening: Fate,
    /// TCP: the newest SYN+ACK of the other end (S12.9).
    answer: Fate,
}

impl Fate {
    const fn of_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::None,
            1 => Self::Passed,
            _ => Self::Denied,
        }
    }
}

impl Handshake {
    /// All of it in one byte: flow records are many.
    #[inline]
    pub(crate) const fn pack(self) -> u8 {
        let opener = match self.opener {
            None => 0,
            Some(End::A) => 1,
            Some(End::B) => 2,
        };
        opener | (self.opening as u8) << 2 | (self.answer as u8) << 4
    }

    /// What [`Handshake::pack`] packed.
    #[inline]
    pub(crate) const fn unpack(bits: u8) -> Self {
        let opener = match bits & 3 {
            0 => None,
            1 => Some(End::A),
            _ => Some(End::B),
        };
        Self { opener, opening: Fate::of_bits(bits >> 2), answer: Fate::of_bits(bits >> 4) }
    }

    /// The packed form after a packet that passes; `None` where the packet is unsent.
    ///
    /// A look-up: which packet comes cannot be foretold, and a wrong guess costs more than all the rest.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every handshake and every packet has its entry")]
    pub(crate) const fn passed_by(bits: u8, event: Event, sender: End) -> Option<u8> {
        let after = NEXT.passed[event.turn(sender)][bits as usize % HANDSHAKES];
        if after == UNSENT { None } else { Some(after) }
    }

    /// The packed form after a packet that was sent and is denied, and as what cause its number must be kept. Likewise.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every handshake and every packet has its entry")]
    pub(crate) const fn denied_by(bits: u8, event: Event, sender: End) -> (u8, Option<Cause>) {
        NEXT.denied[event.turn(sender)][bits as usize % HANDSHAKES]
    }

    /// The same, worked out.
    const fn after_passing(self, sent: Sent) -> Option<Self> {
        let mut handshake = self;
        handshake.before(sent);
        if handshake.unsent(sent).is_some() {
            return None;
        }
        handshake.after(sent, Allowed::Yes);
        Some(handshake)
    }

    /// At the first packet of a flow: who opened it (S7.0). TCP waits for a bare SYN.
    pub(crate) fn begun_by(protocol: Protocol, opener: End) -> Self {
        Self { opener: (protocol != Protocol::TCP).then_some(opener), ..Self::default() }
    }

    /// Notes a packet before it is judged: a bare SYN makes its sender the opener and begins a new handshake
    /// (S8.2, S12.6, S12.9).
    #[inline]
    pub(crate) const fn before(&mut self, sent: Sent) {
        if !matches!(sent.tcp, Some(TcpKind::Syn)) {
            return;
        }
        if !self.is_opener(sent.sender) || matches!(self.answer, Fate::Passed) {
            self.answer = Fate::None;
        }
        self.opener = Some(sent.sender);
    }

    /// Why a packet would never have been sent, and which packet's denial is the cause.
    #[inline]
    pub(crate) const fn unsent(self, sent: Sent) -> Option<(Reason, Cause)> {
        if self.opener.is_none() {
            return None;
        }
        let is_answer = !self.is_opener(sent.sender);
        match (sent.tcp, self.opening, self.answer) {
            // S8.2: every bare SYN is judged anew.
            (Some(TcpKind::Syn), ..) => None,
            (Some(_), Fate::Denied, _) => Some((Reason::OpenerDenied, Cause::Opening)),
            // S8.2: so is every SYN+ACK of the other end, and its RST.
            (Some(TcpKind::SynAck | TcpKind::Rst), ..) if is_answer => None,
            (Some(_), _, Fate::Denied) => Some((Reason::HandshakeDenied, Cause::Answer)),
            // S8.3
            (None, Fate::Denied, _) if is_answer => Some((Reason::OpenerDenied, Cause::Opening)),
            _ => None,
        }
    }

    /// Notes what became of a judged packet; tells as what cause its number must be kept.
    #[inline]
    pub(crate) const fn after(&mut self, sent: Sent, is_allowed: Allowed) -> Option<Cause> {
        let is_opener = self.is_opener(sent.sender);
        let fate = match is_allowed {
            Allowed::No => Fate::Denied,
            Allowed::Yes => Fate::Passed,
        };
        let cause = match sent.tcp {
            Some(TcpKind::Syn) => Cause::Opening,
            // S8.2: once a SYN+ACK has passed, a later denied one changes nothing. One that comes before any bare
            // SYN belongs to no handshake.
            Some(TcpKind::SynAck)
                if self.opener.is_some() && !is_opener && !matches!(self.answer, Fate::Passed) =>
            {
                Cause::Answer
            }
            // S8.3: while none of the opener's packets has passed.
            None if is_opener && !matches!(self.opening, Fate::Passed) => Cause::Opening,
            _ => return None,
        };
        match cause {
            Cause::Opening => self.opening = fate,
            Cause::Answer => self.answer = fate,
        }
        match is_allowed {
            Allowed::No => Some(cause),
            Allowed::Yes => None,
        }
    }

    #[inline]
    const fn is_opener(self, end: End) -> bool {
        matches!((self.opener, end), (Some(End::A), End::A) | (Some(End::B), End::B))
    }
}

/// Values that a packed handshake may have.
const HANDSHAKES: usize = 1 << 6;
/// No packed handshake.
const UNSENT: u8 = u8::MAX;

/// What each packet makes of each handshake.
struct Next {
    /// If it passes; [`UNSENT`] where it is unsent.
    passed: [[u8; HANDSHAKES]; Event::TURNS],
    /// If it was sent and is denied, with the cause as which its number must be kept.
    denied: [[(u8, Option<Cause>); HANDSHAKES]; Event::TURNS],
}

#[expect(clippy::indexing_slicing, reason = "every handshake and every packet has its entry")]
#[expect(clippy::cast_possible_truncation, reason = "there are 64 handshakes")]
const NEXT: Next = {
    let mut next = Next {
        passed: [[UNSENT; HANDSHAKES]; Event::TURNS],
        denied: [[(0, None); HANDSHAKES]; Event::TURNS],
    };
    let mut turn = 0;
    while turn < Event::TURNS {
        let (event, sender) = Event::of_turn(turn);
        let sent = Sent { sender, tcp: event.tcp() };
        let mut bits = 0;
        while bits < HANDSHAKES {
            let mut handshake = Handshake::unpack(bits as u8);
            if let Some(passed) = handshake.after_passing(sent) {
                next.passed[turn][bits] = passed.pack();
            }
            handshake.before(sent);
            let cause = handshake.after(sent, Allowed::No);
            next.denied[turn][bits] = (handshake.pack(), cause);
            bits += 1;
        }
        turn += 1;
    }
    next
};

/// Whether a judged packet passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    Yes,
    No,
}

#[cfg(test)]
#[path = "causality_tests.rs"]
mod tests;
