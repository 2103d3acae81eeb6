use std::net::IpAddr;

use vpcreplay_engine::EniId;
use vpcreplay_flow::{Cause, IpHeader, PacketFacts, Protocol, Reason, TcpFlags, Transport};

use super::*;
use crate::record::Copies;
use crate::test_model;

fn bare(reason: Reason) -> Verdict {
    Verdict {
        reason,
        checkpoint: None,
        eni: None,
        rule: None,
        connection: None,
        state: None,
        cause_packet: None,
    }
}

fn tcp(src: &str, dst: &str) -> Decoded {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let transport = Transport::Tcp { src_port: 40000, dst_port: 443, flags: TcpFlags(2) };
    Decoded::Packet(PacketFacts {
        src: address(src),
        dst: address(dst),
        protocol: Protocol::TCP,
        transport,
        length: 60,
    })
}

fn written(format: Format, rows: &[(&Decoded, &Verdict, Option<Tunnel>)]) -> String {
    let registry = test_model::registry();
    let mut out = Vec::new();
    let mut writer = VerdictWriter::new(format, &mut out);
    for (packet, (decoded, verdict, tunnel)) in (1..).zip(rows) {
        let time = Timestamp::from_nanos(-1);
        let row = VerdictRow {
            packet,
            file: "a,\"b\".pcap",
            frame: 7,
            time,
            tunnel: *tunnel,
            decoded,
            verdict,
            copy: None,
        };
        writer.write(&row, &registry).unwrap();
    }
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

fn accepted() -> Verdict {
    let registry = test_model::registry();
    Verdict {
        reason: Reason::New,
        checkpoint: Some(Checkpoint::SgIngress),
        eni: Some(EniId(0)),
        rule: Some(test_model::rule(&registry, "sg-web#ingress.1")),
        connection: NonZeroU64::new(12),
        state: Some(State::SynSent),
        cause_packet: None,
    }
}

#[test]
fn every_field_in_its_order() {
    let tunnel = Tunnel { vni: 14_301_394, gwlb_endpoint: Some(0x1751_bbc0_4408_b6f5) };
    let text = written(Format::JsonLines, &[(&tcp("198.51.100.7", "10.0.1.10"), &accepted(), Some(tunnel))]);
    assert_eq!(
        text,
        concat!(
            r#"{"packet":1,"file":"a,\"b\".pcap","frame":7,"time_ns":-1,"src":"198.51.100.7","dst":"10.0.1.10","#,
            r#""protocol":6,"src_port":40000,"dst_port":443,"icmp_type":null,"icmp_code":null,"tcp_flags":2,"#,
            r#""length":60,"vni":14301394,"gwlb_endpoint":"1751bbc04408b6f5","disposition":"allow","reason":"new","#,
            r#""checkpoint":"sg-ingress","eni":"eni-z","rule":"sg-web#ingress.1","connection":12,"#,
            r#""state":"syn-sent","cause_packet":null}"#,
            "\n"
        )
    );
}

#[test]
fn csv_has_a_header_and_empty_nulls() {
    let text = written(Format::Csv, &[(&tcp("198.51.100.7", "10.0.1.10"), &accepted(), None)]);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "packet,file,frame,time_ns,src,dst,protocol,src_port,dst_port,icmp_type,icmp_code,tcp_flags,length,vni,\
             gwlb_endpoint,disposition,reason,checkpoint,eni,rule,connection,state,cause_packet"
        )
    );
    assert_eq!(
        lines.next(),
        Some(
            "1,\"a,\"\"b\"\".pcap\",7,-1,198.51.100.7,10.0.1.10,6,40000,443,,,2,60,,,allow,new,sg-ingress,eni-z,\
             sg-web#ingress.1,12,syn-sent,"
        )
    );
    assert_eq!(lines.next(), None);
}

/// The header comes from a list of its own: it must name the fields that the records have.
#[test]
fn header_names_the_fields_of_the_records() {
    let text = written(Format::JsonLines, &[(&tcp("198.51.100.7", "10.0.1.10"), &accepted(), None)]);
    let keys: Vec<&str> = text.split('"').filter(|part| COLUMNS.contains(part)).collect();
    assert_eq!(keys, Copies::Untold.columns(&COLUMNS));
}

#[test]
fn csv_without_records_is_its_header() {
    assert_eq!(written(Format::Csv, &[]).trim_end(), Copies::Untold.columns(&COLUMNS).join(","));
    assert_eq!(written(Format::JsonLines, &[]), "");
}

/// S12.11: RFC 5952, IPv4-mapped with a dotted end, nothing else.
#[test]
fn ipv6_text() {
    for (given, expected) in [
        ("::ffff:a00:10a", "::ffff:10.0.1.10"),
        ("2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::", "::"),
        ("::1", "::1"),
        ("::a00:10a", "::a00:10a"),
        ("64:ff9b::a00:10a", "64:ff9b::a00:10a"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ] {
        for format in [Format::JsonLines, Format::Csv] {
            let text = written(format, &[(&tcp(given, "2001:db8::1"), &bare(Reason::NoInterface), None)]);
            let separator = if format == Format::Csv { "," } else { "\"" };
            assert!(text.contains(&format!("{separator}{expected}{separator}")), "{given}: {text}");
        }
    }
}

/// S2.3: what the IP header says is given although the packet was not judged; transport facts are all or none.
#[test]
fn unjudged_packets_keep_their_ip_header() {
    let header = IpHeader {
        src: "10.0.1.10".parse().unwrap(),
        dst: "10.0.1.11".parse().unwrap(),
        protocol: None,
        length: 40,
    };
    let whole = Decoded::Unjudged(Cause::Truncated, Some(header));
    let text = written(Format::JsonLines, &[(&whole, &bare(Reason::Truncated), None)]);
    assert!(
        text.contains(r#""src":"10.0.1.10","dst":"10.0.1.11","protocol":null,"src_port":null"#),
        "{text}"
    );
    assert!(
        text.contains(r#""length":40,"vni":null,"gwlb_endpoint":null,"disposition":"unjudged""#),
        "{text}"
    );

    let nothing = Decoded::Unjudged(Cause::NotIp, None);
    let text = written(Format::JsonLines, &[(&nothing, &bare(Reason::NotIp), None)]);
    assert!(text.contains(r#""src":null,"dst":null,"protocol":null"#), "{text}");
    assert!(text.contains(r#""length":null"#), "{text}");
}

#[test]
fn icmp_and_cause() {
    let facts = PacketFacts {
        src: "10.0.1.10".parse().unwrap(),
        dst: "10.0.1.11".parse().unwrap(),
        protocol: Protocol::ICMP,
        transport: Transport::IcmpOneWay { icmp_type: 9, code: 16 },
        length: 28,
    };
    let verdict = Verdict { cause_packet: NonZeroU64::new(3), ..bare(Reason::OpenerDenied) };
    let text = written(Format::JsonLines, &[(&Decoded::Packet(facts), &verdict, None)]);
    assert!(text.contains(r#""dst_port":null,"icmp_type":9,"icmp_code":16,"tcp_flags":null"#), "{text}");
    assert!(text.ends_with("\"cause_packet\":3}\n"), "{text}");
}
