//! A reader for well-formed pcap and pcapng files, independent of the capture crate: enough for a test's own files.

use std::io::Read;
use std::path::Path;

pub(crate) struct Frame {
    pub(crate) time_ns: i64,
    pub(crate) link_type: u16,
    pub(crate) original_length: u32,
    pub(crate) bytes: Vec<u8>,
}

/// All frames of a file, plain or gzip.
pub(crate) fn read(path: &Path) -> Vec<Frame> {
    let mut bytes = std::fs::read(path).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
        bytes = plain;
    }
    if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) { pcapng(&bytes) } else { pcap(&bytes) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    is_big: bool,
}

impl Reader<'_> {
    fn u16(&self, at: usize) -> u16 {
        let pair = [self.bytes[at], self.bytes[at + 1]];
        if self.is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    }

    fn u32(&self, at: usize) -> u32 {
        let four = self.bytes[at..at + 4].try_into().unwrap();
        if self.is_big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    }

    fn size(&self, at: usize) -> usize {
        self.u32(at) as usize
    }
}

fn pcap(bytes: &[u8]) -> Vec<Frame> {
    let magic = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    // The modified format has eight more bytes in each record's header.
    let (is_big, unit, header) = match magic {
        0xa1b2_c3d4 => (false, 1_000, 16),
        0xa1b2_3c4d => (false, 1, 16),
        0xa1b2_cd34 => (false, 1_000, 24),
        0xd4c3_b2a1 => (true, 1_000, 16),
        0x4d3c_b2a1 => (true, 1, 16),
        0x34cd_b2a1 => (true, 1_000, 24),
        other => panic!("not a pcap file: magic {other:#x}"),
    };
    let file = Reader { bytes, is_big };
    let link_type = file.u16(if is_big { 22 } else { 20 });
    let mut frames = Vec::new();
    let mut at = 24;
    // A record cut by the end of the file is the damage, not a frame (S12.1).
    while at + header <= bytes.len() && at + header + file.size(at + 8) <= bytes.len() {
        let captured = file.size(at + 8);
        frames.push(Frame {
            time_ns: i64::from(file.u32(at)) * 1_000_000_000 + i64::from(file.u32(at + 4)) * unit,
            link_type,
            original_length: file.u32(at + 12),
            bytes: bytes[at + header..at + header + captured].to_vec(),
        });
        at += header + captured;
    }
    frames
}

/// Link type, units per second, offset in seconds.
type Interface = (u16, u64, i64);

fn pcapng(bytes: &[u8]) -> Vec<Frame> {
    let mut file = Reader { bytes, is_big: false };
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = 0;
    while at + 12 <= bytes.len() {
        if bytes[at..].starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            file.is_big = bytes[at + 8] == 0x1a;
            interfaces.clear();
        }
        let length = file.size(at + 4);
        if length < 12 || at + length > bytes.len() {
            break;
        }
        let body = at + 8;
        match file.u32(at) {
            1 => interfaces.push(interface(&file, body, at + length - 4)),
            2 | 6 => {
                let number = if file.u32(at) == 2 { usize::from(file.u16(body)) } else { file.size(body) };
                let units = u64::from(file.u32(body + 4)) << 32 | u64::from(file.u32(body + 8));
                frames.push(packet(&file, interfaces[number], units, body + 12));
            }
            3 => {
                let captured = (length - 16).min(file.size(body));
                frames.push(Frame {
                    time_ns: frames.last().map_or(0, |frame| frame.time_ns),
                    link_type: interfaces[0].0,
                    original_length: file.u32(body),
                    bytes: bytes[body + 4..body + 4 + captured].to_vec(),
                });
            }
            _ => {}
        }
        at += length;
    }
    frames
}

fn packet(file: &Reader, (link_type, per_second, offset): Interface, units: u64, lengths: usize) -> Frame {
    let nanos = i128::from(units) * 1_000_000_000 / i128::from(per_second);
    let captured = file.size(lengths);
    Frame {
        time_ns: i64::try_from(nanos + i128::from(offset) * 1_000_000_000).unwrap_or(i64::MAX),
        link_type,
        original_length: file.u32(lengths + 4),
        bytes: file.bytes[lengths + 8..lengths + 8 + captured].to_vec(),
    }
}

fn interface(file: &Reader, body: usize, end: usize) -> Interface {
    let (mut per_second, mut offset) = (1_000_000, 0);
    let mut at = body + 8;
    while at + 4 <= end && file.u16(at) != 0 {
        let (code, length) = (file.u16(at), usize::from(file.u16(at + 2)));
        match code {
            9 => {
                let resolution = file.bytes[at + 4];
                let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
                per_second = base.pow(u32::from(resolution & 0x7f));
            }
            14 => {
                let mut eight: [u8; 8] = file.bytes[at + 4..at + 12].try_into().unwrap();
                if !file.is_big {
                    eight.reverse();
                }
                offset = i64::from_be_bytes(eight);
            }
            _ => {}
        }
        at += 4 + length.next_multiple_of(4);
    }
    (file.u16(body), per_second, offset)
}
