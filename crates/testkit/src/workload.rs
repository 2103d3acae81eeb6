//! Synthetic captures: the same arguments give the same bytes on every machine.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a generator of fixed-size frames"
)]

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// About 60-byte frames of many flows at once, TCP with some UDP and ICMP; popular flows are long.
    Small,
    /// A new flow on every fifth packet, mostly SYNs.
    Churn,
}

/// A model of one interface that owns the servers, 20 rules each way; every connection is tracked.
pub const MODEL: &str = include_str!("perf.toml");

const SERVERS: u32 = 0x0a14_0000;
const CLIENTS: u32 = 0x0b00_0000;
const FRAME: usize = 54;

/// A multiply-and-fold generator (64-bit state): good enough to spread flows, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((u128::from(self.0 ^ self.0 >> 29) * u128::from(sides)) >> 64) as u64
    }
}

/// One flow of a workload: who talks to whom, and how far it is.
#[derive(Clone, Copy)]
struct Talk {
    client: u32,
    server: u32,
    ports: (u16, u16),
    protocol: u8,
    step: u32,
    length: u32,
}

impl Talk {
    fn new(dice: &mut Dice, workload: Workload) -> Self {
        let protocol = match dice.roll(100) {
            0..75 => 6,
            75..96 => 17,
            _ => 1,
        };
        let length = match workload {
            Workload::Small => 4 << dice.roll(6),
            Workload::Churn => 5,
        };
        Self {
            client: CLIENTS + narrow(dice.roll(1 << 24)),
            server: SERVERS + narrow(dice.roll(1 << 10)),
            ports: (1024 + narrow16(dice.roll(60_000)), [80, 443, 8080, 53][dice.roll(4) as usize]),
            protocol,
            step: 0,
            length: narrow(length),
        }
    }

    /// The next packet: whether the client sends it, and the TCP flags.
    fn next(&mut self, workload: Workload) -> (Sender, u8) {
        let step = self.step;
        self.step += 1;
        match (workload, step) {
            (Workload::Churn, _) | (_, 0) => (Sender::Client, 0x02),
            (_, 1) => (Sender::Server, 0x12),
            (_, last) if last + 2 == self.length => (Sender::Client, 0x11),
            (_, last) if last + 1 == self.length => (Sender::Server, 0x11),
            (_, step) if step % 2 == 0 => (Sender::Client, 0x10),
            _ => (Sender::Server, 0x18),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

/// A classic pcap (microseconds, little endian, Ethernet) of a workload, 10 µs between packets.
pub fn capture(workload: Workload, packets: u32) -> Vec<u8> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let slots = packets / if workload == Workload::Small { 50 } else { 5 };
    let mut talks: Vec<Talk> = (0..slots.max(1)).map(|_| Talk::new(&mut dice, workload)).collect();
    let mut bytes = Vec::with_capacity(24 + packets as usize * (16 + FRAME));
    bytes.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
    bytes.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    for packet in 0..u64::from(packets) {
        let popular = dice.roll(u64::from(slots.max(1)));
        let slot = if dice.roll(10) < 7 { dice.roll(popular + 1) } else { popular };
        let Some(talk) = talks.get_mut(slot as usize) else { continue };
        let micros = 1_700_000_000_000_000 + packet * 10;
        bytes.extend_from_slice(&narrow(micros / 1_000_000).to_le_bytes());
        bytes.extend_from_slice(&narrow(micros % 1_000_000).to_le_bytes());
        bytes.extend_from_slice(&narrow(FRAME as u64).to_le_bytes());
        bytes.extend_from_slice(&narrow(FRAME as u64).to_le_bytes());
        let (sender, flags) = talk.next(workload);
        bytes.extend_from_slice(&frame(talk, sender, flags));
        if talk.step >= talk.length {
            *talk = Talk::new(&mut dice, workload);
        }
    }
    bytes
}

fn frame(talk: &Talk, sender: Sender, flags: u8) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    let is_client = sender == Sender::Client;
    let (src, dst) = if is_client { (talk.client, talk.server) } else { (talk.server, talk.client) };
    let (from, to) = if is_client { talk.ports } else { (talk.ports.1, talk.ports.0) };
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[17] = 40;
    frame[22] = 64;
    frame[23] = talk.protocol;
    frame[26..30].copy_from_slice(&src.to_be_bytes());
    frame[30..34].copy_from_slice(&dst.to_be_bytes());
    if talk.protocol == 1 {
        frame[34] = if is_client { 8 } else { 0 };
        frame[38..40].copy_from_slice(&talk.ports.0.to_be_bytes());
    } else {
        frame[34..36].copy_from_slice(&from.to_be_bytes());
        frame[36..38].copy_from_slice(&to.to_be_bytes());
        frame[46] = 0x50;
        frame[47] = flags;
    }
    frame
}

fn narrow(wide: u64) -> u32 {
    u32::try_from(wide).unwrap_or(u32::MAX)
}

fn narrow16(wide: u64) -> u16 {
    u16::try_from(wide).unwrap_or(u16::MAX)
}
