//! S2.6, S12.3, S12.13: VXLAN and GENEVE.

use vpcreplay_flow::{Cause, Decap, Tunnel};
use vpcreplay_packet::tunnel_port;

use crate::build::*;
use crate::{facts, nothing, raw, tunnelled, unjudged};

const TUNNEL: Tunnel = Tunnel { vni: 0x01_0203, gwlb_endpoint: None };

fn inner() -> Vec<u8> {
    v4(6, &tcp(1, 2, 2))
}

fn in_vxlan() -> Vec<u8> {
    v4(17, &udp(5_000, 4_789, &vxlan(TUNNEL.vni, &ethernet(0x0800, &inner()))))
}

fn in_geneve(protocol: u16, options: &[u8], inner: &[u8]) -> Vec<u8> {
    v4(17, &udp(5_000, 6_081, &geneve(protocol, TUNNEL.vni, options, inner)))
}

#[test]
fn the_inner_packet_is_judged() {
    let bare6 = v6(17, &udp(3, 4, &[]));
    let cases = [
        (in_vxlan(), Decap::Vxlan, Some((1, 2)), 40),
        (in_geneve(0x6558, &[], &ethernet(0x0800, &inner())), Decap::Geneve, Some((1, 2)), 40),
        (in_geneve(0x0800, &[], &inner()), Decap::Geneve, Some((1, 2)), 40),
        (in_geneve(0x86dd, &[0, 0, 0, 1, 9, 9, 9, 9], &bare6), Decap::Geneve, Some((3, 4)), 48),
    ];
    for (frame, decap, ports, length) in cases {
        let found = tunnelled(&frame, frame.len(), decap);
        assert_eq!(found.tunnel, Some(TUNNEL));
        assert_eq!((facts(found.decoded).transport.ports(), facts(found.decoded).length), (ports, length));
    }
}

#[test]
fn other_packets_are_judged_as_they_are() {
    let frame = in_vxlan();
    for decap in [Decap::None, Decap::Geneve] {
        let found = tunnelled(&frame, frame.len(), decap);
        assert_eq!((found.tunnel, facts(found.decoded).transport.ports()), (None, Some((5_000, 4_789))));
    }
    // Source port, or not UDP.
    for packet in [v4(17, &udp(4_789, 5_000, &[8; 60])), v4(136, &udp(5_000, 4_789, &[8; 60]))] {
        assert!(tunnelled(&packet, packet.len(), Decap::Vxlan).tunnel.is_none());
        assert_eq!(facts(tunnelled(&packet, packet.len(), Decap::Vxlan).decoded), facts(raw(&packet)));
    }
}

#[test]
fn one_level_is_taken_off() {
    let frame = v4(17, &udp(5_000, 4_789, &vxlan(9, &ethernet(0x0800, &in_vxlan()))));
    let found = tunnelled(&frame, frame.len(), Decap::Vxlan);
    assert_eq!(found.tunnel, Some(Tunnel { vni: 9, gwlb_endpoint: None }));
    assert_eq!(facts(found.decoded).transport.ports(), Some((5_000, 4_789)));
}

// S12.3
#[test]
fn a_bad_tunnel_header_is_malformed() {
    let mut no_flag = in_vxlan();
    no_flag[28] = 0xf7;
    let mut version = in_geneve(0x0800, &[], &inner());
    version[28] = 0x40;
    for (frame, decap) in [(no_flag, Decap::Vxlan), (version, Decap::Geneve)] {
        // Both faults: from the byte that shows it, whatever was captured.
        for captured in 29..=frame.len() {
            let found = tunnelled(&frame, captured, decap);
            assert_eq!((found.tunnel, found.decoded), (None, nothing(Cause::Malformed)));
        }
    }
}

#[test]
fn a_cut_tunnel_header_is_truncated_or_malformed() {
    let options = [1, 8, 1, 1, 0, 0, 0, 0];
    let cases = [(in_vxlan(), Decap::Vxlan, 36), (in_geneve(0x0800, &options, &inner()), Decap::Geneve, 44)];
    for (frame, decap, header_end) in cases {
        for captured in 24..header_end {
            let found = tunnelled(&frame, captured, decap);
            assert_eq!((found.tunnel, found.decoded), (None, nothing(Cause::Truncated)), "{captured}");
            let short = with_total_length(frame.clone(), u16::try_from(captured).unwrap());
            assert_eq!(
                tunnelled(&short, short.len(), decap).decoded,
                nothing(Cause::Malformed),
                "{captured}"
            );
        }
        // S12.13: the network identifier is there as soon as the header is whole.
        for captured in header_end..frame.len() {
            assert_eq!(tunnelled(&frame, captured, decap).tunnel, Some(TUNNEL));
        }
    }
}

// S12.13
#[test]
fn the_identifier_stays_whatever_is_inside() {
    let cases = [
        (in_geneve(0x0806, &[], &inner()), Decap::Geneve, Cause::NotIp),
        (in_geneve(0x86dd, &[], &inner()), Decap::Geneve, Cause::Malformed),
        (in_geneve(0x6558, &[], &ethernet(0x0806, &[])), Decap::Geneve, Cause::NotIp),
        (in_geneve(0x6558, &[], &[1, 2, 3]), Decap::Geneve, Cause::Truncated),
        (v4(17, &udp(1, 4_789, &vxlan(TUNNEL.vni, &ethernet(0x88cc, &[])))), Decap::Vxlan, Cause::NotIp),
    ];
    for (frame, decap, cause) in cases {
        let found = tunnelled(&frame, frame.len(), decap);
        assert_eq!((found.tunnel, found.decoded), (Some(TUNNEL), nothing(cause)));
    }
}

// S12.3: inside a tunnel what is left of the outer datagram takes the part of the frame length.
#[test]
fn lengths_inside_are_bound_by_the_outer_datagram() {
    for field in [0, 1_000] {
        let segment = with_total_length(v4(6, &join(&[&tcp(1, 2, 2), &[7; 10]])), field);
        let outer = in_geneve(0x6558, &[], &ethernet(0x0800, &segment));
        let padded = join(&[&outer, &[0; 30]]);
        assert_eq!(facts(tunnelled(&padded, padded.len(), Decap::Geneve).decoded).length, 50);
        assert_eq!(facts(tunnelled(&padded, 90, Decap::Geneve).decoded).length, 50);
        // An outer length from offload bounds nothing: the frame does.
        let offloaded = with_total_length(padded, 0);
        assert_eq!(facts(tunnelled(&offloaded, offloaded.len(), Decap::Geneve).decoded).length, 80);
    }
    // Padding behind the outer datagram is no part of the inner frame: its end is like a frame's end.
    let short = with_total_length(in_geneve(0x0800, &[], &inner()), 36 + 25);
    let (cause, header) = unjudged(tunnelled(&short, short.len(), Decap::Geneve).decoded);
    assert_eq!((cause, header.unwrap().length), (Cause::Truncated, 25));
}

// S2.6, S12.13
#[test]
fn the_endpoint_is_the_first_option_of_its_kind() {
    let endpoint = |option: &[u8]| {
        let frame = in_geneve(0x0800, option, &inner());
        tunnelled(&frame, frame.len(), Decap::Geneve).tunnel.unwrap().gwlb_endpoint
    };
    let option = |class: u8, kind: u8, data: &[u8]| {
        join(&[&[1, class, kind, u8::try_from(data.len() / 4).unwrap()], data])
    };
    let wanted = option(8, 1, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let other = option(8, 1, &[9; 8]);
    let id = Some(0x0001_0203_0405_0607);
    assert_eq!(endpoint(&wanted), id);
    assert_eq!(endpoint(&join(&[&wanted, &other])), id);
    for before in
        [option(9, 1, &[9; 8]), option(8, 2, &[9; 8]), option(8, 0x81, &[9; 8]), option(8, 1, &[9; 4])]
    {
        assert_eq!(endpoint(&before), None);
        assert_eq!(endpoint(&join(&[&before, &wanted])), id);
    }
    // An option that runs beyond the options ends the search.
    assert_eq!(endpoint(&[1, 8, 2, 5, 0, 0, 0, 0]), None);
    assert_eq!(endpoint(&[1, 8, 1, 2, 0, 0, 0, 0]), None);
}

// S2.6: for the hint of the summary.
#[test]
fn tunnel_ports_are_known_without_decap() {
    assert_eq!(tunnel_port(&raw(&in_vxlan())), Some(Decap::Vxlan));
    assert_eq!(tunnel_port(&raw(&in_geneve(0x0800, &[], &inner()))), Some(Decap::Geneve));
    assert_eq!(tunnel_port(&raw(&v4(17, &udp(4_789, 53, &[])))), None);
    assert_eq!(tunnel_port(&raw(&v4(6, &tcp(1, 4_789, 2)))), None);
    assert_eq!(tunnel_port(&raw(&v4(136, &udp(1, 4_789, &[])))), None);
}
