//! Copies of a capture and its speed: the engine on copies against the slow model of the rules, copies that a replay makes
//! against packets multiplied by hand, and what the program says of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::num::NonZeroU16;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::Value;
use vpcreplay_flow::{ClockStep, Decap, Span, Timestamp};
use vpcreplay_replay::{
    Batch, CaptureSet, Feed, FeedStats, Growth, Input, Item, Selection, Shift, Speed, TimeBound,
};
use vpcreplay_testkit::reference::{Packet, Scenario, replay};
use vpcreplay_testkit::strategies::scenario;
use vpcreplay_tests::compare::{self, Record};
use vpcreplay_tests::{engine, places, program};

fn multiplied(scenario: &Scenario, copies: u16) -> Scenario {
    let of = |packet: &Packet| {
        let packet = *packet;
        (0..copies).map(move |copy| Packet { copy, decoded: engine::in_copy(packet.decoded, copy), ..packet })
    };
    Scenario { packets: scenario.packets.iter().flat_map(of).collect(), ..scenario.clone() }
}

// S7.1 with the copy in the key: limits of 0, 1 and 2 are hit, flows are forgotten, ICMP errors are related.
#[test]
fn the_engine_on_copies_equals_the_reference() {
    let config =
        Config { cases: Config::default().cases.min(300), failure_persistence: None, ..Config::default() };
    let check = |(scenario, copies): (Scenario, u16)| {
        let scenario = multiplied(&scenario, copies);
        let (is, should) = (engine::outcome(&scenario).map_err(TestCaseError::fail)?, replay(&scenario));
        prop_assert_eq!(&is.records, &should.records);
        prop_assert_eq!(is, should);
        Ok(())
    };
    if let Err(TestError::Fail(reason, (scenario, copies))) =
        TestRunner::new(config).run(&(scenario(30), 2_u16..5), check)
    {
        panic!("{copies} copies, {reason}\n{}", scenario.model.to_toml());
    }
}

/// Captures of many kinds, each with the tunnel to take off.
fn captures() -> Vec<(PathBuf, Decap)> {
    let capture = |name: &str| places::workspace().join("captures").join(name);
    vec![
        (capture("three-tier/three-tier.pcap"), Decap::None),
        (capture("fragments/fragments.pcap"), Decap::None),
        (capture("fragments/late.pcap"), Decap::None),
        (capture("mirror-vxlan/mirror.pcap"), Decap::Vxlan),
        (capture("truncated/cut.pcap"), Decap::None),
        (capture("idle-timeouts/stretched.pcap"), Decap::None),
    ]
}

fn drain(mut feed: Feed, size: usize) -> (Vec<Item>, FeedStats) {
    let (mut items, mut batch) = (Vec::new(), Batch::default());
    loop {
        feed.fill(&mut batch, size).unwrap();
        if batch.is_empty() {
            return (items, feed.stats().clone());
        }
        assert!(batch.len() <= size);
        items.extend(batch.items());
    }
}

/// What growth should make of packets that were read once; fragments are resolved already, which a speed below 1 might change.
fn grown(items: &[Item], growth: &Growth) -> Vec<Item> {
    let Some(first) = items.first().map(|item| item.time) else { return Vec::new() };
    let mut all: Vec<Item> = Vec::new();
    for item in items {
        for copy in 0..growth.copies() {
            let late = growth.shift.map_or(Span::default(), |shift| shift.of(copy));
            let time = growth.speed.at(item.time, first).after(late);
            all.push(Item { copy, time, decoded: engine::in_copy(item.decoded, copy), ..*item });
        }
    }
    // Engine time inside each copy.
    let mut newest = vec![Timestamp::MIN; usize::from(growth.copies())];
    for item in &mut all {
        let newest = &mut newest[usize::from(item.copy)];
        *newest = item.time.max(*newest);
        item.now = *newest;
    }
    if growth.shift.is_some() {
        all.sort_by_key(|item| (item.now, item.copy));
    }
    for (number, item) in (1..).zip(&mut all) {
        item.number = number;
    }
    all
}

// The feed against packets multiplied by hand: numbers, times, copies and order, for any batch size.
#[test]
fn copies_are_those_made_by_hand() {
    let shift = |most, seed| Some(Shift { most: Span::from_nanos(most), seed });
    let growths = [
        (1, "1", None),
        (3, "1", None),
        (1, "3", None),
        (2, "7.25", None),
        (3, "1", shift(2_000_000_000, 0)),
        (5, "1.5", shift(1_000, 9)),
        (1, "1", shift(1_000, 9)),
    ];
    for (capture, decap) in captures() {
        let inputs = [Input::from_argument(&capture)];
        for (selection, (copies, speed, shift)) in [Selection::default(), part()]
            .iter()
            .flat_map(|selection| growths.map(|growth| (selection, growth)))
        {
            let growth = Growth { copies: NonZeroU16::new(copies), speed: speed.parse().unwrap(), shift };
            let once = Feed::new(CaptureSet::open(&inputs).unwrap(), decap, *selection);
            let (items, once) = drain(once, 100);
            let expected = grown(&items, &growth);
            for size in [1, 7, 1024] {
                let feed = Feed::open(&inputs, (decap, *selection), &growth).unwrap();
                let (is, stats) = drain(feed, size);
                assert_eq!(is.len(), expected.len(), "{capture:?} {growth:?}");
                for (is, should) in is.iter().zip(&expected) {
                    assert_eq!(format!("{is:?}"), format!("{should:?}"), "{capture:?} {growth:?}");
                }
                check_stats(&stats, (&once, &expected), copies);
            }
        }
    }
}

/// A part of a capture.
fn part() -> Selection {
    let after = |millis: u64| Some(TimeBound::After(Span::from_nanos(millis * 1_000_000)));
    Selection { since: after(100), until: after(5_000), first: Some(9) }
}

fn check_stats(stats: &FeedStats, (once, expected): (&FeedStats, &[Item]), copies: u16) {
    let copies = u64::from(copies);
    assert_eq!(stats.packets, expected.len() as u64);
    assert_eq!(stats.passed_over, once.passed_over);
    assert_eq!(stats.vxlan_packets, once.vxlan_packets * copies);
    assert_eq!(stats.fragments_inherited, once.fragments_inherited * copies);
    // S1.2
    let regressions = expected.iter().filter(|item| item.time < item.now).count();
    assert_eq!(stats.clock_regressions, regressions as u64);
    let mut clock = vpcreplay_flow::Clock::default();
    let jumps = expected.iter().filter(|item| clock.observe(item.now).1 == ClockStep::Jump);
    let jumps: Vec<_> = jumps.map(|item| (item.number, item.file, item.frame)).collect();
    assert_eq!((stats.clock_jumps, stats.first_clock_jump), (jumps.len() as u64, jumps.first().copied()));
    let ends = |item: Option<&Item>| item.map(|item| item.now);
    assert_eq!((stats.first_time, stats.last_time), (ends(expected.first()), ends(expected.last())));
}

// S2.7: a fragment is as old as replayed time says: at half the speed 16 s are 32.
#[test]
fn fragments_age_by_replayed_time() {
    let inputs = [Input::from_argument(places::workspace().join("captures/fragments/fragments.pcap"))];
    let inherited = |speed: &str| {
        let growth = Growth { speed: speed.parse::<Speed>().unwrap(), ..Growth::default() };
        let feed = Feed::open(&inputs, (Decap::None, Selection::default()), &growth).unwrap();
        drain(feed, 64).1.fragments_inherited
    };
    let once = inherited("1");
    assert!(once > 0);
    assert!(inherited("0.000001") < once, "a millionth of the speed puts fragments more than 30 s apart");
}

fn three_tier(more: &[&str]) -> program::Written {
    let folder = places::workspace().join("captures/three-tier");
    let arguments: Vec<&str> =
        ["three-tier.pcap", "--vpc", "model.toml"].iter().chain(more).copied().collect();
    program::replay(&folder, &arguments).map_err(String::from).unwrap()
}

fn number(record: &Record, field: &str) -> u64 {
    match &record[field] {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_u64().unwrap_or_else(|| panic!("{field}: {other}")),
    }
}

/// What a verdict says beside numbers that depend on how many copies there are.
fn judged(record: &Record) -> Record {
    let mut record = record.clone();
    for field in ["packet", "connection", "cause_packet", "copy"] {
        record.remove(field);
    }
    record
}

// Below the limits every copy is judged as the capture alone is, and occupancy is that many times as high.
#[test]
fn below_the_limits_copies_do_not_see_each_other() {
    let (one, three) = (three_tier(&[]), three_tier(&["--multiply", "3"]));
    let (one_by, three_by) = (compare::records(&one.records), compare::records(&three.records));
    assert_eq!(three_by.len(), 3 * one_by.len());
    for (index, record) in three_by.iter().enumerate() {
        assert_eq!(number(record, "packet"), index as u64 + 1);
        assert_eq!(number(record, "copy"), index as u64 % 3 + 1);
        assert_eq!(judged(record), judged(&one_by[index / 3]));
    }
    let (one_flows, three_flows) = (compare::records(&one.connections), compare::records(&three.connections));
    for copy in 1..=3 {
        let of_copy: Vec<&Record> = three_flows.iter().filter(|flow| number(flow, "copy") == copy).collect();
        assert_eq!(of_copy.len(), one_flows.len());
    }
    let (one_rows, three_rows) = (compare::rows(&one.series), compare::rows(&three.series));
    assert_eq!(one_rows.len(), three_rows.len());
    for (one, three) in one_rows.iter().zip(&three_rows) {
        for field in ["occupancy_max", "occupancy_last", "created", "expired", "reopened"] {
            assert_eq!(number(three, field), 3 * number(one, field), "{field}");
        }
    }
    // The records of one copy have no such field.
    assert!(one_by.iter().chain(&one_flows).all(|record| !record.contains_key("copy")));
    assert!(three.summary.contains("\"multiply\"") && !one.summary.contains("\"multiply\""));
}

// S7.8: at the limit copies compete; the verdicts are those of the slow way, a packet at a time.
#[test]
fn all_ways_give_the_same_bytes() {
    let all: [&[&str]; 4] = [
        &["--multiply", "3", "--limit", "5"],
        &["--multiply", "40", "--multiply-shift", "3s", "--seed", "5", "--speed", "0.75", "--limit", "25"],
        &["--speed", "100"],
        &["--multiply", "2", "--since", "+1s", "--first", "100"],
    ];
    for growth in all {
        let first = three_tier(&[growth, &["--threads", "1", "--batch", "1"]].concat());
        for (threads, batch) in [("1", "1024"), ("2", "7"), ("8", "64")] {
            let other = three_tier(&[growth, &["--threads", threads, "--batch", batch]].concat());
            assert!(other == first, "{growth:?} with {threads} threads and batches of {batch}");
        }
    }
    let shifted = |seed| three_tier(&["--multiply", "3", "--multiply-shift", "3s", "--seed", seed]).records;
    assert!(shifted("1") != shifted("2"));
}
