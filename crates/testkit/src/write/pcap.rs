//! Classic pcap files.

use vpcreplay_flow::LinkType;

use super::TimedFrame;

/// Byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Endian {
    /// A 16-bit integer.
    pub(super) const fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    /// A 32-bit integer.
    pub(super) const fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// Kind of a classic pcap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// `0xa1b2c3d4`: microseconds.
    Micros,
    /// `0xa1b23c4d`: nanoseconds.
    Nanos,
    /// `0xa1b2cd34`: microseconds, with longer record headers.
    Modified,
}

/// A pcap file; times are cut to the resolution of its magic, and must lie between 1970 and 2106.
pub fn pcap(magic: Magic, endian: Endian, link_type: LinkType, frames: &[TimedFrame]) -> Vec<u8> {
    let (number, unit) = match magic {
        Magic::Micros => (0xa1b2_c3d4_u32, 1_000),
        Magic::Nanos => (0xa1b2_3c4d, 1),
        Magic::Modified => (0xa1b2_cd34, 1_000),
    };
    let mut file = Vec::new();
    file.extend(endian.u32(number));
    file.extend(endian.u16(2));
    file.extend(endian.u16(4));
    file.extend([0; 8]);
    file.extend(endian.u32(262_144));
    file.extend(endian.u32(u32::from(link_type.0)));
    for TimedFrame { time, frame } in frames {
        assert_eq!(frame.link_type, link_type, "a pcap file has one link type");
        let (seconds, rest) =
            (time.nanos().div_euclid(1_000_000_000), time.nanos().rem_euclid(1_000_000_000));
        let captured = u32::try_from(frame.bytes.len()).expect("a frame fits");
        file.extend(endian.u32(u32::try_from(seconds).expect("a time of pcap")));
        file.extend(endian.u32(u32::try_from(rest / unit).expect("a fraction of a second")));
        file.extend(endian.u32(captured));
        file.extend(endian.u32(frame.original_length));
        if magic == Magic::Modified {
            file.extend([0; 8]); // interface index, protocol, packet type, padding
        }
        file.extend(&frame.bytes);
    }
    file
}
