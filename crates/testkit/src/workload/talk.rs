//! The flows of a workload and what their packets are.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Workload;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMP: u8 = 1;

/// A multiply-and-fold generator (64-bit state): good enough to spread flows, and the same everywhere.
pub(super) struct Dice(u64);

impl Default for Dice {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Dice {
    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        u64::try_from((u128::from(self.0 ^ self.0 >> 29) * u128::from(sides)) >> 64).unwrap_or(0)
    }

    fn roll32(&mut self, sides: u32) -> u32 {
        u32::try_from(self.roll(sides.into())).unwrap_or(0)
    }

    fn roll16(&mut self, sides: u16) -> u16 {
        u16::try_from(self.roll(sides.into())).unwrap_or(0)
    }

    fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        from[usize::try_from(self.roll(N as u64)).unwrap_or(0)]
    }
}

/// What the packets of a flow are like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// A handshake, turns, a farewell, without data.
    Whole,
    /// The same with data.
    WithData,
    /// Nothing but SYNs of the client.
    OpeningsOnly,
    /// A SYN of the client, perhaps an answer.
    Attack,
    /// Queries and answers by turns.
    Dns,
}

/// Which end sends a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// One flow of a workload: who talks to whom, and how far it is.
#[derive(Clone, Copy)]
pub(super) struct Talk {
    client: u32,
    server: u32,
    ports: (u16, u16),
    pub(super) protocol: u8,
    pub(super) family: Family,
    manner: Manner,
    step: u32,
    length: u32,
}

/// A packet of a flow.
#[derive(Clone, Copy)]
pub(super) struct Packet {
    pub(super) sender: Sender,
    /// TCP flags.
    pub(super) flags: u8,
    /// Bytes behind the IP header.
    pub(super) body: u16,
}

/// A TCP header without options; other packets are not shorter.
const SMALLEST: u16 = 20;

impl Talk {
    /// A new flow.
    pub(super) fn new(dice: &mut Dice, workload: Workload) -> Self {
        let mut protocol = match dice.roll(100) {
            0..75 => TCP,
            75..96 => UDP,
            _ => ICMP,
        };
        let mut manner = match workload {
            Workload::Small | Workload::TwoEni | Workload::Ipv6 => Manner::Whole,
            Workload::Churn => Manner::OpeningsOnly,
            Workload::Imix => Manner::WithData,
            Workload::Dns => Manner::Dns,
            Workload::SynFlood if dice.roll(1000) < 5 => Manner::Whole,
            Workload::SynFlood => Manner::Attack,
        };
        let mut length = match manner {
            Manner::Whole | Manner::WithData => 4 << dice.roll(6),
            Manner::OpeningsOnly => 5,
            Manner::Attack => 1 + dice.roll32(2),
            Manner::Dns => 2,
        };
        let client = dice.roll32(1 << 24);
        let mut server = dice.roll32(1 << 10);
        let mut ports = (1024 + dice.roll16(60_000), dice.pick([80, 443, 8080, 53]));
        let mut wide_of_100 = 0;
        match workload {
            Workload::Imix | Workload::TwoEni => wide_of_100 = 5,
            Workload::Ipv6 => wide_of_100 = 100,
            Workload::SynFlood if manner == Manner::Attack => {
                (protocol, server, ports.1) = (TCP, server % 16, 443);
            }
            Workload::Small | Workload::Churn | Workload::SynFlood => {}
            Workload::Dns => {
                (protocol, server, ports.1, wide_of_100) = (UDP, server % 16, 53, 10);
                if dice.roll(20) == 0 {
                    (protocol, manner, length) = (TCP, Manner::WithData, 7);
                }
            }
        }
        let is_wide = wide_of_100 > 0 && dice.roll(100) < wide_of_100;
        let family = if is_wide { Family::V6 } else { Family::V4 };
        Self { client, server, ports, protocol, family, manner, step: 0, length }
    }

    /// Whether all its packets were sent.
    pub(super) fn is_over(&self) -> bool {
        self.step >= self.length
    }

    /// The next packet.
    pub(super) fn next(&mut self, dice: &mut Dice) -> Packet {
        let step = self.step;
        self.step += 1;
        let (sender, flags) = match (self.manner, step) {
            (Manner::OpeningsOnly, _) | (_, 0) => (Sender::Client, SYN),
            (_, 1) => (Sender::Server, SYN | ACK),
            (_, last) if last + 2 == self.length => (Sender::Client, FIN | ACK),
            (_, last) if last + 1 == self.length => (Sender::Server, FIN | ACK),
            (_, step) if step % 2 == 0 => (Sender::Client, ACK),
            _ => (Sender::Server, PSH | ACK),
        };
        let has_data = self.protocol != TCP || flags & PSH != 0;
        let body = match (self.manner, sender) {
            (Manner::WithData, _) if has_data => self.data(dice),
            (Manner::Dns, Sender::Client) => 38 + dice.roll16(32),
            (Manner::Dns, Sender::Server) => 54 + dice.roll16(160),
            _ => SMALLEST,
        };
        Packet { sender, flags, body }
    }

    /// The body of a packet whose frame has 60, 590 or 1,514 bytes.
    fn data(&self, dice: &mut Dice) -> u16 {
        let frame = dice.pick([60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1514]);
        let headers = match self.family {
            Family::V4 => 14 + 20,
            Family::V6 => 14 + 40,
        };
        SMALLEST.max(frame - headers)
    }

    /// Source and destination address of a packet, IPv4.
    pub(super) fn addresses(&self, sender: Sender) -> (Ipv4Addr, Ipv4Addr) {
        let (client, server) = (0x0b00_0000 + self.client, 0x0a14_0000 + self.server);
        order(sender, (Ipv4Addr::from_bits(client), Ipv4Addr::from_bits(server)))
    }

    /// Source and destination address of a packet, IPv6.
    pub(super) fn wide_addresses(&self, sender: Sender) -> (Ipv6Addr, Ipv6Addr) {
        let client = 0x2001_0db8_0001 << 80 | u128::from(self.client);
        let server = 0x2001_0db8_cafe << 80 | u128::from(self.server);
        order(sender, (Ipv6Addr::from_bits(client), Ipv6Addr::from_bits(server)))
    }

    /// Source and destination port of a packet.
    pub(super) fn ports(&self, sender: Sender) -> (u16, u16) {
        order(sender, self.ports)
    }

    /// The identifier of an ICMP query.
    pub(super) fn id(&self) -> u16 {
        self.ports.0
    }
}

fn order<T>(sender: Sender, (client, server): (T, T)) -> (T, T) {
    match sender {
        Sender::Client => (client, server),
        Sender::Server => (server, client),
    }
}
