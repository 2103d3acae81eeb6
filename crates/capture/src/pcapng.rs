//! pcapng: a chain of blocks, each with its length at both ends.
//!
//! A block whose two lengths agree is whole, whatever is in it: when its body is bad the next block is read, and
//! the bad one is damage. When the lengths do not agree the chain is lost: see [`crate::resync`].

use pcap_parser::pcapng::parse_sectionheaderblock;
use vpcreplay_flow::{LinkType, Timestamp};

use crate::MAX_RECORD_BYTES;
use crate::damage::{DamageAction, Log};
use crate::frame::{Head, Lent};
use crate::info::Endianness;
use crate::interface::Interface;
use crate::reader::cut;
use crate::resync::{SECTION, is_block_length, next_section, section_endianness};
use crate::window::Window;

/// Block types; those not named here carry no packets and are stepped over.
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const SECTION_HEADER: u32 = u32::from_be_bytes(SECTION);

/// Length of a block's type and first length, and of its last length.
const BLOCK_HEADER: usize = 8;
const BLOCK_TRAILER: usize = 4;
/// Length of the fields of an enhanced packet block, between header and data.
const PACKET_FIELDS: usize = 20;

/// More interfaces than this in one section are not kept (memory is bounded); the obsolete packet block knows no more.
const MAX_INTERFACES: usize = 65_536;

/// The state of the walk.
#[derive(Debug)]
pub(crate) struct PcapNg {
    endianness: Endianness,
    /// Interfaces of the section; `None` for one whose description is bad.
    interfaces: Vec<Option<Interface>>,
    /// Time of the frame before, for simple packet blocks (S12.1).
    last: Timestamp,
    stopped: bool,
}

/// A block that is whole in the window.
#[derive(Clone, Copy)]
struct Block {
    kind: u32,
    length: usize,
}

/// What stands where a block should begin.
enum Framing {
    Whole(Block),
    /// Something was stepped over: look again.
    Again,
    End,
}

/// A packet block's fields; `time` is `None` in simple packet blocks.
struct Packet {
    interface: u32,
    time: Option<(u32, u32)>,
    captured: u32,
    original: u32,
    /// Where the data begin in the block.
    data: usize,
}

/// What is wrong in the body of a whole block.
struct Fault {
    expected: &'static str,
    found: String,
}

impl PcapNg {
    /// A walk that begins at a section header block, which is still to be read.
    pub(crate) const fn new() -> Self {
        Self {
            endianness: Endianness::Little,
            interfaces: Vec::new(),
            last: Timestamp::from_nanos(0),
            stopped: false,
        }
    }

    /// Goes to the next frame; `false` at the end of the file or where damage ends it.
    pub(crate) fn next(&mut self, window: &mut Window, log: &mut Log, head: &mut Head) -> bool {
        loop {
            let block = match self.block(window, log) {
                Framing::Whole(block) => block,
                Framing::Again => continue,
                Framing::End => return false,
            };
            let read = match block.kind {
                ENHANCED_PACKET | OBSOLETE_PACKET => self.packet(block, window, head).map(|()| true),
                SIMPLE_PACKET => self.simple(block, window, head).map(|()| true),
                INTERFACE_DESCRIPTION => self.interface(block, window, log).map(|()| false),
                SECTION_HEADER => self.section(block, window, log).map(|()| false),
                _ => Ok(false),
            };
            let offset = window.offset();
            window.consume(block.length);
            match read {
                Ok(true) => {
                    log.frames += 1;
                    self.last = head.time;
                    return true;
                }
                Ok(false) => {}
                Err(fault) => {
                    log.note(offset, fault.expected, fault.found, DamageAction::ResumedAt(window.offset()));
                }
            }
        }
    }

    /// Lends the next frames one by one, each with its place from 0 and the bytes from its block on; how many, and the time of the
    /// last frame of all. At most so many, as far as they are in enhanced packet blocks, one behind the other, that are whole in
    /// memory and sound, and earlier than `before`, and the section little-endian, as nearly all are.
    #[expect(clippy::inline_always, reason = "the loop over frames; what is done with each belongs into it")]
    #[inline(always)]
    pub(crate) fn each_in_memory(
        &self,
        window: &mut Window,
        (most, before): (usize, Timestamp),
        mut each: impl FnMut(Lent<'_>, usize, &[u8]),
    ) -> (usize, Timestamp) {
        let unread = window.unread();
        let (mut rest, mut frames, mut last) = (unread, 0, self.last);
        while frames < most {
            let Some((lent, behind)) = self.usual(rest).filter(|(lent, _)| lent.time < before) else { break };
            last = lent.time;
            each(lent, frames, rest);
            rest = behind;
            frames += 1;
        }
        let read = unread.len() - rest.len();
        window.consume(read);
        (frames, last)
    }

    /// Goes on behind frames that [`Self::each_in_memory`] lent.
    pub(crate) const fn go_on(&mut self, last: Timestamp) {
        self.last = last;
    }

    /// The frame of the block that begins here, which was lent before.
    #[inline(never)]
    pub(crate) fn lend_again<'a>(&self, bytes: &'a [u8]) -> Lent<'a> {
        match self.usual(bytes) {
            Some((lent, _)) => lent,
            None => Lent { time: self.last, link_type: LinkType::NULL, original_length: 0, captured: &[] },
        }
    }

    /// The frame of the block that begins here, and what is behind that, if it is an enhanced packet block that is whole and
    /// sound, in a little-endian section. What is wrong with another is told by [`Self::next`].
    #[expect(clippy::inline_always, reason = "as Self::each_in_memory")]
    #[inline(always)]
    fn usual<'a>(&self, bytes: &'a [u8]) -> Option<(Lent<'a>, &'a [u8])> {
        let fields: &[u8; BLOCK_HEADER + PACKET_FIELDS] = bytes.first_chunk()?;
        let &[kind, length, interface, high, low, captured, original_length] = fields.as_chunks::<4>().0
        else {
            return None;
        };
        let [kind, length] = [kind, length].map(u32::from_le_bytes);
        if kind != ENHANCED_PACKET || self.endianness == Endianness::Big || length > MAX_RECORD_BYTES {
            return None;
        }
        let (block, behind) = bytes.split_at_checked(length as usize)?;
        let (block, trailer) = block.split_last_chunk::<BLOCK_TRAILER>()?;
        if u32::from_le_bytes(*trailer) != length || !is_block_length(length) {
            return None;
        }
        let [interface, captured] = [interface, captured].map(u32::from_le_bytes);
        let captured = block.get(fields.len()..)?.get(..captured as usize)?;
        let interface = self.interfaces.get(interface as usize)?.as_ref()?;
        let time = interface.time(u32::from_le_bytes(high), u32::from_le_bytes(low));
        let original_length = u32::from_le_bytes(original_length);
        Some((Lent { time, link_type: interface.link_type, original_length, captured }, behind))
    }

    /// Finds the block at the window's beginning.
    #[inline]
    fn block(&mut self, window: &mut Window, log: &mut Log) -> Framing {
        let unread = window.unread();
        if let Some((kind, rest)) = unread.split_first_chunk::<4>()
            && let Some(length) = rest.first_chunk::<4>()
        {
            let (kind, length) = (self.endianness.u32(*kind), self.endianness.u32(*length));
            let trailer = unread.get(..length as usize).and_then(|block| block.last_chunk::<4>());
            let agree = trailer.is_some_and(|trailer| self.endianness.u32(*trailer) == length);
            if agree && is_block_length(length) && length <= MAX_RECORD_BYTES && kind != SECTION_HEADER {
                return Framing::Whole(Block { kind, length: length as usize });
            }
        }
        self.refill(window, log)
    }

    /// As [`Self::block`], for section headers, blocks that are not in memory yet, and damage.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, window: &mut Window, log: &mut Log) -> Framing {
        if self.stopped {
            return Framing::End;
        }
        let header = if window.ensure(12) { window.unread().first_chunk::<12>().copied() } else { None };
        let Some(header) = header else {
            self.stopped = true;
            cut(window, log, "block", 12);
            return Framing::End;
        };
        let ([kind, length, _], _) = header.as_chunks::<4>() else { return Framing::End };
        let endianness = if *kind == SECTION {
            let Some(endianness) = section_endianness(header) else {
                let found = "a section header block with another byte-order magic".to_owned();
                return self.lost(window, log, found);
            };
            endianness
        } else {
            self.endianness
        };
        let (kind, length) = (endianness.u32(*kind), endianness.u32(*length));
        if !is_block_length(length) || length > MAX_RECORD_BYTES {
            return self.lost(
                window,
                log,
                format!("a block of type {kind:#010x} that says it is {length} bytes long"),
            );
        }
        if !window.ensure(length as usize) {
            let found = match window.failure() {
                Some(failure) => failure.to_owned(),
                None => format!("the end of the file after {} of its {length} bytes", window.unread().len()),
            };
            return self.lost(window, log, found);
        }
        let block = window.slice(window.position(), length as usize);
        let trailer = block.last_chunk::<4>().map_or(0, |trailer| endianness.u32(*trailer));
        if trailer != length {
            let found =
                format!("a block of type {kind:#010x} that says {length} bytes first and {trailer} last");
            return self.lost(window, log, found);
        }
        Framing::Whole(Block { kind, length: length as usize })
    }

    /// The chain of blocks is lost: goes on at the next section, or stops.
    fn lost(&mut self, window: &mut Window, log: &mut Log, found: String) -> Framing {
        let offset = window.offset();
        let expected = "a whole block, its length a multiple of 4, at most 16 MiB and the same at both ends";
        let known_failure = window.failure().is_some();
        window.consume(4);
        if next_section(window) {
            log.note(offset, expected, found, DamageAction::ResumedAt(window.offset()));
            return Framing::Again;
        }
        self.stopped = true;
        log.note(offset, expected, found, DamageAction::Stopped);
        if !known_failure && window.failure().is_some() {
            cut(window, log, "block", 12);
        }
        Framing::End
    }

    /// An enhanced packet block, or an obsolete packet block: the same but for a 16-bit interface.
    #[inline]
    fn packet(&self, block: Block, window: &Window, head: &mut Head) -> Result<(), Fault> {
        // The trailer is left out: it must not be taken for a field of a block that is too short.
        let bytes = window.slice(window.position(), block.length - BLOCK_TRAILER);
        let Some(fields) = bytes.get(BLOCK_HEADER..).and_then(<[u8]>::first_chunk::<PACKET_FIELDS>) else {
            return Err(too_short("a packet block of at least 32 bytes", block));
        };
        let (words, _) = fields.as_chunks::<4>();
        let number = |index: usize| words.get(index).map_or(0, |word| self.endianness.u32(*word));
        let interface = match fields {
            [first, second, ..] if block.kind == OBSOLETE_PACKET => {
                u32::from(self.endianness.u16([*first, *second]))
            }
            _ => number(0),
        };
        let packet = Packet {
            interface,
            time: Some((number(1), number(2))),
            captured: number(3),
            original: number(4),
            data: BLOCK_HEADER + PACKET_FIELDS,
        };
        self.accept(&packet, block, head)?;
        head.start = window.position() + packet.data;
        Ok(())
    }

    /// A simple packet block: interface 0, no time; captured is what the snap length and the block leave (S12.1).
    fn simple(&self, block: Block, window: &Window, head: &mut Head) -> Result<(), Fault> {
        let bytes = window.slice(window.position(), block.length);
        let data = BLOCK_HEADER + 4;
        let room = block.length.checked_sub(data + BLOCK_TRAILER);
        let (Some(field), Some(room)) = (bytes.get(BLOCK_HEADER..).and_then(<[u8]>::first_chunk::<4>), room)
        else {
            return Err(too_short("a simple packet block of at least 16 bytes", block));
        };
        let original = self.endianness.u32(*field);
        let snaplen = match self.interfaces.first() {
            Some(Some(interface)) if interface.snaplen > 0 => interface.snaplen,
            _ => u32::MAX,
        };
        let captured = original.min(snaplen).min(u32::try_from(room).unwrap_or(u32::MAX));
        let packet = Packet { interface: 0, time: None, captured, original, data };
        self.accept(&packet, block, head)?;
        head.start = window.position() + data;
        Ok(())
    }

    /// Checks a packet block's fields and takes them over, but for the place of its data.
    #[inline]
    fn accept(&self, packet: &Packet, block: Block, head: &mut Head) -> Result<(), Fault> {
        let Some(Some(interface)) = self.interfaces.get(packet.interface as usize) else {
            let (id, known) = (packet.interface, self.interfaces.len());
            return Err(Fault {
                expected: "a packet of an interface that its section describes",
                found: format!(
                    "a packet of interface {id}, where {known} are described or the description is bad"
                ),
            });
        };
        let captured = packet.captured as usize;
        // The fixed fields are there, so the block is at least as long as these and its trailer.
        let room = block.length.saturating_sub(packet.data + BLOCK_TRAILER);
        if captured > room {
            return Err(Fault {
                expected: "captured bytes that fit their block",
                found: format!("{captured} captured bytes in a block with room for {room}"),
            });
        }
        head.time = packet.time.map_or(self.last, |(high, low)| interface.time(high, low));
        head.link_type = interface.link_type;
        head.original_length = packet.original;
        head.captured = captured;
        Ok(())
    }

    fn interface(&mut self, block: Block, window: &Window, log: &mut Log) -> Result<(), Fault> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Fault {
                expected: "at most 65536 interfaces in a section",
                found: "one more interface description".to_owned(),
            });
        }
        let bytes = window.slice(window.position(), block.length);
        let Some((interface, info, faults)) = Interface::parse(bytes, self.endianness) else {
            // It keeps its number, so that those after it keep theirs.
            self.interfaces.push(None);
            return Err(too_short("an interface description block of at least 20 bytes", block));
        };
        for fault in faults {
            log.note(window.offset(), fault.expected, fault.found, DamageAction::DefaultUsed);
        }
        self.interfaces.push(Some(interface));
        log.info.saw_interface(info);
        Ok(())
    }

    /// A section header: all that was before it no longer counts.
    fn section(&mut self, block: Block, window: &Window, log: &mut Log) -> Result<(), Fault> {
        self.interfaces.clear();
        let bytes = window.slice(window.position(), block.length);
        if let Some(endianness) = bytes.first_chunk::<12>().and_then(|head| section_endianness(*head)) {
            self.endianness = endianness;
        }
        // Its declared length is not needed: the chain of blocks leads to the next section.
        match parse_sectionheaderblock(bytes) {
            Ok((_, header)) if header.major_version == 1 => {
                log.info.saw_section(self.endianness);
                Ok(())
            }
            Ok((_, header)) => Err(Fault {
                expected: "a section of major version 1",
                found: format!("a section of version {}.{}", header.major_version, header.minor_version),
            }),
            Err(_) => Err(too_short("a section header block of at least 28 bytes", block)),
        }
    }
}

fn too_short(expected: &'static str, block: Block) -> Fault {
    Fault { expected, found: format!("one of {} bytes", block.length) }
}
