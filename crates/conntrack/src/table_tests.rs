use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use vpcreplay_flow::{End, Event, FlowKey, Profile, Protocol, Span, TimeoutName, Timeouts, Timestamp};

use super::{Borrowers, Listener, Table, Wanted};
use crate::{AsideMut, Departed, Ending, Entry, Step, Tracking};

const MEMORY: u64 = 300;

/// Flows of both families: their keys are kept differently.
fn key(port: u16) -> FlowKey {
    let address = |last: u8| match port % 2 {
        0 => IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
        _ => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into())),
    };
    FlowKey::ports(Protocol::UDP, (address(1), port), (address(2), 53)).0
}

fn at(time: u64) -> Timestamp {
    Timestamp::from_nanos(time.cast_signed())
}

fn entry(eni: u32, number: u64, deadline: u64) -> Entry {
    Entry {
        eni,
        rule: 0,
        number,
        deadline: at(deadline),
        tracking: Tracking::open(Event::Udp, End::A, End::A),
    }
}

/// What the table told, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    ended: Vec<(Timestamp, u64, Ending)>,
    over: Vec<(Timestamp, u64)>,
}

/// What is remembered aside: the flow's number.
type Number = u64;

impl Listener<(), Number> for Told {
    fn ended(&mut self, _number: AsideMut<'_, (), Number>, entry: &Entry, ending: Ending, at: Timestamp) {
        self.ended.push((at, entry.number, ending));
    }

    fn over(&mut self, flow: Departed<(), Number>, at: Timestamp) {
        self.over.push((at, flow.aside));
    }
}

/// The obviously correct table: a list that is scanned.
#[derive(Default)]
struct Naive {
    flows: Vec<(u16, u64, u64, u64, Vec<Entry>)>,
    numbered: u64,
    max: usize,
}

impl Naive {
    fn packet(&mut self, port: u16, now: u64, new: Option<Entry>) {
        let remembered = self.flows.iter().filter(|flow| flow.1 != 0).count();
        let at = self.flows.iter().position(|flow| flow.0 == port).unwrap_or_else(|| {
            self.flows.push((port, 0, now, 0, Vec::new()));
            self.flows.len() - 1
        });
        let flow = &mut self.flows[at];
        if flow.1 == 0 && remembered < self.max {
            self.numbered += 1;
            flow.1 = self.numbered;
        }
        flow.2 = now;
        if let Some(new) = new {
            match flow.4.iter_mut().find(|entry| entry.eni == new.eni) {
                Some(old) => old.deadline = new.deadline,
                None => flow.4.push(new),
            }
        }
        self.flows.retain(|flow| flow.1 != 0 || !flow.4.is_empty());
    }

    fn advance(&mut self, now: u64) -> Told {
        let mut told = Told::default();
        for (_, number, last, last_end, entries) in &mut self.flows {
            for entry in entries.iter().filter(|entry| entry.deadline() <= at(now)) {
                told.ended.push((entry.deadline, entry.number, Ending::Expired));
                *last_end = (*last_end).max(entry.deadline.nanos().cast_unsigned());
            }
            entries.retain(|entry| entry.deadline() > at(now));
            let over = (*last + MEMORY).max(*last_end);
            if entries.is_empty() && *number != 0 && over <= now {
                told.over.push((at(over), *number));
            }
        }
        self.flows.retain(|flow| {
            let is_over = flow.1 == 0 || (flow.2 + MEMORY).max(flow.3) <= now;
            !(flow.4.is_empty() && is_over)
        });
        told
    }
}

fn sorted(mut told: Told) -> Told {
    told.ended.sort_by_key(|(at, number, _)| (*at, *number));
    told.over.sort();
    told
}

proptest! {
    // S7.0, S7.2: entries and flows end exactly when they should, whatever packets come in between.
    #[test]
    fn ends_what_a_list_ends(
        max in 0_usize..6,
        steps in prop::collection::vec(
            (0_u16..8, prop_oneof![Just(0_u64), Just(1), 2_u64..50, Just(299), Just(300), Just(1 << 40)],
             prop::option::of((0_u32..3, prop_oneof![Just(1_u64), 2_u64..700, Just(1 << 41)]))),
            1..200),
    ) {
        let mut table: Table<(), Number> = Table::new(Span::from_nanos(MEMORY), max as u64).with_shards(16);
        let mut numbered = 0;
        let mut naive = Naive { max, ..Naive::default() };
        let mut now = 1000_u64;
        for (number, (port, wait, new)) in (1..).zip(steps) {
            now += wait;
            let mut told = Told::default();
            let not_before = table.not_before();
            if number % 2 == 0 {
                table.advance(at(now), &mut told);
                prop_assert!(table.not_before() > at(now));
            } else {
                // The shards of all flows, one after the other.
                for port in 0..8 {
                    table.advance_shard(key(port).hash64(), at(now), &mut told);
                }
            }
            prop_assert!(not_before <= at(now) || told == Told::default());
            let expected = naive.advance(now);
            prop_assert_eq!(sorted(told), sorted(expected));
            let new = new.map(|(eni, timeout)| (entry(eni, number, now + timeout), timeout));
            naive.packet(port, now, new.map(|(entry, _)| entry));
            let (key, hash) = (key(port), key(port).hash64());
            let mut block = [Wanted::default()];
            table.prefetch_indexes(&mut block, |_| hash);
            table.prefetch_flows(&mut block);
            table.prefetch_rests(&mut block);
            let [wanted] = block;
            let id = table.find(&key, hash, wanted.guess).unwrap_or_else(|| table.insert(&key, hash, at(now)));
            if !table.flow(id).unwrap().is_remembered() && table.remember(id) {
                numbered += 1;
                *table.make_aside(id).unwrap() = numbered;
            }
            table.flow_mut(id).unwrap().touch(at(now));
            let (shard, place) = table.place_mut(id).unwrap();
            prop_assert_eq!(shard.key(place), Some(key));
            if let Some((new, timeout)) = new {
                let mut timeouts = Timeouts::of(Profile::Classic);
                timeouts.set(TimeoutName::Udp, Span::from_nanos(timeout));
                // Of the original end only, so that the state stays.
                let step = Step { event: Event::Udp, sender: End::A, now: at(now), timeouts: &timeouts };
                match shard.refresh(place, new.eni, step) {
                    Some(refreshed) => prop_assert_eq!(refreshed.deadline(), new.deadline()),
                    None => shard.track(place, new),
                }
                prop_assert!(shard.entry(place, new.eni).is_some());
            }
            shard.settle(place);
            prop_assert_eq!(table.remembered(), naive.flows.iter().filter(|flow| flow.1 != 0).count() as u64);
        }
    }
}

// S10.1, S12.18: a flow whose last connection is removed after its memory ended is over at that moment.
#[test]
fn removal_ends_a_flow_that_only_its_connection_kept() {
    let mut table: Table<(), Number> = Table::new(Span::from_nanos(MEMORY), 10);
    for (port, eni) in [(1, 0), (2, 1)] {
        let id = table.insert(&key(port), key(port).hash64(), at(0));
        table.remember(id);
        *table.make_aside(id).unwrap() = u64::from(port);
        let (shard, place) = table.place_mut(id).unwrap();
        shard.track(place, entry(eni, u64::from(port), 5000));
        shard.settle(place);
    }
    let mut told = Told::default();
    table.advance(at(1000), &mut told);
    assert_eq!(told, Told::default());
    table.remove_interfaces(at(1000), |eni| eni == 0, &mut told);
    assert_eq!(told.ended, [(at(1000), 1, Ending::Removed)]);
    assert_eq!(told.over, [(at(1000), 1)]);
    assert_eq!(table.remembered(), 1);
    table.advance(at(5000), &mut told);
    assert_eq!(told.over.last(), Some(&(at(5000), 2)));
}

// S7.1, S9.3: each flow with all its connections, and no place that holds no flow any more.
#[test]
fn tells_the_flows_and_connections_that_live() {
    const FLOWS: u16 = 400;
    let mut table: Table<(), Number> = Table::new(Span::from_nanos(MEMORY), 1000);
    for port in 0..FLOWS {
        let id = table.insert(&key(port), key(port).hash64(), at(0));
        table.remember(id);
        *table.make_aside(id).unwrap() = port.into();
        let (shard, place) = table.place_mut(id).unwrap();
        // Every second flow ends early.
        for eni in 0..3 {
            shard.track(
                place,
                entry(eni, u64::from(port) * 3 + u64::from(eni), 500 + u64::from(port % 2) * 5000),
            );
        }
        shard.settle(place);
    }
    let live = |table: &Table<(), Number>| {
        let flows = table.flows().map(|id| table.place(id).unwrap());
        let mut live: Vec<_> = flows
            .map(|(shard, place)| {
                let mut enis: Vec<u32> = shard.entries(place).map(|entry| entry.eni).collect();
                enis.sort_unstable();
                (*shard.aside(place).unwrap(), shard.key(place), enis)
            })
            .collect();
        live.sort_by_key(|(number, ..)| *number);
        live
    };
    let flow = |port: u16, enis: &[u32]| (u64::from(port), Some(key(port)), enis.to_vec());
    assert_eq!(live(&table), (0..FLOWS).map(|port| flow(port, &[0, 1, 2])).collect::<Vec<_>>());
    let mut told = Told::default();
    table.advance(at(500), &mut told);
    assert_eq!((told.ended.len(), told.over.len()), (600, 200));
    let odd = || (0..FLOWS).filter(|port| port % 2 == 1);
    assert_eq!(live(&table), odd().map(|port| flow(port, &[0, 1, 2])).collect::<Vec<_>>());
    told = Told::default();
    table.remove_interfaces(at(600), |eni| eni == 1, &mut told);
    assert_eq!((told.ended.len(), told.over.len(), table.remembered()), (200, 0, 200));
    assert_eq!(live(&table), odd().map(|port| flow(port, &[0, 2])).collect::<Vec<_>>());
    for port in odd() {
        let id = table.find(&key(port), key(port).hash64(), u32::MAX).unwrap();
        assert_eq!(table.place(id).unwrap().0.entry(id.at, 1), None);
    }
}

// S7.1: where a flow most likely is need not be where it is.
#[test]
fn finds_a_flow_without_a_guess() {
    let mut table: Table<(), Number> = Table::new(Span::from_nanos(MEMORY), 10_000);
    for port in 0..5000 {
        table.insert(&key(port), key(port).hash64(), at(0));
    }
    for port in 0..5000 {
        let hash = key(port).hash64();
        for guess in [0, 7, u32::MAX] {
            let (shard, place) = table.place(table.find(&key(port), hash, guess).unwrap()).unwrap();
            assert_eq!(shard.key(place), Some(key(port)));
        }
    }
    assert_eq!(table.find(&key(5000), key(5000).hash64(), 0), None);
}

// S7.1: two IPv6 flows whose keys have one short form, and so one hash, are two flows.
#[test]
fn tells_flows_of_one_short_key_apart() {
    let key = |last: u16| {
        // The first half takes the mixing of the short form to the same point, whatever the second half is.
        let address = Ipv6Addr::new(0x9e37, 0x79b9, 0x7f4a, 0x7c15, 0, 0, 0, last);
        let peer = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        FlowKey::ports(Protocol::UDP, (address.into(), 5000), (peer.into(), 53)).0
    };
    let (one, other) = (key(1), key(2));
    assert_ne!(one, other);
    assert_eq!(one.short(), other.short(), "or the test tests nothing");
    let hash = one.hash64();
    let mut table: Table<(), Number> = Table::new(Span::from_nanos(MEMORY), 10);
    let first = table.insert(&one, hash, at(0));
    assert_eq!(table.find(&other, hash, table.shard(hash).unwrap().guess(hash)), None);
    let second = table.insert(&other, hash, at(0));
    for guess in [first.at, second.at, u32::MAX] {
        assert_eq!(table.find(&one, hash, guess), Some(first));
        assert_eq!(table.find(&other, hash, guess), Some(second));
    }
}

// S9.3: the codes of records are stable.
#[test]
fn codes_of_endings() {
    let endings = [Ending::Live, Ending::Expired, Ending::Reopened, Ending::Removed];
    assert_eq!(endings.map(Ending::code), ["live", "expired", "reopened", "removed"]);
}

#[test]
fn flows_are_at_their_borrower() {
    for tables in 1..=20 {
        let mut whole = Table::<(), u64>::new(Span::from_secs(300), 1000).with_shards(tables);
        let ids: Vec<_> = (0..200).map(|port| whole.insert(&key(port), key(port).hash64(), at(1))).collect();
        let mut parts: Vec<_> =
            (0..tables).map(|_| Table::<(), u64>::without_shards(whole.shard_count())).collect();
        whole.lend(parts.iter_mut());
        let borrowers = Borrowers::new(tables);
        for (port, id) in (0..).zip(&ids) {
            let hash = key(port).hash64();
            let owner = borrowers.of(hash);
            for (number, part) in parts.iter().enumerate() {
                let found = part.find(&key(port), hash, u32::MAX);
                assert_eq!(found, (number == owner).then_some(*id), "{port} in {number} of {tables}");
            }
        }
    }
}
