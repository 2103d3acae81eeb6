//! A small reader of pcap and pcapng frames, independent of the capture crate: times come from the expectations.

use std::io::Read;
use std::path::Path;

use vpcreplay_flow::LinkType;

/// A frame: link type, captured bytes, original length.
pub(crate) type Frame = (LinkType, Vec<u8>, u32);

/// Reads integers in the byte order of a file.
#[derive(Clone, Copy)]
struct Order {
    big: bool,
}

impl Order {
    fn u16(self, bytes: &[u8]) -> u16 {
        let bytes = [bytes[0], bytes[1]];
        if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn size(self, bytes: &[u8]) -> usize {
        self.u32(bytes) as usize
    }
}

/// All whole frames of a capture file.
pub(crate) fn read(path: &Path) -> Vec<Frame> {
    let mut bytes = std::fs::read(path).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
        bytes = plain;
    }
    if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) { pcapng(&bytes) } else { pcap(&bytes) }
}

fn pcap(bytes: &[u8]) -> Vec<Frame> {
    let big = bytes[0] == 0xa1;
    let order = Order { big };
    // The "modified" magic has 8 more bytes in each record header.
    let header = if order.u32(bytes) == 0xa1b2_cd34 { 24 } else { 16 };
    let link = LinkType(order.u16(&if big { [bytes[22], bytes[23]] } else { [bytes[20], bytes[21]] }));
    let mut frames = Vec::new();
    let mut at = 24;
    while at + header <= bytes.len() {
        let (captured, original) = (order.size(&bytes[at + 8..]), order.u32(&bytes[at + 12..]));
        at += header;
        if at + captured > bytes.len() {
            break;
        }
        frames.push((link, bytes[at..at + captured].to_vec(), original));
        at += captured;
    }
    frames
}

fn pcapng(bytes: &[u8]) -> Vec<Frame> {
    let mut order = Order { big: false };
    let mut interfaces: Vec<(LinkType, usize)> = Vec::new();
    let mut frames = Vec::new();
    let mut at = 0;
    while at + 12 <= bytes.len() {
        let block = &bytes[at..];
        if block.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            order.big = block[8] == 0x1a;
            interfaces.clear();
        }
        let length = order.size(&block[4..]);
        if length < 12 || length > block.len() {
            break;
        }
        let body = &block[8..length - 4];
        let data = |start: usize, captured: usize| body[start..start + captured].to_vec();
        match order.u32(block) {
            1 => {
                let snaplen = order.size(&body[4..]);
                let snaplen = if snaplen == 0 { usize::MAX } else { snaplen };
                interfaces.push((LinkType(order.u16(body)), snaplen));
            }
            2 => {
                let link = interfaces[usize::from(order.u16(body))].0;
                frames.push((link, data(20, order.size(&body[12..])), order.u32(&body[16..])));
            }
            3 => {
                let (original, (link, snaplen)) = (order.u32(body), interfaces[0]);
                let captured = (original as usize).min(snaplen).min(body.len() - 4);
                frames.push((link, data(4, captured), original));
            }
            6 => {
                let link = interfaces[order.size(body)].0;
                frames.push((link, data(20, order.size(&body[12..])), order.u32(&body[16..])));
            }
            _ => {}
        }
        at += length;
    }
    frames
}
