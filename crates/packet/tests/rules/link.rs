//! S2.2, S12.2: link layers.

use vpcreplay_flow::{Cause, LinkType};

use crate::build::{ethernet, join, tcp, v4, v6};
use crate::{cut, facts, nothing, whole};

fn packet() -> Vec<u8> {
    v4(6, &tcp(1, 2, 0x02))
}

fn packet6() -> Vec<u8> {
    v6(6, &tcp(1, 2, 0x02))
}

/// The headers of every shape that must lead to an IPv4 packet.
fn shapes_of_v4() -> Vec<(LinkType, Vec<u8>)> {
    let ether = |ether_type: u16, rest: &[u8]| (LinkType::ETHERNET, ethernet(ether_type, rest));
    let ppp = |header: &[u8]| (LinkType::PPP, header.to_vec());
    let raw = |number: u16| (LinkType(number), Vec::new());
    let sll = |protocol: [u8; 2], rest: &[u8]| (LinkType::LINUX_SLL, join(&[&[0; 14], &protocol, rest]));
    let sll2 = |protocol: [u8; 2], rest: &[u8]| (LinkType::LINUX_SLL2, join(&[&protocol, &[0; 18], rest]));
    vec![
        ether(0x0800, &[]),
        // Tags: 802.1Q, 802.1ad, 0x9100, stacked.
        ether(0x8100, &[0, 5, 8, 0]),
        ether(0x88a8, &[0, 5, 0x81, 0, 0, 6, 8, 0]),
        ether(0x9100, &[0, 5, 0x91, 0, 0, 6, 0x81, 0, 0, 7, 8, 0]),
        // 802.3: SNAP with OUI 0, access point 6, behind a tag too; SNAP leads to tags.
        ether(48, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
        ether(1500, &[6, 6, 3]),
        ether(0x8100, &[0, 5, 0, 43, 6, 6, 3]),
        ether(48, &[0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 9, 8, 0]),
        // MPLS: one label, a stack, multicast, behind a tag.
        ether(0x8847, &[0, 1, 1, 64]),
        ether(0x8848, &[0, 1, 0, 64, 0, 2, 1, 64]),
        ether(0x8100, &[0, 5, 0x88, 0x47, 0, 1, 1, 64]),
        // PPPoE session: two-byte and one-byte protocol, address and control, MPLS inside.
        ether(0x8864, &[0x11, 0, 0, 1, 0, 42, 0, 0x21]),
        ether(0x8864, &[0x11, 0, 0, 1, 0, 41, 0x21]),
        ether(0x8864, &[0x11, 0, 0, 1, 0, 44, 0xff, 3, 0, 0x21]),
        ether(0x8864, &[0x11, 0, 0, 1, 0, 46, 2, 0x81, 0, 1, 1, 64]),
        ppp(&[0xff, 3, 0, 0x21]),
        ppp(&[0xff, 3, 0x21]),
        ppp(&[0, 0x21]),
        ppp(&[0x21]),
        ppp(&[2, 0x83, 0, 1, 1, 64]),
        raw(12),
        raw(14),
        raw(101),
        raw(228),
        sll([8, 0], &[]),
        sll([0x81, 0], &[0, 5, 8, 0]),
        sll([0, 4], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
        sll2([8, 0], &[]),
        sll2([0, 4], &[6, 6, 3]),
        (LinkType::NULL, vec![2, 0, 0, 0]),
        (LinkType::NULL, vec![0, 0, 0, 2]),
        (LinkType::LOOP, vec![0, 0, 0, 2]),
        (LinkType::LOOP, vec![2, 0, 0, 0]),
    ]
}

#[test]
fn every_shape_of_s2_2_leads_to_the_packet() {
    for (link_type, header) in shapes_of_v4() {
        let frame = join(&[&header, &packet()]);
        let found = facts(whole(link_type, &frame));
        assert_eq!(found.transport.ports(), Some((1, 2)), "{link_type:?} {header:02x?}");
        assert_eq!(found.length, 40);
    }
}

#[test]
fn a_frame_cut_in_its_link_header_is_truncated() {
    for (link_type, header) in shapes_of_v4() {
        let frame = join(&[&header, &packet()]);
        for captured in 0..header.len() {
            // The address byte of PPP alone reads as a protocol of one byte.
            if link_type == LinkType::PPP && captured == 1 && header[0] == 0xff {
                continue;
            }
            // So does the one inside PPPoE.
            if frame[12..14] == [0x88, 0x64] && captured == 21 && frame[20] == 0xff {
                continue;
            }
            assert_eq!(
                cut(link_type, &frame, captured),
                nothing(Cause::Truncated),
                "{header:02x?} {captured}"
            );
        }
    }
}

#[test]
fn ipv6_by_every_layer_that_names_it() {
    let frames = [
        (LinkType::ETHERNET, ethernet(0x86dd, &[])),
        (LinkType::ETHERNET, ethernet(0x8847, &[0, 1, 1, 64])),
        (LinkType::ETHERNET, ethernet(63, &[6, 6, 3])),
        (LinkType::PPP, vec![0xff, 3, 0, 0x57]),
        (LinkType::PPP, vec![0x57]),
        (LinkType::RAW, vec![]),
        (LinkType::IPV6, vec![]),
        (LinkType::NULL, vec![10, 0, 0, 0]),
        (LinkType::NULL, vec![0, 0, 0, 24]),
        (LinkType::LOOP, vec![0, 0, 0, 28]),
        (LinkType::LOOP, vec![30, 0, 0, 0]),
    ];
    for (link_type, header) in frames {
        let frame = join(&[&header, &packet6()]);
        assert_eq!(facts(whole(link_type, &frame)).length, 60, "{link_type:?} {header:02x?}");
    }
}

#[test]
fn a_version_that_contradicts_the_link_layer_is_malformed() {
    let layers: [(LinkType, Vec<u8>, Vec<u8>); 8] = [
        (LinkType::ETHERNET, ethernet(0x0800, &[]), packet6()),
        (LinkType::ETHERNET, ethernet(0x86dd, &[]), packet()),
        (LinkType::IPV4, vec![], packet6()),
        (LinkType::IPV6, vec![], packet()),
        (LinkType::NULL, vec![2, 0, 0, 0], packet6()),
        (LinkType::PPP, vec![0x57], packet()),
        (LinkType::RAW, vec![], vec![0x50; 40]),
        (LinkType::LINUX_SLL, join(&[&[0; 14], &[0x86, 0xdd]]), packet()),
    ];
    for (link_type, header, payload) in layers {
        let frame = join(&[&header, &payload]);
        assert_eq!(whole(link_type, &frame), nothing(Cause::Malformed), "{link_type:?} {header:02x?}");
    }
}

#[test]
fn a_payload_of_another_kind_is_not_ip() {
    let sll = |protocol: [u8; 2]| join(&[&[0; 14], &protocol, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]]);
    let frames = [
        (LinkType::ETHERNET, ethernet(0x0806, &[0; 28])),
        (LinkType::ETHERNET, ethernet(0x88cc, &[0; 28])),
        (LinkType::ETHERNET, ethernet(1501, &[6, 6, 3])),
        // Spanning tree; SNAP of another organisation; SNAP with a length for a type; LLC that is no UI frame.
        (LinkType::ETHERNET, ethernet(38, &[0x42, 0x42, 3])),
        (LinkType::ETHERNET, ethernet(38, &[0x06, 0x06, 0xbf, 0x45])),
        (LinkType::ETHERNET, ethernet(48, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 8, 0])),
        (LinkType::ETHERNET, ethernet(48, &[0xaa, 0xaa, 3, 0, 0, 0, 0, 48, 6, 6, 3])),
        // MPLS with a pseudowire; PPPoE discovery, and a session frame with a code.
        (LinkType::ETHERNET, ethernet(0x8847, &[0, 1, 1, 64, 0, 0, 0, 0])),
        (LinkType::ETHERNET, ethernet(0x8863, &[0x11, 9, 0, 0, 0, 4])),
        (LinkType::ETHERNET, ethernet(0x8864, &[0x11, 9, 0, 0, 0, 4, 0, 0x21, 0x45])),
        (LinkType::PPP, vec![0xff, 3, 0xc0, 0x21, 1, 1]),
        (LinkType::NULL, vec![7, 0, 0, 0, 0x45]),
        (LinkType::NULL, vec![2, 0, 0, 2, 0x45]),
        (LinkType::LINUX_SLL, sll([0x08, 0x06])),
        (LinkType::LINUX_SLL, sll([0, 1])),
        (LinkType::LINUX_SLL, sll([0x05, 0xff])),
    ];
    for (link_type, frame) in frames {
        assert_eq!(whole(link_type, &frame), nothing(Cause::NotIp), "{link_type:?} {frame:02x?}");
    }
}

#[test]
fn other_link_types_are_unsupported_even_without_bytes() {
    for number in [2, 10, 104, 105, 113 + 1, 127, 149, 65_535] {
        assert_eq!(whole(LinkType(number), &packet()), nothing(Cause::UnsupportedLinkType));
        assert_eq!(whole(LinkType(number), &[]), nothing(Cause::UnsupportedLinkType));
    }
}

// S12.2: a chain of SNAP and tags, as long as a frame can be, must not recurse.
#[test]
fn an_endless_stack_ends() {
    let step = [0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 0, 0, 48];
    let frame = ethernet(48, &step.repeat(20_000));
    assert_eq!(whole(LinkType::ETHERNET, &frame), nothing(Cause::Truncated));
}
