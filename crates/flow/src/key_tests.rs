use std::net::IpAddr;

use crate::{End, FlowKey, KeyClass, Protocol, QueryKind, QueryRole};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

// S7.1: both directions of one flow have one key, and the ends are told apart.
#[test]
fn direction_does_not_matter() {
    for (x, y) in [("10.0.0.1", "192.0.2.7"), ("2001:db8::1", "2001:db8::2"), ("10.0.0.1", "10.0.0.1")] {
        let (one, two) = ((ip(x), 40_000), (ip(y), 443));
        let (there, from) = FlowKey::ports(Protocol::TCP, one, two);
        let (back, to) = FlowKey::ports(Protocol::TCP, two, one);
        assert_eq!((there, from), (back, to.other()));
        assert_eq!((there.address(from), there.port(from)), (one.0, Some(one.1)));
        assert_eq!((there.address(to), there.port(to)), (two.0, Some(two.1)));
        assert_eq!((there.protocol(), there.class()), (Protocol::TCP, KeyClass::Ports));
    }
}

// S7.1
#[test]
fn the_key_of_ipv4_words_is_that_of_addresses() {
    for (a, b, x, y) in [
        (1_u32, 2_u32, 3, 4),
        (2, 1, 3, 4),
        (7, 7, 9, 8),
        (7, 7, 8, 9),
        (7, 7, 9, 9),
        (u32::MAX, 0, 0_u16, u16::MAX),
    ] {
        let address = |bits: u32| IpAddr::from(bits.to_be_bytes());
        let long = FlowKey::ports(Protocol::UDP, (address(a), x), (address(b), y));
        let words = (u64::from(a) << 32 | u64::from(b), u32::from(x) << 16 | u32::from(y));
        assert_eq!(FlowKey::ports_of_v4_words(Protocol::UDP, words.0, words.1), long, "{a} {x} {b} {y}");
    }
}

// S7.1
#[test]
#[expect(clippy::cast_possible_truncation, reason = "the halves of an address, and IPv4 addresses out of it")]
fn the_key_of_header_words_is_that_of_addresses() {
    let addresses = [0_u128, 1, 7 << 32 | 9, 9 << 32 | 7, 1 << 64, 2 << 64 | 1, 1 << 127, u128::MAX];
    let ports = [0_u16, 8, 9, 1 << 15, u16::MAX];
    let halves = |bits: u128| [(bits >> 64) as u64, bits as u64];
    for (a, b, x, y) in addresses
        .iter()
        .flat_map(|a| addresses.map(|b| (*a, b)))
        .flat_map(|(a, b)| ports.iter().flat_map(move |x| ports.map(|y| (a, b, *x, y))))
    {
        let both = u32::from(x) << 16 | u32::from(y);
        let wide = |bits: u128| IpAddr::from(bits.to_be_bytes());
        let long = FlowKey::ports(Protocol::SCTP, (wide(a), x), (wide(b), y));
        let [[a0, a1], [b0, b1]] = [halves(a), halves(b)];
        assert_eq!(
            FlowKey::ports_of_v6_words(Protocol::SCTP, [a0, a1, b0, b1], both),
            long,
            "{a} {x} {b} {y}"
        );

        let [a, b] = [a as u32, b as u32];
        let narrow = |bits: u32| IpAddr::from(bits.to_be_bytes());
        let long = FlowKey::ports(Protocol::UDP, (narrow(a), x), (narrow(b), y));
        let words = u64::from(a) << 32 | u64::from(b);
        assert_eq!(FlowKey::ports_of_v4_words(Protocol::UDP, words, both), long, "{a} {x} {b} {y}");
    }
}

// S7.1
#[test]
fn a_query_is_keyed_by_its_requester() {
    let ends = (ip("10.0.0.9"), ip("10.0.0.1"));
    let kinds = (QueryKind::Timestamp, QueryRole::Requester);
    let (key, sender) = FlowKey::query(Protocol::ICMP, ends, 77, kinds);
    assert_eq!((sender, key.icmp_id(), key.port(End::A)), (End::A, Some(77), None));
    assert_eq!(key.class(), KeyClass::Query(QueryKind::Timestamp));
    let answer = FlowKey::query(Protocol::ICMP, (ends.1, ends.0), 77, (kinds.0, QueryRole::Responder));
    assert_eq!(answer, (key, End::B));
}

#[test]
fn a_short_key_is_whole_with_its_addresses() {
    let narrow = FlowKey::one_way(Protocol::ICMP, (ip("10.0.0.9"), ip("10.0.0.1")), (3, 4));
    assert_eq!(narrow.short().whole(None), narrow);
    let wide = FlowKey::addresses(Protocol(47), ip("2001:db8::9"), ip("2001:db8::1")).0;
    assert_eq!(wide.short().whole(Some(wide.wide_addresses())), wide);
    assert_eq!(wide.short().hash64(), wide.hash64());
    assert!(wide.short().is_wide() && !narrow.short().is_wide());
}

// Keys that differ in one field only must not share their hash.
#[test]
fn every_part_of_a_key_reaches_its_hash() {
    let base = FlowKey::ports(Protocol::TCP, (ip("10.0.0.1"), 1), (ip("10.0.0.2"), 2)).0;
    let others = [
        FlowKey::ports(Protocol::UDP, (ip("10.0.0.1"), 1), (ip("10.0.0.2"), 2)).0,
        FlowKey::ports(Protocol::TCP, (ip("10.0.0.1"), 2), (ip("10.0.0.2"), 1)).0,
        FlowKey::ports(Protocol::TCP, (ip("10.0.0.3"), 1), (ip("10.0.0.2"), 2)).0,
        FlowKey::addresses(Protocol::TCP, ip("10.0.0.1"), ip("10.0.0.2")).0,
        base.with_copy(1),
        base.with_copy(1 << 15),
    ];
    for other in others {
        assert_ne!(other.hash64(), base.hash64(), "{other:?}");
    }
}

// S7.1: a copy of a capture has flows of its own; all else that a key tells stays.
#[test]
fn a_copy_is_told_apart_and_changes_nothing_else() {
    let kinds = (QueryKind::AddressMask, QueryRole::Requester);
    let keys = [
        FlowKey::ports(Protocol::TCP, (ip("10.0.0.1"), u16::MAX), (ip("10.0.0.2"), 2)).0,
        FlowKey::ports(Protocol(255), (ip("2001:db8::1"), 1), (ip("2001:db8::2"), u16::MAX)).0,
        FlowKey::query(Protocol::ICMP, (ip("10.0.0.9"), ip("10.0.0.1")), 7, kinds).0,
        FlowKey::one_way(Protocol::ICMP, (ip("10.0.0.9"), ip("10.0.0.1")), (255, 255)),
        FlowKey::addresses(Protocol(255), ip("2001:db8::9"), ip("2001:db8::1")).0,
    ];
    for key in keys {
        assert_eq!(key.copy(), 0);
        for copy in [1, 255, 256, u16::MAX] {
            let other = key.with_copy(copy);
            assert_eq!(other.copy(), copy);
            assert!(other != key && other.short() != key.short());
            assert_eq!((other.protocol(), other.class()), (key.protocol(), key.class()));
            assert_eq!((other.class(), other.is_wide()), (key.class(), key.is_wide()));
            for end in [End::A, End::B] {
                assert_eq!((other.address(end), other.port(end)), (key.address(end), key.port(end)));
            }
            assert_eq!(other.icmp_id(), key.icmp_id());
            assert_eq!(other.with_copy(0), key);
        }
    }
}
