//! Finding the next section of a pcapng file whose block structure is lost.
//!
//! Blocks are chained by their lengths only: once a length is wrong nothing says where the next block begins,
//! and bytes that look like a packet block may be payload. A section header block is the one place where reading
//! can begin anew, because all that follows depends on nothing before it. A candidate must have its type, its
//! byte-order magic, major version 1, two equal lengths, and be followed by the end of the file or by a block
//! header of sane length. (The payload of a packet that carries a pcapng file would pass; the resumption is
//! reported as damage with its offset, so that such a case can be seen.)

use pcap_parser::pcapng::parse_sectionheaderblock;

use crate::MAX_RECORD_BYTES;
use crate::info::Endianness;
use crate::window::Window;

/// Type of a section header block, the same in both byte orders.
pub(crate) const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The longest section header block that is searched for; real ones have a few hundred bytes.
const LONGEST: u32 = 16 << 10;

/// The byte order that the first 12 bytes of a section header block declare; `None` when its magic is wrong.
pub(crate) fn section_endianness(bytes: [u8; 12]) -> Option<Endianness> {
    match bytes {
        [.., 0x4d, 0x3c, 0x2b, 0x1a] => Some(Endianness::Little),
        [.., 0x1a, 0x2b, 0x3c, 0x4d] => Some(Endianness::Big),
        _ => None,
    }
}

/// Whether the lengths of a block agree with the format: at least 12, a multiple of 4.
pub(crate) const fn is_block_length(length: u32) -> bool {
    length >= 12 && length.is_multiple_of(4)
}

/// Moves the window to the next section header block that stands up to the tests; `false` when there is none.
pub(crate) fn next_section(window: &mut Window) -> bool {
    while window.ensure(28) {
        let unread = window.unread();
        let Some(at) = unread.windows(4).position(|bytes| *bytes == SECTION) else {
            let keep = unread.len() - 3;
            window.consume(keep);
            continue;
        };
        window.consume(at);
        if stands(window).unwrap_or(false) {
            return true;
        }
        window.consume(1);
    }
    false
}

/// Whether the window begins with a sound section header block; `None` when it is cut.
fn stands(window: &mut Window) -> Option<bool> {
    if !window.ensure(28) {
        return None;
    }
    let head = *window.unread().first_chunk::<12>()?;
    let Some(endianness) = section_endianness(head) else { return Some(false) };
    let [_, _, _, _, a, b, c, d, ..] = head;
    let length = endianness.u32([a, b, c, d]);
    if !is_block_length(length) || !(28..=LONGEST).contains(&length) || !window.ensure(length as usize) {
        return Some(false);
    }
    // What follows must be a block header, or nothing.
    let behind = window.ensure(length as usize + 1);
    let whole = window.ensure(length as usize + 8);
    let (block, rest) = window.unread().split_at_checked(length as usize)?;
    let follows = match rest {
        [_, _, _, _, a, b, c, d, ..] if whole => {
            let next = endianness.u32([*a, *b, *c, *d]);
            is_block_length(next) && next <= MAX_RECORD_BYTES
        }
        _ => !behind,
    };
    let sound = parse_sectionheaderblock(block)
        .is_ok_and(|(_, header)| header.block_len1 == header.block_len2 && header.major_version == 1);
    Some(sound && follows)
}
