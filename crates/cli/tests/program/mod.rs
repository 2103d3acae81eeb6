//! Running the program and making its inputs.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program, to be run in a folder.
pub(crate) fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vpcreplay"));
    command.current_dir(folder).args(arguments).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// What running the program gives.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program in a folder.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Ran {
    ran(&program(folder, arguments).output().unwrap())
}

/// What an output says.
pub(crate) fn ran(output: &Output) -> Ran {
    Ran {
        status: output.status.code().expect("ended by itself"),
        stdout: String::from_utf8(output.stdout.clone()).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr.clone()).expect("UTF-8"),
    }
}

impl Ran {
    /// It ended with this status; shows what it said otherwise.
    #[track_caller]
    pub(crate) fn ends_with(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Standard error has each of these texts.
    #[track_caller]
    pub(crate) fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is missing in: {}", self.stderr);
        }
        self
    }

    /// It said nothing.
    #[track_caller]
    pub(crate) fn is_silent(&self) -> &Self {
        assert!(self.stdout.is_empty() && self.stderr.is_empty(), "{}{}", self.stdout, self.stderr);
        self
    }

    /// It is one error, and no panic.
    #[track_caller]
    pub(crate) fn is_one_error(&self) -> &Self {
        self.ends_with(2);
        assert_eq!(
            self.stderr.lines().filter(|line| line.starts_with("error: ")).count(),
            1,
            "{}",
            self.stderr
        );
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert!(self.stdout.is_empty(), "{}", self.stdout);
        self
    }
}

/// A folder of the golden captures.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../captures").join(name)
}

/// A folder with the files of a small replay: `web.pcap` and `model.toml`.
pub(crate) fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = golden("ephemeral-port-pitfall");
    for file in ["web.pcap", "model.toml"] {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    folder
}

/// Writes a file of the folder.
pub(crate) fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).unwrap();
}

/// Frames as a classic pcap file, link type raw IP, each with its time in microseconds.
pub(crate) fn pcap(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for (micros, frame) in frames {
        let length = u32::try_from(frame.len()).unwrap();
        for word in [1_700_000_000 + micros / 1_000_000, micros % 1_000_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// An IPv4 packet.
pub(crate) fn ipv4(protocol: u8, src: [u8; 4], dst: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap();
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    packet.extend(src);
    packet.extend(dst);
    packet.extend(payload);
    packet
}

/// A TCP packet without data.
pub(crate) fn tcp(src: ([u8; 4], u16), dst: ([u8; 4], u16), flags: u8) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(src.1.to_be_bytes());
    header.extend(dst.1.to_be_bytes());
    header.extend([0; 8]);
    header.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    ipv4(6, src.0, dst.0, &header)
}

/// A UDP packet without data.
pub(crate) fn udp(src: ([u8; 4], u16), dst: ([u8; 4], u16)) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(src.1.to_be_bytes());
    header.extend(dst.1.to_be_bytes());
    header.extend([0, 8, 0, 0]);
    ipv4(17, src.0, dst.0, &header)
}
