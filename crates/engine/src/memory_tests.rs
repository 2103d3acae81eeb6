use vpcreplay_conntrack::{Entry, Table, Tracking};
use vpcreplay_flow::{End, Event, FlowKey, Protocol, Span, Timestamp};
use vpcreplay_policy::RuleId;

use super::{Aside, Memory, denial, move_note, note_denial};
use crate::causality::Cause;
use crate::refused::Refusal;

// S10.1: another model may admit by another rule, or not at all.
#[test]
fn a_refusal_is_of_one_end_and_one_model() {
    let greatest = RuleId(0xfffc);
    let rules = [RuleId(0), RuleId(1), greatest].map(Refusal::NoRoom);
    let refusals: Vec<_> = rules.into_iter().chain([Refusal::NoRule, Refusal::Reversible]).collect();
    for (sender, other) in [(End::A, End::B), (End::B, End::A)] {
        let mut memory = Memory::begun(sender, 3, 0);
        assert_eq!((memory.refusal(sender), memory.refusal(other)), (None, None));
        for refusal in &refusals {
            memory.set_refusal(sender, *refusal);
            assert_eq!((memory.refusal(sender), memory.refusal(other)), (Some(*refusal), None));
        }
        memory.set_refusal(other, Refusal::NoRoom(RuleId(5)));
        assert_eq!(memory.refusal(sender), refusals.last().copied());
        for rule in [greatest.0 + 1, greatest.0 + 2, greatest.0 + 3, greatest.0 + 4, u32::MAX] {
            memory.set_refusal(sender, Refusal::NoRoom(RuleId(rule)));
            assert_eq!(memory.refusal(sender), None);
        }
        assert_eq!(memory.refusal(other), Some(Refusal::NoRoom(RuleId(5))));
        memory.set_refusal(sender, Refusal::NoRoom(RuleId(7)));
        memory.forget_model();
        assert_eq!((memory.refusal(sender), memory.refusal(other), memory.route(sender)), (None, None, 0));
    }
}

/// A table with one flow, of IPv4 or IPv6.
fn table(address: &str) -> (Table<Memory, Aside>, FlowKey) {
    let address = address.parse().unwrap();
    let (key, _) = FlowKey::ports(Protocol::UDP, (address, 1), (address, 2));
    let mut table = Table::new(Span::from_secs(300), 10);
    table.insert(&key, key.hash64(), Timestamp::from_nanos(0));
    (table, key)
}

// S8.1: the packet whose denial is the cause is told, wherever its number is kept by then.
#[test]
fn the_number_of_a_denied_packet_is_kept_in_the_record_or_aside() {
    for address in ["10.0.0.1", "2001:db8::1"] {
        let (mut table, key) = table(address);
        let id = table.find(&key, key.hash64(), u32::MAX).unwrap();
        let (shard, at) = table.place_mut(id).unwrap();
        note_denial(shard, at, (Cause::Opening, 7));
        assert!(shard.aside(at).is_none());
        assert_eq!((denial(shard, at, Cause::Opening), denial(shard, at, Cause::Answer)), (7, 0));
        // An answer needs room aside; what was noted goes with it, and so does what comes later.
        note_denial(shard, at, (Cause::Answer, 8));
        assert_eq!(shard.flow(at).unwrap().note(), 0);
        assert_eq!((denial(shard, at, Cause::Opening), denial(shard, at, Cause::Answer)), (7, 8));
        note_denial(shard, at, (Cause::Opening, 9));
        assert_eq!((shard.flow(at).unwrap().note(), denial(shard, at, Cause::Opening)), (0, 9));
    }
}

#[test]
fn a_number_moves_aside_before_a_connection_takes_its_place() {
    let (mut table, key) = table("10.0.0.1");
    let id = table.find(&key, key.hash64(), u32::MAX).unwrap();
    let (shard, at) = table.place_mut(id).unwrap();
    note_denial(shard, at, (Cause::Opening, 7));
    move_note(shard, at);
    let tracking = Tracking::open(Event::Udp, End::A, End::A);
    let deadline = Timestamp::from_nanos(5);
    shard.track(at, Entry { number: 1, deadline, eni: 0, rule: 0, tracking });
    assert_eq!(denial(shard, at, Cause::Opening), 7);
    // Beside a connection there is no room for it.
    note_denial(shard, at, (Cause::Opening, 8));
    assert_eq!(
        (shard.entry(at, 0).map(|entry| entry.number), denial(shard, at, Cause::Opening)),
        (Some(1), 8)
    );
}
