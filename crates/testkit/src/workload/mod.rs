//! Synthetic captures for benchmarks: the same arguments give the same bytes on every machine.
//!
//! Servers are in 10.20.0.0/22 and `2001:db8:cafe::/64`, clients in 11.0.0.0/8 and `2001:db8:1::/48`. Frames are Ethernet
//! without checksums, in a classic pcap with microseconds. Each workload is a number of flows that are open at once, in
//! slots; each packet is the next one of the flow in some slot, the earlier slots being the more popular ones, and
//! a flow that is over leaves its slot to a new one.

use std::io::{self, Write};

use vpcreplay_flow::Span;

use self::frame::frame;
use self::talk::{Dice, Talk};

mod frame;
mod packaging;
mod talk;

pub use packaging::Packaging;

/// A kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    /// Frames of 54 bytes of flows of 4 to 128 packets: 75 % TCP from SYN to FIN, 21 % UDP, 4 % ICMP echo; IPv4.
    Small,
    /// Frames as small, flows of five packets, all of them from the client, TCP ones all SYNs: a new flow on every
    /// fifth packet.
    Churn,
    /// Flows as small, one in twenty over IPv6; packets with data are 60, 590 or 1,514 bytes long (7 : 4 : 1).
    Imix,
    /// Queries to port 53 and their answers, 95 % over UDP, a tenth over IPv6: a new flow on every second packet.
    Dns,
    /// SYNs that nobody goes on with, half of them answered, from ever new clients to one port of 16 servers: about
    /// six in seven packets. The others are as small.
    SynFlood,
    /// Flows as small, one in twenty over IPv6, for a model that has both ends.
    TwoEni,
    /// Flows as small, all over IPv6.
    Ipv6,
}

/// A model of the network that a workload's packets meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name of its file.
    pub file: &'static str,
    /// Its text.
    pub toml: &'static str,
}

/// One interface that owns the servers, 20 rules each way; every connection is tracked.
pub const ONE_END: Model = Model { file: "perf.toml", toml: include_str!("perf.toml") };

/// An interface that owns the servers and one that owns the clients.
pub const BOTH_ENDS: Model = Model { file: "two-eni.toml", toml: include_str!("two-eni.toml") };

/// The interface of [`ONE_END`] without the rules for everybody: what comes over IPv4 no rule admits.
pub fn closed() -> String {
    let is_for_everybody = |line: &&str| {
        line.ends_with("peer = \"0.0.0.0/1\" },") || line.ends_with("peer = \"128.0.0.0/1\" },")
    };
    let (ingress, others) = ONE_END.toml.split_once("egress = [").expect("the model has rules both ways");
    let kept: Vec<&str> = ingress.lines().filter(|line| !is_for_everybody(line)).collect();
    format!("{}\negress = [{others}", kept.join("\n"))
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Small, Self::Churn, Self::Imix, Self::Dns, Self::SynFlood, Self::TwoEni, Self::Ipv6];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Churn => "churn",
            Self::Imix => "imix",
            Self::Dns => "dns",
            Self::SynFlood => "syn-flood",
            Self::TwoEni => "two-eni",
            Self::Ipv6 => "ipv6",
        }
    }

    /// The workload with a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workload| workload.name() == name)
    }

    /// The model that goes with it.
    pub const fn model(self) -> Model {
        match self {
            Self::TwoEni => BOTH_ENDS,
            _ => ONE_END,
        }
    }

    /// How many packets there are for each flow that is open at once.
    const fn packets_for_a_slot(self) -> u32 {
        match self {
            Self::Churn => 5,
            Self::Dns => 20,
            _ => 50,
        }
    }
}

/// When the packets come.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two packets.
    pub spacing: Span,
    /// How often the same packets come, later each time.
    pub rounds: u32,
    /// Between two rounds.
    pub pause: Span,
}

impl Default for Pace {
    /// Once, 10 µs apart.
    fn default() -> Self {
        Self { spacing: Span::from_nanos(10_000), rounds: 1, pause: Span::from_nanos(0) }
    }
}

/// A capture of a workload, in memory.
pub fn capture(workload: Workload, packets: u32) -> Vec<u8> {
    capture_at(workload, packets, Pace::default())
}

/// A capture of a workload at a pace of its own.
pub fn capture_at(workload: Workload, packets: u32, pace: Pace) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, workload, packets, pace).expect("a vector takes all that is written");
    bytes
}

/// Writes a capture of a workload; `packets` are those of one round.
///
/// # Errors
/// Those of the output.
pub fn write(out: &mut impl Write, workload: Workload, packets: u32, pace: Pace) -> io::Result<()> {
    out.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0])?;
    let mut nanos = 1_700_000_000_000_000_000;
    for _ in 0..pace.rounds {
        let mut traffic = Traffic::new(workload, packets);
        for _ in 0..packets {
            let frame = traffic.next_frame();
            let (seconds, micros) = (nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000);
            let length = frame.len() as u64;
            for word in [seconds, micros, length, length] {
                out.write_all(&u32::try_from(word).unwrap_or(u32::MAX).to_le_bytes())?;
            }
            out.write_all(frame)?;
            nanos += pace.spacing.nanos();
        }
        nanos += pace.pause.nanos();
    }
    Ok(())
}

/// The packets of a workload, one after another.
struct Traffic {
    workload: Workload,
    dice: Dice,
    slots: Vec<Talk>,
    frame: Vec<u8>,
}

impl Traffic {
    fn new(workload: Workload, packets: u32) -> Self {
        let mut dice = Dice::default();
        let slots = (packets / workload.packets_for_a_slot()).max(1);
        let slots = (0..slots).map(|_| Talk::new(&mut dice, workload)).collect();
        Self { workload, dice, slots, frame: Vec::new() }
    }

    fn next_frame(&mut self) -> &[u8] {
        let Self { workload, dice, slots, frame: bytes } = self;
        let mut slot = dice.roll(slots.len() as u64);
        if dice.roll(10) < 7 {
            slot = dice.roll(slot + 1);
        }
        let talk = &mut slots[usize::try_from(slot).unwrap_or(usize::MAX)];
        let packet = talk.next(dice);
        frame(talk, packet, bytes);
        if talk.is_over() {
            *talk = Talk::new(dice, *workload);
        }
        bytes
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
