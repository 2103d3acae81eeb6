//! Repository chores: `cargo run -p vpcreplay-xtask -- CHORE`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use vpcreplay_testkit::workload::{self, Pace, Workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["workload", name, packets, folder] => write_workload(name, packets, Path::new(folder)),
        _ => Err(usage()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn usage() -> String {
    let names = Workload::ALL.map(Workload::name).join("|");
    format!(
        "usage: xtask workload {names} PACKETS FOLDER
    writes FOLDER/NAME.pcap, the deterministic capture that the benchmarks run on, and beside it its model: perf.toml,
    for two-eni two-eni.toml; and closed.toml, by which no rule admits what comes over IPv4"
    )
}

fn write_workload(name: &str, packets: &str, folder: &Path) -> Result<(), String> {
    let workload = Workload::of_name(name).ok_or_else(|| format!("`{name}` is no workload\n{}", usage()))?;
    let packets: u32 =
        packets.parse().map_err(|error| format!("`{packets}` packets: {error}\n{}", usage()))?;
    let model = workload.model();
    let capture = folder.join(format!("{name}.pcap"));
    let written = File::create(&capture).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        workload::write(&mut out, workload, packets, Pace::default())?;
        out.flush()
    });
    let failed = |path: &Path, error| format!("{}: cannot be written: {error}", path.display());
    written.map_err(|error| failed(&capture, error))?;
    for (file, toml) in [(model.file, model.toml.to_owned()), ("closed.toml", workload::closed())] {
        let path = folder.join(file);
        fs::write(&path, toml).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
