#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it should be")]

use vpcreplay_flow::{Span, TimeoutName};

use super::{Sweep, SweepOf};

fn limits(text: &str) -> Vec<u64> {
    match Sweep::parse(text).unwrap().of {
        SweepOf::Limit(values) => values,
        other @ SweepOf::Timeout(..) => panic!("{other:?}"),
    }
}

#[test]
fn lists_and_ranges_are_ascending_and_hold_both_ends() {
    assert_eq!(limits("limit=2000,1000,2000"), [1000, 2000]);
    assert_eq!(limits("limit=1..10000/5"), [1, 10, 100, 1000, 10_000]);
    assert_eq!(limits("limit=7,10..1000/3"), [7, 10, 100, 1000]);
    let values = limits("limit=1000..65535");
    assert_eq!((values.len(), values.first(), values.last()), (16, Some(&1000), Some(&65_535)));
    // Close ends have fewer values between them than asked for.
    assert_eq!(limits("limit=1..3/16"), [1, 2, 3]);
}

#[test]
fn timeouts_are_rounded_to_seconds_between_the_ends() {
    let parsed = Sweep::parse("tcp-established=1500ms..10s/4").unwrap();
    let values = [1500, 3000, 5000, 10_000].map(|millis| Span::from_nanos(millis * 1_000_000));
    assert_eq!(parsed.of, SweepOf::Timeout(TimeoutName::TcpEstablished, values.to_vec()));
    let parsed = Sweep::parse("udp-stream=3m").unwrap();
    assert_eq!(parsed.of, SweepOf::Timeout(TimeoutName::UdpStream, vec![Span::from_secs(180)]));
}

#[test]
fn what_is_no_sweep_says_what_is_expected() {
    let cases = [
        ("limit", "names are limit, tcp-established, udp, udp-stream"),
        ("icmp=30s", "`icmp` cannot be swept"),
        ("limit=", "expected a number of connections"),
        ("limit=0", "at least 1"),
        ("limit=10..10", "is empty"),
        ("limit=10..1", "is empty"),
        ("limit=1..100/1", "expected 2 to 256"),
        ("limit=1..100/x", "expected 2 to 256"),
        ("limit=1..1000/200,2000..90000/200", "too many"),
        ("udp=10ms", "at least 1s"),
        ("udp=fast", "not a duration"),
        ("udp=1s..", "not a duration"),
    ];
    for (text, expected) in cases {
        let error = Sweep::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
