//! Causality: packets that would never have been sent under the replayed rules (S8).

use std::num::NonZeroU64;

use vpcreplay_flow::{End, Protocol, Reason, TcpKind};

use crate::memory::{Fate, Memory};

/// What causality looks at in a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// The packet's number.
    pub(crate) number: u64,
    /// The end that sent it.
    pub(crate) sender: End,
    /// What it counts as, for TCP.
    pub(crate) tcp: Option<TcpKind>,
}

impl Memory {
    /// Starts the memory of a flow at its first packet: who opened it (S7.0). TCP waits for a bare SYN.
    pub(crate) fn begin(&mut self, protocol: Protocol, opener: End) {
        self.opener = (protocol != Protocol::TCP).then_some(opener);
    }

    /// Notes a packet before it is judged: a bare SYN makes its sender the opener and begins a new handshake
    /// (S8.2, S12.6, S12.9).
    pub(crate) fn before(&mut self, sent: Sent) {
        if sent.tcp != Some(TcpKind::Syn) {
            return;
        }
        let is_same_opener = self.opener == Some(sent.sender);
        if !is_same_opener || self.answer == Fate::PASSED {
            self.answer = Fate::NONE;
        }
        self.opener = Some(sent.sender);
    }

    /// Why a packet would never have been sent, and the number of the packet whose denial is the cause.
    pub(crate) fn unsent(&self, sent: Sent) -> Option<(Reason, NonZeroU64)> {
        let opener = self.opener?;
        let is_answer = sent.sender != opener;
        match (sent.tcp, self.opening.denial(), self.answer.denial()) {
            // S8.2: every bare SYN is judged anew.
            (Some(TcpKind::Syn), ..) => None,
            (Some(_), Some(cause), _) => Some((Reason::OpenerDenied, cause)),
            // S8.2: so is every SYN+ACK of the other end, and its RST.
            (Some(TcpKind::SynAck | TcpKind::Rst), ..) if is_answer => None,
            (Some(_), _, Some(cause)) => Some((Reason::HandshakeDenied, cause)),
            // S8.3
            (None, Some(cause), _) if is_answer => Some((Reason::OpenerDenied, cause)),
            _ => None,
        }
    }

    /// Notes what became of a judged packet.
    pub(crate) fn after(&mut self, sent: Sent, is_allowed: Allowed) {
        let is_opener = self.opener == Some(sent.sender);
        let fate = match is_allowed {
            Allowed::No => Fate::denied(sent.number),
            Allowed::Yes => Fate::PASSED,
        };
        match sent.tcp {
            Some(TcpKind::Syn) => self.opening = fate,
            // S8.2: once a SYN+ACK has passed, a later denied one changes nothing. One that comes before any bare
            // SYN belongs to no handshake.
            Some(TcpKind::SynAck) if self.opener.is_some() && !is_opener && self.answer != Fate::PASSED => {
                self.answer = fate;
            }
            // S8.3: while none of the opener's packets has passed.
            None if is_opener && self.opening != Fate::PASSED => self.opening = fate,
            _ => {}
        }
    }
}

/// Whether a judged packet passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    Yes,
    No,
}

#[cfg(test)]
#[path = "causality_tests.rs"]
mod tests;
