//! Formats, byte orders, resolutions and the fine print of timestamps (S2.1, S12.1).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod build;

use build::{
    ORDERS, Order, block, enhanced, interface, obsolete, open, pcap, pcap_header, read_sound, section, simple,
};
use vpcreplay_capture::{Endianness, Format, Resolution};

// S2.1: both byte orders; microseconds, nanoseconds and the modified format.
#[test]
fn pcap_in_every_variant() {
    for order in ORDERS {
        for (magic, unit) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1), (0xa1b2_cd34, 1_000)] {
            let frames =
                read_sound(&pcap(order, magic, &[(5, 7, b"first"), (4_294_967_295, 9, b""), (1, 2, b"xyz")]));
            let seen: Vec<_> =
                frames.iter().map(|f| (f.nanos, f.data.as_slice(), f.original, f.number)).collect();
            let expected = [
                (5_000_000_000 + 7 * unit, &b"first"[..], 1005, 1),
                (4_294_967_295_000_000_000 + 9 * unit, b"", 1000, 2),
                (1_000_000_000 + 2 * unit, b"xyz", 1003, 3),
            ];
            assert_eq!(seen, expected, "{order:?} {magic:#x}");
        }
    }
}

// S12.1: a fraction of a second or more carries over.
#[test]
fn pcap_fraction_carries_over() {
    let nanos = |magic, fraction| read_sound(&pcap(Order::Little, magic, &[(3, fraction, b"a")]))[0].nanos;
    assert_eq!(nanos(0xa1b2_c3d4, 1_500_000), 4_500_000_000);
    assert_eq!(nanos(0xa1b2_c3d4, u32::MAX), 3_000_000_000 + 4_294_967_295_000);
    assert_eq!(nanos(0xa1b2_3c4d, u32::MAX), 3_000_000_000 + 4_294_967_295);
}

// S12.1: the FCS bits of the link-type field are masked.
#[test]
fn pcap_fcs_bits_are_masked() {
    for order in ORDERS {
        let mut file = pcap_header(order, 0xa1b2_c3d4, 65_535, 0x5400_0071);
        file.extend([0; 16]);
        assert_eq!(read_sound(&file)[0].link, 113);
    }
}

#[test]
fn valid_headers_without_frames_are_sound() {
    assert_eq!(read_sound(&pcap(Order::Big, 0xa1b2_c3d4, &[])), []);
    assert_eq!(read_sound(&section(Order::Big)), []);
}

/// Time of one enhanced packet block, with this resolution and offset.
fn time(order: Order, resolution: Option<u8>, offset: Option<i64>, units: u64) -> i64 {
    let resolution = resolution.map(|byte| [byte]);
    let offset = offset.map(|seconds| match order {
        Order::Little => seconds.to_le_bytes(),
        Order::Big => seconds.to_be_bytes(),
    });
    let mut options: Vec<(u16, &[u8])> = vec![(2, b"eth0")];
    options.extend(resolution.as_ref().map(|value| (9, &value[..])));
    options.extend(offset.as_ref().map(|value| (14, &value[..])));
    options.push((0, b""));
    let file = [section(order), interface(order, 1, 0, &options), enhanced(order, 0, units, b"abc")].concat();
    read_sound(&file)[0].nanos
}

// S2.1, S12.1: powers of 10 and of 2; finer than a nanosecond is floored, beyond the range clamped.
#[test]
fn pcapng_resolutions() {
    for order in ORDERS {
        let at = |resolution, units| time(order, resolution, None, units);
        assert_eq!(at(None, 1_500_000), 1_500_000_000);
        assert_eq!(at(Some(6), 7), 7_000);
        assert_eq!(at(Some(0), 7), 7_000_000_000);
        assert_eq!(at(Some(3), 7), 7_000_000);
        assert_eq!(at(Some(9), 7), 7);
        assert_eq!(at(Some(12), 7_999), 7);
        assert_eq!(at(Some(28), u64::MAX), 1);
        assert_eq!(at(Some(29), u64::MAX), 0);
        assert_eq!(at(Some(127), u64::MAX), 0);
        assert_eq!(at(Some(0x80), 7), 7_000_000_000);
        assert_eq!(at(Some(0x8a), 1025), 1_000_976_562);
        assert_eq!(at(Some(0x9e), 3), 2);
        assert_eq!(at(Some(0xbf), u64::MAX), 1_999_999_999);
        assert_eq!(at(Some(0xff), u64::MAX), 0);
        assert_eq!(at(Some(6), u64::MAX), i64::MAX);
        assert_eq!(at(Some(9), i64::MAX as u64 + 5), i64::MAX);
    }
}

// S2.1: if_tsoffset is added, signed; S12.1: a negative time is floored like any other.
#[test]
fn pcapng_offsets() {
    for order in ORDERS {
        let at = |resolution, offset, units| time(order, resolution, Some(offset), units);
        assert_eq!(at(None, 5, 1), 5_000_001_000);
        assert_eq!(at(Some(9), -5, 1), -4_999_999_999);
        assert_eq!(at(Some(12), -1, 1_500), -999_999_999);
        assert_eq!(at(Some(6), i64::MAX, 1), i64::MAX);
        assert_eq!(at(Some(6), i64::MIN, 1), i64::MIN);
        // The range is left only in between.
        assert_eq!(at(Some(0), -10_000_000_000, 10_000_000_001), 1_000_000_000);
    }
}

// What follows the end-of-options mark is no option.
#[test]
fn options_end_at_their_mark() {
    let file = [
        section(Order::Little),
        interface(Order::Little, 1, 0, &[(0, b""), (9, &[9])]),
        enhanced(Order::Little, 0, 3, b"a"),
    ];
    assert_eq!(read_sound(&file.concat())[0].nanos, 3_000);
}

// S2.1: obsolete packet blocks; other kinds of blocks are stepped over and have no frame number (S1.4).
#[test]
fn pcapng_packet_blocks() {
    for order in ORDERS {
        let file = [
            section(order),
            block(order, 5, &[1; 12]),
            interface(order, 1, 0, &[]),
            interface(order, 101, 0, &[(9, &[9])]),
            enhanced(order, 1, 1 << 33, b"enhanced"),
            block(order, 0x0bad, b"unknown"),
            obsolete(order, 1, 1 << 33, b"obsolete!"),
            obsolete(order, 0, 2, b""),
        ];
        let frames = read_sound(&file.concat());
        let seen: Vec<_> =
            frames.iter().map(|f| (f.nanos, f.link, f.data.as_slice(), f.original, f.number)).collect();
        let expected = [
            (1 << 33, 101, &b"enhanced"[..], 1008, 1),
            (1 << 33, 101, b"obsolete!", 1009, 2),
            (2_000, 1, b"", 1000, 3),
        ];
        assert_eq!(seen, expected, "{order:?}");
    }
}

// S12.1: a simple packet block takes the time of the frame before it in its file, 0 if it is the first; its
// captured length is the least of original length, snap length and the block's room.
#[test]
fn simple_packet_blocks() {
    for order in ORDERS {
        let file = [
            section(order),
            interface(order, 1, 6, &[]),
            simple(order, 3, b"abc"),
            enhanced(order, 0, 42, b"timed"),
            simple(order, 100, b"eight by"),
            section(order),
            interface(order, 101, 0, &[]),
            simple(order, 100, b"no limit"),
        ];
        let frames = read_sound(&file.concat());
        let seen: Vec<_> = frames.iter().map(|f| (f.nanos, f.link, f.data.as_slice(), f.original)).collect();
        let expected = [
            (0, 1, &b"abc"[..], 3),
            (42_000, 1, b"timed", 1005),
            (42_000, 1, b"eight ", 100),
            (42_000, 101, b"no limit", 100),
        ];
        assert_eq!(seen, expected, "{order:?}");
    }
}

// S2.1: several sections, each with its byte order and its own interfaces.
#[test]
fn sections_of_both_byte_orders() {
    let mut file = Vec::new();
    for (order, link) in [(Order::Little, 1), (Order::Big, 113), (Order::Little, 12)] {
        file.extend(
            [section(order), interface(order, link, 0, &[(9, &[9])]), enhanced(order, 0, 5, b"abcd")]
                .concat(),
        );
    }
    let mut set = open(&[file]).unwrap();
    let mut links = Vec::new();
    while let Some(frame) = set.next_frame().unwrap() {
        assert_eq!((frame.time.nanos(), frame.captured), (5, &b"abcd"[..]));
        links.push(frame.link_type.0);
    }
    assert_eq!(links, [1, 113, 12]);
    let info = &set.formats()[0];
    assert_eq!((info.format, info.sections, info.interface_count, info.frames), (Format::PcapNg, 3, 3, 3));
    assert_eq!(info.endianness, [Endianness::Little, Endianness::Big]);
    assert_eq!(info.interfaces.iter().map(|i| i.link_type.0).collect::<Vec<_>>(), [1, 113, 12]);
}

#[test]
fn formats_tell_what_a_pcap_file_is() {
    let mut set = open(&[pcap(Order::Big, 0xa1b2_3c4d, &[(1, 1, b"a")])]).unwrap();
    assert!(set.next_frame().unwrap().is_some());
    let info = &set.formats()[0];
    assert_eq!((info.name.as_str(), info.format, info.compression), ("file-0", Format::Pcap, None));
    assert_eq!(info.endianness, [Endianness::Big]);
    assert_eq!((info.interfaces[0].snaplen, info.interfaces[0].resolution), (65_535, Resolution::Decimal(9)));
}

// Frames of enhanced packet blocks are at hand, in order, until there is anything else to be told.
#[test]
fn enhanced_packet_blocks_are_at_hand() {
    let order = Order::Little;
    let units: Vec<u64> = (1..=20).collect();
    let blocks = |units: &[u64]| -> Vec<u8> {
        units.iter().flat_map(|units| enhanced(order, (units % 2) as u32, *units, b"data")).collect()
    };
    let interfaces = [interface(order, 1, 0, &[]), interface(order, 101, 0, &[(9, &[9])])].concat();
    let file =
        [section(order), interfaces, blocks(&units[..12]), simple(order, 4, b"data"), blocks(&units[12..])];
    let mut set = open(&[file.concat()]).unwrap();
    let mut at_hand = |most| {
        let mut numbers = Vec::new();
        let lent = set.each_at_hand::<true>(most, |frame, again| {
            assert_eq!(again.lend(), frame);
            numbers.push(frame.number);
        });
        assert_eq!((lent, set.each_at_hand::<false>(most, |_, _| {})), (numbers.len(), 0));
        if numbers.is_empty() {
            assert!(set.next_frame().unwrap().is_some());
        }
        numbers
    };
    // The first frame of a file comes with its opening, and the simple packet block by itself.
    assert_eq!((at_hand(0), at_hand(1), at_hand(2)), (vec![], vec![2], vec![3, 4]));
    assert_eq!((at_hand(100), at_hand(100)), ((5..=12).collect(), vec![]));
    assert_eq!(at_hand(100), (14..=21).collect::<Vec<_>>());
}
