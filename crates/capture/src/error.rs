//! Why captures cannot be read at all.

use std::fmt;
use std::io;

/// What keeps a set of captures from being read. Damage *inside* a capture is none: see [`crate::Damage`].
#[derive(Debug)]
pub enum CaptureError {
    /// No input was named.
    NoInput,
    /// Standard input was named more than once; it can be read only once.
    StdinTwice,
    /// The file or directory cannot be opened or read.
    Unreadable {
        /// The name, as given.
        name: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is no capture.
    NotACapture {
        /// The name, as given.
        name: String,
        /// What it is instead.
        found: String,
    },
    /// A stream was ended ([`crate::end_streams`]) before it was known to be a capture.
    CutShort {
        /// The name, as given.
        name: String,
    },
    /// The directory holds no capture.
    NoCaptures {
        /// The name, as given.
        name: String,
        /// What it holds instead.
        found: String,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInput => f.write_str(
                "no capture given: name a capture file, a directory of captures, or `-` for standard input",
            ),
            Self::StdinTwice => f.write_str(
                "standard input (`-`) is given more than once: it can be read only once; name it once",
            ),
            Self::Unreadable { name, source } => {
                write!(f, "{name}: cannot be read: {source}; {}", remedy(source))
            }
            Self::NotACapture { name, found } => write!(
                f,
                "{name}: not a capture: found {found}; expected pcap or pcapng, plain or compressed with gzip, \
                 zstd, lz4 or xz; name a capture, or convert the file with `editcap -F pcapng`"
            ),
            Self::CutShort { name } => write!(f, "{name}: stopped before a capture came"),
            Self::NoCaptures { name, found } => write!(
                f,
                "{name}: a directory without captures: found {found}; expected at least one pcap or pcapng file \
                 directly in it (subdirectories are not searched); name the directory that holds the captures"
            ),
        }
    }
}

/// What a user can do about an error of the operating system.
fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "grant read permission",
        // `EMFILE` and `ENFILE` have no kind of their own.
        _ if matches!(source.raw_os_error(), Some(23 | 24)) => {
            "raise the limit of open files (`ulimit -n`) or merge captures beforehand"
        }
        _ => "check the file and its disk",
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}
