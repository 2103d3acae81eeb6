//! Captures made byte by byte, and what is read of them.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::io::{Cursor, Read};

use vpcreplay_capture::{CaptureError, CaptureSet, Damage, Frame, SameFrame};

/// Byte order of what is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

pub const ORDERS: [Order; 2] = [Order::Little, Order::Big];

impl Order {
    pub fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// A classic pcap file with this magic; records are (seconds, fraction, data).
pub fn pcap(order: Order, magic: u32, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = pcap_header(order, magic, 65_535, 1);
    for (seconds, fraction, data) in records {
        let length = data.len() as u32;
        for word in [*seconds, *fraction, length, length + 1000] {
            file.extend(order.u32(word));
        }
        if magic == 0xa1b2_cd34 {
            file.extend([0xee; 8]);
        }
        file.extend(*data);
    }
    file
}

pub fn pcap_header(order: Order, magic: u32, snaplen: u32, link: u32) -> Vec<u8> {
    let mut file = order.u32(magic).to_vec();
    file.extend(order.u16(2));
    file.extend(order.u16(4));
    for word in [0, 0, snaplen, link] {
        file.extend(order.u32(word));
    }
    file
}

/// A pcapng block around this body, which is padded.
pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0);
    let length = order.u32(padded.len() as u32 + 12);
    [&order.u32(kind)[..], &length, &padded, &length].concat()
}

pub fn section(order: Order) -> Vec<u8> {
    let body = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface description with options (code, value).
pub fn interface(order: Order, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [&order.u16(link)[..], &[0, 0], &order.u32(snaplen)].concat();
    for (code, value) in options {
        body.extend(order.u16(*code));
        body.extend(order.u16(value.len() as u16));
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    block(order, 1, &body)
}

/// An enhanced packet block; original length is 1000 more than what is captured.
pub fn enhanced(order: Order, interface: u32, units: u64, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let words = [interface, (units >> 32) as u32, units as u32, length, length + 1000];
    let mut body: Vec<u8> = words.iter().flat_map(|word| order.u32(*word)).collect();
    body.extend(data);
    block(order, 6, &body)
}

/// An obsolete packet block.
pub fn obsolete(order: Order, interface: u16, units: u64, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let mut body = [order.u16(interface), order.u16(7)].concat();
    for word in [(units >> 32) as u32, units as u32, length, length + 1000] {
        body.extend(order.u32(word));
    }
    body.extend(data);
    block(order, 2, &body)
}

pub fn simple(order: Order, original: u32, data: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(original)[..], data].concat())
}

/// A frame as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read1 {
    pub nanos: i64,
    pub link: u16,
    pub data: Vec<u8>,
    pub original: u32,
    pub file: usize,
    pub number: u64,
}

impl From<Frame<'_>> for Read1 {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            nanos: frame.time.nanos(),
            link: frame.link_type.0,
            data: frame.captured.to_vec(),
            original: frame.original_length,
            file: frame.file,
            number: frame.number,
        }
    }
}

/// All frames of a set, and its damages.
pub fn drain(set: CaptureSet) -> (Vec<Read1>, Vec<Damage>) {
    drain_at_hand(set, 0)
}

/// The same, with up to so many frames at a time lent as long as they are at hand.
pub fn drain_at_hand(mut set: CaptureSet, most: usize) -> (Vec<Read1>, Vec<Damage>) {
    let mut frames = Vec::new();
    loop {
        let (at_hand, before) = (set.at_hand(), frames.len());
        let mut take = |frame: Frame<'_>, again: SameFrame<'_>| {
            assert_eq!(again.lend(), frame);
            frames.push(Read1::from(frame));
        };
        let lent = [set.each_at_hand::<false>(most, &mut take), set.each_at_hand::<true>(most, &mut take)];
        assert!(lent.iter().all(|lent| *lent <= most) && lent.contains(&0), "{lent:?}: one format");
        assert_eq!(frames.len() - before, lent[0] + lent[1]);
        if let Some(first) = frames.get(before) {
            assert_eq!(at_hand, Some((first.file, first.number)));
            continue;
        }
        let Some(frame) = set.next_frame().unwrap() else { break };
        frames.push(Read1::from(frame));
    }
    // The end stays the end.
    assert!(set.next_frame().unwrap().is_none());
    (frames, set.damages().to_vec())
}

pub fn open(files: &[Vec<u8>]) -> Result<CaptureSet, CaptureError> {
    let readers = files.iter().enumerate().map(|(index, file)| {
        let reader: Box<dyn Read + Send> = Box::new(Cursor::new(file.clone()));
        (format!("file-{index}"), reader)
    });
    CaptureSet::from_readers(readers.collect())
}

/// All frames and damages of files, the same in whatever way frames are lent.
pub fn read_each_way(files: &[Vec<u8>]) -> Result<(Vec<Read1>, Vec<Damage>), CaptureError> {
    let read = drain(open(files)?);
    for most in [1, 3, usize::MAX] {
        assert_eq!(drain_at_hand(open(files)?, most), read, "{most} at a time");
    }
    Ok(read)
}

/// All frames and damages of one file.
pub fn read(file: &[u8]) -> (Vec<Read1>, Vec<Damage>) {
    read_each_way(&[file.to_vec()]).unwrap()
}

/// All frames of one sound file.
pub fn read_sound(file: &[u8]) -> Vec<Read1> {
    let (frames, damages) = read(file);
    assert_eq!(damages, [], "sound file");
    frames
}

/// A reader that gives one byte at a time, as a slow pipe may.
pub struct Trickle(pub Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let short = buffer.len().min(1);
        self.0.read(&mut buffer[..short])
    }
}
