use vpcreplay_flow::{End, Event, TcpKind, TimeoutName};

use super::{State, Tracking};

/// Runs `(kind letter, sender)` steps on a connection that a bare SYN of end A opened.
fn after(steps: &[(TcpKind, End)]) -> State {
    let mut tracking = Tracking::open(Event::of_tcp(TcpKind::Syn), End::A, End::A);
    for (kind, sender) in steps {
        tracking.step(Event::of_tcp(*kind), *sender);
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
    let open = |kind| Tracking::open(Event::of_tcp(kind), End::A, End::B);
    assert_eq!(open(TcpKind::Ack).state(), State::Established);
    assert_eq!(open(TcpKind::SynAck).state(), State::Established);
    assert_eq!(open(TcpKind::Rst).state(), State::Close);
    let mut fin = open(TcpKind::Fin);
    assert_eq!((fin.state(), fin.original()), (State::FinWait, End::B));
    fin.step(Event::of_tcp(TcpKind::Ack), End::A);
    assert_eq!(fin.state(), State::FinWait);
    fin.step(Event::of_tcp(TcpKind::Ack), End::B);
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
        let mut tracking = Tracking::open(Event::of_tcp(TcpKind::Syn), End::A, End::A);
        for (kind, sender) in steps {
            tracking.step(Event::of_tcp(*kind), *sender);
        }
        tracking.reopens()
    };
    assert!(!reopens(&OPEN));
    assert!(reopens(&[(TcpKind::Rst, End::A)]));
    assert!(!reopens(&[(TcpKind::Fin, End::A), (TcpKind::Fin, End::B)]));
    assert!(reopens(&[(TcpKind::Fin, End::A), (TcpKind::Fin, End::B), (TcpKind::Ack, End::A)]));
}

// S7.6: the step of a bare SYN says that it reopens; every other step is the usual one.
#[test]
fn only_a_bare_syn_on_a_closed_connection_is_no_step() {
    let mut reopening = 0;
    for (bits, turn) in (0..128).flat_map(|bits| (0..Event::TURNS).map(move |turn| (bits, turn))) {
        let (event, sender) = Event::of_turn(turn);
        let before = Tracking(bits);
        let mut after = before;
        after.step(event, sender);
        let is_reopened = event == Event::TcpSyn && before.reopens();
        assert_eq!(before.stepped(event, sender), (!is_reopened).then_some(after), "{before:?} {event:?}");
        reopening += u32::from(is_reopened);
        assert!(after.0 < 128, "a tracking alone");
    }
    // Two states, two original ends, two closers, with a mark and without, from two senders.
    assert_eq!(reopening, 32);
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
    }
    for event in Event::ALL {
        for tracking in reachable(event) {
            assert_eq!(tracking.parts().pack(), tracking.0);
            for sender in [End::A, End::B] {
                let mut after = tracking;
                after.step(event, sender);
                assert_eq!(after.0, tracking.parts().after(event, sender).pack());
            }
        }
    }
}

/// All packets that a connection of some protocol may have.
fn packets(event: Event) -> Vec<Event> {
    use TcpKind::{Ack, Fin, Rst, Syn, SynAck};
    match event {
        _ if event.tcp().is_some() => [Rst, SynAck, Syn, Fin, Ack].map(Event::of_tcp).to_vec(),
        other => vec![other],
    }
}

/// Every tracking that a connection begun by such a packet may come to.
fn reachable(event: Event) -> Vec<Tracking> {
    let ends = [End::A, End::B];
    let open =
        |(sender, original)| packets(event).into_iter().map(move |e| Tracking::open(e, sender, original));
    let mut found: Vec<Tracking> = Vec::new();
    let mut new: Vec<Tracking> = ends.into_iter().flat_map(|a| ends.map(|b| (a, b))).flat_map(open).collect();
    while let Some(tracking) = new.pop() {
        if !found.contains(&tracking) {
            found.push(tracking);
            new.extend(steps(tracking, event).into_iter().map(|(after, _)| after));
        }
    }
    found
}

/// What each packet makes of a connection, and what the outside sees of it.
fn steps(tracking: Tracking, event: Event) -> Vec<(Tracking, (State, TimeoutName))> {
    let each = packets(event).into_iter().flat_map(|packet| [(packet, End::A), (packet, End::B)]);
    let after = |(packet, sender)| {
        let mut after = tracking;
        after.step(packet, sender);
        (after, (after.state(), after.timeout()))
    };
    each.map(after).collect()
}

/// Whether some packets tell two connections apart.
fn differ(one: Tracking, other: Tracking, event: Event) -> bool {
    let mut seen = Vec::new();
    let mut new = vec![(one, other)];
    while let Some((one, other)) = new.pop() {
        if (one.state(), one.timeout()) != (other.state(), other.timeout()) {
            return true;
        }
        if !seen.contains(&(one, other)) {
            seen.push((one, other));
            let pairs = steps(one, event).into_iter().zip(steps(other, event));
            new.extend(pairs.map(|((one, _), (other, _))| (one, other)));
        }
    }
    false
}

// S7.4, S7.7: connections behave alike if, and only if, no packets tell them apart.
#[test]
fn alike_is_what_no_packets_tell_apart() {
    for event in [Event::of_tcp(TcpKind::Syn), Event::Udp, Event::Icmp, Event::Other] {
        let all = reachable(event);
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
            assert_eq!(one.behaves_as(other), !differ(*one, *other, event), "{one:?} {other:?}");
        }
    }
    let (icmp, other) = (reachable(Event::Icmp), reachable(Event::Other));
    assert!(!icmp[0].behaves_as(&other[0]));
}
