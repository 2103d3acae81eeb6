//! Packets that would never have been sent (S8).

use vpcreplay_flow::{Disposition, End, FlowKey, KeyClass, PacketFacts, Protocol, Reason, TcpKind};

use super::flow::{Fate, Flow};

/// What a TCP packet counts as; `None` for other protocols (S2.4).
pub(super) fn tcp_kind(facts: &PacketFacts) -> Option<TcpKind> {
    facts.transport.tcp_flags().map(vpcreplay_flow::TcpFlags::kind)
}

/// ICMP errors and other one-way ICMP stand outside S8.3.
fn stands_outside(key: &FlowKey) -> bool {
    key.class() == KeyClass::OneWay
}

impl Flow {
    /// A bare SYN makes its sender the opener before it is judged, whether it then passes or not (S12.6).
    pub(super) fn before_judging(&mut self, sender: End, tcp: Option<TcpKind>) {
        if tcp != Some(TcpKind::Syn) {
            return;
        }
        if self.opener == Some(sender) {
            // S12.9: a bare SYN of the same opener clears a passed SYN+ACK, not a denied one.
            if self.syn_ack == Fate::Passed {
                self.syn_ack = Fate::None;
            }
        } else {
            // S12.9: a bare SYN of the other end clears both.
            self.syn = Fate::None;
            self.syn_ack = Fate::None;
            self.opener = Some(sender);
        }
    }

    /// Whether the packet is unsent: the reason and the packet whose denial is the cause (S8.2, S8.3).
    pub(super) fn unsent(&self, sender: End, tcp: Option<TcpKind>) -> Option<(Reason, u64)> {
        let from_opener = self.opener == Some(sender);
        if self.key.protocol() == Protocol::TCP {
            if tcp == Some(TcpKind::Syn) {
                return None; // each further SYN is judged anew
            }
            // S8.2: while the newest bare SYN is denied.
            if let Fate::Denied(cause) = self.syn {
                return Some((Reason::OpenerDenied, cause));
            }
            // S8.2: the SYN passed and the newest SYN+ACK of the other end was denied.
            if let (Fate::Passed, Fate::Denied(cause)) = (self.syn, self.syn_ack) {
                let is_judged = !from_opener && matches!(tcp, Some(TcpKind::SynAck | TcpKind::Rst));
                return (!is_judged).then_some((Reason::HandshakeDenied, cause));
            }
            return None;
        }
        // S8.3: the newest packet of the opener is denied and none has passed: the other end's are unsent.
        match self.opened {
            Fate::Denied(cause) if !from_opener && !stands_outside(&self.key) => {
                Some((Reason::OpenerDenied, cause))
            }
            _ => None,
        }
    }

    /// Remembers what became of a judged packet (S8.2, S8.3, S12.9).
    pub(super) fn after_judging(
        &mut self,
        sender: End,
        tcp: Option<TcpKind>,
        disposition: Disposition,
        packet: u64,
    ) {
        let fate = if disposition == Disposition::Allow { Fate::Passed } else { Fate::Denied(packet) };
        let from_opener = self.opener == Some(sender);
        match tcp {
            Some(TcpKind::Syn) => self.syn = fate,
            // SYN+ACKs of the opener's own end never count; before a bare SYN there is no opener, nor a handshake.
            Some(TcpKind::SynAck) if self.opener.is_some() && !from_opener => {
                // After one has passed, a later denied one of the same handshake changes nothing.
                if self.syn_ack != Fate::Passed {
                    self.syn_ack = fate;
                }
            }
            Some(_) => {}
            None => {
                if from_opener && self.opened != Fate::Passed {
                    self.opened = fate;
                }
            }
        }
    }
}
