//! What is in captures: formats, span, protocols, talkers, local addresses, tunnels, blind spots.
//!
//! Memory is bounded: every table has room for so many keys, and what comes after that is counted together.

mod flows;
mod local;
mod tally;
mod text;

use std::net::IpAddr;

use vpcreplay_capture::{CaptureSet, Input};
use vpcreplay_flow::{Cause, Clock, ClockStep, Decap, Decoded, Protocol, Timestamp, Transport};
use vpcreplay_packet::{FragmentTable, decode, tunnel_port};

use crate::{FileInfo, Progress, ReplayError, Signal};

pub use flows::{FlowKinds, Service};
pub use local::LocalAddress;
pub use tally::Tally;

use flows::Flows;
use tally::Table;

/// Frames between two looks at the progress.
const BATCH: u64 = 4096;
/// Distinct pairs of addresses that are counted apart.
const PAIRS: usize = 131_072;

/// What is in captures.
pub struct Inspection {
    /// The captures as far as they were read: formats, damage, files left out.
    pub captures: CaptureSet,
    /// Whether they were read to their end.
    pub end: Signal,
    /// The tunnel that was taken off.
    pub decap: Decap,
    /// Frames.
    pub frames: Tally,
    /// Earliest and latest timestamp.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Frames stamped earlier than one before them.
    pub clock_regressions: u64,
    /// Steps of more than a day between frames.
    pub clock_jumps: u64,
    /// Packets by protocol, most first; IPv6 apart from IPv4.
    pub protocols: Vec<((Family, Protocol), Tally)>,
    /// Frames that are no packets, by cause.
    pub causes: Vec<(Cause, u64)>,
    /// Pairs of addresses that talk most.
    pub talkers: Vec<((IpAddr, IpAddr), Tally)>,
    /// Packets of pairs that had no room in the table.
    pub other_talkers: Tally,
    /// Distinct pairs counted.
    pub pairs: u64,
    /// Addresses that are probably on the captured side.
    pub local: Vec<LocalAddress>,
    /// Packets to the port of VXLAN.
    pub vxlan: u64,
    /// Packets to the port of GENEVE.
    pub geneve: u64,
    /// Frames of which only the beginning was captured.
    pub cut: u64,
    /// IP fragments, and those of them whose first fragment was not seen.
    pub fragments: (u64, u64),
    /// Flows by what is seen of them.
    pub flows: FlowKinds,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Looks at every frame of some captures.
///
/// # Errors
/// Captures that cannot be read.
pub fn inspect(
    inputs: &[Input],
    decap: Decap,
    progress: &mut dyn Progress,
) -> Result<Inspection, ReplayError> {
    let mut captures = CaptureSet::open(inputs)?;
    let mut look = Look::new(decap);
    let mut end = Signal::Continue;
    while let Some(frame) = captures.next_frame()? {
        let (time, is_cut) = (frame.time, (frame.captured.len() as u64) < u64::from(frame.original_length));
        let decoded = decode(frame.link_type, frame.captured, frame.original_length, decap);
        look.frame(time, u64::from(frame.original_length).max(frame.captured.len() as u64));
        look.cut += u64::from(is_cut);
        look.packet(decoded);
        if look.frames.packets.is_multiple_of(BATCH) {
            let (bytes, total) = captures.progress();
            end = progress.update(bytes, total, look.frames.packets);
            if end == Signal::Stop {
                break;
            }
        }
    }
    let end = end.at_end_of(&captures);
    Ok(look.finish(captures, end))
}

impl Inspection {
    /// What is known of each file.
    pub fn files(&self) -> Vec<FileInfo> {
        self.captures.formats()
    }
}

/// What was seen so far.
struct Look {
    decap: Decap,
    frames: Tally,
    span: Option<(Timestamp, Timestamp)>,
    clock: Clock,
    clock_regressions: u64,
    clock_jumps: u64,
    fragments: FragmentTable,
    fragment_counts: (u64, u64),
    protocols: Table<(Family, Protocol)>,
    causes: [u64; 4],
    pairs: Table<(IpAddr, IpAddr)>,
    vxlan: u64,
    geneve: u64,
    cut: u64,
    flows: Flows,
}

const CAUSES: [Cause; 4] = [Cause::NotIp, Cause::Truncated, Cause::Malformed, Cause::UnsupportedLinkType];

impl Look {
    fn new(decap: Decap) -> Self {
        Self {
            decap,
            frames: Tally::default(),
            span: None,
            clock: Clock::default(),
            clock_regressions: 0,
            clock_jumps: 0,
            fragments: FragmentTable::new(),
            fragment_counts: (0, 0),
            protocols: Table::new(1024),
            causes: [0; 4],
            pairs: Table::new(PAIRS),
            vxlan: 0,
            geneve: 0,
            cut: 0,
            flows: Flows::default(),
        }
    }

    fn frame(&mut self, time: Timestamp, length: u64) {
        self.frames.add(length);
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        match self.clock.observe(time).1 {
            ClockStep::Forward => {}
            ClockStep::Regression => self.clock_regressions += 1,
            ClockStep::Jump => self.clock_jumps += 1,
        }
    }

    fn packet(&mut self, mut frame: vpcreplay_packet::DecodedFrame) {
        let now = self.clock.now().unwrap_or_default();
        let is_fragment = frame.is_fragment();
        if is_fragment {
            self.fragments.resolve(&mut frame, now);
        }
        match tunnel_port(&frame.decoded) {
            Some(Decap::Vxlan) => self.vxlan += 1,
            Some(Decap::Geneve) => self.geneve += 1,
            _ => {}
        }
        let facts = match frame.decoded {
            Decoded::Packet(facts) => facts,
            Decoded::Unjudged(cause, _) => {
                if let Some(count) = self.causes.get_mut(cause as usize) {
                    *count += 1;
                }
                return;
            }
        };
        if is_fragment {
            self.fragment_counts.0 += 1;
            self.fragment_counts.1 += u64::from(facts.transport == Transport::Unknown);
        }
        let family = if facts.src.is_ipv4() { Family::V4 } else { Family::V6 };
        let length = u64::from(facts.length);
        self.protocols.count((family, facts.protocol), length);
        self.pairs.count((facts.src.min(facts.dst), facts.src.max(facts.dst)), length);
        self.flows.packet(&facts);
    }

    fn finish(self, captures: CaptureSet, end: Signal) -> Inspection {
        let (kinds, services) = self.flows.finish();
        Inspection {
            captures,
            end,
            decap: self.decap,
            frames: self.frames,
            span: self.span,
            clock_regressions: self.clock_regressions,
            clock_jumps: self.clock_jumps,
            causes: CAUSES.into_iter().zip(self.causes).filter(|(_, count)| *count > 0).collect(),
            local: local::guess(&self.pairs, &services),
            talkers: self.pairs.most(usize::MAX),
            other_talkers: self.pairs.others(),
            pairs: self.pairs.len() as u64,
            protocols: self.protocols.most(usize::MAX),
            vxlan: self.vxlan,
            geneve: self.geneve,
            cut: self.cut,
            fragments: self.fragment_counts,
            flows: kinds,
        }
    }
}
