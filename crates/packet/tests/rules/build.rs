//! Bytes of headers. Checksums stay 0: nobody verifies them (S2.3).

use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const SRC: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const DST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
pub(crate) const SRC6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub(crate) const DST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);

/// One piece of bytes behind another.
pub(crate) fn join(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.concat()
}

/// An IPv4 packet with the right lengths.
pub(crate) fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4_options(protocol, &[], payload)
}

/// An IPv4 packet with options.
pub(crate) fn v4_options(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + options.len() + payload.len()).unwrap().to_be_bytes();
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let fixed = [0x40 | words, 0, length[0], length[1], 0, 0, 0, 0, 64, protocol, 0, 0];
    join(&[&fixed, &SRC.octets(), &DST.octets(), options, payload])
}

/// An IPv4 fragment: offset in units of 8 bytes, more-fragments bit, identification.
pub(crate) fn v4_fragment(protocol: u8, (offset, more): (u16, u16), id: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = v4(protocol, payload);
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    packet[6..8].copy_from_slice(&(more << 13 | offset).to_be_bytes());
    packet
}

/// A packet with its IPv4 total length changed.
pub(crate) fn with_total_length(mut packet: Vec<u8>, length: u16) -> Vec<u8> {
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

/// An IPv6 packet with the right lengths.
pub(crate) fn v6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let fixed = [0x60, 0, 0, 0, length[0], length[1], next_header, 64];
    join(&[&fixed, &SRC6.octets(), &DST6.octets(), payload])
}

/// A packet with its IPv6 payload length changed.
pub(crate) fn with_payload_length(mut packet: Vec<u8>, length: u16) -> Vec<u8> {
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet
}

/// An IPv6 fragment header.
pub(crate) fn fragment_header(next_header: u8, (offset, more): (u16, u16), id: u32) -> Vec<u8> {
    let field = (offset << 3 | more).to_be_bytes();
    join(&[&[next_header, 0, field[0], field[1]], &id.to_be_bytes()])
}

/// A TCP header without options.
pub(crate) fn tcp(src_port: u16, dst_port: u16, flags: u8) -> Vec<u8> {
    let mut header = [0; 20];
    header[..2].copy_from_slice(&src_port.to_be_bytes());
    header[2..4].copy_from_slice(&dst_port.to_be_bytes());
    header[12] = 0x50;
    header[13] = flags;
    header.to_vec()
}

/// A UDP datagram.
pub(crate) fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    join(&[&src_port.to_be_bytes(), &dst_port.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload])
}

/// An ICMP message with its second word all of `rest`.
pub(crate) fn icmp(icmp_type: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    join(&[&[icmp_type, code, 0, 0], &rest, payload])
}

/// An Ethernet frame.
pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &ether_type.to_be_bytes(), payload])
}

/// A VXLAN header with the I flag and its payload.
pub(crate) fn vxlan(vni: u32, inner: &[u8]) -> Vec<u8> {
    join(&[&[8, 0, 0, 0], &(vni << 8).to_be_bytes(), inner])
}

/// A GENEVE header with its options and its payload.
pub(crate) fn geneve(protocol: u16, vni: u32, options: &[u8], inner: &[u8]) -> Vec<u8> {
    let words = u8::try_from(options.len() / 4).unwrap();
    join(&[&[words, 0], &protocol.to_be_bytes(), &(vni << 8).to_be_bytes(), options, inner])
}
