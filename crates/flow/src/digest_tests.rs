use crate::{
    Brief, Digest, End, Event, PacketFacts, PacketKind, Protocol, QueryKind, QueryRole, Shape, TcpFlags,
    TcpKind, Transport,
};

fn facts(protocol: Protocol, transport: Transport) -> PacketFacts {
    let (src, dst) = ("192.0.2.9".parse().unwrap(), "10.0.0.1".parse().unwrap());
    PacketFacts { src, dst, protocol, transport, length: 1_234 }
}

// S2.4: nothing that the rules look at is lost.
#[test]
fn a_digest_gives_back_the_facts() {
    let (kind, id) = (QueryKind::Echo, 9);
    let all = [
        facts(Protocol::TCP, Transport::Tcp { src_port: 1, dst_port: 2, flags: TcpFlags(0x12) }),
        facts(Protocol::UDP, Transport::Ports { src_port: 2, dst_port: 1 }),
        facts(
            Protocol::ICMP,
            Transport::IcmpQuery { icmp_type: 8, code: 3, id, kind, role: QueryRole::Requester },
        ),
        facts(
            Protocol::ICMP,
            Transport::IcmpQuery { icmp_type: 0, code: 3, id, kind, role: QueryRole::Responder },
        ),
        facts(Protocol::ICMP, Transport::IcmpError { icmp_type: 3, code: 4, quoted: None }),
        facts(Protocol::ICMP, Transport::IcmpOneWay { icmp_type: 9, code: 0 }),
        facts(Protocol(47), Transport::Other),
    ];
    for facts in all {
        assert!(Digest::is_whole(&facts));
        let digest = Digest::of(&facts).unwrap();
        assert_eq!(digest.facts(), facts);
        assert_eq!(digest.brief().whole(), digest);
        assert_eq!(digest.key.address(digest.kind.sender()), facts.src);
        // What rules look at of the most usual shape: all but the flags.
        let ports = facts.transport.ports();
        let usual = ports.map(|(src_port, dst_port)| Transport::Ports { src_port, dst_port });
        assert_eq!(digest.ports_v4(), usual.map(|transport| PacketFacts { transport, ..facts }));
        let v6 = PacketFacts { src: "2001:db8::1".parse().unwrap(), dst: "::2".parse().unwrap(), ..facts };
        assert_eq!(Digest::of(&v6).unwrap().ports_v4(), None);
    }
}

// S7.0: a flow is opened by the sender of its first packet, but by the requester where that is an answer.
#[test]
fn who_opens_a_flow() {
    let query = |role| Transport::IcmpQuery { icmp_type: 8, code: 0, id: 1, kind: QueryKind::Echo, role };
    let of = |facts: PacketFacts| Digest::of(&facts).unwrap().kind;
    for role in [QueryRole::Requester, QueryRole::Responder] {
        assert_eq!(of(facts(Protocol::ICMP, query(role))).opener(), End::A, "{role:?}");
    }
    let udp = of(facts(Protocol::UDP, Transport::Ports { src_port: 5, dst_port: 53 }));
    assert_eq!((udp.sender(), udp.opener()), (End::B, End::B));
}

// S2.7: unknown ports have no flow; S6.3.1: what an error quotes does not fit.
#[test]
fn what_has_no_digest_says_so() {
    let unknown = facts(Protocol::TCP, Transport::Unknown);
    assert!(Digest::of(&unknown).is_none() && !Digest::is_whole(&unknown));
    let about = facts(Protocol::UDP, Transport::Ports { src_port: 5, dst_port: 53 }).flow();
    let quoted = about.map(|(key, _)| key);
    let error = facts(Protocol::ICMP, Transport::IcmpError { icmp_type: 3, code: 1, quoted });
    assert!(Digest::of(&error).is_some() && !Digest::is_whole(&error));
}

// S2.4
#[test]
fn tcp_counts_as_its_flags_say() {
    for bits in 0..=u8::MAX {
        let [fin, syn, rst, ack] = [0x01, 0x02, 0x04, 0x10].map(|flag| bits & flag != 0);
        let event = match () {
            () if rst => Event::TcpRst,
            () if syn && ack => Event::TcpSynAck,
            () if syn => Event::TcpSyn,
            () if fin => Event::TcpFin,
            () => Event::TcpAck,
        };
        for sender in [End::A, End::B] {
            let kind = PacketKind::tcp(sender, TcpFlags(bits));
            assert_eq!((kind.event(), kind.sender(), kind.shape()), (event, sender, Shape::Tcp), "{bits:#x}");
            assert_eq!(event.tcp(), Some(TcpFlags(bits).kind()));
            assert!(kind.is_told_by_key());
        }
    }
    let udp = facts(Protocol::UDP, Transport::Ports { src_port: 5, dst_port: 53 });
    assert_eq!(Digest::of(&udp).unwrap().kind.sender(), End::B);
}

#[test]
fn flags_say_nothing_of_udp() {
    for sender in [End::A, End::B] {
        let udp = PacketKind::ports(Protocol::UDP, sender);
        let others = [Protocol::UDP_LITE, Protocol::SCTP, Protocol::DCCP];
        assert!(others.iter().all(|other| PacketKind::ports(*other, sender).shape() == Shape::Ports));
        for flags in (0..=u8::MAX).map(TcpFlags) {
            assert_eq!(PacketKind::tcp_or_udp(Protocol::UDP, sender, flags), udp, "{flags:?}");
            let tcp = PacketKind::tcp_or_udp(Protocol::TCP, sender, flags);
            assert_eq!((tcp, tcp.shape()), (PacketKind::tcp(sender, flags), Shape::Tcp));
        }
    }
}

// S7.3, S7.7
#[test]
fn what_a_packet_means_to_a_state() {
    let of = |protocol, transport| Digest::of(&facts(protocol, transport)).unwrap().kind.event();
    let ports = Transport::Ports { src_port: 1, dst_port: 2 };
    let tcp = |flags| Transport::Tcp { src_port: 1, dst_port: 2, flags: TcpFlags(flags) };
    let query = |role| Transport::IcmpQuery { icmp_type: 8, code: 0, id: 1, kind: QueryKind::Echo, role };
    let error = Transport::IcmpError { icmp_type: 3, code: 1, quoted: None };
    let one_way = Transport::IcmpOneWay { icmp_type: 9, code: 0 };
    let cases = [
        (Protocol::TCP, tcp(0x02), Event::of_tcp(TcpKind::Syn)),
        (Protocol::TCP, tcp(0x10), Event::of_tcp(TcpKind::Ack)),
        (Protocol::UDP, ports, Event::Udp),
        (Protocol::SCTP, ports, Event::Other),
        (Protocol::ICMP, query(QueryRole::Requester), Event::Icmp),
        (Protocol::ICMP, query(QueryRole::Responder), Event::Icmp),
        (Protocol::ICMP, error, Event::Icmp),
        (Protocol::ICMP, one_way, Event::Icmp),
        (Protocol(47), Transport::Other, Event::Other),
    ];
    for (protocol, transport, event) in cases {
        assert_eq!(of(protocol, transport), event, "{transport:?}");
        let kind = Event::ALL[..5].contains(&event).then(|| event.tcp().unwrap());
        assert_eq!(event.tcp(), kind);
        assert_eq!(event.is_midstream(), kind.is_some_and(|kind| kind != TcpKind::Syn));
    }
}

// S5.1: rules look at type and code; the code of a query is not in its key (S12.7).
#[test]
fn the_key_tells_all_but_odd_codes() {
    let query = |code| {
        let (kind, role) = (QueryKind::Echo, QueryRole::Requester);
        Digest::of(&facts(Protocol::ICMP, Transport::IcmpQuery { icmp_type: 8, code, id: 1, kind, role }))
            .unwrap()
    };
    assert!(query(0).kind.is_told_by_key() && !query(1).kind.is_told_by_key());
    let ports = Digest::of(&facts(Protocol::UDP, Transport::Ports { src_port: 5, dst_port: 53 })).unwrap();
    assert!(ports.kind.is_told_by_key());
    let one_way = facts(Protocol::ICMP, Transport::IcmpOneWay { icmp_type: 9, code: 0 });
    assert!(!Digest::of(&one_way).unwrap().kind.is_told_by_key());
}

// Batches hold thousands.
#[test]
fn a_digest_is_small() {
    assert_eq!((size_of::<Digest>(), size_of::<Brief>()), (48, 24));
}
