//! Damaged captures: all before the damage is read, the damage is told, nothing panics (S12.1).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod build;

use build::{
    ORDERS, Order, block, enhanced, interface, open, pcap, pcap_header, read, read_each_way, read_sound,
    section, simple,
};
use proptest::prelude::*;
use vpcreplay_capture::{CaptureError, DamageAction};

const MICROS: u32 = 0xa1b2_c3d4;

/// A pcapng file with every kind of packet block, in two sections.
fn mixed() -> Vec<u8> {
    [
        section(Order::Little),
        interface(Order::Little, 1, 0, &[(9, &[9]), (0, b"")]),
        interface(Order::Little, 113, 0, &[(9, &[6]), (14, &[0, 0, 0, 0, 0, 0, 0, 1]), (0, b"")]),
        enhanced(Order::Little, 0, 10, b"one"),
        enhanced(Order::Little, 1, 11, b"two"),
        simple(Order::Little, 5, b"three"),
        block(Order::Little, 5, &[0; 12]),
        enhanced(Order::Little, 0, 12, b""),
        section(Order::Big),
        interface(Order::Big, 101, 0, &[]),
        build::obsolete(Order::Big, 0, 20, b"four!"),
        enhanced(Order::Big, 0, 30, b"five"),
    ]
    .concat()
}

/// Cuts a file everywhere: what is read is a beginning of what the whole file holds, and only a cut between two
/// records (or blocks) goes without damage.
fn cut_everywhere(file: &[u8], header: usize) {
    let whole = read_sound(file);
    for length in 0..file.len() {
        let part = &file[..length];
        let (frames, damages) = match read_each_way(&[part.to_vec()]) {
            Ok(read) => read,
            Err(CaptureError::NotACapture { .. }) => {
                assert!(length < header, "cut at {length}");
                continue;
            }
            Err(error) => panic!("cut at {length}: {error}"),
        };
        assert!(length >= header, "cut at {length}");
        assert_eq!(frames, whole[..frames.len()], "cut at {length}");
        assert!(damages.len() <= 1, "cut at {length}: {damages:?}");
        if let Some(damage) = damages.first() {
            assert_eq!(damage.after_frame, frames.len() as u64);
            assert_eq!(damage.action, DamageAction::Stopped);
            // Everything before the damage's offset is whole records.
            let offset = usize::try_from(damage.offset).unwrap();
            assert!(offset < length);
            assert_eq!(read_sound(&file[..offset]), frames, "cut at {length}");
        }
    }
}

#[test]
fn pcap_cut_at_every_byte() {
    for order in ORDERS {
        cut_everywhere(&pcap(order, MICROS, &[(1, 1, b"first"), (2, 2, b""), (3, 3, b"third")]), 24);
        cut_everywhere(&pcap(order, 0xa1b2_cd34, &[(1, 1, b"first"), (2, 2, b""), (3, 3, b"third")]), 24);
    }
}

#[test]
fn pcapng_cut_at_every_byte() {
    cut_everywhere(&mixed(), 28);
}

// A captured length that no snap length allows is a wrong length: pcap cannot go on after it.
#[test]
fn pcap_absurd_length_stops() {
    let mut file = pcap(Order::Little, MICROS, &[(1, 1, b"good")]);
    let offset = file.len() as u64;
    file.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
    file.extend([0; 100]);
    let (frames, damages) = read(&file);
    assert_eq!(frames.len(), 1);
    assert_eq!((damages[0].offset, damages[0].action), (offset, DamageAction::Stopped));
    assert!(damages[0].found.contains("2147483647"), "{}", damages[0]);
}

// Another version is read as the usual one, and told.
#[test]
fn pcap_version_is_told() {
    let mut file = pcap(Order::Big, MICROS, &[(1, 1, b"good")]);
    file[7] = 3;
    let (frames, damages) = read(&file);
    assert_eq!((frames.len(), damages.len(), damages[0].action), (1, 1, DamageAction::DefaultUsed));
    assert!(damages[0].to_string().contains("version 2.3"), "{}", damages[0]);
}

// Frames above the declared snap length are taken up to 262,144 bytes, and up to a larger snap length.
#[test]
fn pcap_large_frames() {
    for (snaplen, length, taken) in
        [(96, 262_144, 1), (96, 262_145, 0), (300_000, 300_000, 1), (300_000, 300_001, 0)]
    {
        let mut file = pcap_header(Order::Little, MICROS, snaplen, 1);
        file.extend([0; 8]);
        file.extend(u32::to_le_bytes(length));
        file.extend(u32::to_le_bytes(length));
        file.resize(file.len() + length as usize, 7);
        let (frames, damages) = read(&file);
        assert_eq!((frames.len(), damages.len()), (taken, 1 - taken), "snaplen {snaplen}, length {length}");
    }
}

/// Damages in the middle of a section: a sound frame, the bad block, a sound frame.
fn around(bad: &[u8]) -> (Vec<build::Read1>, Vec<vpcreplay_capture::Damage>, u64) {
    let before =
        [section(Order::Little), interface(Order::Little, 1, 0, &[]), enhanced(Order::Little, 0, 1, b"ok")];
    let before = before.concat();
    let offset = before.len() as u64;
    let file = [before, bad.to_vec(), enhanced(Order::Little, 0, 2, b"ok")].concat();
    let (frames, damages) = read(&file);
    (frames, damages, offset)
}

// A block whose lengths agree is whole: when its body is bad the next block is read.
#[test]
fn pcapng_bad_bodies_are_stepped_over() {
    let order = Order::Little;
    let mut long = enhanced(order, 0, 1, b"data");
    long[20] = 5;
    let cases = [
        (enhanced(order, 1, 1, b"data"), "interface 1"),
        (enhanced(order, u32::MAX, 1, b"data"), "interface 4294967295"),
        (build::obsolete(order, 3, 1, b"data"), "interface 3"),
        (long, "5 captured bytes in a block with room for 4"),
        (block(order, 6, &[0; 16]), "28 bytes"),
        (block(order, 2, &[0; 16]), "28 bytes"),
        (block(order, 3, &[]), "12 bytes"),
        (block(order, 1, &[0; 4]), "16 bytes"),
    ];
    for (bad, says) in cases {
        let (frames, damages, offset) = around(&bad);
        assert_eq!(frames.iter().map(|f| (f.nanos, f.number)).collect::<Vec<_>>(), [(1_000, 1), (2_000, 2)]);
        assert_eq!(damages.len(), 1, "{damages:?}");
        let damage = &damages[0];
        let resumed = DamageAction::ResumedAt(offset + bad.len() as u64);
        assert_eq!((damage.offset, damage.after_frame, damage.action), (offset, 1, resumed), "{damage}");
        assert!(damage.to_string().contains(says), "{damage}");
    }
}

// An interface whose description is bad keeps its number.
#[test]
fn bad_interface_keeps_its_number() {
    let order = Order::Little;
    let file = [
        section(order),
        block(order, 1, &[0; 4]),
        interface(order, 101, 0, &[]),
        enhanced(order, 0, 1, b"lost"),
        simple(order, 4, b"lost"),
        enhanced(order, 1, 1, b"kept"),
    ];
    let (frames, damages) = read(&file.concat());
    assert_eq!(frames.iter().map(|f| (f.link, f.data.as_slice())).collect::<Vec<_>>(), [(101, &b"kept"[..])]);
    assert_eq!(damages.len(), 3);
}

// A time option of a wrong length gives way to the default, and is told.
#[test]
fn bad_time_options_are_told() {
    let order = Order::Little;
    let file =
        [section(order), interface(order, 1, 0, &[(9, &[9, 9]), (14, &[1])]), enhanced(order, 0, 3, b"a")];
    let (frames, damages) = read(&file.concat());
    assert_eq!(frames[0].nanos, 3_000);
    assert_eq!(damages.iter().map(|d| d.action).collect::<Vec<_>>(), [DamageAction::DefaultUsed; 2]);
}

// Without sound lengths nothing says where the next block begins: only the next section is a safe place.
#[test]
fn pcapng_resumes_at_the_next_section() {
    let order = Order::Little;
    let mut wrong_trailer = enhanced(order, 0, 1, b"data");
    let last = wrong_trailer.len() - 4;
    wrong_trailer[last] += 4;
    let mut odd = enhanced(order, 0, 1, b"data");
    odd[4] += 1;
    let mut huge = enhanced(order, 0, 1, b"data");
    huge[7] = 0x7f;
    let mut beyond = enhanced(order, 0, 1, b"data");
    beyond[6] = 1;
    let mut zero = enhanced(order, 0, 1, b"data");
    zero[4] = 0;
    // Something that looks like a section header, but is not one.
    let mut decoy = section(order);
    decoy[24] = 0;
    let mut version = section(order);
    version[12] = 2;
    for bad in [wrong_trailer, odd, huge, beyond, zero] {
        let (frames, damages, offset) = around(&bad);
        assert_eq!((frames.len(), damages.len()), (1, 1), "no section follows");
        assert_eq!((damages[0].offset, damages[0].action), (offset, DamageAction::Stopped));

        let unseen = enhanced(order, 0, 9, b"lost");
        let next =
            [section(Order::Big), interface(Order::Big, 12, 0, &[]), enhanced(Order::Big, 0, 5, b"new")]
                .concat();
        let bad = [bad, decoy.clone(), version.clone(), vec![0x0a, 0x0d, 0x0d], unseen].concat();
        let (frames, damages, _) = around(&[bad.clone(), next].concat());
        let seen: Vec<_> = frames.iter().map(|f| (f.number, f.link, f.nanos)).collect();
        assert_eq!(seen, [(1, 1, 1_000), (2, 12, 5_000)]);
        // The last frame of `around` is little-endian and so is lost to the big-endian section.
        assert_eq!(damages.len(), 2, "{damages:?}");
        assert_eq!(damages[0].action, DamageAction::ResumedAt(offset + bad.len() as u64));
    }
}

#[test]
fn many_damages_are_counted_and_bounded() {
    let mut file = [section(Order::Little), interface(Order::Little, 1, 0, &[])].concat();
    for _ in 0..3_000 {
        file.extend(enhanced(Order::Little, 1, 1, b"x"));
    }
    let mut set = open(&[file]).unwrap();
    assert!(set.next_frame().unwrap().is_none());
    assert_eq!((set.damages().len(), set.damage_count()), (1_000, 3_000));
}

#[test]
fn slow_pipes_give_the_same_frames() {
    for file in [mixed(), pcap(Order::Big, MICROS, &[(1, 1, b"first"), (2, 2, b"second")])] {
        let trickle = build::Trickle(std::io::Cursor::new(file.clone()));
        let set = vpcreplay_capture::CaptureSet::from_readers(vec![("file-0".to_owned(), Box::new(trickle))])
            .unwrap();
        let (frames, damages) = build::drain(set);
        assert_eq!((frames, damages), (read_sound(&file), vec![]));
    }
}

proptest! {
    // Never a panic, and never a frame that the bytes do not hold.
    #[test]
    fn random_bytes(start in 0_usize..8, noise in proptest::collection::vec(any::<u8>(), 0..600)) {
        let starts = [
            vec![],
            pcap_header(Order::Little, MICROS, 65_535, 1),
            pcap_header(Order::Big, 0xa1b2_cd34, 65_535, 1),
            section(Order::Little),
            [section(Order::Big), interface(Order::Big, 1, 0, &[])].concat(),
            vec![0x1f, 0x8b, 8, 0],
            vec![0x28, 0xb5, 0x2f, 0xfd],
            vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82],
        ];
        let file = [starts[start].clone(), noise].concat();
        if let Ok((frames, damages)) = read_each_way(std::slice::from_ref(&file)) {
            let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
            prop_assert!(start > 4 || bytes <= file.len());
            prop_assert!(damages.iter().all(|damage| damage.name == "file-0"));
        }
    }

    // A flipped byte leaves what was before it as it was.
    #[test]
    fn flipped_bytes(at in any::<proptest::sample::Index>(), flip in 1_u8.., ng in any::<bool>()) {
        let file = if ng { mixed() } else { pcap(Order::Big, MICROS, &[(1, 1, b"first"), (2, 2, b"second")]) };
        let at = at.index(file.len());
        let mut bad = file.clone();
        bad[at] ^= flip;
        if let Ok((frames, _)) = read_each_way(&[bad]) {
            let sound = open(&[file[..at].to_vec()]).map_or(vec![], |set| build::drain(set).0);
            prop_assert!(frames.starts_with(&sound));
        }
    }
}
