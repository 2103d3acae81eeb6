//! Running the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use tempfile::TempDir;

use crate::places;

/// The program, built from the sources as they are: beside the tests, or where `VPCREPLAY_BIN` says.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let given = || std::env::var_os("VPCREPLAY_BIN").map(|path| Ok(PathBuf::from(path)));
    match BINARY.get_or_init(|| given().unwrap_or_else(fresh_binary)) {
        Ok(path) => path,
        Err(error) => panic!("vpcreplay does not build:\n{error}"),
    }
}

/// The program of the profile that these tests were built with; cargo builds it when it is missing or out of date.
fn fresh_binary() -> Result<PathBuf, String> {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
    let binary = profile.join(format!("vpcreplay{}", std::env::consts::EXE_SUFFIX));
    if !is_fresh(&binary) {
        let name = match places::name(profile) {
            name if name == "debug" => "dev".to_owned(),
            name => name,
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(places::workspace()).args(["build", "--package", "vpcreplay", "--profile", &name]);
        cargo.arg("--target-dir").arg(profile.parent().expect("profiles lie in the target folder"));
        let built = cargo.output().expect("cargo runs");
        if !built.status.success() {
            return Err(String::from_utf8_lossy(&built.stderr).into_owned());
        }
    }
    Ok(binary)
}

/// Whether the program is newer than every source that cargo noted beside it.
fn is_fresh(binary: &Path) -> bool {
    let changed =
        |path: &Path| path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let Ok(notes) = std::fs::read_to_string(binary.with_extension("d")) else { return false };
    let Some((_, sources)) = notes.split_once(": ") else { return false };
    let built = changed(binary);
    binary.exists()
        && sources.replace("\\ ", "\0").split_whitespace().all(|source| {
            let source = PathBuf::from(source.replace('\0', " "));
            source.exists() && changed(&source) <= built
        })
}

/// Runs the program in a folder.
pub fn vpcreplay<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S], input: Stdio) -> Output {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(arguments).stdin(input).env("NO_COLOR", "1");
    command.output().unwrap_or_else(|error| panic!("{}: {error}", binary().display()))
}

/// All outputs of a replay, as written.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    /// Verdict records, JSON Lines.
    pub records: String,
    /// Flow records, JSON Lines.
    pub connections: String,
    /// The series, CSV.
    pub series: String,
    /// The summary, JSON.
    pub summary: String,
}

/// The program ended with another status than 0.
#[derive(Debug)]
pub struct Refused {
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it printed to standard error.
    pub message: String,
    command: String,
}

impl From<Refused> for String {
    fn from(refused: Refused) -> Self {
        format!("{}: status {:?}\n{}", refused.command, refused.status, refused.message)
    }
}

/// Runs `vpcreplay run` in a folder with all outputs added.
///
/// # Errors
/// The program's exit status was not 0.
pub fn replay<S: AsRef<str>>(folder: &Path, arguments: &[S]) -> Result<Written, Refused> {
    replay_from(folder, arguments, Stdio::null())
}

/// As [`replay`], without flow records, so that the usual packet is judged by a shorter path of the code.
///
/// # Errors
/// The program's exit status was not 0.
pub fn replay_without_connections<S: AsRef<str>>(folder: &Path, arguments: &[S]) -> Result<Written, Refused> {
    let outputs = OUTPUTS.map(|output| (output.0 != CONNECTIONS).then_some(output));
    replay_to(folder, arguments, (Stdio::null(), outputs))
}

/// As [`replay`], with something on standard input.
///
/// # Errors
/// The program's exit status was not 0.
pub fn replay_from<S: AsRef<str>>(folder: &Path, arguments: &[S], input: Stdio) -> Result<Written, Refused> {
    replay_to(folder, arguments, (input, OUTPUTS.map(Some)))
}

/// An output that is not asked for stays empty.
fn replay_to<S: AsRef<str>>(
    folder: &Path,
    arguments: &[S],
    (input, outputs): (Stdio, [Option<(&str, &str)>; 4]),
) -> Result<Written, Refused> {
    let out = TempDir::new().expect("a temporary folder");
    let path = |name: &str| out.path().join(name).to_string_lossy().into_owned();
    let mut all = vec!["run".to_owned()];
    all.extend(arguments.iter().map(|argument| argument.as_ref().to_owned()));
    for (option, name) in outputs.into_iter().flatten() {
        all.extend([option.to_owned(), path(name)]);
    }
    let ran = vpcreplay(folder, &all, input);
    let message = String::from_utf8_lossy(&ran.stderr).into_owned();
    if !ran.status.success() {
        let command = format!("vpcreplay {}", all.join(" "));
        return Err(Refused { status: ran.status.code(), message, command });
    }
    let [records, connections, series, summary] =
        outputs.map(|output| output.map_or(String::new(), |(_, name)| places::text(&out.path().join(name))));
    Ok(Written { records, connections, series, summary })
}

const CONNECTIONS: &str = "--connections";

const OUTPUTS: [(&str, &str); 4] = [
    ("--out", "records.jsonl"),
    (CONNECTIONS, "connections.jsonl"),
    ("--series", "series.csv"),
    ("--summary", "summary.json"),
];
