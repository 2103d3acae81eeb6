//! What a user names as input, and the files that stand for it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::CaptureError;
use crate::stream::Stream;
use crate::supply::Source;

/// A capture, or a directory of captures, as named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, or a directory of captures (not searched recursively).
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

impl Input {
    /// The input that a command-line argument stands for: `-` is standard input.
    pub fn from_argument(argument: impl AsRef<OsStr>) -> Self {
        let argument = argument.as_ref();
        if argument == "-" { Self::Stdin } else { Self::Path(PathBuf::from(argument)) }
    }

    /// The name, as given.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }
}

/// A member of a directory that is no capture and is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name: the directory as given, joined with the file name.
    pub name: String,
    /// What it is instead of a capture.
    pub found: String,
}

/// What a path is.
pub(crate) enum Kind {
    /// A file that can be opened again, and its length in bytes.
    File(u64),
    /// A pipe or device: opened once, read once.
    Stream,
    Directory,
}

/// Looks at a path without opening it.
pub(crate) fn kind(path: &Path) -> Result<Kind, CaptureError> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    Ok(if metadata.is_dir() {
        Kind::Directory
    } else if metadata.is_file() {
        Kind::File(metadata.len())
    } else {
        Kind::Stream
    })
}

/// The members of a directory, by name.
pub(crate) fn members(directory: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let names: io::Result<Vec<_>> =
            fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect();
        let mut names = names?;
        names.sort();
        Ok(names.into_iter().map(|name| directory.join(name)).collect())
    };
    list().map_err(|source| unreadable(directory, source))
}

/// Opens a file; its bytes are counted in `meter` as they are read.
pub(crate) fn open(path: &Path, meter: &Meter) -> Result<Source, CaptureError> {
    Ok(meter.measure(Box::new(file(path)?)))
}

/// The same of a pipe or device, which may be silent.
pub(crate) fn open_stream(path: &Path, meter: &Meter) -> Result<Source, CaptureError> {
    Ok(meter.measure(Box::new(Stream::new(file(path)?, Arc::clone(&meter.cut_short)))))
}

/// Standard input, likewise.
pub(crate) fn standard_input(meter: &Meter) -> Result<Source, CaptureError> {
    let stream = Stream::standard_input(Arc::clone(&meter.cut_short));
    let name = Input::Stdin.name();
    let stream = stream.map_err(|source| CaptureError::Unreadable { name, source })?;
    Ok(meter.measure(Box::new(stream)))
}

fn file(path: &Path) -> Result<File, CaptureError> {
    File::open(path).map_err(|source| unreadable(path, source))
}

pub(crate) fn unreadable(path: &Path, source: io::Error) -> CaptureError {
    CaptureError::Unreadable { name: path.display().to_string(), source }
}

/// Counts the bytes read of the inputs as they are on disk, and notes whether one was ended early.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    read: Arc<AtomicU64>,
    cut_short: Arc<AtomicBool>,
}

impl Meter {
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(crate) fn is_cut_short(&self) -> bool {
        self.cut_short.load(Ordering::Relaxed)
    }

    /// The same source, counted.
    pub(crate) fn measure(&self, source: Source) -> Source {
        Box::new(Measured { source, meter: self.clone() })
    }
}

struct Measured {
    source: Source,
    meter: Meter,
}

impl Read for Measured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.meter.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
