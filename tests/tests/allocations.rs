//! In steady state a packet costs no allocation: not one of a known flow, nor one whose flow is new, reopened or long
//! over, once the tables have grown to the size of the traffic.
//!
//! Each case plays the same packets again and again, later each time, and counts what reading, decoding and judging
//! allocate in the later rounds.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

use std::io::Cursor;
use std::sync::Arc;

use allocation_counter::measure;
use vpcreplay_replay::engine::{Engine, Settings, Timeline};
use vpcreplay_replay::flow::{Decap, Span};
use vpcreplay_replay::policy::{self, Document, Options, Policy, Registry};
use vpcreplay_replay::{Batch, CaptureSet, Feed, Selection};
use vpcreplay_testkit::workload::{Pace, Workload, capture_at};

const BATCH: usize = 1024;
const BATCHES: usize = 48;
const PACKETS: usize = BATCH * BATCHES;
const ROUNDS: usize = 14;
/// Rounds in which the tables may grow: timers that mean nothing any more pile up for some, until they are cleared away.
const GROWTH: usize = 8;
/// A limit that all workloads run into.
const LOW: u64 = 500;

/// What may be allocated for 10,000 packets where flows end all the time, beside nothing for each packet: a list of
/// timers still grows now and then, when more than ever before go off at once.
const SELDOM: u64 = 2;

/// A pace, by what it does to the flows.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// The flows of the round before live on: their packets are hits, and SYNs reopen those that were closed.
    GoesOn,
    /// So slow that flows end and begin all the time.
    Slow,
    /// Everything ends between two rounds.
    Gaps,
}

impl Course {
    fn pace(self) -> Pace {
        let (micros, pause) = match self {
            Self::GoesOn => (10, 1),
            Self::Slow => (20_000, 1),
            // More than five days: the longest timeout.
            Self::Gaps => (10, 500_000),
        };
        let rounds = u32::try_from(ROUNDS).expect("few rounds");
        Pace { spacing: Span::from_nanos(micros * 1_000), pause: Span::from_secs(pause), rounds }
    }
}

/// What a round allocated, how many connections it began, and how many were alive at its end.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    reading: u64,
    judging: u64,
    began: u64,
    alive: u64,
}

fn engine(workload: Workload, limit: Option<u64>) -> Engine {
    let model = workload.model();
    let document = Document { name: model.file.to_owned(), bytes: model.toml.as_bytes().to_vec() };
    let loaded = policy::load(&[document], &policy::Selection::default()).expect("the model loads");
    let (options, mut registry) = (Options { limit, ..Options::default() }, Registry::new());
    let compiled = Policy::compile(&loaded.network, &options, None, &mut registry);
    let first = Arc::new(compiled.expect("the model compiles").0);
    let timeline = Timeline { first, later: Vec::new(), registry: Arc::new(registry) };
    Engine::new(timeline, Settings::default())
}

fn play(workload: Workload, course: Course, limit: Option<u64>) -> Vec<Round> {
    let bytes = capture_at(workload, u32::try_from(PACKETS).expect("few packets"), course.pace());
    let inputs = vec![("memory".to_owned(), Box::new(Cursor::new(bytes)) as _)];
    let captures = CaptureSet::from_readers(inputs).expect("the capture opens");
    let mut feed = Feed::new(captures, Decap::None, Selection::default());
    let mut engine = engine(workload, limit);
    let mut batch = Batch::default();
    let mut rounds = vec![Round::default(); ROUNDS];
    for round in &mut rounds {
        let before = engine.connections();
        for _ in 0..BATCHES {
            let read = measure(|| feed.fill(&mut batch, BATCH).expect("the capture is sound"));
            assert_eq!(batch.len(), BATCH);
            let mut verdicts = 0;
            let judged = measure(|| {
                engine.judge_batch(&batch.all(), |_, _| verdicts += 1);
            });
            assert_eq!(verdicts, BATCH);
            round.reading += read.count_total;
            round.judging += judged.count_total;
        }
        round.began = engine.connections() - before;
        let scopes: Vec<_> = engine.policy().scopes().collect();
        round.alive = scopes.into_iter().map(|scope| engine.occupancy(scope)).sum();
    }
    assert!(rounds[0].judging > 0, "allocations are counted: the tables grew in the first round");
    rounds
}

/// What was allocated once the tables had grown.
fn later(rounds: &[Round]) -> (u64, u64) {
    let later = &rounds[GROWTH..];
    (later.iter().map(|round| round.reading).sum(), later.iter().map(|round| round.judging).sum())
}

fn check_seldom(workload: Workload, rounds: &[Round]) {
    let (reading, judging) = later(rounds);
    assert_eq!(reading, 0, "{workload:?}: {rounds:#?}");
    let packets = ((ROUNDS - GROWTH) * PACKETS) as u64;
    assert!(judging * 10_000 <= SELDOM * packets, "{workload:?}: {judging} for {packets}: {rounds:#?}");
}

/// Packets of known flows, denied ones among them, and SYNs that reopen (S7.6).
#[test]
fn known_and_reopened_flows_cost_no_allocation() {
    for workload in Workload::ALL {
        for limit in [None, Some(LOW)] {
            let rounds = play(workload, Course::GoesOn, limit);
            assert_eq!(later(&rounds), (0, 0), "{workload:?}, limit {limit:?}: {rounds:#?}");
            assert!(rounds[GROWTH..].iter().any(|round| round.began == 0), "hits alone: {rounds:#?}");
        }
    }
    // Nothing ends here, so that what begins has been reopened.
    let rounds = play(Workload::Small, Course::GoesOn, None);
    assert!(rounds[GROWTH..].iter().any(|round| round.began > 500), "{rounds:#?}");
}

/// Flows that are new while others end.
#[test]
fn new_flows_cost_no_allocation_while_others_end() {
    for workload in Workload::ALL {
        for limit in [None, Some(LOW)] {
            let rounds = play(workload, Course::Slow, limit);
            check_seldom(workload, &rounds);
            let ended = |pair: &[Round]| pair[0].alive + pair[1].began - pair[1].alive;
            assert!(rounds[GROWTH..].windows(2).all(|pair| ended(pair) > 400), "{workload:?}: {rounds:#?}");
        }
    }
}

/// Flows that are new where everything ended before.
#[test]
fn new_flows_cost_no_allocation_after_all_have_ended() {
    for workload in Workload::ALL {
        for limit in [None, Some(LOW)] {
            let rounds = play(workload, Course::Gaps, limit);
            check_seldom(workload, &rounds);
            assert!(rounds.iter().all(|round| round.began == rounds[0].began), "{workload:?}: {rounds:#?}");
        }
    }
}
