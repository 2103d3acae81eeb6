//! Compressed captures: recognised by content, read to the last member, kept as far as they are good (S2.1).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod build;

use std::io::Write;

use build::{Order, drain, open, pcap, read_sound};
use vpcreplay_capture::{CaptureError, Compression};

const ALL: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Lz4, Compression::Xz];

fn compress(kind: Compression, data: &[u8]) -> Vec<u8> {
    match kind {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// A capture of several kB that does not compress to nothing.
fn capture(frames: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let data: Vec<Vec<u8>> = (0..frames)
        .map(|_| {
            let bytes = (0..40).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24).to_le_bytes()[0]
            });
            bytes.collect()
        })
        .collect();
    let records: Vec<_> = (0..frames).zip(&data).map(|(second, data)| (second, 0, data.as_slice())).collect();
    pcap(Order::Little, 0xa1b2_c3d4, &records)
}

// S1.5: the frames are those of the plain file, whatever the compression and the number of its members.
#[test]
fn compressed_captures_hold_the_same_frames() {
    let plain = capture(500);
    let frames = read_sound(&plain);
    for kind in ALL {
        for parts in [1, 2, 7] {
            let pieces = plain.chunks(plain.len().div_ceil(parts));
            let file: Vec<u8> = pieces.flat_map(|piece| compress(kind, piece)).collect();
            let set = open(&[file]).unwrap();
            assert_eq!(set.formats()[0].compression, Some(kind));
            assert_eq!(drain(set), (frames.clone(), vec![]), "{kind} in {parts} parts");
        }
    }
}

// zstd writes skippable frames (its seekable format, among others).
#[test]
fn zstd_skippable_frames_are_skipped() {
    let plain = capture(3);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let file = [&skippable[..], &compress(Compression::Zstd, &plain), &skippable].concat();
    assert_eq!(read_sound(&file), read_sound(&plain));
}

// A cut stream is damage; the frames before the cut are kept.
#[test]
fn cut_streams_keep_what_was_good() {
    let plain = capture(60);
    let whole = read_sound(&plain);
    for kind in ALL {
        let member = compress(kind, &plain);
        let file = [member.clone(), compress(kind, b"")].concat();
        let mut most = 0;
        for length in 0..file.len() {
            let set = match open(&[file[..length].to_vec()]) {
                Ok(set) => set,
                Err(CaptureError::NotACapture { .. }) => continue,
                Err(error) => panic!("{kind} cut at {length}: {error}"),
            };
            let (frames, damages) = drain(set);
            assert_eq!(frames, whole[..frames.len()], "{kind} cut at {length}");
            most = most.max(frames.len());
            // Between two members nothing is missing that anyone could know of.
            let sound = length == member.len();
            // A magic number without its frame is not told from the end (lz4_flex).
            let blind = kind == Compression::Lz4 && length == member.len() + 4;
            assert_eq!(
                damages.is_empty(),
                sound || blind,
                "{kind} cut at {length} of {}: {damages:?}",
                file.len()
            );
            if let [damage, ..] = damages.as_slice() {
                assert!(damage.decompressed_offset);
                assert!(damage.found.contains(&format!("the {kind} stream is")), "{damage}");
            }
        }
        assert_eq!(most, whole.len(), "{kind}");
    }
}

// Wrong bytes in the middle of a stream are damage as well; the frames far enough before them are kept. (What a
// decoder makes of the wrong bytes before it finds out cannot be told from frames.)
#[test]
fn damaged_streams_keep_what_was_good() {
    let plain = capture(20_000);
    let whole = read_sound(&plain);
    for kind in ALL {
        let mut file = compress(kind, &plain);
        let at = file.len() * 3 / 4;
        for byte in &mut file[at..at + 64] {
            *byte ^= 0x55;
        }
        let (frames, damages) = drain(open(&[file]).unwrap());
        assert_eq!(damages.len(), 1, "{kind}: {damages:?}");
        assert!(frames.len() > 10_000, "{kind}: {} frames", frames.len());
        assert_eq!(frames[..10_000], whole[..10_000], "{kind}");
    }
}

// The error says what the stream holds.
#[test]
fn compressed_text_is_named() {
    for kind in ALL {
        let Err(error) = open(&[compress(kind, b"hello, world\n")]) else {
            panic!("{kind}: text is no capture")
        };
        let found = format!("a {kind} stream that holds text, beginning `hello, world`");
        assert!(error.to_string().contains(&found), "{error}");
    }
}

// A stream may not make us take as much memory as it says.
#[test]
fn xz_memory_is_bounded() {
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(512 << 20);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let stream =
        liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(&capture(3)).unwrap();
    let Err(error) = open(&[encoder.finish().unwrap()]) else { panic!("too much memory") };
    assert!(error.to_string().contains("xz stream"), "{error}");
}
