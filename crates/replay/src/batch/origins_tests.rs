use vpcreplay_flow::Timestamp;

use super::{Origins, Place};

/// Files, frames and copies as they come when captures are read, merged, cut and multiplied; every third packet is stamped
/// earlier than engine time.
fn places() -> Vec<Place> {
    let from = [
        (0, 1, 0),
        (0, 2, 0),
        (0, 3, 0),
        (1, 3, 0),
        (1, 4, 0),
        (0, 4, 0),
        (0, 4, 1),
        (0, 5, 0),
        (0, 9, 0),
        (0, 10, 0),
    ];
    let place = |(number, (file, frame, copy)): (u64, (usize, u64, u16))| {
        let now = Timestamp::from_nanos(1000 + number.cast_signed());
        let time = if number.is_multiple_of(3) { Timestamp::from_nanos(5) } else { now };
        Place { number, file, frame, time, now, copy }
    };
    (1..).zip(from).map(place).collect()
}

// S1.4: what is kept by runs is what was put in, packet by packet.
#[test]
fn every_packet_has_its_own_origin() {
    let mut origins = Origins::new();
    for _ in 0..2 {
        origins.clear();
        for (at, place) in (0..).zip(places()) {
            origins.go_on(at, &place);
            if place.time != place.now {
                origins.note_stamp(at, place.time);
            }
        }
        for (at, place) in (0..).zip(places()) {
            let found = origins.of(at, place.now);
            assert_eq!(
                (found.file, found.frame, found.copy, found.time),
                (place.file, place.frame, place.copy, place.time)
            );
        }
        assert_eq!(origins.runs.len(), 6);
    }
}
