//! The captures of a scenario, in the packagings that it asks for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use vpcreplay_flow::LinkType;
use vpcreplay_testkit::scenario::{Block, Section};
use vpcreplay_testkit::write::{
    BlockKind, Endian, Interface, Magic, Pcapng, Resolution, TimedFrame, gzip, lz4, pcap, xz, zstd,
};

/// How captures are written: a line of a `capture` block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packaging {
    place: usize,
    words: Vec<String>,
}

impl Packaging {
    /// Whether it is the one that all others are compared with.
    pub(crate) const fn is_the_first(&self) -> bool {
        self.place == 0
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    fn check(&self) -> Result<(), String> {
        const KNOWN: [&str; 10] = ["pcap", "pcapng", "us", "ns", "le", "be", "gzip", "zstd", "lz4", "xz"];
        match self.words.iter().find(|word| !KNOWN.contains(&word.as_str())) {
            Some(unknown) => Err(format!("`{unknown}` is no word of a capture line")),
            None => Ok(()),
        }
    }
}

/// The packagings of a scenario.
pub(crate) fn packagings(section: &Section) -> Vec<Packaging> {
    let lines = section.blocks("capture").flat_map(Block::lines);
    let words = lines.map(|line| line.split_whitespace().map(str::to_owned).collect());
    let mut all: Vec<_> = words.enumerate().map(|(place, words)| Packaging { place, words }).collect();
    if all.is_empty() {
        all.push(Packaging::default());
    }
    all
}

/// The letters of the captures, in order; a scenario without packets has an empty one.
fn letters(section: &Section) -> BTreeSet<char> {
    let letters: BTreeSet<char> = section.rows.iter().map(|row| row.file).collect();
    if letters.is_empty() { BTreeSet::from(['a']) } else { letters }
}

/// The names of the captures: the same for every packaging, since content alone tells a format (S2.1).
pub(crate) fn names(section: &Section) -> Vec<String> {
    letters(section).into_iter().map(name).collect()
}

fn name(letter: char) -> String {
    format!("{letter}.capture")
}

/// Writes the captures of a scenario.
pub(crate) fn write(folder: &Path, section: &Section, packaging: &Packaging) -> Result<(), String> {
    packaging.check()?;
    for letter in letters(section) {
        let rows = section.rows.iter().filter(|row| row.file == letter);
        let frames: Vec<TimedFrame> = rows.map(|row| row.frame.clone()).collect();
        fs::write(folder.join(name(letter)), bytes(&frames, packaging)).unwrap();
    }
    Ok(())
}

/// Compresses a file.
type Compress = fn(&[u8]) -> Vec<u8>;

fn bytes(frames: &[TimedFrame], packaging: &Packaging) -> Vec<u8> {
    let endian = if packaging.has("be") { Endian::Big } else { Endian::Little };
    let links: BTreeSet<LinkType> = frames.iter().map(|timed| timed.frame.link_type).collect();
    let file = if packaging.has("pcap") {
        let magic = if packaging.has("us") { Magic::Micros } else { Magic::Nanos };
        pcap(magic, endian, links.first().copied().unwrap_or(LinkType::ETHERNET), frames)
    } else {
        let links: Vec<LinkType> = links.into_iter().collect();
        let digits = if packaging.has("us") { 6 } else { 9 };
        let resolution = Some(Resolution::PowerOfTen(digits));
        let mut file = Pcapng::new(endian);
        for link in &links {
            file.interface(Interface { resolution, ..Interface::nanos(*link) });
        }
        for timed in frames {
            let interface = links.iter().position(|link| *link == timed.frame.link_type).unwrap();
            file.packet(BlockKind::Enhanced, u32::try_from(interface).unwrap(), timed);
        }
        file.finish()
    };
    let compressors: [(&str, Compress); 4] = [("gzip", gzip), ("zstd", zstd), ("lz4", lz4), ("xz", xz)];
    let chosen = compressors.iter().find(|(word, _)| packaging.has(word));
    chosen.map_or(file.clone(), |(_, compress)| compress(&file))
}
