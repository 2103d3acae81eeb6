//! Repository chores: `cargo run -p vpcreplay-xtask -- CHORE`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use vpcreplay_testkit::workload::{self, Workload};

const USAGE: &str = "usage: xtask workload small|churn PACKETS FOLDER
    writes FOLDER/KIND.pcap, the deterministic capture that the benchmarks run on, and FOLDER/perf.toml, its model";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["workload", kind, packets, folder] => write_workload(kind, packets, Path::new(folder)),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn write_workload(kind: &str, packets: &str, folder: &Path) -> Result<(), String> {
    let workload = match kind {
        "small" => Workload::Small,
        "churn" => Workload::Churn,
        _ => return Err(format!("`{kind}` is no workload: expected small or churn\n{USAGE}")),
    };
    let packets: u32 = packets.parse().map_err(|error| format!("`{packets}` packets: {error}\n{USAGE}"))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|error| format!("{}: cannot be written: {error}", path.display()))
    };
    write(&format!("{kind}.pcap"), &workload::capture(workload, packets))?;
    write("perf.toml", workload::MODEL.as_bytes())
}
