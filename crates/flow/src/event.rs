//! What a packet means to the state of its connection (S7.4, S7.7).

use crate::{End, TcpKind};

/// What a packet means to the state of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Event {
    /// TCP that counts as RST.
    TcpRst,
    /// TCP that counts as FIN.
    TcpFin,
    /// TCP that counts as SYN+ACK.
    TcpSynAck,
    /// TCP that counts as a bare SYN.
    TcpSyn,
    /// TCP that counts as ACK or data.
    TcpAck,
    /// A UDP packet.
    Udp,
    /// A packet of ICMP or ICMPv6.
    Icmp,
    /// A packet of any other protocol; UDP-Lite, SCTP and DCCP too.
    Other,
}

impl Event {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::TcpRst,
        Self::TcpFin,
        Self::TcpSynAck,
        Self::TcpSyn,
        Self::TcpAck,
        Self::Udp,
        Self::Icmp,
        Self::Other,
    ];

    /// The one with this place in [`Event::ALL`], which has eight: higher bits say nothing.
    #[inline]
    pub(crate) const fn of_bits(bits: u16) -> Self {
        match bits & 7 {
            0 => Self::TcpRst,
            1 => Self::TcpFin,
            2 => Self::TcpSynAck,
            3 => Self::TcpSyn,
            4 => Self::TcpAck,
            5 => Self::Udp,
            6 => Self::Icmp,
            _ => Self::Other,
        }
    }

    /// Packets that differ: what they mean, from either end.
    pub const TURNS: usize = Self::ALL.len() * 2;

    /// A number for what a packet means and which end sent it, below [`Event::TURNS`]. For look-ups.
    #[inline]
    pub const fn turn(self, sender: End) -> usize {
        self as usize * 2 + sender as usize
    }

    /// What has this number.
    #[expect(clippy::indexing_slicing, reason = "called with those that there are")]
    pub const fn of_turn(turn: usize) -> (Self, End) {
        (Self::ALL[turn / 2], if turn.is_multiple_of(2) { End::A } else { End::B })
    }

    /// What a TCP packet means.
    #[inline]
    pub const fn of_tcp(kind: TcpKind) -> Self {
        match kind {
            TcpKind::Rst => Self::TcpRst,
            TcpKind::SynAck => Self::TcpSynAck,
            TcpKind::Syn => Self::TcpSyn,
            TcpKind::Fin => Self::TcpFin,
            TcpKind::Ack => Self::TcpAck,
        }
    }

    /// Whether it is TCP other than a bare SYN (S7.5).
    #[inline]
    pub const fn is_midstream(self) -> bool {
        // A set of bits: which event comes cannot be foretold.
        const MIDSTREAM: u8 = 1 << Event::TcpRst as u8
            | 1 << Event::TcpFin as u8
            | 1 << Event::TcpSynAck as u8
            | 1 << Event::TcpAck as u8;
        MIDSTREAM >> self as u8 & 1 == 1
    }

    /// What the packet counts as, for TCP (S2.4).
    #[inline]
    pub const fn tcp(self) -> Option<TcpKind> {
        match self {
            Self::TcpRst => Some(TcpKind::Rst),
            Self::TcpSynAck => Some(TcpKind::SynAck),
            Self::TcpSyn => Some(TcpKind::Syn),
            Self::TcpFin => Some(TcpKind::Fin),
            Self::TcpAck => Some(TcpKind::Ack),
            Self::Udp | Self::Icmp | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Event};

    #[test]
    fn midstream_is_tcp_but_a_bare_syn() {
        for event in Event::ALL {
            assert_eq!(event.is_midstream(), event.tcp().is_some() && event != Event::TcpSyn, "{event:?}");
        }
    }

    #[test]
    fn numbers_tell_events_and_senders() {
        for (place, event) in (0..).zip(Event::ALL) {
            assert_eq!(
                (event as u16, Event::of_bits(place), Event::of_bits(place + 8)),
                (place, event, event)
            );
        }
        let turns = Event::ALL.into_iter().flat_map(|event| [(event, End::A), (event, End::B)]);
        for (number, turn) in turns.clone().enumerate() {
            assert_eq!((turn.0.turn(turn.1), Event::of_turn(number)), (number, turn));
        }
        assert_eq!(turns.count(), Event::TURNS);
    }
}
