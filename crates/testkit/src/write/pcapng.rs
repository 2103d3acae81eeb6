//! pcapng files: sections, interfaces, all kinds of packet blocks.

use vpcreplay_flow::{LinkType, Timestamp};

use super::{Endian, TimedFrame};

/// Unit of an interface's timestamps (`if_tsresol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 10 to the minus this, in seconds.
    PowerOfTen(u8),
    /// 2 to the minus this, in seconds.
    PowerOfTwo(u8),
}

impl Resolution {
    /// Ticks in a second.
    const fn per_second(self) -> i128 {
        match self {
            Self::PowerOfTen(power) => 10_i128.pow(power as u32),
            Self::PowerOfTwo(power) => 1 << power,
        }
    }
}

/// An interface of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its link type.
    pub link_type: LinkType,
    /// Its snaplen; 0 is none.
    pub snaplen: u32,
    /// `if_tsresol`; `None` leaves it out: microseconds.
    pub resolution: Option<Resolution>,
    /// `if_tsoffset` in seconds; `None` leaves it out.
    pub offset: Option<i64>,
}

impl Interface {
    /// An interface with nanoseconds and no snaplen.
    pub const fn nanos(link_type: LinkType) -> Self {
        Self { link_type, snaplen: 0, resolution: Some(Resolution::PowerOfTen(9)), offset: None }
    }

    /// A time in ticks of this interface, cut to its resolution.
    fn ticks(&self, time: Timestamp) -> u64 {
        let per_second = self.resolution.unwrap_or(Resolution::PowerOfTen(6)).per_second();
        let nanos = i128::from(time.nanos()) - i128::from(self.offset.unwrap_or(0)) * 1_000_000_000;
        u64::try_from((nanos * per_second).div_euclid(1_000_000_000)).expect("a time of pcapng")
    }
}

/// Kind of a packet block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Enhanced packet block.
    Enhanced,
    /// Obsolete packet block.
    Obsolete,
    /// Simple packet block: interface 0, no time, original length only.
    Simple,
}

/// A pcapng file in the making.
#[derive(Clone, Debug)]
pub struct Pcapng {
    bytes: Vec<u8>,
    endian: Endian,
    interfaces: Vec<Interface>,
}

impl Pcapng {
    /// A file with one section without interfaces.
    pub fn new(endian: Endian) -> Self {
        let mut file = Self { bytes: Vec::new(), endian, interfaces: Vec::new() };
        file.section(endian);
        file
    }

    /// Begins another section.
    pub fn section(&mut self, endian: Endian) -> &mut Self {
        self.endian = endian;
        self.interfaces.clear();
        let mut body = endian.u32(0x1a2b_3c4d).to_vec();
        body.extend(endian.u16(1));
        body.extend(endian.u16(0));
        body.extend([0xff; 8]); // section length: not given
        self.block(0x0a0d_0d0a, &body);
        self
    }

    /// Adds an interface to the section; they are numbered from 0.
    pub fn interface(&mut self, interface: Interface) -> &mut Self {
        let endian = self.endian;
        let mut body = endian.u16(interface.link_type.0).to_vec();
        body.extend([0; 2]);
        body.extend(endian.u32(interface.snaplen));
        let mut has_options = false;
        if let Some(resolution) = interface.resolution {
            let value = match resolution {
                Resolution::PowerOfTen(power) => power,
                Resolution::PowerOfTwo(power) => power | 0x80,
            };
            body.extend(endian.u16(9));
            body.extend(endian.u16(1));
            body.extend([value, 0, 0, 0]);
            has_options = true;
        }
        if let Some(offset) = interface.offset {
            body.extend(endian.u16(14));
            body.extend(endian.u16(8));
            body.extend(match endian {
                Endian::Little => offset.to_le_bytes(),
                Endian::Big => offset.to_be_bytes(),
            });
            has_options = true;
        }
        if has_options {
            body.extend([0; 4]); // end of options
        }
        self.block(1, &body);
        self.interfaces.push(interface);
        self
    }

    /// Adds a packet of an interface.
    pub fn packet(&mut self, kind: BlockKind, interface: u32, timed: &TimedFrame) -> &mut Self {
        let endian = self.endian;
        let described = self.interfaces[interface as usize];
        assert_eq!(timed.frame.link_type, described.link_type, "the interface has another link type");
        let (bytes, original) = (&timed.frame.bytes, timed.frame.original_length);
        let captured = u32::try_from(bytes.len()).expect("a frame fits");
        let ticks = described.ticks(timed.time);
        let (high, low) = ((ticks >> 32) as u32, u32::try_from(ticks & 0xffff_ffff).expect("it was masked"));
        let mut body = Vec::new();
        let number = match kind {
            BlockKind::Enhanced => {
                body.extend(endian.u32(interface));
                6
            }
            BlockKind::Obsolete => {
                body.extend(endian.u16(u16::try_from(interface).expect("an interface fits")));
                body.extend(endian.u16(0xffff)); // drops: unknown
                2
            }
            BlockKind::Simple => {
                let limit = if described.snaplen == 0 { original } else { original.min(described.snaplen) };
                assert!(interface == 0 && captured == limit, "a simple packet block cannot say this");
                3
            }
        };
        if kind != BlockKind::Simple {
            body.extend([high, low, captured].map(|value| endian.u32(value)).concat());
        }
        body.extend(endian.u32(original));
        body.extend(bytes);
        self.block(number, &body);
        self
    }

    /// Adds any block, its body padded.
    pub fn block(&mut self, number: u32, body: &[u8]) -> &mut Self {
        let endian = self.endian;
        let padded = body.len().next_multiple_of(4);
        let length = endian.u32(u32::try_from(padded + 12).expect("a block fits"));
        self.bytes.extend(endian.u32(number));
        self.bytes.extend(length);
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len() + padded - body.len(), 0);
        self.bytes.extend(length);
        self
    }

    /// The file.
    pub fn finish(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}
