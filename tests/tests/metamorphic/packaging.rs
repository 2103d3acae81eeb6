//! One capture in other packagings.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use vpcreplay_capture::{CaptureSet, Input};
use vpcreplay_flow::LinkType;
use vpcreplay_testkit::build::Frame;
use vpcreplay_testkit::write::{
    BlockKind, Endian, Interface, Magic, Pcapng, Resolution, TimedFrame, cut, gzip, lz4, pcap, xz, zstd,
};
use vpcreplay_tests::places;

/// The frames of a capture.
pub(crate) fn frames(path: &Path) -> Vec<TimedFrame> {
    let mut captures = CaptureSet::open(&[Input::Path(path.to_owned())]).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = captures.next_frame().unwrap() {
        let (bytes, original_length) = (frame.captured.to_vec(), frame.original_length);
        let frame_of = Frame { link_type: frame.link_type, bytes, original_length };
        frames.push(TimedFrame { time: frame.time, frame: frame_of });
    }
    frames
}

/// A copy of a folder that may be written to.
pub(crate) fn copy(folder: &Path) -> TempDir {
    let out = TempDir::new().unwrap();
    for path in places::files_below(folder) {
        let target = out.path().join(path.strip_prefix(folder).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, fs::read(&path).unwrap()).unwrap();
    }
    out
}

/// Whole captures: compressed as they are, and in the formats that can say what the frames say.
pub(crate) fn whole(path: &Path, frames: &[TimedFrame]) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = fs::read(path).unwrap();
    let mut all = vec![("pcapng in nanoseconds", pcapng(frames, 9))];
    let is_compressed = bytes.starts_with(&[0x1f, 0x8b]);
    if !is_compressed {
        all.extend([
            ("gzip", gzip(&bytes)),
            ("zstd", zstd(&bytes)),
            ("lz4", lz4(&bytes)),
            ("xz", xz(&bytes)),
        ]);
    }
    let is_coarse = frames.iter().all(|timed| timed.time.nanos() % 1_000 == 0);
    if is_coarse {
        all.push(("pcapng in microseconds", pcapng(frames, 6)));
    }
    let of_pcap = 0..i64::from(u32::MAX) * 1_000_000_000;
    let first = frames.first().map_or(LinkType::ETHERNET, |timed| timed.frame.link_type);
    let is_one = |timed: &TimedFrame| timed.frame.link_type == first && of_pcap.contains(&timed.time.nanos());
    if frames.iter().all(is_one) {
        all.push(("pcap in nanoseconds", pcap(Magic::Nanos, Endian::Big, first, frames)));
        if is_coarse {
            all.push(("pcap in microseconds", pcap(Magic::Micros, Endian::Little, first, frames)));
        }
    }
    all
}

fn pcapng(frames: &[TimedFrame], digits: u8) -> Vec<u8> {
    let mut links: Vec<LinkType> = frames.iter().map(|timed| timed.frame.link_type).collect();
    links.sort_unstable();
    links.dedup();
    let mut file = Pcapng::new(Endian::Big);
    for link in &links {
        let resolution = Some(Resolution::PowerOfTen(digits));
        file.interface(Interface { resolution, ..Interface::nanos(*link) });
    }
    for timed in frames {
        let interface = links.binary_search(&timed.frame.link_type).unwrap();
        file.packet(BlockKind::Enhanced, u32::try_from(interface).unwrap(), timed);
    }
    file.finish()
}

/// Writes a capture in up to four pieces into a folder; their paths. No clock regression straddles a cut (S1.5).
pub(crate) fn pieces(frames: &[TimedFrame], folder: &Path) -> Vec<String> {
    let clean = |at: &usize| {
        let before = frames[..*at].iter().map(|timed| timed.time).max();
        let after = frames[*at..].iter().map(|timed| timed.time).min();
        before < after
    };
    let wanted = [1, frames.len() / 3, frames.len() / 2, frames.len().saturating_sub(1)];
    let cuts: Vec<usize> = wanted.into_iter().filter_map(|at| (at..frames.len()).find(clean)).collect();
    fs::create_dir_all(folder).unwrap();
    let mut paths = Vec::new();
    for (index, piece) in cut(frames, &cuts).iter().filter(|piece| !piece.is_empty()).enumerate() {
        let name = format!("rotated.pcap{index}");
        fs::write(folder.join(&name), pcapng(piece, 9)).unwrap();
        paths.push(format!("{}/{name}", places::name(folder)));
    }
    paths
}
