//! S2.7, S12.4, S12.13: later fragments inherit.

use vpcreplay_flow::{Cause, Decap, Decoded, LinkType, Protocol, Timestamp, Transport};
use vpcreplay_packet::{FragmentTable, decode};

use crate::build::*;
use crate::{facts, unjudged};

const SECOND: i64 = 1_000_000_000;

/// A table and a decoder, as a replay has them.
#[derive(Default)]
struct Replay {
    table: FragmentTable,
    decap: Decap,
}

impl Replay {
    fn at(&mut self, nanos: i64, packet: &[u8]) -> Decoded {
        let length = u32::try_from(packet.len()).unwrap();
        let mut frame = decode(LinkType::RAW, packet, length, self.decap);
        self.table.resolve(&mut frame, Timestamp::from_nanos(nanos));
        frame.decoded
    }

    fn transport(&mut self, nanos: i64, packet: &[u8]) -> Transport {
        facts(self.at(nanos, packet)).transport
    }
}

fn first(id: u16) -> Vec<u8> {
    v4_fragment(6, (0, 1), id, &join(&[&tcp(1, 2, 0x12), &[0; 4]]))
}

fn later(id: u16) -> Vec<u8> {
    v4_fragment(6, (3, 0), id, &[0; 8])
}

const INHERITED: Option<(u16, u16)> = Some((1, 2));

#[test]
fn a_later_fragment_inherits_all_transport_facts() {
    let mut replay = Replay::default();
    let of_first = facts(replay.at(0, &first(7)));
    let of_later = facts(replay.at(1, &later(7)));
    assert_eq!(of_later.transport, of_first.transport);
    assert_eq!(of_later.length, 28, "its length is its own");
    // ICMP too: type, code and identifier; of errors the quote.
    for message in [icmp(8, 0, [0, 9, 0, 1], &[]), icmp(3, 0, [0; 4], &v4(17, &udp(1, 2, &[])))] {
        let of_first = replay.transport(2, &v4_fragment(1, (0, 1), 8, &message));
        assert_eq!(replay.transport(3, &v4_fragment(1, (2, 1), 8, &[])), of_first);
    }
    // So does one of a protocol without ports.
    assert_eq!(replay.transport(4, &v4_fragment(50, (0, 1), 9, &[0; 8])), Transport::Other);
    assert_eq!(replay.transport(5, &v4_fragment(50, (1, 0), 9, &[0; 8])), Transport::Other);
}

#[test]
fn without_its_first_the_ports_are_unknown() {
    let mut replay = Replay::default();
    let found = facts(replay.at(0, &later(7)));
    assert_eq!((found.protocol, found.transport), (Protocol::TCP, Transport::Unknown));
    // S12.4: nothing waits for a first fragment that comes later; the next one finds it.
    replay.at(1, &first(7));
    assert_eq!(replay.transport(2, &later(7)).ports(), INHERITED);
}

#[test]
fn every_part_of_the_key_counts() {
    let mut replay = Replay::default();
    replay.at(0, &first(7));
    assert_eq!(replay.transport(1, &later(8)), Transport::Unknown);
    assert_eq!(replay.transport(1, &v4_fragment(17, (3, 0), 7, &[])), Transport::Unknown);
    for address in [12, 16] {
        let mut other = later(7);
        other[address] ^= 1;
        assert_eq!(replay.transport(1, &other), Transport::Unknown);
    }
    assert_eq!(replay.transport(1, &later(7)).ports(), INHERITED);
}

#[test]
fn the_memory_ends_after_30_seconds() {
    let mut replay = Replay::default();
    replay.at(0, &first(7));
    // S1.6: reached when deadline ≤ now; later fragments do not refresh it.
    assert_eq!(replay.transport(30 * SECOND - 1, &later(7)).ports(), INHERITED);
    assert_eq!(replay.transport(30 * SECOND, &later(7)), Transport::Unknown);
    // S12.4: a new first fragment of the same key replaces the old, its time too.
    replay.at(100 * SECOND, &first(7));
    replay.at(110 * SECOND, &v4_fragment(6, (0, 1), 7, &tcp(3, 4, 2)));
    assert_eq!(replay.transport(139 * SECOND, &later(7)).ports(), Some((3, 4)));
    assert_eq!(replay.transport(140 * SECOND, &later(7)), Transport::Unknown);
}

// S12.4
#[test]
fn a_first_fragment_that_is_too_short_is_not_remembered() {
    let mut replay = Replay::default();
    assert_eq!(unjudged(replay.at(0, &v4_fragment(6, (0, 1), 7, &[0; 8]))).0, Cause::Malformed);
    assert_eq!(replay.transport(1, &later(7)), Transport::Unknown);
    replay.at(2, &first(7));
    replay.at(3, &v4_fragment(6, (0, 1), 7, &[0; 8]));
    assert_eq!(replay.transport(4, &later(7)).ports(), INHERITED);
}

#[test]
fn ipv6_fragments_have_the_next_header_in_their_key_and_inherit_the_protocol() {
    let options = [17, 0, 0, 0, 0, 0, 0, 0];
    let first = v6(44, &join(&[&fragment_header(60, (0, 1), 0x1_0007), &options, &udp(1, 2, &[])]));
    let later = |next_header, id| v6(44, &join(&[&fragment_header(next_header, (2, 0), id), &[0; 8]]));
    let mut replay = Replay::default();
    replay.at(0, &first);
    let found = facts(replay.at(1, &later(60, 0x1_0007)));
    assert_eq!((found.protocol, found.transport.ports()), (Protocol::UDP, INHERITED));
    let unknown = facts(replay.at(1, &later(17, 0x1_0007)));
    assert_eq!((unknown.protocol, unknown.transport), (Protocol::UDP, Transport::Unknown));
    // All 32 bits of the identification. What follows the fragment header is elsewhere: its number stands.
    let unknown = facts(replay.at(1, &later(60, 7)));
    assert_eq!((unknown.protocol, unknown.transport), (Protocol(60), Transport::Unknown));
}

#[test]
fn packets_in_one_piece_are_no_fragments() {
    let dont_fragment = v4_fragment(17, (0, 2), 7, &udp(1, 2, &[]));
    let atomic = v6(44, &join(&[&fragment_header(17, (0, 0), 7), &udp(1, 2, &[])]));
    for packet in [dont_fragment, atomic] {
        let frame = decode(LinkType::RAW, &packet, 0, Decap::None);
        assert!(!frame.is_fragment());
        assert_eq!(facts(frame.decoded).transport.ports(), INHERITED);
    }
}

// S2.7: 65,536 live ones; what is over does not count, and a replacement needs no room.
#[test]
fn the_table_is_bounded() {
    let of = |source: u32, transport: &[u8], offset: (u16, u16)| {
        let mut packet = v4_fragment(17, offset, 7, transport);
        packet[12..16].copy_from_slice(&source.to_be_bytes());
        packet
    };
    let mut replay = Replay::default();
    for source in 0..65_536 {
        replay.at(i64::from(source), &of(source, &udp(1, 2, &[]), (0, 1)));
    }
    assert_eq!(replay.table.forgotten(), 0);
    replay.at(65_536, &of(65_536, &udp(1, 2, &[]), (0, 1)));
    replay.at(65_536, &of(65_536, &udp(1, 2, &[]), (0, 1)));
    assert_eq!(replay.table.forgotten(), 2);
    assert_eq!(replay.transport(65_537, &of(65_536, &[], (1, 0))), Transport::Unknown);
    replay.at(65_538, &of(5, &udp(3, 4, &[]), (0, 1)));
    assert_eq!(replay.table.forgotten(), 2);
    assert_eq!(replay.transport(65_539, &of(5, &[], (1, 0))).ports(), Some((3, 4)));
    // The oldest one is over at 30 s: room for one.
    replay.at(30 * SECOND, &of(70_000, &udp(5, 6, &[]), (0, 1)));
    replay.at(30 * SECOND, &of(70_001, &udp(5, 6, &[]), (0, 1)));
    assert_eq!(replay.table.forgotten(), 3);
    assert_eq!(replay.transport(30 * SECOND, &of(70_000, &[], (1, 0))).ports(), Some((5, 6)));
}

// Replacing one key again and again must neither lose it nor let the others go early.
#[test]
fn a_storm_of_one_key_changes_nothing_for_the_others() {
    let mut replay = Replay::default();
    replay.at(0, &first(1));
    for nanos in 1..200_000 {
        replay.at(nanos, &first(7));
    }
    assert_eq!(replay.transport(30 * SECOND - 1, &later(1)).ports(), INHERITED);
    assert_eq!(replay.transport(30 * SECOND, &later(1)), Transport::Unknown);
    assert_eq!(replay.transport(30 * SECOND + 199_998, &later(7)).ports(), INHERITED);
    assert_eq!(replay.transport(30 * SECOND + 199_999, &later(7)), Transport::Unknown);
}

// S12.4, S12.13
#[test]
fn later_fragments_of_a_tunnel_datagram_are_outer_packets() {
    let inner_first = first(9);
    let outer = udp(5_000, 4_789, &vxlan(1, &ethernet(0x0800, &inner_first)));
    let mut replay = Replay { decap: Decap::Vxlan, ..Replay::default() };
    let judged = facts(replay.at(0, &v4_fragment(17, (0, 1), 7, &outer)));
    assert_eq!(judged.transport.ports(), INHERITED, "the inner packet is judged");
    let rest = facts(replay.at(1, &v4_fragment(17, (10, 0), 7, &[8; 60])));
    assert_eq!((rest.protocol, rest.transport.ports()), (Protocol::UDP, Some((5_000, 4_789))));
    // Inner and outer share the table: the rest of the inner packet, in a tunnel of its own or bare, finds its first.
    let outer = udp(5_000, 4_789, &vxlan(1, &ethernet(0x0800, &later(9))));
    assert_eq!(replay.transport(2, &v4(17, &outer)).ports(), INHERITED);
    assert_eq!(replay.transport(3, &later(9)).ports(), INHERITED);
}
