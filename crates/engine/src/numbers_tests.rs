use super::{Numbers, resolve};

// S9.2: numbers follow the packets, whichever part they were judged in, and go on from those given before.
#[test]
fn numbers_follow_the_packets() {
    let mut whole = Numbers::new();
    assert_eq!([whole.next(1, 'a'), whole.next(2, 'b')], [1, 2]);
    let mut parts = [Numbers::of_part(0), Numbers::of_part(1), Numbers::of_part(2)];
    let asked = [(1, 3, 'c'), (0, 4, 'd'), (0, 4, 'e'), (1, 5, 'f'), (1, 9, 'g'), (0, 7, 'h')];
    let provisional = asked.map(|(part, packet, place)| parts[part].next(packet, place));
    whole.settle(&mut parts.each_mut());
    let settled = provisional.map(|number| resolve(number, |part| parts.get(part)));
    assert_eq!(settled, [3, 4, 5, 6, 8, 7]);
    assert_eq!(resolve(2, |part| parts.get(part)), 2);
    let places: Vec<(char, u64)> = parts[1].settled().map(|(place, (_, number))| (place, number)).collect();
    assert_eq!(places, [('c', 3), ('f', 6), ('g', 8)]);
    assert_eq!(whole.given(), 8);
    parts.iter_mut().for_each(Numbers::forget);
    whole.settle(&mut parts.each_mut());
    assert_eq!(whole.next(10, 'i'), 9);
}
