//! What a capture file is: format, byte order, compression, interfaces.

use std::fmt;

use vpcreplay_flow::LinkType;

/// What is known of a file so far; complete once it is read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The file's name, as [`crate::CaptureSet::names`] has it.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// How it is compressed; `None` when it is plain.
    pub compression: Option<Compression>,
    /// Byte orders of its sections, in order of appearance, each once.
    pub endianness: Vec<Endianness>,
    /// Sections so far; a pcap file is one.
    pub sections: u64,
    /// Interfaces declared so far, over all sections; a pcap file is one.
    pub interface_count: u64,
    /// The distinct kinds of these interfaces, the first 64 of them.
    pub interfaces: Vec<InterfaceInfo>,
    /// Frames read so far.
    pub frames: u64,
}

impl FileInfo {
    /// How many kinds of interfaces are kept.
    const MAX_KINDS: usize = 64;

    pub(crate) fn new(format: Format, compression: Option<Compression>) -> Self {
        Self {
            name: String::new(),
            format,
            compression,
            endianness: Vec::new(),
            sections: 0,
            interface_count: 0,
            interfaces: Vec::new(),
            frames: 0,
        }
    }

    pub(crate) fn saw_section(&mut self, endianness: Endianness) {
        self.sections += 1;
        if !self.endianness.contains(&endianness) {
            self.endianness.push(endianness);
        }
    }

    pub(crate) fn saw_interface(&mut self, interface: InterfaceInfo) {
        self.interface_count += 1;
        if self.interfaces.len() < Self::MAX_KINDS && !self.interfaces.contains(&interface) {
            self.interfaces.push(interface);
        }
    }
}

/// What an interface declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    /// Its link type.
    pub link_type: LinkType,
    /// Most bytes captured of a frame, as declared; 0 when there is no limit.
    pub snaplen: u32,
    /// The unit of its timestamps.
    pub resolution: Resolution,
}

/// Capture file formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap.
    Pcap,
    /// Classic pcap with 24-byte record headers (magic `0xa1b2cd34`).
    PcapModified,
    /// pcapng.
    PcapNg,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcap => "pcap",
            Self::PcapModified => "pcap (modified)",
            Self::PcapNg => "pcapng",
        })
    }
}

/// Byte order of a file's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endianness {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Endianness {
    #[inline]
    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(crate) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }
}

impl fmt::Display for Endianness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Little => "little-endian",
            Self::Big => "big-endian",
        })
    }
}

/// Compression formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
    /// LZ4 frame format, one frame or several.
    Lz4,
    /// xz, one stream or several.
    Xz,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
        })
    }
}

/// The unit of an interface's timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 10 to the power of minus this, seconds.
    Decimal(u8),
    /// 2 to the power of minus this, seconds.
    Binary(u8),
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(0) => f.write_str("s"),
            Self::Decimal(3) => f.write_str("ms"),
            Self::Decimal(6) => f.write_str("µs"),
            Self::Decimal(9) => f.write_str("ns"),
            Self::Decimal(power) => write!(f, "10^-{power} s"),
            Self::Binary(power) => write!(f, "2^-{power} s"),
        }
    }
}
