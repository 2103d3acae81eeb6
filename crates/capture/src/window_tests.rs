use std::io::{self, Cursor, Read};

use proptest::prelude::*;

use super::{HEADROOM, Window};
use crate::ahead::{ReadAhead, Threads};
use crate::supply::{Filling, Supply, UNIT};

/// Gives pieces of these lengths, over and over.
struct Pieces(Cursor<Vec<u8>>, Vec<usize>, usize);

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.1[self.2 % self.1.len()].min(room.len());
        self.2 += 1;
        self.0.read(&mut room[..length])
    }
}

fn window(bytes: &[u8], pieces: &[usize], filling: Filling, setting: ReadAhead) -> Window {
    let source = Pieces(Cursor::new(bytes.to_vec()), pieces.to_vec(), 0);
    let supply = Supply::new(Box::new(source), filling);
    Window::new(supply, UNIT, Threads::new(setting).permit())
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 251).to_le_bytes()[0] ^ at.to_le_bytes()[0]).collect()
}

/// Takes records of these lengths, over and over, to the end of the window.
fn check(window: &mut Window, bytes: &[u8], records: &[usize]) {
    let mut at = 0;
    for length in records.iter().cycle() {
        assert_eq!(window.offset(), at as u64);
        let whole = window.ensure(*length);
        assert_eq!(whole, at + length <= bytes.len());
        if !whole {
            assert!(window.take(*length).is_none());
            assert!(window.unread() == &bytes[at..]);
            return;
        }
        assert!(window.unread().starts_with(&bytes[at..at + length]));
        let start = window.take(*length).unwrap();
        assert!(window.slice(start, *length) == &bytes[at..at + length]);
        at += length;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Records of any length, larger than a block or the room before it too, are whole and at their offset.
    #[test]
    fn records_are_whole(
        records in proptest::collection::vec(prop_oneof![1_usize..3_000, 1..HEADROOM * 12], 1..6),
        pieces in proptest::collection::vec(prop_oneof![500_usize..4_000, 1..UNIT * 2], 1..6),
        length in 0_usize..UNIT * 12,
    ) {
        let bytes = bytes(length);
        for setting in [ReadAhead::Off, ReadAhead::On] {
            for filling in [Filling::Once, Filling::Full] {
                check(&mut window(&bytes, &pieces, filling, setting), &bytes, &records);
            }
        }
    }
}

// One byte at a time: the block is filled up, not changed for every byte.
#[test]
fn trickles_are_whole() {
    let bytes = bytes(3_000);
    for setting in [ReadAhead::Off, ReadAhead::On] {
        check(&mut window(&bytes, &[1], Filling::Once, setting), &bytes, &[1, 16, 700]);
    }
}

// A wrong length costs no memory that the stream does not fill.
#[test]
fn wrong_lengths_cost_no_memory() {
    for setting in [ReadAhead::Off, ReadAhead::On] {
        let mut window = window(&bytes(UNIT + 10), &[UNIT], Filling::Once, setting);
        assert!(!window.ensure(16 << 20));
        assert!(window.held.buffer.capacity() <= 5 * UNIT, "{} bytes", window.held.buffer.capacity());
    }
}
