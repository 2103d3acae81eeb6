//! What goes into the reference and what comes out of it.

use vpcreplay_flow::{Checkpoint, Decoded, Disposition, Reason, Timestamp, Tunnel};

use super::model::{Model, Settings};

/// One packet of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its own timestamp.
    pub time: Timestamp,
    /// What decoding made of it.
    pub decoded: Decoded,
    /// The tunnel that was taken off; the reference only carries it along.
    pub tunnel: Option<Tunnel>,
    /// Which copy of a capture it belongs to: part of its flow key. 0 is the original.
    pub copy: u16,
}

/// A whole replay: models, options and packets in replay order.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// The first model.
    pub model: Model,
    /// Later models and the times from which they are in force, in the order given (S10.1).
    pub later: Vec<(Timestamp, Model)>,
    /// The options of the command line.
    pub command: Settings,
    /// The packets.
    pub packets: Vec<Packet>,
}

/// What became of one packet: the judging fields of a verdict record (S9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Global number, from 1.
    pub packet: u64,
    /// Disposition.
    pub disposition: Disposition,
    /// Reason.
    pub reason: Reason,
    /// The checkpoint that decided.
    pub checkpoint: Option<Checkpoint>,
    /// The ENI there.
    pub eni: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Number of the connection.
    pub connection: Option<u64>,
    /// Its state after the packet.
    pub state: Option<&'static str>,
    /// The packet whose denial is the cause.
    pub cause_packet: Option<u64>,
}

/// One connection in a flow record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// Number of the connection.
    pub connection: u64,
    /// The ENI that tracked it.
    pub eni: String,
    /// Its last state.
    pub state: &'static str,
    /// `live`, `expired`, `reopened` or `removed`.
    pub end: &'static str,
}

/// One flow record (S9.3); fields as the interface names them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the published record, by name")]
pub struct FlowRecord {
    pub flow: u64,
    pub protocol: u8,
    pub src: std::net::IpAddr,
    pub src_port: Option<u16>,
    pub dst: std::net::IpAddr,
    pub dst_port: Option<u16>,
    pub icmp_id: Option<u16>,
    pub first_ns: i64,
    pub last_ns: i64,
    pub packets_forward: u64,
    pub packets_reverse: u64,
    pub bytes_forward: u64,
    pub bytes_reverse: u64,
    pub allowed_forward: u64,
    pub allowed_reverse: u64,
    pub denied_forward: u64,
    pub denied_reverse: u64,
    pub unsent_forward: u64,
    pub unsent_reverse: u64,
    pub connection_count: u64,
    pub connections: Vec<ConnectionRecord>,
    pub outcome: &'static str,
}

/// One row of the series (S7.9); fields as the interface names them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the published row, by name")]
pub struct SeriesRow {
    pub scope: String,
    pub period_start_ns: i64,
    pub periods: u64,
    pub occupancy_max: u64,
    pub occupancy_last: u64,
    pub created: u64,
    pub expired: u64,
    pub reopened: u64,
    pub removed: u64,
    pub conntrack_allowance_exceeded: u64,
}

/// All that comes out of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One record a packet.
    pub records: Vec<Record>,
    /// Flow records, in the order of S9.3.
    pub flows: Vec<FlowRecord>,
    /// Series rows, in the order of S7.9.
    pub series: Vec<SeriesRow>,
    /// `ConnTrackAllowanceExceeded` by ENI (S7.8), for the ENIs where it is not 0, by id.
    pub exceeded: std::collections::BTreeMap<String, u64>,
    /// Packets denied `sg-no-rule` that `either-end` would have admitted (S7.5).
    pub midstream_doubtful: u64,
    /// Packets of flows that could not be remembered (S7.0).
    pub flows_forgotten: u64,
    /// Packets stamped earlier than engine time (S1.2).
    pub clock_regressions: u64,
    /// Steps of more than a day (S1.2).
    pub clock_jumps: u64,
}
