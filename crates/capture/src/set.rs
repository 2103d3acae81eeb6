//! Several captures as one stream of frames, merged by time (S1.3).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::Read;
use std::path::Path;

use vpcreplay_flow::Timestamp;

use crate::ahead::{ReadAhead, Threads};
use crate::damage::{Damage, Note};
use crate::error::CaptureError;
use crate::frame::{Frame, Head, SameFrame};
use crate::info::FileInfo;
use crate::input::{self, Input, Meter, Skipped};
use crate::plan::{FULL, Plan, Planned, Slot, cannot_open};
use crate::reader::{OpenError, Opening, Reader};

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
    current: Option<Current>,
    open: usize,
    /// Compressed files that wait, in the order in which they will be opened.
    coming: VecDeque<usize>,
    threads: Threads,
    damages: Vec<Damage>,
    damage_count: u64,
    skipped: Vec<Skipped>,
    meter: Meter,
    total: Option<u64>,
}

/// Merge order: time, then file.
type Key = (Timestamp, usize);

/// The file that lends frames until another one has an earlier frame.
struct Current {
    reader: Box<Reader>,
    file: usize,
    /// Its frames that are earlier than this come before those of all other files.
    before: Timestamp,
}

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
        Self::open_with(inputs, ReadAhead::default())
    }

    /// As [`Self::open`], with or without threads that read ahead.
    ///
    /// # Errors
    ///
    /// Those of [`Self::open`].
    pub fn open_with(inputs: &[Input], read_ahead: ReadAhead) -> Result<Self, CaptureError> {
        let (meter, threads) = (Meter::default(), Threads::new(read_ahead));
        Ok(Self::of_plan(Plan::of(inputs, &meter, &threads)?, meter, threads))
    }

    /// Opens captures that are streams already, each with the name to show.
    ///
    /// # Errors
    ///
    /// When there is none, or one cannot be read or is no capture.
    pub fn from_readers(readers: Vec<(String, Box<dyn Read + Send>)>) -> Result<Self, CaptureError> {
        Self::from_readers_with(readers, ReadAhead::default())
    }

    /// As [`Self::from_readers`], with or without threads that decompress ahead.
    ///
    /// # Errors
    ///
    /// Those of [`Self::from_readers`].
    pub fn from_readers_with(
        readers: Vec<(String, Box<dyn Read + Send>)>,
        read_ahead: ReadAhead,
    ) -> Result<Self, CaptureError> {
        let (meter, threads) = (Meter::default(), Threads::new(read_ahead));
        Ok(Self::of_plan(Plan::of_streams(readers, &meter, &threads)?, meter, threads))
    }

    fn of_plan(plan: Plan, meter: Meter, threads: Threads) -> Self {
        let names = plan.files.iter().map(|file| file.name.clone()).collect();
        let queue = plan.files.iter().enumerate();
        let queue = queue.filter_map(|(index, file)| Some(Reverse((file.first?, index)))).collect();
        let open = plan.files.iter().filter(|file| matches!(file.slot, Slot::Open(_))).count();
        let mut set = Self {
            coming: coming(&plan.files),
            files: plan.files,
            names,
            queue,
            current: None,
            open,
            threads,
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
        let head = self.current.as_mut().and_then(|current| current.reader.next_in_memory(current.before));
        let head = match head {
            Some(head) => head,
            None => match self.select()? {
                Some(head) => head,
                None => return Ok(None),
            },
        };
        Ok(self.current.as_ref().map(|current| current.reader.lend(head, current.file)))
    }

    /// The file of the frames that [`CaptureSet::each_at_hand`] lends next, and the number of the first of them, if it lends
    /// any.
    pub fn at_hand(&self) -> Option<(usize, u64)> {
        self.current.as_ref().map(|Current { reader, file, .. }| (*file, reader.log.frames + 1))
    }

    /// Lends the next frames in replay order one by one, at most so many, as far as they can be had without reading or
    /// going to another file, each with a way to have it again; how many. Where it lends none, ask [`CaptureSet::next_frame`].
    ///
    /// Of pcapng or of pcap only: a loop for each is compiled where it is called for.
    #[expect(clippy::inline_always, reason = "the loop over frames; what is done with each belongs into it")]
    #[inline(always)]
    pub fn each_at_hand<const PCAP_NG: bool>(
        &mut self,
        most: usize,
        each: impl FnMut(Frame<'_>, SameFrame<'_>),
    ) -> usize {
        let Some(Current { reader, file, before }) = &mut self.current else { return 0 };
        reader.each_in_memory::<PCAP_NG>((most, *before), *file, each)
    }

    /// Goes to the next frame; its file is the current one then.
    #[inline(never)]
    fn select(&mut self) -> Result<Option<Head>, CaptureError> {
        if let Some(Current { reader, file, before }) = &mut self.current {
            let file = *file;
            reader.advance();
            let time = reader.time();
            if reader.log.notes.is_empty() && time.is_some_and(|time| time < *before) {
                return Ok(Some(reader.head()));
            }
            self.requeue(time.map(|time| (time, file)));
        }
        self.take_first()
    }

    /// Puts the current file back into the queue, or closes it at its end; hands on what it noted.
    fn requeue(&mut self, key: Option<Key>) {
        let Some(Current { mut reader, file, .. }) = self.current.take() else { return };
        let notes = std::mem::take(&mut reader.log.notes);
        if let Some(planned) = self.files.get_mut(file) {
            if key.is_some() {
                planned.slot = Slot::Open(reader);
            } else {
                planned.info = info(&planned.name, &reader);
                planned.slot = Slot::Done;
                self.open = self.open.saturating_sub(1);
            }
        }
        if let Some(key) = key {
            self.queue.push(Reverse(key));
        }
        if !notes.is_empty() {
            self.report(file, notes);
        }
    }

    /// Makes the first file of the queue the current one, and opens it if it waits.
    fn take_first(&mut self) -> Result<Option<Head>, CaptureError> {
        while let Some(Reverse(key)) = self.queue.pop() {
            let (_, file) = key;
            let slot = self.files.get_mut(file).map(|file| std::mem::replace(&mut file.slot, Slot::Done));
            let reader = match slot {
                Some(Slot::Open(reader)) => reader,
                Some(Slot::Waiting(path)) => self.open_due(&path, None)?,
                Some(Slot::Begun(path, opening)) => self.open_due(&path, Some(*opening))?,
                Some(Slot::Done) | None => continue,
            };
            let head = reader.head();
            let now = reader.time().map(|time| (time, file));
            self.current = Some(Current { reader, file, before: self.before(file) });
            if now == Some(key) {
                return Ok(Some(head));
            }
            // Other than it was when the set was opened: the file changed in between. It takes its place anew.
            self.requeue(now);
        }
        Ok(None)
    }

    /// Opens a file that waited, goes to its first frame, and begins the one that will be due after it.
    fn open_due(&mut self, path: &Path, begun: Option<Opening>) -> Result<Box<Reader>, CaptureError> {
        let error = |error| cannot_open(path, error);
        let opening = match begun {
            Some(opening) => opening,
            None => self.begin(path)?,
        };
        self.open += 1;
        self.begin_next();
        let mut reader = Reader::finish(opening).map_err(error)?;
        reader.advance();
        Ok(Box::new(reader))
    }

    /// Up to which time the frames of this file come before those in the queue.
    fn before(&self, file: usize) -> Timestamp {
        match self.queue.peek() {
            // Of equal times the file with the smaller number is first.
            Some(Reverse((time, rival))) if file < *rival => {
                Timestamp::from_nanos(time.nanos().saturating_add(1))
            }
            Some(Reverse((time, _))) => *time,
            None => Timestamp::MAX,
        }
    }

    /// Opens a file that waits; if it is compressed and a thread is to be had, its decompression begins.
    fn begin(&self, path: &Path) -> Result<Opening, CaptureError> {
        let capacity = (Self::BUFFERS / (self.open + 1)).clamp(Self::LEAST, FULL);
        let source = input::open(path, &self.meter)?;
        let opening = Opening::start(source, capacity, &self.threads);
        opening.map_err(|error| cannot_open(path, OpenError::Io(error)))
    }

    /// Begins the next compressed file, if a thread is to be had for it.
    fn begin_next(&mut self) {
        while let Some(file) = self.coming.front().copied() {
            if let Some(Slot::Waiting(path)) = self.files.get(file).map(|file| &file.slot) {
                if !self.threads.are_free() {
                    return;
                }
                // What keeps it from being opened is told when it is due, if it still does then.
                let begun = self.begin(path).map(|opening| Slot::Begun(path.clone(), Box::new(opening)));
                if let (Ok(begun), Some(planned)) = (begun, self.files.get_mut(file)) {
                    planned.slot = begun;
                }
                self.coming.pop_front();
                return;
            }
            self.coming.pop_front();
        }
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

    /// Whether a stream among the captures was ended before its end ([`crate::end_streams`]).
    pub fn is_cut_short(&self) -> bool {
        self.meter.is_cut_short()
    }

    /// What each file is, by [`Frame::file`], as far as it is read.
    pub fn formats(&self) -> Vec<FileInfo> {
        let of = |(index, file): (usize, &Planned)| match (&file.slot, &self.current) {
            (Slot::Open(reader), _) => info(&file.name, reader),
            (_, Some(current)) if current.file == index => info(&file.name, &current.reader),
            _ => file.info.clone(),
        };
        self.files.iter().enumerate().map(of).collect()
    }
}

/// The compressed files that wait, in the order in which they will be due.
fn coming(files: &[Planned]) -> VecDeque<usize> {
    let waits = |file: &Planned| matches!(file.slot, Slot::Waiting(_)) && file.info.compression.is_some();
    let mut coming: Vec<_> = files.iter().enumerate().filter(|(_, file)| waits(file)).collect();
    coming.sort_by_key(|(index, file)| (file.first, *index));
    coming.into_iter().map(|(index, _)| index).collect()
}

/// What is known of a file that is open.
fn info(name: &str, reader: &Reader) -> FileInfo {
    FileInfo { name: name.to_owned(), frames: reader.log.frames, ..reader.log.info.clone() }
}
