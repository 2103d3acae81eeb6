use crate::{
    Brief, Digest, End, PacketFacts, PacketKind, Protocol, QueryKind, QueryRole, TcpFlags, TcpKind, Transport,
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
        let same = PacketKind::of_index(digest.kind.index());
        assert_eq!((same.shape(), same.tcp_kind()), (digest.kind.shape(), digest.kind.tcp_kind()));
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
    let tcp =
        |flags| facts(Protocol::TCP, Transport::Tcp { src_port: 1, dst_port: 2, flags: TcpFlags(flags) });
    assert_eq!(Digest::of(&tcp(0x02)).unwrap().kind.tcp_kind(), Some(TcpKind::Syn));
    assert_eq!(Digest::of(&tcp(0x14)).unwrap().kind.tcp_kind(), Some(TcpKind::Rst));
    let closes = |flags| Digest::of(&tcp(flags)).unwrap().kind.closes_connection();
    assert_eq!([0x11, 0x04, 0x02, 0x12, 0x18].map(closes), [true, true, false, false, false]);
    let udp = facts(Protocol::UDP, Transport::Ports { src_port: 5, dst_port: 53 });
    assert_eq!(Digest::of(&udp).unwrap().kind.tcp_kind(), None);
    assert_eq!(Digest::of(&udp).unwrap().kind.sender(), End::B);
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
