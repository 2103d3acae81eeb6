use vpcreplay_engine::{EndCounts, Ending, EniId, Outcome, State};
use vpcreplay_flow::{FlowKey, Protocol, QueryKind, QueryRole, Timestamp};

use super::*;
use crate::record::Copies;
use crate::test_model;

fn counts(packets: u64) -> EndCounts {
    let mut counts = EndCounts::default();
    counts.packets = packets;
    counts.bytes = packets * 40;
    counts.allowed = packets;
    counts
}

/// A TCP flow that 198.51.100.7 opened, with two connections.
fn flow() -> FlowRecord {
    let opener = ("198.51.100.7".parse().unwrap(), 40000);
    let (key, source) = FlowKey::ports(Protocol::TCP, opener, ("10.0.1.10".parse().unwrap(), 443));
    let connection = |number, ending| ConnectionRecord { number, eni: EniId(0), state: State::Close, ending };
    FlowRecord {
        number: 7,
        key,
        source,
        first: Timestamp::from_nanos(1),
        last: Timestamp::from_nanos(2),
        forward: counts(3),
        reverse: counts(2),
        connection_count: 2,
        connections: vec![connection(1, Ending::Reopened), connection(2, Ending::Live)],
        outcome: Outcome::Open,
        over: Timestamp::MAX,
    }
}

fn written(format: Format, flow: &FlowRecord) -> String {
    let mut out = Vec::new();
    let mut writer = FlowWriter::new(format, &mut out);
    writer.write(flow, &test_model::registry()).unwrap();
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn every_field_in_its_order() {
    // S9.3
    assert_eq!(
        written(Format::JsonLines, &flow()),
        concat!(
            r#"{"flow":7,"protocol":6,"src":"198.51.100.7","src_port":40000,"dst":"10.0.1.10","dst_port":443,"#,
            r#""icmp_id":null,"first_ns":1,"last_ns":2,"packets_forward":3,"packets_reverse":2,"bytes_forward":120,"#,
            r#""bytes_reverse":80,"allowed_forward":3,"allowed_reverse":2,"denied_forward":0,"denied_reverse":0,"#,
            r#""unsent_forward":0,"unsent_reverse":0,"connection_count":2,"#,
            r#""connections":[{"connection":1,"eni":"eni-z","state":"close","end":"reopened"},"#,
            r#"{"connection":2,"eni":"eni-z","state":"close","end":"live"}],"outcome":"open"}"#,
            "\n"
        )
    );
}

#[test]
fn csv_holds_the_connections_as_json_text() {
    let text = written(Format::Csv, &flow());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), Copies::Untold.columns(&COLUMNS));
    let record = reader.records().next().unwrap().unwrap();
    let field = |name: &str| &record[COLUMNS.iter().position(|column| *column == name).unwrap()];
    assert_eq!(field("icmp_id"), "");
    assert_eq!(field("outcome"), "open");
    let connections: serde_json::Value = serde_json::from_str(field("connections")).unwrap();
    assert_eq!(connections[1]["end"], "live");
    assert_eq!(connections.as_array().unwrap().len(), 2);
}

#[test]
fn icmp_query_has_an_id_and_no_ports() {
    let ends = ("10.0.1.10".parse().unwrap(), "198.51.100.7".parse().unwrap());
    let (key, source) = FlowKey::query(Protocol::ICMP, ends, 77, (QueryKind::Echo, QueryRole::Requester));
    let text = written(Format::JsonLines, &FlowRecord { key, source, connections: Vec::new(), ..flow() });
    assert!(
        text.contains(
            r#""src":"10.0.1.10","src_port":null,"dst":"198.51.100.7","dst_port":null,"icmp_id":77"#
        ),
        "{text}"
    );
    assert!(text.contains(r#""connections":[]"#), "{text}");
}
