use vpcreplay_flow::{End, Event, Protocol, Reason, TcpKind};

use super::{Allowed, Handshake, Sent};

/// A flow whose packets are judged as told, unless they are unsent.
#[derive(Default)]
struct Talk {
    /// Packed, as flow records keep it.
    handshake: u8,
    denied: [u64; 2],
    number: u64,
}

impl Talk {
    fn tcp() -> Self {
        Self { handshake: Handshake::begun_by(Protocol::TCP, End::A).pack(), ..Self::default() }
    }

    fn udp() -> Self {
        Self { handshake: Handshake::begun_by(Protocol::UDP, End::A).pack(), ..Self::default() }
    }

    /// The next packet: why it is unsent and because of which packet, or `None` when it was judged.
    fn packet(&mut self, sender: End, tcp: Option<TcpKind>, allowed: Allowed) -> Option<(Reason, u64)> {
        self.number += 1;
        let sent = Sent { sender, tcp };
        let mut handshake = Handshake::unpack(self.handshake);
        handshake.before(sent);
        let unsent = handshake.unsent(sent).map(|(reason, cause)| (reason, self.denied[cause as usize]));
        if unsent.is_none()
            && let Some(cause) = handshake.after(sent, allowed)
        {
            self.denied[cause as usize] = self.number;
        }
        self.handshake = handshake.pack();
        assert_eq!(Handshake::unpack(self.handshake), handshake);
        unsent
    }

    fn passes(&mut self, sender: End, kind: TcpKind) -> Option<(Reason, u64)> {
        self.packet(sender, Some(kind), Allowed::Yes)
    }

    fn denied(&mut self, sender: End, kind: TcpKind) -> Option<(Reason, u64)> {
        self.packet(sender, Some(kind), Allowed::No)
    }
}

use End::{A, B};
use TcpKind::{Ack, Fin, Rst, Syn, SynAck};

// S8.2: while the newest bare SYN is denied everything else is unsent, from either end; each SYN is judged anew.
#[test]
fn denied_syn() {
    let mut talk = Talk::tcp();
    assert_eq!(talk.denied(A, Syn), None);
    for (sender, kind) in [(B, SynAck), (B, Rst), (A, Ack), (A, Rst), (B, Fin)] {
        assert_eq!(talk.passes(sender, kind), Some((Reason::OpenerDenied, 1)), "{sender:?} {kind:?}");
    }
    assert_eq!(talk.denied(A, Syn), None);
    assert_eq!(talk.passes(B, SynAck), Some((Reason::OpenerDenied, 7)), "the newest is the cause");
    assert_eq!(talk.passes(A, Syn), None);
    assert_eq!(talk.passes(B, SynAck), None);
}

// S8.2: a denied SYN+ACK; the other end's SYN+ACK and RST are judged all the same.
#[test]
fn denied_answer() {
    let mut talk = Talk::tcp();
    talk.passes(A, Syn);
    assert_eq!(talk.denied(B, SynAck), None);
    for (sender, kind) in [(A, Ack), (A, Rst), (A, SynAck), (B, Ack), (B, Fin)] {
        assert_eq!(talk.passes(sender, kind), Some((Reason::HandshakeDenied, 2)), "{sender:?} {kind:?}");
    }
    assert_eq!(talk.denied(B, Rst), None);
    assert_eq!(talk.denied(B, SynAck), None);
    assert_eq!(talk.passes(A, Ack), Some((Reason::HandshakeDenied, 9)));
    assert_eq!(talk.passes(B, SynAck), None);
    assert_eq!(talk.passes(A, Ack), None);
}

// S8.2: after a SYN+ACK has passed a later denied one of the same handshake changes nothing.
#[test]
fn passed_answer_stays() {
    let mut talk = Talk::tcp();
    talk.passes(A, Syn);
    talk.passes(B, SynAck);
    assert_eq!(talk.denied(B, SynAck), None);
    assert_eq!(talk.passes(A, Ack), None);
}

// S12.9: a bare SYN of the same opener clears a passed SYN+ACK but not a denied one.
#[test]
fn syn_of_the_same_opener() {
    let mut talk = Talk::tcp();
    talk.passes(A, Syn);
    talk.passes(B, SynAck);
    talk.passes(A, Syn);
    assert_eq!(talk.denied(B, SynAck), None);
    assert_eq!(talk.passes(A, Ack), Some((Reason::HandshakeDenied, 4)), "the passed one was cleared");
    assert_eq!(talk.passes(A, Syn), None);
    assert_eq!(talk.passes(A, Ack), Some((Reason::HandshakeDenied, 4)), "the denied one was not");
}

// S12.9: a bare SYN of the other end clears both, and makes it the opener.
#[test]
fn syn_of_the_other_end() {
    let mut talk = Talk::tcp();
    talk.passes(A, Syn);
    talk.denied(B, SynAck);
    talk.passes(B, Syn);
    assert_eq!(talk.passes(A, Ack), None);
    assert_eq!(talk.denied(B, SynAck), None, "its own SYN+ACK never counts now");
    assert_eq!(talk.passes(B, Ack), None);
    assert_eq!(talk.denied(A, SynAck), None);
    assert_eq!(talk.passes(B, Ack), Some((Reason::HandshakeDenied, 7)));
}

// S8.2: flows without a bare SYN are always judged; a SYN+ACK before any SYN belongs to no handshake.
#[test]
fn midstream_is_always_judged() {
    let mut talk = Talk::tcp();
    assert_eq!(talk.denied(A, SynAck), None);
    assert_eq!(talk.denied(A, Ack), None);
    assert_eq!(talk.passes(B, Ack), None);
    assert_eq!(talk.passes(B, Syn), None);
    assert_eq!(talk.passes(B, Ack), None);
}

// S8.3: other protocols, until one packet of the opener has passed.
#[test]
fn other_protocols() {
    let mut talk = Talk::udp();
    assert_eq!(talk.packet(B, None, Allowed::No), None, "the opener has sent nothing yet");
    assert_eq!(talk.packet(A, None, Allowed::No), None);
    assert_eq!(talk.packet(B, None, Allowed::Yes), Some((Reason::OpenerDenied, 2)));
    assert_eq!(talk.packet(A, None, Allowed::No), None);
    assert_eq!(talk.packet(B, None, Allowed::Yes), Some((Reason::OpenerDenied, 4)));
    assert_eq!(talk.packet(A, None, Allowed::Yes), None);
    assert_eq!(talk.packet(A, None, Allowed::No), None);
    assert_eq!(talk.packet(B, None, Allowed::Yes), None, "one that passed is enough");
}

// S8.1, S8.2, S8.3: the look-up says what the rules say of a packet that passes.
#[test]
fn the_look_up_is_the_rules() {
    for (event, sender) in Event::ALL.into_iter().flat_map(|event| [(event, A), (event, B)]) {
        let sent = Sent { sender, tcp: event.tcp() };
        for bits in (0..64).filter(|bits| Handshake::unpack(*bits).pack() == *bits) {
            let mut after = Handshake::unpack(bits);
            after.before(sent);
            let unsent = after.unsent(sent);
            after.after(sent, Allowed::Yes);
            let expected = unsent.is_none().then(|| after.pack());
            assert_eq!(Handshake::passed_by(bits, event, sender), expected, "{bits:#b} {sent:?}");
            let mut denied = Handshake::unpack(bits);
            denied.before(sent);
            let cause = denied.after(sent, Allowed::No);
            assert_eq!(
                Handshake::denied_by(bits, event, sender),
                (denied.pack(), cause),
                "{bits:#b} {sent:?}"
            );
        }
    }
}
