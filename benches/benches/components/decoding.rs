//! A frame to its digest, and the general way, by shape.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use vpcreplay_replay::flow::{Decap, LinkType};
use vpcreplay_replay::packet::{decode, digest};

/// Frames in a row, so that the loop does not count.
const FRAMES: usize = 1_000;

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend_from_slice(&ether_type.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn v4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).expect("a small packet");
    let [high, low] = length.to_be_bytes();
    let mut packet = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0, 11, 0, 0, 1, 10, 20, 0, 1];
    packet.extend_from_slice(body);
    packet
}

fn v6(next_header: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a small packet");
    let [high, low] = length.to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, high, low, next_header, 64];
    packet.extend_from_slice(&[0x20; 32]);
    packet.extend_from_slice(body);
    packet
}

fn tcp() -> Vec<u8> {
    let mut header = vec![0x9c, 0x40, 0x01, 0xbb];
    header.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    header
}

const UDP: [u8; 20] = [0x9c, 0x40, 0, 53, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const ECHO: [u8; 8] = [8, 0, 0, 0, 0, 1, 0, 1];
const ECHO_V6: [u8; 8] = [128, 0, 0, 0, 0, 1, 0, 1];

/// An ICMP error that quotes a packet.
fn unreachable(quoted: &[u8]) -> Vec<u8> {
    [&[3, 1, 0, 0, 0, 0, 0, 0], quoted].concat()
}

/// Frames by name.
fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let tagged = [&[0, 7, 0x08, 0x00][..], &v4(6, &tcp())].concat();
    let extended = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &tcp()].concat();
    vec![
        ("IPv4 TCP", ethernet(0x0800, &v4(6, &tcp()))),
        ("IPv4 UDP", ethernet(0x0800, &v4(17, &UDP))),
        ("IPv4 ICMP echo", ethernet(0x0800, &v4(1, &ECHO))),
        ("IPv4 ICMP error", ethernet(0x0800, &v4(1, &unreachable(&v4(17, &UDP))))),
        ("VLAN IPv4 TCP", ethernet(0x8100, &tagged)),
        ("IPv6 TCP", ethernet(0x86dd, &v6(6, &tcp()))),
        ("IPv6 ICMPv6 echo", ethernet(0x86dd, &v6(58, &ECHO_V6))),
        ("IPv6 hop-by-hop TCP", ethernet(0x86dd, &v6(0, &extended))),
        ("ARP", ethernet(0x0806, &[0; 28])),
    ]
}

pub(crate) fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for (name, frame) in shapes() {
        let length = u32::try_from(frame.len()).expect("a small frame");
        // Only where it gives one: the others go the general way.
        if digest(LinkType::ETHERNET, &frame, length).is_some() {
            group.bench_function(format!("digest, {name}"), |bencher| {
                bencher.iter(|| {
                    for _ in 0..FRAMES {
                        black_box(digest(LinkType::ETHERNET, black_box(&frame), length));
                    }
                });
            });
        }
        group.bench_function(format!("general, {name}"), |bencher| {
            bencher.iter(|| {
                for _ in 0..FRAMES {
                    black_box(decode(LinkType::ETHERNET, black_box(&frame), length, Decap::None));
                }
            });
        });
    }
    group.finish();
}
