//! What connections look like, packet by packet (S7.4).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use vpcreplay_flow::{Decap, Decoded, LinkType, Transport};
use vpcreplay_synth::{Profile, Settings, Traffic};

/// The packets of the first connection of a class: milliseconds since its first one, who sends, flags and payload.
fn conversation(keys: &str) -> Vec<String> {
    let text = format!(
        "[[fleet]]\nname = \"web\"\n[[class]]\nname = \"one\"\nfrom = \"internet\"\nto = \"web\"\nrate = 1\narrivals = \"regular\"\nrtt = \"20ms\"\n{keys}\n"
    );
    let profile = Profile::parse("one", &text).unwrap();
    let settings = Settings { connections: Some(1), ..Settings::default() };
    let mut traffic = Traffic::new(&profile, &settings).unwrap();
    let mut lines = Vec::new();
    while let Some(frame) = traffic.next_frame() {
        let Decoded::Packet(facts) =
            vpcreplay_packet::decode(LinkType::ETHERNET, frame.bytes, frame.length, Decap::None).decoded
        else {
            panic!("undecoded")
        };
        let sender = if facts.dst.to_string().starts_with("10.0.") { "client" } else { "server" };
        let what = match facts.transport {
            Transport::Tcp { flags, .. } => names(flags.0),
            _ => "datagram".to_owned(),
        };
        let header = if what.contains("SYN") { 28 } else { 20 };
        let payload = match facts.transport {
            Transport::Tcp { .. } => facts.length - 20 - header,
            _ => facts.length - 28,
        };
        let millis = frame.time.since(Settings::START).nanos() / 1_000_000;
        let data = if payload > 0 { format!(" +{payload}") } else { String::new() };
        lines.push(format!("{millis} {sender} {what}{data}"));
    }
    lines
}

fn names(flags: u8) -> String {
    let all = [(0x02, "SYN"), (0x04, "RST"), (0x01, "FIN"), (0x08, "PSH"), (0x10, "ACK")];
    let set: Vec<&str> = all.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    set.join(" ")
}

const TCP: &str = "protocol = \"tcp\"\nport = 443\nlifetime = \"1s\"\n";

#[test]
fn a_whole_connection_lasts_exactly_its_lifetime() {
    let lines = conversation(&format!(
        "{TCP}packets = 3\nresponses = 2\nclosed_by = \"client\"\nrequest_bytes = 100\nresponse_bytes = 1000"
    ));
    let [syn, syn_ack, ack, request, response, second, data_ack, fin, fin_ack, fin_2, last] = &lines[..]
    else {
        panic!("{lines:#?}")
    };
    assert_eq!([syn, syn_ack, ack], ["0 client SYN", "10 server SYN ACK", "20 client ACK"]);
    let after = |line: &String| line.split_once(' ').unwrap().1.to_owned();
    let middle = [request, response, second, data_ack].map(after);
    assert_eq!(middle, ["client PSH ACK +100", "server PSH ACK +1000", "server PSH ACK +1000", "client ACK"]);
    assert_eq!(
        [fin, fin_ack, fin_2, last],
        ["980 client FIN ACK", "985 server ACK", "990 server FIN ACK", "1000 client ACK"]
    );
}

#[test]
fn ways_not_to_end_well() {
    let half_open = conversation(&format!("{TCP}half_open = 1\nretries = 3"));
    assert_eq!(half_open, ["0 client SYN", "1000 client SYN", "3000 client SYN", "7000 client SYN"]);
    let unacknowledged = conversation(&format!("{TCP}unacknowledged = 1\nretries = 1"));
    assert_eq!(unacknowledged, ["0 client SYN", "10 server SYN ACK", "1010 server SYN ACK"]);
    let refused = conversation(&format!("{TCP}refused = 1"));
    assert_eq!(refused, ["0 client SYN", "10 server RST ACK"]);
    let reset = conversation(&format!("{TCP}reset = 1\npackets = 0\nclosed_by = \"server\""));
    assert_eq!(reset, ["0 client SYN", "10 server SYN ACK", "20 client ACK", "1000 server RST ACK"]);
    let silent = conversation(&format!("{TCP}never_closed = 1\npackets = 2\nresponse_bytes = 7"));
    assert_eq!(silent[3..], ["980 client PSH ACK +200", "990 server PSH ACK +7", "1000 client ACK"]);
}

/// A probe and its answer whenever nothing was said for so long; a probe has no data.
#[test]
fn keep_alives_fill_the_silence() {
    let lines = conversation(&format!("{TCP}packets = 0\nkeep_alive = \"300ms\"\nclosed_by = \"client\""));
    let quiet = ["320 client ACK", "330 server ACK", "630 client ACK", "640 server ACK", "940 client ACK"];
    assert_eq!(lines[3..8], quiet);
    assert_eq!(lines[9], "980 client FIN ACK");
}

#[test]
fn datagrams_end_with_their_lifetime_too() {
    let udp = "protocol = \"udp\"\nport = 123\nlifetime = \"4s\"\nrequest_bytes = 48\nresponse_bytes = 52\n";
    let lines = conversation(&format!("{udp}packets = 4"));
    assert_eq!(
        lines,
        [
            "0 client datagram +48",
            "10 server datagram +52",
            "3990 client datagram +48",
            "4000 server datagram +52"
        ]
    );
    let one_way = conversation(&format!("{udp}packets = 6\nhalf_open = 1"));
    assert_eq!(one_way.len(), 3);
    assert_eq!(
        (one_way[0].as_str(), one_way[2].as_str()),
        ("0 client datagram +48", "4000 client datagram +48")
    );
    let echo = conversation("protocol = \"icmp\"\npackets = 4\nlifetime = \"2s\"\nrequest_bytes = 56");
    assert_eq!(echo[2..], ["1990 client datagram +56", "2000 server datagram +56"]);
    let dns = conversation("protocol = \"dns\"\nretries = 1");
    assert_eq!((dns.len(), &dns[0][..], &dns[1][..9]), (2, "0 client datagram +37", "10 server"));
    let lost = conversation("protocol = \"dns\"\nhalf_open = 1\nretries = 2");
    assert_eq!(lost.len(), 3);
    assert_eq!(lost[2], "3000 client datagram +37");
}

/// A lifetime too short for its packets is stretched; nothing is left out.
#[test]
fn a_short_lifetime_has_room_for_every_packet() {
    let lines = conversation("protocol = \"tcp\"\nport = 443\nlifetime = 0\npackets = 40");
    assert_eq!(lines.iter().filter(|line| line.contains("PSH")).count(), 40);
    assert!(lines.last().unwrap().ends_with(" ACK"));
}
