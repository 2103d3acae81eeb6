//! The table of flows: known flows, new ones, ones that end, ones that come while others go or find no room, by how many
//! there are.

use std::net::{IpAddr, Ipv4Addr};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use vpcreplay_conntrack::{AsideMut, Departed, Ending, Entry, Listener, Step, Table, Tracking, Wanted};
use vpcreplay_replay::flow::{End, Event, FlowKey, Profile, Protocol, Span, Timeouts, Timestamp};

type Flows = Table<(), ()>;

const SIZES: [u32; 3] = [1 << 16, 1 << 20, 1 << 22];
/// Packets whose flows are asked for together.
const BATCH: usize = 64;
const MEMORY: Span = Span::from_secs(300);
const ENI: u32 = 0;

/// Nobody listens.
struct Nobody;

impl Listener<(), ()> for Nobody {
    fn ended(&mut self, _aside: AsideMut<'_, (), ()>, _entry: &Entry, _ending: Ending, _at: Timestamp) {}
    fn over(&mut self, _flow: Departed<(), ()>, _at: Timestamp) {}
}

/// Keys and their hashes, in an order that has nothing to do with their places.
fn keys(count: u32) -> Vec<(FlowKey, u64)> {
    let key = |number: u32| {
        let spread = number.wrapping_mul(0x9e37_79b1);
        let client = IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 | spread & 0x00ff_ffff));
        let server = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
        let [_, _, high, low] = (spread ^ number).to_be_bytes();
        let (key, _) = FlowKey::ports(Protocol::UDP, (client, u16::from_be_bytes([high, low])), (server, 53));
        (key, key.hash64())
    };
    (0..count).map(key).collect()
}

fn time(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(nanos.cast_signed())
}

/// A packet of each flow a microsecond after the other, all in a batch asked for ahead. A flow that the table has not
/// is added, remembered and tracked.
fn packets(table: &mut Flows, keys: &[(FlowKey, u64)], start: u64, timeouts: &Timeouts) {
    let mut now = start;
    for batch in keys.chunks(BATCH) {
        let mut wanted = [Wanted::default(); BATCH];
        let hash = |at: usize| batch.get(at).map_or(0, |(_, hash)| *hash);
        table.prefetch_indexes(&mut wanted, hash);
        table.prefetch_flows(&mut wanted);
        for (wanted, (key, hash)) in wanted.iter().zip(batch) {
            now += 1_000;
            packet(table, (key, *hash, wanted.guess), time(now), timeouts);
        }
    }
}

fn packet(table: &mut Flows, (key, hash, guess): (&FlowKey, u64, u32), now: Timestamp, timeouts: &Timeouts) {
    let id = table.find(key, hash, guess).unwrap_or_else(|| {
        let id = table.insert(key, hash, now);
        table.remember(id);
        id
    });
    let Some((shard, at)) = table.place_mut(id) else { return };
    let step = Step { event: Event::Udp, sender: End::A, now, timeouts };
    if shard.refresh(at, ENI, step).is_none() {
        let tracking = Tracking::open(Event::Udp, End::A, End::A);
        let deadline = now.after(timeouts.get(tracking.timeout()));
        shard.track(at, Entry { number: 1, deadline, eni: ENI, rule: 0, tracking });
    }
    if let Some(flow) = shard.flow_mut(at) {
        flow.touch(now);
    }
    shard.settle(at);
}

/// Flows for which there is no room.
fn turned_away(table: &mut Flows, keys: &[(FlowKey, u64)]) {
    for (key, hash) in keys {
        let guess = table.shard(*hash).map_or(u32::MAX, |shard| shard.guess(*hash));
        if table.find(key, *hash, guess).is_none() {
            let id = table.insert(key, *hash, time(1));
            table.remember(id);
            if let Some((shard, at)) = table.place_mut(id) {
                shard.settle(at);
            }
        }
    }
}

pub(crate) fn flows(criterion: &mut Criterion) {
    let timeouts = Timeouts::of(Profile::Classic);
    let mut group = criterion.benchmark_group("conntrack");
    group.sample_size(10);
    for size in SIZES {
        let keys = keys(size);
        group.throughput(Throughput::Elements(size.into()));
        let filled = || {
            let mut table = Flows::new(MEMORY, u64::MAX);
            packets(&mut table, &keys, 0, &timeouts);
            table
        };
        group.bench_function(BenchmarkId::new("hit", size), |bencher| {
            let mut table = filled();
            // Not an order in which the flows came.
            let mut order = keys.clone();
            order.sort_unstable_by_key(|(_, hash)| hash.rotate_left(20));
            bencher.iter(|| packets(&mut table, &order, 2_000_000_000, &timeouts));
        });
        // As it is once the table has had that many flows before.
        let late = 1_000_000_000_000;
        let emptied = || {
            let mut table = filled();
            table.advance(time(late), &mut Nobody);
            table
        };
        group.bench_function(BenchmarkId::new("new", size), |bencher| {
            let run = |mut table: Flows| {
                packets(&mut table, &keys, late, &timeouts);
                table
            };
            bencher.iter_batched(emptied, run, BatchSize::PerIteration);
        });
        group.bench_function(BenchmarkId::new("new, growing", size), |bencher| {
            bencher.iter_with_large_drop(filled);
        });
        group.bench_function(BenchmarkId::new("churn", size), |bencher| {
            // As many as there are come anew, and before each batch of them what has ended goes.
            let run = |mut table: Flows| {
                let step = BATCH as u64 * 1_000;
                for (start, batch) in (late..).step_by(BATCH * 1_000).zip(keys.chunks(BATCH)) {
                    table.advance(time(start - late + MEMORY.nanos() + step), &mut Nobody);
                    packets(&mut table, batch, start, &timeouts);
                }
                table
            };
            bencher.iter_batched(filled, run, BatchSize::PerIteration);
        });
        let (known, strangers) = keys.split_at(keys.len() / 2);
        group.bench_function(BenchmarkId::new("full", size), |bencher| {
            // No room: they come, are not remembered, not tracked, and go at once.
            let mut table = Flows::new(MEMORY, known.len() as u64);
            packets(&mut table, known, 0, &timeouts);
            bencher.iter(|| turned_away(&mut table, strangers));
        });
        group.bench_function(BenchmarkId::new("expire", size), |bencher| {
            let run = |mut table: Flows| {
                table.advance(time(late), &mut Nobody);
                table
            };
            bencher.iter_batched(filled, run, BatchSize::PerIteration);
        });
    }
    group.finish();
}
