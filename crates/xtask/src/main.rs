//! Repository chores: `cargo run -p vpcreplay-xtask -- CHORE`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use vpcreplay_testkit::workload::{self, Packaging, Workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["workload", name, packets, folder] => write_workload((name, None), packets, Path::new(folder)),
        ["workload", name, packets, folder, packaging] => {
            write_workload((name, Some(packaging)), packets, Path::new(folder))
        }
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
    let packagings = Packaging::ALL.map(Packaging::name).join("|");
    format!(
        "usage: xtask workload {names} PACKETS FOLDER [{packagings}]
    writes FOLDER/NAME.pcap, the deterministic capture that the benchmarks run on, and beside it its model: perf.toml,
    for two-eni two-eni.toml; and closed.toml, by which no rule admits what comes over IPv4. With a packaging it writes
    FOLDER/NAME-PACKAGING.pcap, which has the same packets"
    )
}

fn write_workload(
    (name, packaging): (&str, Option<&str>),
    packets: &str,
    folder: &Path,
) -> Result<(), String> {
    let workload = Workload::of_name(name).ok_or_else(|| format!("`{name}` is no workload\n{}", usage()))?;
    let packets: u32 =
        packets.parse().map_err(|error| format!("`{packets}` packets: {error}\n{}", usage()))?;
    let packaging = packaging
        .map(|name| Packaging::of_name(name).ok_or_else(|| format!("`{name}` is no packaging\n{}", usage())));
    let (name, bytes) = match packaging.transpose()? {
        Some(packaging) => {
            (format!("{name}-{}", packaging.name()), packaging.of(&workload::capture(workload, packets)))
        }
        None => (name.to_owned(), workload::capture(workload, packets)),
    };
    let model = workload.model();
    let files = [
        (format!("{name}.pcap"), bytes),
        (model.file.to_owned(), model.toml.into()),
        ("closed.toml".to_owned(), workload::closed().into()),
    ];
    for (file, bytes) in files {
        let path = folder.join(file);
        fs::write(&path, bytes).map_err(|error| format!("{}: cannot be written: {error}", path.display()))?;
    }
    Ok(())
}
