//! What was written.

use vpcreplay_flow::{Span, Timestamp};

use crate::profile::Fate;

/// What a capture has so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets.
    pub packets: u64,
    /// Bytes of frames on the wire.
    pub bytes: u64,
    /// Bytes of frames that are captured: headers and what else the snapshot length lets in.
    pub captured_bytes: u64,
    /// Connections that sent their first packet.
    pub connections: u64,
    /// The time of the first packet.
    pub first: Option<Timestamp>,
    /// The time of the newest packet.
    pub last: Option<Timestamp>,
    /// Connections that have packets to send.
    pub open: u64,
    /// The most of them at once.
    pub most_open: u64,
    /// By class, in the order of the profile.
    pub classes: Vec<ClassTotals>,
}

impl Totals {
    /// From the first packet to the newest.
    pub fn span(&self) -> Span {
        self.first.zip(self.last).map_or_else(Span::default, |(first, last)| last.since(first))
    }
}

/// What a capture has of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassTotals {
    /// Its name.
    pub name: String,
    /// Who opens.
    pub from: String,
    /// Who is asked.
    pub to: String,
    /// Protocol and port.
    pub service: String,
    /// Packets.
    pub packets: u64,
    /// Connections that sent their first packet, in all.
    pub connections: u64,
    /// Those over IPv6.
    pub ipv6: u64,
    /// Those that nobody answers.
    pub half_open: u64,
    /// Those whose SYN+ACK nobody acknowledges.
    pub unacknowledged: u64,
    /// Those that are answered with RST.
    pub refused: u64,
    /// Those that end with RST.
    pub reset: u64,
    /// Those that fall silent.
    pub never_closed: u64,
    /// Those that took addresses and ports of one before.
    pub reused: u64,
    /// Connections that were not opened, since every port that was tried is in use.
    pub without_port: u64,
}

impl ClassTotals {
    pub(crate) const fn count(&mut self, fate: Fate) {
        self.connections += 1;
        match fate {
            Fate::Closed => {}
            Fate::HalfOpen => self.half_open += 1,
            Fate::Unacknowledged => self.unacknowledged += 1,
            Fate::Refused => self.refused += 1,
            Fate::Reset => self.reset += 1,
            Fate::NeverClosed => self.never_closed += 1,
        }
    }
}
