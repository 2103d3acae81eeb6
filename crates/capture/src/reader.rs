//! One capture, from the first byte of its file to its last frame.

use std::io;

use vpcreplay_flow::Timestamp;

use crate::ahead::Threads;
use crate::compression;
use crate::damage::{DamageAction, Log};
use crate::frame::{Frame, Head, Lent, SameFrame, WalkAgain};
use crate::identify;
use crate::info::{Compression, FileInfo, Format};
use crate::pcap::{self, FILE_HEADER, Pcap};
use crate::pcapng::PcapNg;
use crate::resync::{SECTION, section_endianness};
use crate::supply::{Filling, Source, Supply};
use crate::window::Window;

/// How many bytes are looked at to say what a file is that is no capture.
const HEAD: usize = 512;

/// Reads one capture.
pub(crate) struct Reader {
    window: Window,
    walk: Walk,
    pub(crate) log: Log,
    head: Head,
    /// Whether `head` is a frame.
    live: bool,
}

/// The walk over a capture of either format.
enum Walk {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl Walk {
    const fn is_pcap_ng(&self) -> bool {
        matches!(self, Self::PcapNg(_))
    }
}

/// Why a stream cannot be read as a capture.
pub(crate) enum OpenError {
    Io(io::Error),
    /// What it is instead.
    NotACapture(String),
}

/// A stream whose compression is recognised, nothing more; a thread may be reading it already.
pub(crate) struct Opening {
    window: Window,
    compression: Option<Compression>,
}

impl Opening {
    /// Recognises the compression; a thread takes it off, if one is to be had.
    ///
    /// Plain streams have no thread: handing a pipe's bytes on costs more than it saves.
    pub(crate) fn start(source: Source, capacity: usize, threads: &Threads) -> io::Result<Self> {
        let (source, compression) = compression::open(source)?;
        let filling = if compression.is_some() { Filling::Full } else { Filling::Once };
        let supply = Supply::new(source, filling);
        let permit = compression.and_then(|_| threads.permit());
        let window = Window::new(supply, capacity.max(HEAD), permit);
        Ok(Self { window, compression })
    }
}

impl Reader {
    /// Recognises compression and format, and reads the file header.
    pub(crate) fn open(source: Source, capacity: usize, threads: &Threads) -> Result<Self, OpenError> {
        Self::finish(Opening::start(source, capacity, threads).map_err(OpenError::Io)?)
    }

    /// Recognises the format, and reads the file header.
    pub(crate) fn finish(opening: Opening) -> Result<Self, OpenError> {
        let Opening { mut window, compression } = opening;
        window.ensure(FILE_HEADER);
        let info = FileInfo::new(Format::PcapNg, compression);
        let mut log = Log::new(info);
        let unread = window.unread();
        let walk = if let Some(magic) = unread.first_chunk::<4>().copied() {
            if magic == SECTION {
                Self::open_section(&mut window)?;
                Some(Walk::PcapNg(PcapNg::new()))
            } else if pcap::is_magic(magic) {
                Self::open_pcap(&mut window, &mut log)?
            } else {
                None
            }
        } else {
            None
        };
        match walk {
            Some(walk) => Ok(Self { window, walk, log, head: Head::default(), live: false }),
            None => Err(OpenError::NotACapture(Self::found(&mut window, &log.info))),
        }
    }

    fn open_pcap(window: &mut Window, log: &mut Log) -> Result<Option<Walk>, OpenError> {
        let unread = window.unread();
        let Some(header) = unread.first_chunk::<FILE_HEADER>() else {
            return Err(OpenError::NotACapture(identify::cut_header("pcap", unread.len(), FILE_HEADER)));
        };
        let walk = Pcap::open(header, log).map(Walk::Pcap);
        window.consume(FILE_HEADER);
        Ok(walk)
    }

    /// The first section header must be whole and sound; the walk then reads it again.
    fn open_section(window: &mut Window) -> Result<(), OpenError> {
        let error = |found: String| Err(OpenError::NotACapture(found));
        let Some(head) = window.unread().first_chunk::<12>().copied() else {
            return error(identify::cut_header("pcapng", window.unread().len(), 28));
        };
        let Some(endianness) = section_endianness(head) else {
            return error("a pcapng section header with a wrong byte-order magic".to_owned());
        };
        let [_, _, _, _, a, b, c, d, ..] = head;
        let length = endianness.u32([a, b, c, d]);
        if !(28..=crate::MAX_RECORD_BYTES).contains(&length) || !length.is_multiple_of(4) {
            return error(format!("a pcapng section header that says it is {length} bytes long"));
        }
        if !window.ensure(length as usize) {
            return error(identify::cut_header("pcapng", window.unread().len(), length as usize));
        }
        let block = window.slice(window.position(), length as usize);
        if block.last_chunk::<4>().is_none_or(|last| endianness.u32(*last) != length) {
            return error("a pcapng section header whose two lengths differ".to_owned());
        }
        match pcap_parser::pcapng::parse_sectionheaderblock(block) {
            Ok((_, header)) if header.major_version == 1 => Ok(()),
            Ok((_, header)) => error(format!(
                "pcapng of version {}.{}, of which only 1.x is known",
                header.major_version, header.minor_version
            )),
            Err(_) => error("a pcapng section header that cannot be parsed".to_owned()),
        }
    }

    /// What the stream is instead of a capture.
    fn found(window: &mut Window, info: &FileInfo) -> String {
        window.ensure(HEAD);
        let name = identify::name(window.unread());
        match (window.failure(), info.compression) {
            (Some(failure), _) => failure.to_owned(),
            (None, Some(compression)) => format!("a {compression} stream that holds {name}"),
            (None, None) => name,
        }
    }

    /// The next frame, if it can be had without reading and is earlier than `before`; else nothing happens.
    ///
    /// Nothing is noted on this way, and no frame of it is remembered: it is the way of nearly all frames.
    #[inline]
    pub(crate) fn next_in_memory(&mut self, before: Timestamp) -> Option<Head> {
        let Walk::Pcap(walk) = &self.walk else { return None };
        let head = walk.next_in_memory(&mut self.window, before)?;
        self.log.frames += 1;
        Some(head)
    }

    /// Lends the next frames one by one, at most so many, as far as they can be had without reading and are earlier than
    /// `before`; how many: none where the capture is of the other format, pcapng or not. Nothing is noted on this way, and no
    /// frame of it is remembered.
    #[expect(clippy::inline_always, reason = "the loop over frames; what is done with each belongs into it")]
    #[inline(always)]
    pub(crate) fn each_in_memory<const PCAP_NG: bool>(
        &mut self,
        limits: (usize, Timestamp),
        file: usize,
        mut each: impl FnMut(Frame<'_>, SameFrame<'_>),
    ) -> usize {
        let Self { window, walk, log, .. } = self;
        if walk.is_pcap_ng() != PCAP_NG {
            return 0;
        }
        let first = log.frames + 1;
        let mut each = |lent: Lent<'_>, at: usize, walk: WalkAgain<'_>, record: &[u8]| {
            let number = first + at as u64;
            each(lent.frame(file, number), SameFrame { walk, record, file, number });
        };
        let frames = match walk {
            Walk::Pcap(walk) if !PCAP_NG => walk.each_in_memory(window, limits, |lent, at, record| {
                each(lent, at, WalkAgain::Pcap(walk), record);
            }),
            Walk::PcapNg(walk) if PCAP_NG => {
                let (frames, last) = walk.each_in_memory(window, limits, |lent, at, record| {
                    each(lent, at, WalkAgain::PcapNg(walk), record);
                });
                walk.go_on(last);
                frames
            }
            _ => 0,
        };
        log.frames += frames as u64;
        frames
    }

    /// Goes to the next frame; `false` when there is none.
    pub(crate) fn advance(&mut self) -> bool {
        let Self { window, walk, log, head, live } = self;
        *live = match walk {
            Walk::Pcap(walk) => walk.next(window, log, head),
            Walk::PcapNg(walk) => walk.next(window, log, head),
        };
        *live
    }

    /// Time of the present frame, if there is one.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.live.then_some(self.head.time)
    }

    /// The present frame, as far as it is known without its bytes.
    pub(crate) const fn head(&self) -> Head {
        self.head
    }

    /// The frame that was gone to last, lent.
    #[inline]
    pub(crate) fn lend(&self, head: Head, file: usize) -> Frame<'_> {
        Frame {
            time: head.time,
            link_type: head.link_type,
            captured: self.window.slice(head.start, head.captured),
            original_length: head.original_length,
            file,
            number: self.log.frames,
        }
    }
}

/// The stream ends within a record or block of `need` bytes, or between two; notes damage where it is some.
pub(crate) fn cut(window: &Window, log: &mut Log, what: &str, need: usize) {
    let have = window.unread().len();
    let found = match window.failure() {
        Some(failure) => failure.to_owned(),
        None if have > 0 => format!("the end of the file after {have} bytes of it"),
        None => return,
    };
    let expected = if have > 0 {
        format!("a {what} of at least {need} bytes")
    } else {
        format!("a {what}, or the end of the file")
    };
    log.note(window.offset(), &expected, found, DamageAction::Stopped);
}
