//! S2.4, S2.5, S12.5: transport headers and quotes.

use std::net::IpAddr;

use vpcreplay_flow::{Cause, FlowKey, LinkType, Protocol, QueryKind, QueryRole, TcpFlags, Transport};

use crate::build::*;
use crate::{cut, facts, raw, transport, unjudged};

#[test]
fn ports_and_flags() {
    let expected = Transport::Tcp { src_port: 40_000, dst_port: 443, flags: TcpFlags(0x12) };
    assert_eq!(transport(raw(&v4(6, &tcp(40_000, 443, 0x12)))), expected);
    for protocol in [17, 33, 132, 136] {
        let expected = Transport::Ports { src_port: 5, dst_port: 6 };
        assert_eq!(transport(raw(&v4(protocol, &udp(5, 6, &[])))), expected);
        assert_eq!(transport(raw(&v6(protocol, &udp(5, 6, &[])))), expected);
    }
    assert_eq!(transport(raw(&v4(50, &[]))), Transport::Other);
}

// S12.3: judged all the same.
#[test]
fn bad_data_offset_and_udp_length_change_nothing() {
    let mut segment = tcp(1, 2, 2);
    segment[12] = 0x10;
    assert_eq!(transport(raw(&v4(6, &segment))).ports(), Some((1, 2)));
    let mut datagram = udp(1, 2, &[]);
    datagram[4..6].copy_from_slice(&[0, 3]);
    assert_eq!(transport(raw(&v4(17, &datagram))).ports(), Some((1, 2)));
}

// S2.5
#[test]
fn bytes_needed() {
    let cases = [
        (6, tcp(1, 2, 2), 14),
        (17, udp(1, 2, &[]), 4),
        (136, udp(1, 2, &[]), 4),
        (132, udp(1, 2, &[]), 4),
        (33, udp(1, 2, &[]), 4),
        (1, icmp(8, 0, [0, 7, 0, 1], &[]), 6),
        (1, icmp(3, 1, [0; 4], &[]), 2),
        (1, icmp(9, 0, [0; 4], &[]), 2),
        (47, vec![0; 4], 0),
    ];
    for (protocol, payload, needed) in cases {
        let packet = v4(protocol, &payload);
        for captured in 0..payload.len() {
            let snapped = cut(LinkType::RAW, &packet, 20 + captured);
            let shortened = raw(&v4(protocol, &payload[..captured]));
            if captured >= needed {
                assert_eq!(facts(snapped).protocol, Protocol(protocol), "{protocol} {captured}");
                assert_eq!(facts(shortened).protocol, Protocol(protocol));
            } else {
                let (cause, header) = unjudged(snapped);
                assert_eq!((cause, header.unwrap().protocol), (Cause::Truncated, Some(Protocol(protocol))));
                assert_eq!(unjudged(shortened).0, Cause::Malformed);
            }
        }
    }
}

// S12.3: one byte tells a query, whose identifier the length excludes: both faults.
#[test]
fn a_cut_query_that_is_too_short_is_malformed() {
    for (icmp_type, cause) in [(8, Cause::Malformed), (3, Cause::Truncated)] {
        let packet = v4(1, &[icmp_type, 0, 0, 0, 0]);
        assert_eq!(unjudged(cut(LinkType::RAW, &packet, 21)).0, cause);
    }
}

#[test]
fn icmp_of_the_other_version_is_another_protocol() {
    assert_eq!(transport(raw(&v4(58, &icmp(128, 0, [0; 4], &[])))), Transport::Other);
    assert_eq!(transport(raw(&v6(1, &icmp(8, 0, [0; 4], &[])))), Transport::Other);
    assert_eq!(transport(raw(&v6(1, &[]))), Transport::Other);
}

#[test]
fn icmp_queries_have_identifier_kind_and_role() {
    let query = |icmp_type, kind, role| Transport::IcmpQuery { icmp_type, code: 3, id: 0x0107, kind, role };
    let kinds = [
        (8, 0, QueryKind::Echo),
        (13, 14, QueryKind::Timestamp),
        (15, 16, QueryKind::Information),
        (17, 18, QueryKind::AddressMask),
    ];
    for (request, reply, kind) in kinds {
        for (icmp_type, role) in [(request, QueryRole::Requester), (reply, QueryRole::Responder)] {
            let found = transport(raw(&v4(1, &icmp(icmp_type, 3, [1, 7, 0, 1], &[]))));
            assert_eq!(found, query(icmp_type, kind, role));
        }
    }
    for (icmp_type, role) in [(128, QueryRole::Requester), (129, QueryRole::Responder)] {
        let found = transport(raw(&v6(58, &icmp(icmp_type, 3, [1, 7, 0, 1], &[]))));
        assert_eq!(found, query(icmp_type, QueryKind::Echo, role));
    }
    // S12.7: node information is one-way.
    let one_way = Transport::IcmpOneWay { icmp_type: 139, code: 0 };
    assert_eq!(transport(raw(&v6(58, &icmp(139, 0, [1, 7, 0, 1], &[])))), one_way);
}

/// The quoted flow of an ICMP error about a packet.
fn quoted(quote: &[u8]) -> Option<FlowKey> {
    match transport(raw(&v4(1, &icmp(3, 3, [0; 4], quote)))) {
        Transport::IcmpError { quoted, .. } => quoted,
        other => panic!("expected an error, found {other:?}"),
    }
}

fn key_of(packet: &[u8]) -> Option<FlowKey> {
    facts(raw(packet)).flow().map(|(key, _)| key)
}

#[test]
fn errors_quote_a_flow() {
    let packets = [
        v4(6, &tcp(1, 2, 2)),
        v4_options(17, &[1; 4], &udp(9, 8, &[])),
        v4(132, &udp(9, 8, &[])),
        v4(1, &icmp(8, 0, [0, 7, 0, 1], &[])),
        v4(1, &icmp(0, 0, [0, 7, 0, 1], &[])),
        v4(1, &icmp(3, 1, [0; 4], &[])),
        v4(47, &[]),
        // A first fragment has the ports.
        v4_fragment(17, (0, 1), 7, &udp(9, 8, &[])),
        // Nobody asks a router to keep the length as it was.
        with_total_length(v4(17, &udp(9, 8, &[])), 0),
        with_total_length(v4(17, &udp(9, 8, &[])), 1_500),
    ];
    for packet in packets {
        assert!(key_of(&packet).is_some());
        assert_eq!(quoted(&packet), key_of(&packet), "{packet:02x?}");
    }
    // Of TCP the ports will do.
    assert_eq!(quoted(&v4(6, &tcp(1, 2, 2))[..24]), key_of(&v4(6, &tcp(1, 2, 2))));
}

// S12.5
#[test]
fn quotes_that_name_no_flow() {
    let none: [&[u8]; 8] = [
        &[],
        &v4(6, &tcp(1, 2, 2))[..23],
        &v4(6, &tcp(1, 2, 2))[..12],
        &v4(1, &icmp(8, 0, [0, 7, 0, 1], &[]))[..25],
        &v4_fragment(17, (9, 0), 7, &udp(9, 8, &[])),
        &v6(17, &udp(9, 8, &[])),
        &[0x43; 40],
        // What comes behind the quoted packet is an extension of ICMP, no part of it.
        &join(&[&v4(17, &[9]), &[1; 100]]),
    ];
    for quote in none {
        assert_eq!(quoted(quote), None, "{quote:02x?}");
    }
}

#[test]
fn errors_of_both_icmps() {
    for icmp_type in [3, 4, 5, 11, 12] {
        assert!(matches!(
            transport(raw(&v4(1, &icmp(icmp_type, 0, [0; 4], &[])))),
            Transport::IcmpError { quoted: None, .. }
        ));
    }
    let quote = v6(0, &join(&[&[17, 0, 0, 0, 0, 0, 0, 0], &udp(9, 8, &[])]));
    let key = FlowKey::ports(Protocol::UDP, (IpAddr::V6(SRC6), 9), (IpAddr::V6(DST6), 8)).0;
    for icmp_type in 1..=4 {
        let expected = Transport::IcmpError { icmp_type, code: 2, quoted: Some(key) };
        assert_eq!(transport(raw(&v6(58, &icmp(icmp_type, 2, [0; 4], &quote)))), expected);
    }
    let one_way = Transport::IcmpOneWay { icmp_type: 9, code: 2 };
    assert_eq!(transport(raw(&v4(1, &icmp(9, 2, [0; 4], &[])))), one_way);
}
