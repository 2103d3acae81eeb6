use vpcreplay_flow::{End, TcpKind, TimeoutName};

use super::{Event, State, Tracking};

/// Runs `(kind letter, sender)` steps on a connection that a bare SYN of end A opened.
fn after(steps: &[(TcpKind, End)]) -> State {
    let mut tracking = Tracking::open(Event::Tcp(TcpKind::Syn), End::A, End::A);
    for (kind, sender) in steps {
        tracking.step(Event::Tcp(*kind), *sender);
    }
    tracking.state()
}

const OPEN: [(TcpKind, End); 2] = [(TcpKind::SynAck, End::B), (TcpKind::Ack, End::A)];

// S7.4
#[test]
fn handshake_and_both_closes() {
    use End::{A, B};
    use TcpKind::{Ack, Fin, Rst, Syn, SynAck};
    assert_eq!(after(&[]), State::SynSent);
    assert_eq!(after(&[(Syn, A)]), State::SynSent);
    assert_eq!(after(&[(Syn, B)]), State::SynReceived);
    assert_eq!(after(&[(SynAck, A)]), State::SynSent);
    assert_eq!(after(&[(SynAck, B)]), State::SynReceived);
    assert_eq!(after(&[(Ack, B)]), State::SynSent);
    assert_eq!(after(&[(Ack, A)]), State::Established);
    assert_eq!(after(&OPEN), State::Established);
    assert_eq!(after(&[(SynAck, B), (Ack, B)]), State::SynReceived);
    for first in [A, B] {
        let second = first.other();
        let close = |more: &[(TcpKind, End)]| {
            let mut steps = OPEN.to_vec();
            steps.push((Fin, first));
            steps.extend_from_slice(more);
            after(&steps)
        };
        assert_eq!(close(&[]), State::FinWait);
        assert_eq!(close(&[(Fin, first), (Ack, first)]), State::FinWait);
        assert_eq!(close(&[(Ack, second)]), State::CloseWait);
        assert_eq!(close(&[(Ack, second), (Fin, first)]), State::CloseWait);
        assert_eq!(close(&[(Fin, second)]), State::LastAck);
        assert_eq!(close(&[(Ack, second), (Fin, second)]), State::LastAck);
        assert_eq!(close(&[(Fin, second), (Ack, second)]), State::LastAck);
        assert_eq!(close(&[(Fin, second), (Fin, first)]), State::LastAck);
        assert_eq!(close(&[(Fin, second), (Ack, first)]), State::TimeWait);
        assert_eq!(close(&[(Fin, second), (Ack, first), (Rst, second)]), State::Close);
        assert_eq!(close(&[(SynAck, second), (Syn, second)]), State::FinWait);
    }
}

// S7.4: RST closes from every state, and `close` keeps.
#[test]
fn reset_closes() {
    assert_eq!(after(&[(TcpKind::Rst, End::B)]), State::Close);
    assert_eq!(
        after(&[(TcpKind::Rst, End::B), (TcpKind::Ack, End::A), (TcpKind::Fin, End::A)]),
        State::Close
    );
}

// S7.4: a FIN in syn-sent and syn-received, from either end.
#[test]
fn early_fin() {
    for end in [End::A, End::B] {
        assert_eq!(after(&[(TcpKind::Fin, end)]), State::FinWait);
        assert_eq!(after(&[(TcpKind::SynAck, End::B), (TcpKind::Fin, end)]), State::FinWait);
        assert_eq!(after(&[(TcpKind::Fin, end), (TcpKind::Fin, end.other())]), State::LastAck);
    }
}

// S7.4: A is who sent the first FIN, whatever comes of the other end before it answers that.
#[test]
fn the_first_to_close_stays_the_first() {
    use TcpKind::{Ack, Fin, Syn, SynAck};
    for first in [End::A, End::B] {
        for between in [Syn, SynAck] {
            let close = |kind, sender| {
                after(&[OPEN[0], OPEN[1], (Fin, first), (between, first.other()), (kind, sender)])
            };
            assert_eq!(close(Fin, first), State::FinWait);
            assert_eq!(close(Ack, first), State::FinWait);
            assert_eq!(close(Fin, first.other()), State::LastAck);
            assert_eq!(close(Ack, first.other()), State::CloseWait);
        }
    }
}

// S7.5: how a midstream entry starts; the closer is the sender of the FIN even if it is not the original end.
#[test]
fn midstream_starts() {
    let open = |kind| Tracking::open(Event::Tcp(kind), End::A, End::B);
    assert_eq!(open(TcpKind::Ack).state(), State::Established);
    assert_eq!(open(TcpKind::SynAck).state(), State::Established);
    assert_eq!(open(TcpKind::Rst).state(), State::Close);
    let mut fin = open(TcpKind::Fin);
    assert_eq!((fin.state(), fin.original()), (State::FinWait, End::B));
    fin.step(Event::Tcp(TcpKind::Ack), End::A);
    assert_eq!(fin.state(), State::FinWait);
    fin.step(Event::Tcp(TcpKind::Ack), End::B);
    assert_eq!(fin.state(), State::CloseWait);
}

// S7.7: stream needs a reply after an original packet after the first reply; never demoted.
#[test]
fn udp_exchanges() {
    let mut udp = Tracking::open(Event::Udp, End::B, End::B);
    let mut step = |sender| {
        udp.step(Event::Udp, sender);
        (udp.state(), udp.timeout())
    };
    assert_eq!(step(End::B), (State::Unreplied, TimeoutName::Udp));
    assert_eq!(step(End::A), (State::Replied, TimeoutName::Udp));
    assert_eq!(step(End::A), (State::Replied, TimeoutName::Udp));
    assert_eq!(step(End::B), (State::Replied, TimeoutName::Udp));
    assert_eq!(step(End::A), (State::Stream, TimeoutName::UdpStream));
    assert_eq!(step(End::B), (State::Stream, TimeoutName::UdpStream));
}

// S7.3, S7.7: one state, two timeouts.
#[test]
fn other_protocols_stay_active() {
    for (event, timeout) in [(Event::Icmp, TimeoutName::Icmp), (Event::Other, TimeoutName::Other)] {
        let mut tracking = Tracking::open(event, End::A, End::A);
        tracking.step(event, End::B);
        assert_eq!((tracking.state(), tracking.timeout()), (State::Active, timeout));
    }
}

// S7.6
#[test]
fn only_closed_connections_reopen() {
    let reopens = |steps: &[(TcpKind, End)]| {
        let mut tracking = Tracking::open(Event::Tcp(TcpKind::Syn), End::A, End::A);
        for (kind, sender) in steps {
            tracking.step(Event::Tcp(*kind), *sender);
        }
        tracking.reopens()
    };
    assert!(!reopens(&OPEN));
    assert!(reopens(&[(TcpKind::Rst, End::A)]));
    assert!(!reopens(&[(TcpKind::Fin, End::A), (TcpKind::Fin, End::B)]));
    assert!(reopens(&[(TcpKind::Fin, End::A), (TcpKind::Fin, End::B), (TcpKind::Ack, End::A)]));
}

// S9.2: the codes of records are stable.
#[test]
fn codes_of_states() {
    assert_eq!(
        State::ALL.map(State::code),
        [
            "syn-sent",
            "syn-received",
            "established",
            "fin-wait",
            "close-wait",
            "last-ack",
            "time-wait",
            "close",
            "unreplied",
            "replied",
            "stream",
            "active"
        ]
    );
}

// S7.4: the look-up says what the table of the rule says, and each packet finds its own entry.
#[test]
fn the_look_up_is_the_rule() {
    for state in State::ALL {
        assert_eq!(State::ALL[state as usize], state);
        for index in 0..super::TURNS {
            let turn = super::Turn::of_index(index);
            assert_eq!(turn.index(), index);
            assert_eq!(turn.after(state), turn.rule(state));
        }
    }
}
