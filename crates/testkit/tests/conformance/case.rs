//! One conformance case: its command line, models, packets and expectations.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use vpcreplay_flow::{Decap, Profile, TimeoutName, Timestamp};
use vpcreplay_packet::{FragmentTable, decode};
use vpcreplay_testkit::reference::{Model, Packet, Scenario, Settings};

use crate::{aws, frames, toml_model};

/// The input of a case, and what is expected of it.
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) records: Vec<Value>,
    pub(crate) flows: Vec<Value>,
    pub(crate) series: String,
}

/// The lines of a file as JSON.
fn json_lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn model(path: &Path) -> Model {
    if path.is_dir() { aws::read(path) } else { toml_model::read(path) }
}

/// What the arguments of a case say.
struct Arguments {
    vpc: String,
    at: Vec<(String, String)>,
    decap: Decap,
    command: Settings,
}

fn arguments(line: &str) -> Arguments {
    let mut words = line.split_whitespace().skip_while(|word| !word.starts_with("--"));
    let mut found =
        Arguments { vpc: String::new(), at: Vec::new(), decap: Decap::None, command: Settings::default() };
    let command = &mut found.command;
    while let Some(option) = words.next() {
        let value = words.next().unwrap();
        let pair = || value.split_once('=').unwrap();
        match option {
            "--vpc" => value.clone_into(&mut found.vpc),
            "--at" => found.at.push((pair().0.to_owned(), pair().1.to_owned())),
            "--decap" if value == "vxlan" => found.decap = Decap::Vxlan,
            "--decap" if value == "geneve" => found.decap = Decap::Geneve,
            "--limit" => command.limit = Some(value.parse().unwrap()),
            "--profile" => command.profile = Some(Profile::parse(value).unwrap()),
            "--timeout" => {
                command.timeouts.push((TimeoutName::parse(pair().0).unwrap(), pair().1.parse().unwrap()));
            }
            "--period" => command.period = Some(value.parse().unwrap()),
            "--flow-memory" => command.flow_memory = Some(value.parse().unwrap()),
            "--max-flows" => command.max_flows = Some(value.parse().unwrap()),
            "--always-tracked" => command.always_tracked.push(value.to_owned()),
            _ => assert!(toml_model::choose(command, &option[2..], value), "unknown option {option} {value}"),
        }
    }
    found
}

/// Reads the case in a folder.
pub(crate) fn read(folder: &Path) -> Case {
    let arguments = arguments(&std::fs::read_to_string(folder.join("cmd.txt")).unwrap());
    let records = json_lines(&folder.join("expected.jsonl"));
    let packets = packets(folder, &records, arguments.decap);
    let first = packets.first().map_or(Timestamp::default(), |packet| packet.time);
    let later = arguments
        .at
        .iter()
        .map(|(time, path)| {
            let offset = time.strip_prefix('+').expect("the cases use offsets only");
            (first.after(offset.parse().unwrap()), model(&folder.join(path)))
        })
        .collect();
    let scenario =
        Scenario { model: model(&folder.join(&arguments.vpc)), later, command: arguments.command, packets };
    Case {
        scenario,
        records,
        flows: json_lines(&folder.join("expected-connections.jsonl")),
        series: std::fs::read_to_string(folder.join("expected-series.csv")).unwrap(),
    }
}

/// The packets in the order of the expectations, which also give file, frame and time.
fn packets(folder: &Path, records: &[Value], decap: Decap) -> Vec<Packet> {
    let mut files: HashMap<String, Vec<frames::Frame>> = HashMap::new();
    let mut fragments = FragmentTable::new();
    let mut now = Timestamp::MIN;
    let mut packets = Vec::new();
    for record in records {
        let name = record["file"].as_str().unwrap();
        let frames = files.entry(name.to_owned()).or_insert_with(|| frames::read(&folder.join(name)));
        let number = usize::try_from(record["frame"].as_u64().unwrap()).unwrap();
        let (link_type, bytes, original) = &frames[number - 1];
        let time = Timestamp::from_nanos(record["time_ns"].as_i64().unwrap());
        now = now.max(time);
        let mut decoded = decode(*link_type, bytes, *original, decap);
        fragments.resolve(&mut decoded, now);
        packets.push(Packet { time, decoded: decoded.decoded, tunnel: decoded.tunnel, copy: 0 });
    }
    packets
}
