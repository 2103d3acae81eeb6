//! Verdict records: one a packet, in replay order.

use std::io::{self, Write};
use std::net::IpAddr;
use std::num::NonZeroU64;

use serde::Serialize;
use vpcreplay_engine::{Registry, State, Verdict};
use vpcreplay_flow::{Checkpoint, Decoded, Timestamp, Tunnel};

use crate::Format;
use crate::record::{Copies, Hex16, RecordWriter};

/// A packet and its verdict, as a record is made of them.
#[derive(Clone, Copy, Debug)]
pub struct VerdictRow<'a> {
    /// The packet's number in replay order, from 1 (S1.4).
    pub packet: u64,
    /// The file, as given on the command line.
    pub file: &'a str,
    /// The frame's number in that file, from 1.
    pub frame: u64,
    /// The packet's own timestamp (S1.2).
    pub time: Timestamp,
    /// The tunnel that was taken off (S2.6).
    pub tunnel: Option<Tunnel>,
    /// What became of its frame.
    pub decoded: &'a Decoded,
    /// What became of the packet.
    pub verdict: &'a Verdict,
    /// Which copy of the captures the packet belongs to, from 1; only for a writer that tells it.
    pub copy: Option<u32>,
}

/// The fields of a verdict record, in their order.
const COLUMNS: [&str; 24] = [
    "packet",
    "file",
    "frame",
    "time_ns",
    "src",
    "dst",
    "protocol",
    "src_port",
    "dst_port",
    "icmp_type",
    "icmp_code",
    "tcp_flags",
    "length",
    "vni",
    "gwlb_endpoint",
    "disposition",
    "reason",
    "checkpoint",
    "eni",
    "rule",
    "connection",
    "state",
    "cause_packet",
    "copy",
];

#[derive(Serialize)]
struct VerdictRecord<'a> {
    packet: u64,
    file: &'a str,
    frame: u64,
    time_ns: i64,
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    protocol: Option<u8>,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    tcp_flags: Option<u8>,
    length: Option<u32>,
    vni: Option<u32>,
    gwlb_endpoint: Option<Hex16>,
    disposition: &'static str,
    reason: &'static str,
    checkpoint: Option<&'static str>,
    eni: Option<&'a str>,
    rule: Option<&'a str>,
    connection: Option<NonZeroU64>,
    state: Option<&'static str>,
    cause_packet: Option<NonZeroU64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<u32>,
}

impl<'a> VerdictRecord<'a> {
    fn new(row: &VerdictRow<'a>, registry: &'a Registry) -> Self {
        let facts = FactFields::of(row.decoded);
        let verdict = row.verdict;
        Self {
            packet: row.packet,
            file: row.file,
            frame: row.frame,
            time_ns: row.time.nanos(),
            src: facts.src,
            dst: facts.dst,
            protocol: facts.protocol,
            src_port: facts.ports.map(|(src_port, _)| src_port),
            dst_port: facts.ports.map(|(_, dst_port)| dst_port),
            icmp_type: facts.icmp.map(|(icmp_type, _)| icmp_type),
            icmp_code: facts.icmp.map(|(_, code)| code),
            tcp_flags: facts.tcp_flags,
            length: facts.length,
            vni: row.tunnel.map(|tunnel| tunnel.vni),
            gwlb_endpoint: row.tunnel.and_then(|tunnel| tunnel.gwlb_endpoint).map(Hex16),
            disposition: verdict.disposition().code(),
            reason: verdict.reason.code(),
            checkpoint: verdict.checkpoint.map(Checkpoint::code),
            eni: verdict.eni.map(|eni| registry.eni_name(eni)),
            rule: verdict.rule.map(|rule| registry.rule_name(rule)),
            connection: verdict.connection,
            state: verdict.state.map(State::code),
            cause_packet: verdict.cause_packet,
            copy: row.copy,
        }
    }
}

/// The fields that decoding gives (S2.3): of an IP header alone where there are no facts.
#[derive(Default)]
struct FactFields {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
    icmp: Option<(u8, u8)>,
    tcp_flags: Option<u8>,
    length: Option<u32>,
}

impl FactFields {
    fn of(decoded: &Decoded) -> Self {
        match decoded {
            Decoded::Packet(facts) => Self {
                src: Some(facts.src),
                dst: Some(facts.dst),
                protocol: Some(facts.protocol.0),
                ports: facts.transport.ports(),
                icmp: facts.transport.icmp(),
                tcp_flags: facts.transport.tcp_flags().map(|flags| flags.0),
                length: Some(facts.length),
            },
            Decoded::Unjudged(_, Some(header)) => Self {
                src: Some(header.src),
                dst: Some(header.dst),
                protocol: header.protocol.map(|protocol| protocol.0),
                length: Some(header.length),
                ..Self::default()
            },
            Decoded::Unjudged(_, None) => Self::default(),
        }
    }
}

/// Writes verdict records.
#[derive(Debug)]
pub struct VerdictWriter<W: Write> {
    records: RecordWriter<W>,
}

impl<W: Write> VerdictWriter<W> {
    /// A writer of this format. It buffers by itself.
    pub fn new(format: Format, out: W) -> Self {
        Self { records: RecordWriter::new(format, Copies::Untold.columns(&COLUMNS), out) }
    }

    /// The same, but records tell which copy of the captures they belong to: every row is to have one.
    #[must_use]
    pub fn with_copies(self, copies: Copies) -> Self {
        Self { records: self.records.with_columns(copies.columns(&COLUMNS)) }
    }

    /// Writes the record of a packet; the registry has the names behind the verdict's numbers.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, row: &VerdictRow<'_>, registry: &Registry) -> io::Result<()> {
        self.records.write(&VerdictRecord::new(row, registry))
    }

    /// Hands on what is buffered and flushes the output.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(self) -> io::Result<()> {
        self.records.finish()
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
