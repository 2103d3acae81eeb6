//! Profiles that nobody wrote: whatever loads makes a capture in order that fits its model.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fmt::Write as _;

use proptest::prelude::*;
use vpcreplay_flow::{Decap, Decoded, LinkType};
use vpcreplay_policy::{Document, Options, Policy, Registry, Selection};
use vpcreplay_synth::{Profile, Settings, Traffic, model};

/// Keys of a class with a value that may make sense or not.
fn keys() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let share = || (0..=8_u32).prop_map(|part| format!("{}", f64::from(part) / 40.0));
    let amount = || {
        prop_oneof![
            (1..5000_u32).prop_map(|n| n.to_string()),
            (1..900_u32).prop_map(|n| format!("{{ distribution = \"exponential\", mean = {n} }}")),
            (1..90_u32)
                .prop_map(|n| format!("{{ distribution = \"pareto\", min = {n}, alpha = 0.7, max = 1000 }}")),
            (1..90_u32).prop_map(|n| format!("{{ distribution = \"log-normal\", median = {n}, sigma = 2 }}")),
            (1..90_u32).prop_map(|n| format!("{{ distribution = \"uniform\", min = {n}, max = 100 }}")),
        ]
    };
    let course = prop_oneof![
        Just("\"constant\"".to_owned()),
        Just("{ kind = \"ramp\", from = 2, to = 0, over = \"3s\" }".to_owned()),
        Just("{ kind = \"burst\", factor = 50, every = \"2s\", length = \"10ms\" }".to_owned()),
        Just("{ kind = \"diurnal\", depth = 1, period = \"5s\" }".to_owned()),
        Just(
            "{ kind = \"points\", points = [{ at = \"1s\", factor = 0 }, { at = \"1s\", factor = 9 }] }"
                .to_owned()
        ),
    ];
    let word =
        |words: &'static [&'static str]| prop::sample::select(words).prop_map(|word| format!("\"{word}\""));
    let key = prop_oneof![
        (Just("half_open"), share()),
        (Just("unacknowledged"), share()),
        (Just("refused"), share()),
        (Just("reset"), share()),
        (Just("never_closed"), share()),
        (Just("ipv6"), share()),
        (Just("port_reuse"), share()),
        (Just("lifetime"), amount()),
        (Just("packets"), amount()),
        (Just("request_bytes"), (1..1441_u32).prop_map(|n| n.to_string())),
        (Just("response_bytes"), (1..1441_u32).prop_map(|n| n.to_string())),
        (Just("shape"), course),
        (Just("arrivals"), word(&["regular", "poisson"])),
        (Just("client_order"), word(&["random", "round-robin"])),
        (Just("closed_by"), word(&["client", "server", "either"])),
        (Just("client_ports"), word(&["1-65535", "5000-5001", "65535"])),
        (Just("rtt"), word(&["1us", "30ms", "10s"])),
        (Just("keep_alive"), word(&["1ms", "1s", "5m"])),
        (Just("retries"), (0..7_u32).prop_map(|n| n.to_string())),
        (Just("responses"), (1..33_u32).prop_map(|n| n.to_string())),
    ];
    prop::collection::vec(key, 0..9)
}

type Class = (&'static str, (usize, usize), u32, Vec<(&'static str, String)>);

fn class() -> impl Strategy<Value = Class> {
    let protocol = prop::sample::select(&["tcp", "tcp", "tcp", "udp", "dns", "icmp"][..]);
    (protocol, prop::sample::select(&[(0, 1), (1, 0), (1, 2), (2, 2), (0, 2)][..]), 1..2000_u32, keys())
}

fn text(classes: &[Class]) -> String {
    let parties = ["internet", "a", "b"];
    let mut text = String::new();
    for (fleet, enis) in [("a", 1), ("b", 3)] {
        let used = classes.iter().any(|(_, (from, to), ..)| [parties[*from], parties[*to]].contains(&fleet));
        if used {
            writeln!(text, "[[fleet]]\nname = \"{fleet}\"\nenis = {enis}").unwrap();
        }
    }
    for (number, (protocol, (from, to), rate, keys)) in classes.iter().enumerate() {
        writeln!(text, "[[class]]\nname = \"c{number}\"\nprotocol = \"{protocol}\"\nrate = {rate}").unwrap();
        writeln!(text, "from = \"{}\"\nto = \"{}\"", parties[*from], parties[*to]).unwrap();
        if ["tcp", "udp"].contains(protocol) {
            writeln!(text, "port = {}", 80 + number).unwrap();
        }
        for (at, (key, value)) in keys.iter().enumerate() {
            let is_first = keys.iter().take(at).all(|(other, _)| other != key);
            if is_first && says_something(key, protocol) {
                writeln!(text, "{key} = {value}").unwrap();
            }
        }
    }
    text
}

/// Whether a key may stand in a class of a protocol.
fn says_something(key: &str, protocol: &str) -> bool {
    let of_tcp = ["unacknowledged", "refused", "reset", "never_closed", "closed_by", "keep_alive"];
    let of_messages = ["lifetime", "packets", "request_bytes", "response_bytes", "responses"];
    match key {
        key if of_tcp.contains(&key) => protocol == "tcp",
        "retries" => ["tcp", "dns"].contains(&protocol),
        "response_bytes" | "responses" => ["tcp", "udp"].contains(&protocol),
        key if of_messages.contains(&key) => protocol != "dns",
        _ => true,
    }
}

/// The model loads without a warning and compiles.
fn compiles(toml: &str) {
    let document = Document { name: "model.toml".to_owned(), bytes: toml.as_bytes().to_vec() };
    let loaded = vpcreplay_policy::load(&[document], &Selection::default()).unwrap();
    assert_eq!(loaded.warnings, []);
    Policy::compile(&loaded.network, &Options::default(), None, &mut Registry::new()).unwrap();
}

proptest! {
    #[test]
    fn what_loads_makes_a_capture(classes in prop::collection::vec(class(), 1..5), seed in any::<u64>()) {
        let text = text(&classes);
        let profile = Profile::parse("generated", &text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        compiles(&model(&profile));
        let settings = Settings { seed, packets: Some(3_000), ..Settings::default() };
        let mut traffic = Traffic::new(&profile, &settings).unwrap();
        let mut last = settings.start;
        while let Some(frame) = traffic.next_frame() {
            prop_assert!(frame.time >= last);
            last = frame.time;
            let decoded = vpcreplay_packet::decode(LinkType::ETHERNET, frame.bytes, frame.length, Decap::None);
            prop_assert!(matches!(decoded.decoded, Decoded::Packet(_)));
        }
        let totals = traffic.totals();
        prop_assert_eq!(totals.packets, totals.classes.iter().map(|class| class.packets).sum::<u64>());
        prop_assert_eq!(totals.connections, totals.classes.iter().map(|class| class.connections).sum::<u64>());
        prop_assert!(totals.open <= totals.most_open && totals.most_open <= totals.connections);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]a-z=\"0-9{} \n.,-]{0,200}") {
        let _ = Profile::parse("any", &text);
    }
}
