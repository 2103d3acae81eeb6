//! From inputs to files: directories listed, formats recognised, first timestamps read.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use vpcreplay_flow::Timestamp;

use crate::ahead::{ReadAhead, Threads};
use crate::damage::Note;
use crate::error::CaptureError;
use crate::info::FileInfo;
use crate::input::{self, Input, Kind, Meter, Skipped};
use crate::reader::{OpenError, Opening, Reader};
use crate::supply::Source;

/// Buffer of a file of which only the first frame is read for now.
const PROBE: usize = 32 << 10;

/// Buffer of a file that is read while few others are open.
pub(crate) const FULL: usize = 256 << 10;

/// A file of the set.
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) slot: Slot,
    /// Time of its first frame; `None` when it has none.
    pub(crate) first: Option<Timestamp>,
    pub(crate) info: FileInfo,
    /// Damage of a file that will not be read again.
    pub(crate) notes: Vec<Note>,
}

/// Whether a file is open.
pub(crate) enum Slot {
    /// To be opened when its first frame is due.
    Waiting(PathBuf),
    /// As [`Slot::Waiting`], but its decompression has begun.
    Begun(PathBuf, Box<Opening>),
    /// Open, at a frame that is not lent yet.
    Open(Box<Reader>),
    /// Read to its end, or taken out to lend its frames.
    Done,
}

/// The files that inputs stand for.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) files: Vec<Planned>,
    pub(crate) skipped: Vec<Skipped>,
    /// Bytes on disk of all files; `None` when an input's length is not known.
    pub(crate) total: Option<u64>,
}

impl Plan {
    /// Lists and recognises all inputs.
    pub(crate) fn of(inputs: &[Input], meter: &Meter, threads: &Threads) -> Result<Self, CaptureError> {
        if inputs.is_empty() {
            return Err(CaptureError::NoInput);
        }
        if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
            return Err(CaptureError::StdinTwice);
        }
        let mut plan = Self { total: Some(0), ..Self::default() };
        for input in inputs {
            match input {
                Input::Stdin => {
                    plan.add_stream((input.name(), input::standard_input(meter)?), meter, threads)?;
                }
                Input::Path(path) => match input::kind(path)? {
                    Kind::Stream => {
                        plan.add_stream((input.name(), input::open_stream(path, meter)?), meter, threads)?;
                    }
                    Kind::Directory => plan.add_directory(path)?,
                    // The usual case, one file, is opened once.
                    Kind::File(length) if inputs.len() == 1 => {
                        let source = input::open(path, meter)?;
                        plan.add_stream((input.name(), source), meter, threads)?;
                        plan.total = Some(length);
                    }
                    Kind::File(length) => {
                        let planned = probe(path).map_err(|error| cannot_open(path, error))?;
                        plan.add_file(planned, length);
                    }
                },
            }
        }
        Ok(plan)
    }

    /// The streams, in this order.
    pub(crate) fn of_streams(
        streams: Vec<(String, Box<dyn Read + Send>)>,
        meter: &Meter,
        threads: &Threads,
    ) -> Result<Self, CaptureError> {
        if streams.is_empty() {
            return Err(CaptureError::NoInput);
        }
        let mut plan = Self::default();
        for (name, source) in streams {
            plan.add_stream((name, meter.measure(source)), meter, threads)?;
        }
        Ok(plan)
    }

    /// Adds what can be read only once, and stays open from now on.
    fn add_stream(
        &mut self,
        (name, source): (String, Source),
        meter: &Meter,
        threads: &Threads,
    ) -> Result<(), CaptureError> {
        let reader = Reader::open(source, FULL, threads).map_err(|error| match error {
            OpenError::Io(source) => CaptureError::Unreadable { name: name.clone(), source },
            OpenError::NotACapture(_) if meter.is_cut_short() => {
                CaptureError::CutShort { name: name.clone() }
            }
            OpenError::NotACapture(found) => CaptureError::NotACapture { name: name.clone(), found },
        })?;
        self.total = None;
        self.files.push(planned(name, reader, |reader| Slot::Open(Box::new(reader))));
        Ok(())
    }

    fn add_file(&mut self, planned: Planned, length: u64) {
        if planned.first.is_some() {
            self.total = self.total.map(|total| total.saturating_add(length));
        }
        self.files.push(planned);
    }

    /// Adds the captures of a directory in the order of their first timestamps, then names; those without frames last.
    fn add_directory(&mut self, directory: &Path) -> Result<(), CaptureError> {
        let mut found = Vec::new();
        let mut skipped = Vec::new();
        for path in input::members(directory)? {
            match member(&path)? {
                Ok(file) => found.push(file),
                Err(what) => skipped.push(Skipped { name: path.display().to_string(), found: what }),
            }
        }
        if found.is_empty() {
            let found = match skipped.as_slice() {
                [] => "nothing".to_owned(),
                [first, ..] => {
                    format!("{} other entries, such as {} ({})", skipped.len(), first.name, first.found)
                }
            };
            return Err(CaptureError::NoCaptures { name: directory.display().to_string(), found });
        }
        // The sort is stable, and the members came by name.
        found.sort_by_key(|(planned, _)| (planned.first.is_none(), planned.first));
        for (planned, length) in found {
            self.add_file(planned, length);
        }
        self.skipped.append(&mut skipped);
        Ok(())
    }
}

/// A directory's member and its length, or what it is instead of a capture.
fn member(path: &Path) -> Result<Result<(Planned, u64), String>, CaptureError> {
    let length = match input::kind(path) {
        Ok(Kind::File(length)) => length,
        Ok(Kind::Directory) => return Ok(Err("a directory; subdirectories are not searched".to_owned())),
        Ok(Kind::Stream) => return Ok(Err("a pipe or device".to_owned())),
        Err(CaptureError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Err("a link that leads nowhere".to_owned()));
        }
        Err(error) => return Err(error),
    };
    match probe(path) {
        Ok(planned) => Ok(Ok((planned, length))),
        Err(OpenError::NotACapture(found)) => Ok(Err(found)),
        // A capture that cannot be read must not be left out as if it were none.
        Err(error) => Err(cannot_open(path, error)),
    }
}

/// Recognises a file and reads its first frame's time; the file is closed again.
fn probe(path: &Path) -> Result<Planned, OpenError> {
    let file = std::fs::File::open(path).map_err(OpenError::Io)?;
    let reader = Reader::open(Box::new(file), PROBE, &Threads::new(ReadAhead::Off))?;
    Ok(planned(path.display().to_string(), reader, |_| Slot::Waiting(path.to_path_buf())))
}

/// Goes to the first frame; a file without one is done.
fn planned(name: String, mut reader: Reader, slot: impl FnOnce(Reader) -> Slot) -> Planned {
    reader.advance();
    let first = reader.time();
    let info = FileInfo { name: name.clone(), ..reader.log.info.clone() };
    match first {
        Some(_) => Planned { name, slot: slot(reader), first, info, notes: Vec::new() },
        None => Planned { name, slot: Slot::Done, first, info, notes: reader.log.notes },
    }
}

/// The error of a path that cannot be opened as a capture.
pub(crate) fn cannot_open(path: &Path, error: OpenError) -> CaptureError {
    match error {
        OpenError::Io(source) => input::unreadable(path, source),
        OpenError::NotACapture(found) => {
            CaptureError::NotACapture { name: path.display().to_string(), found }
        }
    }
}
