//! Several captures as one stream of frames, merged by time (S1.3).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::path::Path;

use vpcreplay_flow::Timestamp;

use crate::damage::{Damage, Note};
use crate::error::CaptureError;
use crate::frame::Frame;
use crate::info::FileInfo;
use crate::input::{self, Input, Meter, Skipped};
use crate::plan::{FULL, Plan, Planned, Slot, cannot_open};
use crate::reader::Reader;

/// Captures, read as one stream of frames in replay order.
///
/// The next frame is always that of the file whose next frame has the smallest timestamp, ties by the order of
/// the files; the order inside a file never changes (S1.3). Of many files only those are open whose time
/// spans overlap: the others wait, closed, until their first frame is due.
pub struct CaptureSet {
    files: Vec<Planned>,
    names: Vec<String>,
    /// Files with a frame to lend, but for the current one: by the frame's time, then file.
    queue: BinaryHeap<Reverse<Key>>,
    /// The file that lent the last frame.
    current: Option<usize>,
    /// The first in the queue, which the current file is compared with.
    rival: Option<Key>,
    open: usize,
    damages: Vec<Damage>,
    damage_count: u64,
    skipped: Vec<Skipped>,
    meter: Meter,
    total: Option<u64>,
}

/// Merge order: time, then file.
type Key = (Timestamp, usize);

impl CaptureSet {
    /// Damage beyond this many places is counted but not kept.
    const MAX_DAMAGES: usize = 1_000;

    /// What all buffers together should take at most, in bytes, as long as each has [`Self::LEAST`].
    const BUFFERS: usize = 8 << 20;

    /// The smallest buffer of a file that is being read.
    const LEAST: usize = 32 << 10;

    /// Opens captures: files, directories of captures, standard input.
    ///
    /// A directory stands for the captures in it (not recursively) in the order of their first timestamps, then
    /// names; what else is in it is listed by [`Self::skipped`]. A file may be named twice: that is two inputs.
    ///
    /// # Errors
    ///
    /// When a path cannot be read, is no capture or a directory without captures, when no input is given, or
    /// standard input twice.
    pub fn open(inputs: &[Input]) -> Result<Self, CaptureError> {
        let meter = Meter::default();
        Ok(Self::of_plan(Plan::of(inputs, &meter)?, meter))
    }

    /// Opens captures that are streams already, each with the name to show.
    ///
    /// # Errors
    ///
    /// When there is none, or one cannot be read or is no capture.
    pub fn from_readers(readers: Vec<(String, Box<dyn Read + Send>)>) -> Result<Self, CaptureError> {
        let meter = Meter::default();
        Ok(Self::of_plan(Plan::of_streams(readers, &meter)?, meter))
    }

    fn of_plan(plan: Plan, meter: Meter) -> Self {
        let names = plan.files.iter().map(|file| file.name.clone()).collect();
        let queue = plan.files.iter().enumerate();
        let queue = queue.filter_map(|(index, file)| Some(Reverse((file.first?, index)))).collect();
        let open = plan.files.iter().filter(|file| matches!(file.slot, Slot::Open(_))).count();
        let mut set = Self {
            files: plan.files,
            names,
            queue,
            current: None,
            rival: None,
            open,
            damages: Vec::new(),
            damage_count: 0,
            skipped: plan.skipped,
            meter,
            total: plan.total,
        };
        for file in 0..set.files.len() {
            let notes = set.files.get_mut(file).map(|file| std::mem::take(&mut file.notes));
            set.report(file, notes.unwrap_or_default());
        }
        set
    }

    /// The next frame in replay order, lent until the next call; `None` after the last.
    ///
    /// # Errors
    ///
    /// When a file that waited for its turn can no longer be opened. Damage inside a file is no error: see
    /// [`Self::damages`].
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let Some(file) = self.select()? else { return Ok(None) };
        Ok(match self.files.get(file).map(|file| &file.slot) {
            Some(Slot::Open(reader)) => reader.frame(file),
            _ => None,
        })
    }

    /// The file whose frame is next; it is open and at that frame.
    #[inline]
    fn select(&mut self) -> Result<Option<usize>, CaptureError> {
        if let Some(current) = self.current
            && let Some(Slot::Open(reader)) = self.files.get_mut(current).map(|file| &mut file.slot)
        {
            let more = reader.advance();
            let key = reader.time().map(|time| (time, current));
            if more && reader.log.notes.is_empty() && self.rival.is_none_or(|rival| key < Some(rival)) {
                return Ok(Some(current));
            }
            self.requeue(current, key);
        }
        self.take_first()
    }

    /// Puts the current file back into the queue, or closes it at its end; hands on what it noted.
    fn requeue(&mut self, file: usize, key: Option<Key>) {
        self.current = None;
        let mut notes = Vec::new();
        if let Some(planned) = self.files.get_mut(file)
            && let Slot::Open(reader) = &mut planned.slot
        {
            notes = std::mem::take(&mut reader.log.notes);
            if key.is_none() {
                planned.info = info(&planned.name, reader);
                planned.slot = Slot::Done;
                self.open = self.open.saturating_sub(1);
            }
        }
        self.queue.extend(key.map(Reverse));
        self.report(file, notes);
    }

    /// Makes the first file of the queue the current one, and opens it if it waits.
    fn take_first(&mut self) -> Result<Option<usize>, CaptureError> {
        while let Some(Reverse((time, file))) = self.queue.pop() {
            if let Some(Slot::Waiting(path)) = self.files.get(file).map(|file| &file.slot) {
                let mut reader = self.reopen(path)?;
                reader.advance();
                let key = reader.time().map(|time| (time, file));
                if let Some(planned) = self.files.get_mut(file) {
                    planned.slot = Slot::Open(Box::new(reader));
                    self.open += 1;
                }
                // Other than it was when the set was opened: the file changed in between. It takes its place anew.
                if key != Some((time, file)) {
                    self.requeue(file, key);
                    continue;
                }
            }
            self.current = Some(file);
            self.rival = self.queue.peek().map(|Reverse(key)| *key);
            return Ok(Some(file));
        }
        self.rival = None;
        Ok(None)
    }

    fn reopen(&self, path: &Path) -> Result<Reader, CaptureError> {
        let capacity = (Self::BUFFERS / (self.open + 1)).clamp(Self::LEAST, FULL);
        let source = input::open(path, &self.meter)?;
        Reader::open(source, capacity).map_err(|error| cannot_open(path, error))
    }

    /// Adds a file's notes to the damages.
    fn report(&mut self, file: usize, notes: Vec<Note>) {
        let Some(planned) = self.files.get(file) else { return };
        for note in notes {
            self.damage_count += 1;
            if self.damages.len() >= Self::MAX_DAMAGES {
                continue;
            }
            self.damages.push(Damage {
                file,
                name: planned.name.clone(),
                offset: note.offset,
                decompressed_offset: planned.info.compression.is_some(),
                after_frame: note.after_frame,
                expected: note.expected,
                found: note.found,
                action: note.action,
            });
        }
    }

    /// Names of the files, as given, by [`Frame::file`]; a directory's member is the directory joined with its file name.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Damage found so far, the first 1,000 places, in the order in which reading came to them.
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// How many places were found damaged so far, those beyond the first 1,000 too.
    pub const fn damage_count(&self) -> u64 {
        self.damage_count
    }

    /// Members of directories that are no captures and were left out: a warning for each is due.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Bytes read so far and in all, of the files as they are on disk; `None` when an input's length is not known.
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.meter.read(), self.total)
    }

    /// What each file is, by [`Frame::file`], as far as it is read.
    pub fn formats(&self) -> Vec<FileInfo> {
        let of = |file: &Planned| match &file.slot {
            Slot::Open(reader) => info(&file.name, reader),
            Slot::Waiting(_) | Slot::Done => file.info.clone(),
        };
        self.files.iter().map(of).collect()
    }
}

/// What is known of a file that is open.
fn info(name: &str, reader: &Reader) -> FileInfo {
    FileInfo { name: name.to_owned(), frames: reader.log.frames, ..reader.log.info.clone() }
}
