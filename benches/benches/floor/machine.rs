//! The least that any replay of a capture costs on this machine, in three stages that build on one another.

use std::collections::HashSet;
use std::hint::black_box;

use memmap2::{Advice, MmapMut};

/// What the file header of a classic pcap takes.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// How far ahead of the walk a byte is read: the processor's own prefetching stops at the end of each page.
const AHEAD: usize = 4096;
/// Packets whose table lines are asked for together.
const BATCH: usize = 64;

/// Whether the walk knows a capture: classic pcap, little endian, Ethernet.
pub(crate) fn is_known(capture: &[u8]) -> bool {
    let is_pcap =
        [0xa1b2_c3d4_u32, 0xa1b2_3c4d].iter().any(|magic| capture.starts_with(&magic.to_le_bytes()));
    is_pcap && capture.get(20..24) == Some(&[1, 0, 0, 0])
}

/// Walks the record headers; gives the number of frames.
pub(crate) fn walk(capture: &[u8]) -> u32 {
    let mut frames = 0;
    each_frame(capture, |_| frames += 1);
    frames
}

/// Walks the frames and hashes the flow of each.
pub(crate) fn hash(capture: &[u8]) {
    let mut all = 0;
    each_frame(capture, |frame| all ^= flow_hash(frame));
    black_box(all);
}

/// Walks, hashes, and writes to a line of a table for each packet, those of a batch asked for ahead.
pub(crate) fn touch(capture: &[u8], table: &mut Table) {
    let lines = table.lines();
    let mask = lines.len() - 1;
    let (mut hashes, mut filled) = ([0; BATCH], 0);
    each_frame(capture, |frame| {
        let hash = flow_hash(frame);
        hashes[filled] = hash;
        prefetch(&lines[hash as usize & mask]);
        filled += 1;
        if filled == BATCH {
            filled = 0;
            for hash in hashes {
                let line = &mut lines[hash as usize & mask];
                line[..8].copy_from_slice(&hash.to_le_bytes());
                line[8] = line[8].wrapping_add(1);
            }
        }
    });
}

/// Asks for a line. Not by reading it: twice as slow here as not to ask at all, where asking is twice as fast.
#[inline]
fn prefetch(line: &Line) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(
            unsafe_code,
            reason = "the standard library has no safe way to ask the processor for memory"
        )]
        // SAFETY: the address is that of a line that is lent to us, and nothing is read.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    black_box(line[0]);
}

/// How many flows a capture has.
pub(crate) fn flows(capture: &[u8]) -> usize {
    let mut flows = HashSet::new();
    each_frame(capture, |frame| {
        flows.insert(flow_hash(frame));
    });
    flows.len()
}

/// A line of the cache.
type Line = [u8; 64];

/// Lines of 64 bytes, in huge pages where the system has them.
pub(crate) struct Table(MmapMut);

impl Table {
    /// At least two lines for each flow, a power of two; in memory that nobody touched yet.
    pub(crate) fn for_flows(flows: usize) -> Self {
        let lines = (flows * 2).next_power_of_two();
        let memory = MmapMut::map_anon(lines * size_of::<Line>()).expect("memory for the table");
        // A system without huge pages has the small ones.
        let _ = memory.advise(Advice::HugePage);
        Self(memory)
    }

    fn lines(&mut self) -> &mut [Line] {
        self.0.as_chunks_mut().0
    }

    /// How many lines it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len() / size_of::<Line>()
    }
}

#[inline]
fn each_frame(capture: &[u8], mut each: impl FnMut(&[u8])) {
    let (mut at, mut ahead) = (FILE_HEADER, 0);
    while let Some((header, rest)) = capture.get(at..).and_then(<[u8]>::split_first_chunk::<RECORD_HEADER>) {
        ahead ^= rest.get(AHEAD).copied().unwrap_or(0);
        let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *header;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some(frame) = rest.get(..length) else { break };
        each(frame);
        at += RECORD_HEADER + length;
    }
    black_box(ahead);
}

/// A hash of the addresses, ports and protocol of a frame, equal for both directions; 0 where it has none.
#[inline]
fn flow_hash(frame: &[u8]) -> u64 {
    match frame.get(12..15) {
        Some([0x08, 0x00, 0x45]) => v4_hash(frame),
        Some([0x86, 0xdd, _]) => v6_hash(frame),
        _ => None,
    }
    .unwrap_or(0)
}

#[inline]
fn v4_hash(frame: &[u8]) -> Option<u64> {
    let address = |at: usize| Some(u64::from(u32::from_be_bytes(*frame.get(at..)?.first_chunk()?)));
    let protocol = *frame.get(23)?;
    let (src_port, dst_port) = ports_of(*frame.get(34..)?.first_chunk()?, protocol);
    let (src, dst) = (address(26)? << 16 | src_port, address(30)? << 16 | dst_port);
    Some(mix(src.min(dst) << 8 | u64::from(protocol), src.max(dst)))
}

#[inline]
fn v6_hash(frame: &[u8]) -> Option<u64> {
    let protocol = *frame.get(20)?;
    let src = u128::from_be_bytes(*frame.get(22..)?.first_chunk()?);
    let dst = u128::from_be_bytes(*frame.get(38..)?.first_chunk()?);
    let (src_port, dst_port) = ports_of(*frame.get(54..)?.first_chunk()?, protocol);
    let half = |address: u128, port: u64| mix((address >> 64) as u64 ^ port, address as u64);
    let (src, dst) = (half(src, src_port), half(dst, dst_port));
    Some(mix(src.min(dst) ^ u64::from(protocol), src.max(dst)))
}

/// The ports; of ICMP there are none, and its flow is told by the addresses here.
#[inline]
fn ports_of([a, b, c, d]: [u8; 4], protocol: u8) -> (u64, u64) {
    if matches!(protocol, 1 | 58) {
        return (0, 0);
    }
    (u64::from(u16::from_be_bytes([a, b])), u64::from(u16::from_be_bytes([c, d])))
}

/// Multiply and fold.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
    product as u64 ^ (product >> 64) as u64
}
