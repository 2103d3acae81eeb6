//! The whole path of one packet: why it has its verdict (S9.2).
//!
//! The captures are replayed up to the packet, which is then judged with its steps told. Where the captures can be
//! read again, a second pass collects what came before it in its flow.

pub(crate) mod describe;
mod history;
mod stages;
mod text;
mod walk;

use std::io;

use serde::Serialize;
use vpcreplay_engine::{Engine, Step, Verdict};
use vpcreplay_flow::{Decoded, Disposition, PacketFacts, Reason};

use crate::{Item, Plan, Progress, ReplayError};

/// Which packet is explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The packet with this number in replay order.
    Packet(u64),
    /// The frame with this number in the file of this name, as given on the command line.
    Frame {
        /// The file.
        file: String,
        /// The frame, from 1.
        number: u64,
    },
    /// The packet that creates the connection with this number.
    Connection(u64),
}

/// Why a packet has its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The packet.
    pub packet: PacketLine,
    /// Its source and its destination; empty where they are not known.
    pub ends: Vec<EndStory>,
    /// What came before it in its flow; null where it has no flow.
    pub flow: Option<FlowStory>,
    /// The checkpoints, in path order.
    pub path: Vec<Stage>,
    /// Checkpoints that a denial before them kept it from.
    pub not_reached: Vec<&'static str>,
    /// What became of it.
    pub verdict: VerdictStory,
    /// What the connection was used for; only when a connection was asked for.
    pub usage: Option<Usage>,
}

/// A packet in one line.
#[derive(Clone, Debug, Serialize)]
pub struct PacketLine {
    /// Its number in replay order.
    pub packet: u64,
    /// Its file.
    pub file: String,
    /// The number of its frame in that file.
    pub frame: u64,
    /// Which copy of the captures it belongs to; only for copies of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<u32>,
    /// Its own timestamp, ns since the epoch.
    pub time_ns: i64,
    /// The same, RFC 3339, UTC.
    pub time: String,
    /// Engine time at the packet, where that is later than its own timestamp (S1.2).
    pub engine_time: Option<String>,
    /// Protocol, addresses, ports, flags.
    pub what: String,
    /// IP total length; null when it is not IP.
    pub length: Option<u32>,
    /// The tunnel that was taken off.
    pub tunnel: Option<String>,
    /// `allow`, `deny`, `unsent` or `unjudged`.
    pub disposition: &'static str,
    /// The reason code.
    pub reason: &'static str,
    /// The checkpoint that decided.
    pub checkpoint: Option<&'static str>,
    /// The rule that decided.
    pub rule: Option<String>,
}

/// One end of the packet.
#[derive(Clone, Debug, Serialize)]
pub struct EndStory {
    /// `source` or `destination`.
    pub side: &'static str,
    /// Its address.
    pub address: String,
    /// The ENI that owns the address, where the model has one.
    pub eni: Option<String>,
    /// What that means.
    pub note: String,
}

/// What came before the packet in its flow.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FlowStory {
    /// How many packets of the flow came before; null where the captures cannot be read twice.
    pub earlier: Option<u64>,
    /// The first of them.
    pub first: Vec<PacketLine>,
    /// The newest of them that are not among the first.
    pub newest: Vec<PacketLine>,
    /// The packet whose denial is the cause, for an unsent packet.
    pub cause: Option<PacketLine>,
    /// The packets that created the connections that this packet met.
    pub creators: Vec<Creator>,
}

/// The packet that created a connection.
#[derive(Clone, Debug, Serialize)]
pub struct Creator {
    /// The connection.
    pub connection: u64,
    /// The packet.
    pub packet: PacketLine,
}

/// A checkpoint on the path.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// `sg-egress`, `nacl-egress`, `nacl-ingress` or `sg-ingress`.
    pub checkpoint: &'static str,
    /// The ENI there.
    pub eni: String,
    /// `allow`, `deny` or `skipped`.
    pub outcome: &'static str,
    /// The reason that this checkpoint gives; null where it only lets the packet pass on.
    pub reason: Option<&'static str>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The connection that the packet found.
    pub before: Option<ConnectionState>,
    /// The rules tried, up to the match.
    pub tried: Vec<Trial>,
    /// The rules of the opposite direction tried for the reversed flow (S7.5).
    pub tried_reversed: Vec<Trial>,
    /// The connection after the packet.
    pub after: Option<ConnectionState>,
    /// What happened here, in words.
    pub notes: Vec<String>,
}

/// A connection and its state.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionState {
    /// Its number.
    pub connection: u64,
    /// Its state.
    pub state: &'static str,
}

/// A rule that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Its name.
    pub rule: String,
    /// What it says.
    pub text: String,
    /// Whether it matched.
    pub matched: bool,
    /// Why.
    pub why: String,
}

/// What became of the packet.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictStory {
    /// `allow`, `deny`, `unsent` or `unjudged`.
    pub disposition: &'static str,
    /// The reason code.
    pub reason: &'static str,
    /// What the reason means.
    pub summary: &'static str,
    /// The checkpoint that decided.
    pub checkpoint: Option<&'static str>,
    /// The ENI there.
    pub eni: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// The connection.
    pub connection: Option<u64>,
    /// Its state after the packet.
    pub state: Option<&'static str>,
    /// The packet whose denial is the cause.
    pub cause_packet: Option<u64>,
    /// Why, where no checkpoint tells.
    pub notes: Vec<String>,
}

/// What a connection was used for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    /// Packets that it let pass, the one that created it among them.
    pub packets: u64,
    /// The last of them.
    pub last: Option<PacketLine>,
    /// Its state after that one.
    pub last_state: Option<&'static str>,
}

/// Explains a packet of a replay.
///
/// # Errors
/// What keeps the replay from running, and a packet that is not in it.
pub fn explain(
    plan: &Plan,
    subject: &Subject,
    progress: &mut dyn Progress,
) -> Result<Explanation, ReplayError> {
    let found = walk::find(plan, subject, progress)?;
    let mut explanation = found.explanation();
    history::add(&mut explanation, plan, &found, progress)?;
    Ok(explanation)
}

/// The packet that was asked for, judged, and the engine right after it.
struct Found {
    item: Item,
    file: String,
    verdict: Verdict,
    steps: Vec<Step>,
    engine: Engine,
    /// The connection that was asked for.
    connection: Option<u64>,
}

impl Found {
    fn facts(&self) -> Option<&PacketFacts> {
        match &self.item.decoded {
            Decoded::Packet(facts) => Some(facts),
            Decoded::Unjudged(..) => None,
        }
    }

    fn explanation(&self) -> Explanation {
        Explanation {
            packet: describe::line(&self.item, &self.file, &self.verdict, &self.engine),
            ends: self.facts().map_or_else(Vec::new, |facts| stages::ends(&self.engine, facts)),
            flow: None,
            path: stages::path(self),
            not_reached: stages::not_reached(self),
            verdict: self.verdict_story(),
            usage: None,
        }
    }

    fn verdict_story(&self) -> VerdictStory {
        let (verdict, registry) = (&self.verdict, self.engine.registry());
        VerdictStory {
            disposition: verdict.disposition().code(),
            reason: verdict.reason.code(),
            summary: verdict.reason.summary(),
            checkpoint: verdict.checkpoint.map(vpcreplay_flow::Checkpoint::code),
            eni: verdict.eni.map(|eni| registry.eni_name(eni).to_owned()),
            rule: verdict.rule.map(|rule| registry.rule_name(rule).to_owned()),
            connection: verdict.connection.map(std::num::NonZero::get),
            state: verdict.state.map(vpcreplay_engine::State::code),
            cause_packet: verdict.cause_packet.map(std::num::NonZero::get),
            notes: self.verdict_notes(),
        }
    }

    /// Why, where the path has nothing to tell.
    fn verdict_notes(&self) -> Vec<String> {
        let cause = self.verdict.cause_packet.map_or(0, std::num::NonZero::get);
        let note = match self.verdict.reason {
            Reason::Exempt => self.facts().map(|facts| stages::exemption(&self.engine, facts)),
            Reason::OpenerDenied => Some(format!(
                "packet {cause} of the end that opened the flow is denied, so there would be nothing to answer (S8); with --mode literal this packet is judged all the same"
            )),
            Reason::HandshakeDenied => Some(format!(
                "packet {cause}, the SYN+ACK, is denied on its way back, so neither end would go on (S8.2); with --mode literal this packet is judged all the same"
            )),
            Reason::NoInterface => Some(
                "no ENI of the model has either address (S3.3); `vpcreplay check` lists the addresses of the model"
                    .to_owned(),
            ),
            Reason::SameInterface => Some("no security group and no network ACL lies between (S3.3)".to_owned()),
            _ => None,
        };
        note.into_iter().collect()
    }
}

impl Explanation {
    /// The explanation as a JSON document, indented, with a line feed at its end.
    ///
    /// # Errors
    /// Those of the JSON writer; an explanation causes none.
    pub fn to_json(&self) -> io::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Whether the packet passed.
    pub fn is_allowed(&self) -> bool {
        self.verdict.disposition == Disposition::Allow.code()
    }
}
