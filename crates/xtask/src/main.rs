//! Repository chores: `cargo run -p vpcreplay-xtask -- CHORE`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use vpcreplay_testkit::workload::{self, Packaging, Workload};

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
    let packagings = Packaging::ALL.map(Packaging::name).join("|");
    format!(
        "usage: xtask workload {names} PACKETS FOLDER
    writes FOLDER/NAME.pcap, the deterministic capture that the benchmarks run on, and beside it its model: perf.toml,
    for two-eni two-eni.toml; and closed.toml, by which no rule admits what comes over IPv4. A name followed by
    -{packagings}, such as small-pcapng, has the same packets, packaged so"
    )
}

fn write_workload(name: &str, packets: &str, folder: &Path) -> Result<(), String> {
    let packaged = name
        .rsplit_once('-')
        .and_then(|(workload, packaging)| Some((workload, Packaging::of_name(packaging)?)));
    let (plain, packaging) = packaged.map_or((name, None), |(plain, packaging)| (plain, Some(packaging)));
    let workload = Workload::of_name(plain).ok_or_else(|| format!("`{name}` is no workload\n{}", usage()))?;
    let packets: u32 =
        packets.parse().map_err(|error| format!("`{packets}` packets: {error}\n{}", usage()))?;
    let capture = workload::capture(workload, packets);
    let bytes = match packaging {
        Some(packaging) => packaging.of(&capture),
        None => capture,
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
