//! Classic pcap: a file header of 24 bytes, then records.

use pcap_parser::parse_pcap_header;
use vpcreplay_flow::{LinkType, Timestamp};

use crate::damage::{DamageAction, Log};
use crate::frame::{Head, Lent};
use crate::info::{Endianness, Format, InterfaceInfo, Resolution};
use crate::window::Window;
use crate::{MAX_RECORD_BYTES, reader::cut};

/// Length of the file header.
pub(crate) const FILE_HEADER: usize = 24;

/// Length of a record header of most files.
const RECORD_HEADER: usize = 16;

/// Frames up to this length are taken whatever the snap length says (libpcap's largest default).
const USUAL_SNAPLEN: u32 = 262_144;

/// What the file header says, as the walk over the records needs it.
#[derive(Debug)]
pub(crate) struct Pcap {
    endianness: Endianness,
    link_type: LinkType,
    /// Length of a record header: 16, or 24 in the modified format.
    header: usize,
    /// Nanoseconds in a unit of the fraction.
    unit: u32,
    /// The largest captured length that is believed.
    limit: u32,
    stopped: bool,
}

/// A record header.
#[derive(Clone, Copy)]
struct Record {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

impl Record {
    #[inline]
    fn of(bytes: [u8; RECORD_HEADER], number: impl Fn([u8; 4]) -> u32) -> Self {
        let ([seconds, fraction, captured, original], _) = bytes.as_chunks::<4>() else {
            return Self { seconds: 0, fraction: 0, captured: u32::MAX, original: 0 };
        };
        Self {
            seconds: number(*seconds),
            fraction: number(*fraction),
            captured: number(*captured),
            original: number(*original),
        }
    }
}

/// Whether a file begins like a classic pcap file of any kind.
pub(crate) fn is_magic(magic: [u8; 4]) -> bool {
    variant(magic).is_some()
}

/// Byte order, nanoseconds per unit of the fraction, and format of a magic number.
fn variant(magic: [u8; 4]) -> Option<(Endianness, u32, Format)> {
    [Endianness::Little, Endianness::Big].into_iter().find_map(|endianness| match endianness.u32(magic) {
        0xa1b2_c3d4 => Some((endianness, 1_000, Format::Pcap)),
        0xa1b2_3c4d => Some((endianness, 1, Format::Pcap)),
        0xa1b2_cd34 => Some((endianness, 1_000, Format::PcapModified)),
        _ => None,
    })
}

impl Pcap {
    /// Reads the file header; `None` when these bytes are none.
    pub(crate) fn open(bytes: &[u8; FILE_HEADER], log: &mut Log) -> Option<Self> {
        let mut bytes = *bytes;
        let (magic, _) = bytes.split_first_chunk_mut::<4>()?;
        let (endianness, unit, format) = variant(*magic)?;
        // pcap-parser does not know the modified magic in big-endian order; the rest of the header is the same.
        *magic = match endianness {
            Endianness::Little => 0xa1b2_c3d4_u32.to_le_bytes(),
            Endianness::Big => 0xa1b2_c3d4_u32.to_be_bytes(),
        };
        // `thiszone` and `sigfigs` are 0 in practice and no reader of the field heeds them.
        let (_, header) = parse_pcap_header(&bytes).ok()?;
        // The link type is the low 16 bits; above them are the length of the FCS and reserved bits (S12.1).
        let [.., high, low] = header.network.0.to_be_bytes();
        let link_type = LinkType(u16::from_be_bytes([high, low]));
        let resolution = Resolution::Decimal(if unit == 1 { 9 } else { 6 });
        let version = (header.version_major, header.version_minor);
        if version != (2, 4) {
            let found = format!("version {}.{}", version.0, version.1);
            log.note(4, "pcap version 2.4, in use since 1998", found, DamageAction::DefaultUsed);
        }
        log.info.format = format;
        log.info.saw_section(endianness);
        log.info.saw_interface(InterfaceInfo { link_type, snaplen: header.snaplen, resolution });
        Some(Self {
            endianness,
            link_type,
            header: if format == Format::PcapModified { 24 } else { RECORD_HEADER },
            unit,
            limit: header.snaplen.clamp(USUAL_SNAPLEN, MAX_RECORD_BYTES),
            stopped: false,
        })
    }

    /// The next frame, if it is whole in memory and earlier than `before`, and the file little-endian as nearly all
    /// are: the way of most frames, and nothing else.
    #[inline]
    pub(crate) fn next_in_memory(&self, window: &mut Window, before: Timestamp) -> Option<Head> {
        if self.endianness == Endianness::Big {
            return None;
        }
        self.take(Record::of(*window.peek()?, u32::from_le_bytes), window, before)
    }

    /// Lends the next frames one by one, each with its place from 0 and the bytes from its record on; how many. At most so many, as
    /// far as they are whole in memory and earlier than `before`, and the file little-endian and not of the modified format, as
    /// nearly all are: one loop over the window that keeps everything at hand.
    #[expect(clippy::inline_always, reason = "the loop over frames; what is done with each belongs into it")]
    #[inline(always)]
    pub(crate) fn each_in_memory(
        &self,
        window: &mut Window,
        (most, before): (usize, Timestamp),
        mut each: impl FnMut(Lent<'_>, usize, &[u8]),
    ) -> usize {
        if self.endianness == Endianness::Big || self.header != RECORD_HEADER {
            return 0;
        }
        let (link_type, limit) = (self.link_type, self.limit);
        let unread = window.unread();
        let (mut rest, mut frames) = (unread, 0);
        while frames < most {
            let Some((record, behind)) = rest.split_first_chunk::<RECORD_HEADER>() else { break };
            let record = Record::of(*record, u32::from_le_bytes);
            let time = self.time(record);
            let Some((captured, behind)) = behind.split_at_checked(record.captured as usize) else { break };
            if record.captured > limit || time >= before {
                break;
            }
            let lent = Lent { time, link_type, original_length: record.original, captured };
            each(lent, frames, rest);
            rest = behind;
            frames += 1;
        }
        let read = unread.len() - rest.len();
        window.consume(read);
        frames
    }

    /// The frame of a whole record that begins here, which was lent before.
    #[inline(never)]
    pub(crate) fn lend_again<'a>(&self, bytes: &'a [u8]) -> Lent<'a> {
        let (record, behind) = bytes.split_first_chunk().unwrap_or((&[0; RECORD_HEADER], &[]));
        let record = Record::of(*record, u32::from_le_bytes);
        let (captured, _) = behind.split_at_checked(record.captured as usize).unwrap_or_default();
        Lent {
            time: self.time(record),
            link_type: self.link_type,
            original_length: record.original,
            captured,
        }
    }

    /// Goes to the next frame; `false` at the end of the file or where damage ends it.
    pub(crate) fn next(&mut self, window: &mut Window, log: &mut Log, head: &mut Head) -> bool {
        loop {
            let record = window.peek().map(|bytes| self.record(*bytes));
            if let Some(next) = record.and_then(|record| self.take(record, window, Timestamp::MAX)) {
                *head = next;
                log.frames += 1;
                return true;
            }
            if !self.refill(window, log) {
                return false;
            }
        }
    }

    /// Brings the next record into memory; `false` when there is none that is whole.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, window: &mut Window, log: &mut Log) -> bool {
        if self.stopped {
            return false;
        }
        if !window.ensure(self.header) {
            return self.stop(window, log, self.header);
        }
        let Some(record) = window.unread().first_chunk::<16>().map(|bytes| self.record(*bytes)) else {
            return false;
        };
        if record.captured > self.limit {
            let expected = format!("a record of at most {} captured bytes", self.limit);
            let found = format!("a record header that says {} captured bytes", record.captured);
            log.note(window.offset(), &expected, found, DamageAction::Stopped);
            self.stopped = true;
            return false;
        }
        let length = self.header + record.captured as usize;
        if !window.ensure(length) {
            return self.stop(window, log, length);
        }
        true
    }

    #[inline]
    fn record(&self, bytes: [u8; 16]) -> Record {
        Record::of(bytes, |word| self.endianness.u32(word))
    }

    /// Takes a record that begins the window, if it is whole, of a sane length and earlier than `before`.
    #[inline]
    fn take(&self, record: Record, window: &mut Window, before: Timestamp) -> Option<Head> {
        let time = self.time(record);
        if record.captured > self.limit || time >= before {
            return None;
        }
        let captured = record.captured as usize;
        let start = window.take(self.header + captured)? + self.header;
        let link_type = self.link_type;
        Some(Head { time, link_type, original_length: record.original, start, captured })
    }

    /// The timestamp of a record.
    #[inline]
    fn time(&self, record: Record) -> Timestamp {
        // At most 4.3e18 + 4.3e12 ns: no overflow. A fraction of a second or more carries over (S12.1).
        let fraction = i64::from(record.fraction) * i64::from(self.unit);
        Timestamp::from_nanos(i64::from(record.seconds) * 1_000_000_000 + fraction)
    }

    /// The file ends here; damage unless it ends between two records.
    fn stop(&mut self, window: &Window, log: &mut Log, need: usize) -> bool {
        self.stopped = true;
        cut(window, log, "record", need);
        false
    }
}
