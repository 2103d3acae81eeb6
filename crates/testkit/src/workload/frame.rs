//! The bytes of a packet.

use super::talk::{Family, ICMP, Packet, Sender, TCP, Talk, UDP};

/// UDP packets of the smallest kind leave their length out, which nobody reads.
const LONGER_THAN_SMALLEST: u16 = 20;

/// Makes the frame of a packet.
pub(super) fn frame(talk: &Talk, packet: Packet, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend_from_slice(&[0; 12]);
    let Packet { sender, body, .. } = packet;
    match talk.family {
        Family::V4 => {
            let (src, dst) = talk.addresses(sender);
            bytes.extend_from_slice(&[0x08, 0x00, 0x45, 0]);
            bytes.extend_from_slice(&(20 + body).to_be_bytes());
            bytes.extend_from_slice(&[0, 0, 0, 0, 64, talk.protocol, 0, 0]);
            bytes.extend_from_slice(&src.octets());
            bytes.extend_from_slice(&dst.octets());
        }
        Family::V6 => {
            let (src, dst) = talk.wide_addresses(sender);
            let next_header = if talk.protocol == ICMP { 58 } else { talk.protocol };
            bytes.extend_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0]);
            bytes.extend_from_slice(&body.to_be_bytes());
            bytes.extend_from_slice(&[next_header, 64]);
            bytes.extend_from_slice(&src.octets());
            bytes.extend_from_slice(&dst.octets());
        }
    }
    let transport = bytes.len();
    bytes.resize(transport + usize::from(body), 0);
    write_transport(talk, packet, &mut bytes[transport..]);
}

fn write_transport(talk: &Talk, packet: Packet, bytes: &mut [u8]) {
    let Packet { sender, flags, body } = packet;
    if talk.protocol == ICMP {
        bytes[0] = match (talk.family, sender) {
            (Family::V4, Sender::Client) => 8,
            (Family::V4, Sender::Server) => 0,
            (Family::V6, Sender::Client) => 128,
            (Family::V6, Sender::Server) => 129,
        };
        bytes[4..6].copy_from_slice(&talk.id().to_be_bytes());
        return;
    }
    let (src_port, dst_port) = talk.ports(sender);
    bytes[0..2].copy_from_slice(&src_port.to_be_bytes());
    bytes[2..4].copy_from_slice(&dst_port.to_be_bytes());
    if talk.protocol == UDP && body > LONGER_THAN_SMALLEST {
        bytes[4..6].copy_from_slice(&body.to_be_bytes());
    }
    if talk.protocol == TCP {
        bytes[12] = 0x50;
        bytes[13] = flags;
    }
}
