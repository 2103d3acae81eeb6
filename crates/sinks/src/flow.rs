//! Flow records: one a flow, when it is over (S9.3).

use std::io::{self, Write};
use std::net::IpAddr;

use serde::{Serialize, Serializer};
use vpcreplay_engine::{ConnectionRecord, FlowRecord, Registry};

use crate::Format;
use crate::record::{Copies, RecordWriter};

/// The fields of a flow record, in their order.
const COLUMNS: [&str; 23] = [
    "flow",
    "protocol",
    "src",
    "src_port",
    "dst",
    "dst_port",
    "icmp_id",
    "first_ns",
    "last_ns",
    "packets_forward",
    "packets_reverse",
    "bytes_forward",
    "bytes_reverse",
    "allowed_forward",
    "allowed_reverse",
    "denied_forward",
    "denied_reverse",
    "unsent_forward",
    "unsent_reverse",
    "connection_count",
    "connections",
    "outcome",
    "copy",
];

/// `C` is the list of connections: a list, or in CSV its JSON text.
#[derive(Serialize)]
struct Record<C> {
    flow: u64,
    protocol: u8,
    src: IpAddr,
    src_port: Option<u16>,
    dst: IpAddr,
    dst_port: Option<u16>,
    icmp_id: Option<u16>,
    first_ns: i64,
    last_ns: i64,
    packets_forward: u64,
    packets_reverse: u64,
    bytes_forward: u64,
    bytes_reverse: u64,
    allowed_forward: u64,
    allowed_reverse: u64,
    denied_forward: u64,
    denied_reverse: u64,
    unsent_forward: u64,
    unsent_reverse: u64,
    connection_count: u64,
    connections: C,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<u32>,
}

impl<C> Record<C> {
    fn new(flow: &FlowRecord, connections: C, copies: Copies) -> Self {
        let FlowRecord { key, source, forward, reverse, .. } = flow;
        let target = source.other();
        Self {
            flow: flow.number,
            protocol: key.protocol().0,
            src: key.address(*source),
            src_port: key.port(*source),
            dst: key.address(target),
            dst_port: key.port(target),
            icmp_id: key.icmp_id(),
            first_ns: flow.first.nanos(),
            last_ns: flow.last.nanos(),
            packets_forward: forward.packets,
            packets_reverse: reverse.packets,
            bytes_forward: forward.bytes,
            bytes_reverse: reverse.bytes,
            allowed_forward: forward.allowed,
            allowed_reverse: reverse.allowed,
            denied_forward: forward.denied,
            denied_reverse: reverse.denied,
            unsent_forward: forward.unsent,
            unsent_reverse: reverse.unsent,
            connection_count: flow.connection_count,
            connections,
            outcome: flow.outcome.code(),
            copy: (copies == Copies::Told).then(|| u32::from(key.copy()) + 1),
        }
    }
}

/// The connections of a flow, with the names of their ENIs.
struct Connections<'a> {
    records: &'a [ConnectionRecord],
    registry: &'a Registry,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the fields are named as in the records")]
struct Connection<'a> {
    connection: u64,
    eni: &'a str,
    state: &'static str,
    end: &'static str,
}

impl Serialize for Connections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.records.iter().map(|record| Connection {
            connection: record.number,
            eni: self.registry.eni_name(record.eni),
            state: record.state.code(),
            end: record.ending.code(),
        }))
    }
}

/// Writes flow records. In CSV the field `connections` holds the list as JSON text.
#[derive(Debug)]
pub struct FlowWriter<W: Write> {
    format: Format,
    records: RecordWriter<W>,
    json: Vec<u8>,
    copies: Copies,
}

impl<W: Write> FlowWriter<W> {
    /// A writer of this format. It buffers by itself.
    pub fn new(format: Format, out: W) -> Self {
        let copies = Copies::Untold;
        let records = RecordWriter::new(format, copies.columns(&COLUMNS), out);
        Self { format, records, json: Vec::new(), copies }
    }

    /// The same, but records tell which copy of the captures they belong to.
    #[must_use]
    pub fn with_copies(self, copies: Copies) -> Self {
        Self { records: self.records.with_columns(copies.columns(&COLUMNS)), copies, ..self }
    }

    /// Writes the record of a flow; the registry has the names behind its numbers.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, flow: &FlowRecord, registry: &Registry) -> io::Result<()> {
        let connections = Connections { records: &flow.connections, registry };
        match self.format {
            Format::JsonLines => self.records.write(&Record::new(flow, connections, self.copies)),
            Format::Csv => {
                self.json.clear();
                serde_json::to_writer(&mut self.json, &connections)?;
                let text = std::str::from_utf8(&self.json).map_err(io::Error::other)?;
                self.records.write(&Record::new(flow, text, self.copies))
            }
        }
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
#[path = "flow_tests.rs"]
mod tests;
