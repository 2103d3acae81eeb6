use super::*;

#[test]
fn thousands() {
    for (number, text) in [
        (0, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (65_535, "65,535"),
        (u64::MAX, "18,446,744,073,709,551,615"),
    ] {
        assert_eq!(grouped(number), text);
    }
}

#[test]
fn shares() {
    for (part, whole, text) in [
        (0, 10, "0 %"),
        (5, 0, "0 %"),
        (1, 3, "33.3 %"),
        (2, 3, "66.7 %"),
        (1, 1_000_000, "<0.1 %"),
        (999_999, 1_000_000, ">99.9 %"),
        (7, 7, "100.0 %"),
        (3, 2, "150.0 %"),
        (u64::MAX, u64::MAX, "100.0 %"),
    ] {
        assert_eq!(percent(part, whole), text, "{part} of {whole}");
    }
}

#[test]
fn sizes() {
    for (number, text) in
        [(999, "999 B"), (1_000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (u64::MAX, "18.4 EB")]
    {
        assert_eq!(bytes(number), text);
    }
}

#[test]
fn spans() {
    const SECOND: u64 = 1_000_000_000;
    for (nanos, text) in [
        (0, "0 ns"),
        (1_500, "1 µs"),
        (2_500_000, "2 ms"),
        (SECOND + 250_000_000, "1.2 s"),
        (302 * SECOND, "5 min 2 s"),
        (7_260 * SECOND, "2 h 1 min"),
        (432_000 * SECOND, "5 d 0 h"),
    ] {
        assert_eq!(duration(nanos), text);
    }
}

#[test]
fn one_and_many() {
    assert_eq!(counted(1, "packet"), "1 packet");
    assert_eq!(counted(0, "packet"), "0 packets");
    assert_eq!(counted(1_000, "packet"), "1,000 packets");
}
