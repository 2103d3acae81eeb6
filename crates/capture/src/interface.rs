//! Interfaces of a pcapng section: link type, snap length and the meaning of timestamps (S12.1).

use pcap_parser::OptionCode;
use pcap_parser::pcapng::{
    InterfaceDescriptionBlock, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
};
use vpcreplay_flow::{LinkType, Timestamp};

use crate::info::{Endianness, InterfaceInfo, Resolution};

/// An interface, ready to turn units into time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) link_type: LinkType,
    /// 0 when there is no limit.
    pub(crate) snaplen: u32,
    scale: Scale,
    /// `if_tsoffset` in nanoseconds.
    offset: i128,
}

/// How units become nanoseconds.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// Units of a nanosecond or more.
    Times(u32),
    /// Decimal units below a nanosecond.
    Over(u64),
    /// Decimal units so small that 2^64 of them are less than a nanosecond.
    Nothing,
    /// Binary units: times 10^9, less this many bits.
    Shift(u8),
}

/// What is odd about an option that was replaced by its default.
pub(crate) struct OptionFault {
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

impl Interface {
    /// Reads a whole interface description block; `None` when it is none.
    pub(crate) fn parse(
        block: &[u8],
        endianness: Endianness,
    ) -> Option<(Self, InterfaceInfo, Vec<OptionFault>)> {
        let (_, description) = match endianness {
            Endianness::Little => parse_interfacedescriptionblock_le(block),
            Endianness::Big => parse_interfacedescriptionblock_be(block),
        }
        .ok()?;
        let link_type = LinkType(u16::try_from(description.linktype.0).ok()?);
        let (resolution, offset, faults) = time_options(&description, endianness);
        let snaplen = description.snaplen;
        let interface = Self {
            link_type,
            snaplen,
            scale: Scale::of(resolution),
            offset: i128::from(offset) * 1_000_000_000,
        };
        Some((interface, InterfaceInfo { link_type, snaplen, resolution }, faults))
    }

    /// The time of a packet block: finer than a nanosecond is floored, beyond the range clamped (S12.1).
    #[inline]
    pub(crate) fn time(&self, high: u32, low: u32) -> Timestamp {
        let units = u64::from(high) << 32 | u64::from(low);
        // Whole nanoseconds are added after the floor, so that a negative sum is floored too.
        let nanos = self.scale.nanos(units) + self.offset;
        let clamped = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp::from_nanos(i64::try_from(clamped).unwrap_or(i64::MAX))
    }
}

impl Scale {
    fn of(resolution: Resolution) -> Self {
        match resolution {
            Resolution::Decimal(power @ 0..=9) => Self::Times(10_u32.pow(9 - u32::from(power))),
            Resolution::Decimal(power) => {
                10_u64.checked_pow(u32::from(power) - 9).map_or(Self::Nothing, Self::Over)
            }
            Resolution::Binary(power) => Self::Shift(power),
        }
    }

    #[inline]
    fn nanos(self, units: u64) -> i128 {
        match self {
            Self::Times(factor) => i128::from(units) * i128::from(factor),
            Self::Over(divisor) => i128::from(units / divisor),
            Self::Nothing => 0,
            // At most 2^94 before the shift, and the shift is below 128.
            Self::Shift(power) => (i128::from(units) * 1_000_000_000) >> power.min(127),
        }
    }
}

/// The options that give timestamps their meaning: resolution (default 10^-6) and offset in seconds (default 0).
fn time_options(
    description: &InterfaceDescriptionBlock<'_>,
    endianness: Endianness,
) -> (Resolution, i64, Vec<OptionFault>) {
    let (mut resolution, mut offset, mut faults) = (Resolution::Decimal(6), 0, Vec::new());
    // Of an option given twice the last counts; what follows the end-of-options mark is none.
    for option in description.options.iter().take_while(|option| option.code != OptionCode::EndOfOpt) {
        let value = option.as_bytes().unwrap_or_default();
        if option.code == OptionCode::IfTsresol {
            match value {
                [byte] if byte & 0x80 == 0 => resolution = Resolution::Decimal(*byte),
                [byte] => resolution = Resolution::Binary(byte & 0x7f),
                _ => faults.push(wrong_length("an if_tsresol option of 1 byte", value.len())),
            }
        } else if option.code == OptionCode::IfTsoffset {
            match value.try_into() {
                Ok(bytes) => offset = endianness.i64(bytes),
                Err(_) => faults.push(wrong_length("an if_tsoffset option of 8 bytes", value.len())),
            }
        }
    }
    (resolution, offset, faults)
}

fn wrong_length(expected: &'static str, length: usize) -> OptionFault {
    OptionFault { expected, found: format!("one of {length} bytes") }
}
