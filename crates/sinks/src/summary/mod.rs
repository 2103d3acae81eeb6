//! The sums of a replay: what the summary file and the first screen say.
//!
//! Everything here follows from captures, models and options alone: no elapsed time, speed or thread count (S1.5).

mod assumptions;
mod collect;
mod denied;
mod hints;

use std::io;

use serde::{Serialize, Serializer};
use vpcreplay_engine::Tally;
use vpcreplay_flow::Timestamp;

pub use denied::{Denied, DeniedBy, Peer, Peers, Ranked, Service, Services};

/// What is known beside the engine, for [`Summary::collect`].
#[derive(Clone, Debug, Default)]
pub struct SummaryContext {
    /// The captures, in the order of the command line.
    pub inputs: Vec<InputFile>,
    /// Files of a directory that are no captures.
    pub skipped_files: Vec<String>,
    /// Damaged places, as they are told to people.
    pub damages: Vec<String>,
    /// How many places are damaged; more than are listed, perhaps.
    pub damage_count: u64,
    /// Frames that the selection passed over.
    pub passed_over: u64,
    /// Engine time of the first and the last packet.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What engine time met (S1.2).
    pub clock: ClockCounts,
    /// Packets that look like tunnels while none is taken off (S2.6).
    pub tunnels: TunnelCounts,
    /// Later fragments that were judged with the facts of their first fragment, or fragments in all where only
    /// these were counted (S2.7).
    pub fragments: u64,
    /// First fragments that were not entered because the table was full (S2.7).
    pub fragments_forgotten: u64,
    /// Every option in force.
    pub options: Vec<OptionInForce>,
    /// What the user should know about models and captures.
    pub warnings: Vec<Notice>,
    /// Whether all of the captures was replayed.
    pub completion: Completion,
}

/// Whether all of the captures was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completion {
    /// It was.
    #[default]
    Whole,
    /// The replay was stopped before their end.
    Partial,
}

/// What engine time met (S1.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockCounts {
    /// Packets stamped earlier than engine time.
    pub regressions: u64,
    /// Steps of more than a day.
    pub jumps: u64,
    /// The first packet that made such a step.
    pub first_jump: Option<PacketPlace>,
}

/// Packets that look like tunnels while none is taken off (S2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelCounts {
    /// Packets to the port of VXLAN.
    pub vxlan: u64,
    /// Packets to the port of GENEVE.
    pub geneve: u64,
}

/// A packet and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PacketPlace {
    /// Its number in replay order.
    pub packet: u64,
    /// Its file.
    pub file: String,
    /// The number of its frame in that file.
    pub frame: u64,
}

/// A capture that was replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InputFile {
    /// The file, as given.
    pub file: String,
    /// Its format, such as `pcapng`.
    pub format: String,
    /// How it is compressed; null when it is plain.
    pub compression: Option<String>,
    /// Frames read of it.
    pub frames: u64,
}

/// An option in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OptionInForce {
    /// Its name as on the command line, without dashes.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where the value comes from; null when it is not known.
    pub source: Option<OptionSource>,
}

/// Where the value of an option comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionSource {
    /// Nobody gave it.
    Default,
    /// `[options]` of the model, or a part of the model.
    Model,
    /// The command line.
    CommandLine,
}

/// Something that the user should know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// A stable kebab-case name.
    pub code: String,
    /// One sentence.
    pub text: String,
    /// How many things it is about.
    pub count: u64,
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Packets.
    pub packets: u64,
    /// Bytes of IP (S2.3); frames without a length count 0.
    pub bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl From<Tally> for Amount {
    fn from(tally: Tally) -> Self {
        Self { packets: tally.packets, bytes: tally.bytes }
    }
}

/// Amounts by a closed set of codes, in the order of reports; as JSON an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByCode(pub Vec<(&'static str, Amount)>);

impl ByCode {
    /// The amount of a code; nothing where it is not listed.
    pub fn get(&self, code: &str) -> Amount {
        self.0.iter().find(|(name, _)| *name == code).map_or_else(Amount::default, |(_, amount)| *amount)
    }
}

impl Serialize for ByCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(code, amount)| (code, amount)))
    }
}

/// The sums of a replay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Whether the replay was stopped before the end of the captures.
    pub partial: bool,
    /// Packets replayed.
    #[serde(flatten)]
    pub total: Amount,
    /// Frames that the selection passed over; they are no packets of the replay.
    pub passed_over: u64,
    /// Engine time of the first and the last packet; null without packets.
    pub span: Option<TimeSpan>,
    /// The captures.
    pub inputs: Vec<InputFile>,
    /// Files of a directory that are no captures.
    pub skipped_files: Vec<String>,
    /// How many places of the captures are damaged.
    pub damage_count: u64,
    /// Damaged places.
    pub damages: Vec<String>,
    /// By disposition.
    pub dispositions: ByCode,
    /// By reason.
    pub reasons: ByCode,
    /// By the ENI that decided.
    pub enis: Vec<EniSummary>,
    /// Packets that no ENI decided: unsent, unjudged and exempt ones.
    pub no_eni: ByCode,
    /// Packets that the allowance denied, in all (S7.8).
    pub conntrack_allowance_exceeded: u64,
    /// Connections created.
    pub connections: u64,
    /// Allowance scopes.
    pub scopes: Vec<ScopeSummary>,
    /// Who denied, and whom.
    pub denied: Denied,
    /// Rules that are in force at the end or decided something.
    pub rules: Vec<RuleSummary>,
    /// How many rules in force at the end never decided anything.
    pub rules_never_hit: u64,
    /// Other counters.
    pub counters: OtherCounters,
    /// Every option in force.
    pub options: Vec<OptionInForce>,
    /// Assumptions that mattered.
    pub assumptions: Vec<Assumption>,
    /// What the user should know about models and captures.
    pub warnings: Vec<Notice>,
    /// What to do next.
    pub hints: Vec<Hint>,
}

/// A span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TimeSpan {
    /// Start, ns since the epoch.
    pub first_ns: i64,
    /// End, ns since the epoch.
    pub last_ns: i64,
    /// Start, RFC 3339, UTC.
    pub first: String,
    /// End, RFC 3339, UTC.
    pub last: String,
}

/// What was decided at an ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EniSummary {
    /// The ENI.
    pub eni: String,
    /// Its allowance scope at the end; null where the last model lacks the ENI.
    pub scope: Option<String>,
    /// Packets that it decided.
    #[serde(flatten)]
    pub total: Amount,
    /// By disposition.
    pub dispositions: ByCode,
    /// By reason.
    pub reasons: ByCode,
    /// Packets that the allowance denied here (S7.8).
    pub conntrack_allowance_exceeded: u64,
}

/// An allowance scope (S7.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScopeSummary {
    /// The ENI or instance.
    pub scope: String,
    /// Its limit at the end.
    pub limit: u64,
    /// Its greatest occupancy.
    pub peak_occupancy: u64,
    /// Engine time when it was first reached, ns since the epoch; null while nothing was tracked.
    pub peak_at_ns: Option<i64>,
    /// The same, RFC 3339, UTC.
    pub peak_at: Option<String>,
    /// Limit less greatest occupancy, at least 0.
    pub headroom: u64,
    /// Live connections at the end.
    pub occupancy: u64,
    /// Packets that the allowance denied.
    pub conntrack_allowance_exceeded: u64,
}

/// How often a rule decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleSummary {
    /// The rule.
    pub rule: String,
    /// `ingress` or `egress`.
    pub direction: &'static str,
    /// Packets that it decided, or whose connection it had admitted.
    pub hits: u64,
    /// Whether it is in force at the end.
    pub in_force: bool,
}

/// Counters that are neither of dispositions nor of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OtherCounters {
    /// Packets stamped earlier than engine time (S1.2).
    pub clock_regressions: u64,
    /// Steps of more than a day (S1.2).
    pub clock_jumps: u64,
    /// The first packet that made such a step.
    pub first_clock_jump: Option<PacketPlace>,
    /// IP fragments (S2.7).
    pub fragments: u64,
    /// First fragments that were not entered because the table was full (S2.7).
    pub fragments_forgotten: u64,
    /// Packets of flows that were not remembered because too many are (S7.0).
    pub flows_forgotten: u64,
    /// Packets denied `sg-no-rule` that `tcp-midstream = either-end` would have admitted (S7.5).
    pub midstream_doubtful: u64,
    /// Packets judged untracked towards or from addresses outside the model's VPCs (S6.4).
    pub untracked_outside: u64,
    /// Packets that a security group let out and tracked, and the network ACL behind it denied (S4.3).
    pub sg_egress_then_nacl: u64,
    /// Packets to the port of VXLAN while no tunnel is taken off (S2.6).
    pub vxlan_packets: u64,
    /// Packets to the port of GENEVE while no tunnel is taken off (S2.6).
    pub geneve_packets: u64,
}

/// An assumption that mattered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The rule that makes it, such as `S7.5`.
    pub rule: &'static str,
    /// What is assumed.
    pub text: &'static str,
    /// How many it may have mattered for.
    pub count: u64,
    /// What is counted: `packets` or `connections`.
    pub unit: &'static str,
    /// The option that changes it; null where none does.
    pub option: Option<&'static str>,
}

/// What to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// A stable kebab-case name.
    pub code: &'static str,
    /// What was found and what to do about it.
    pub text: String,
    /// How many packets it is about.
    pub count: u64,
    /// The option to give, where one helps.
    pub option: Option<&'static str>,
}

impl Summary {
    /// The summary as a JSON document, indented, with a line feed at its end.
    ///
    /// # Errors
    /// None that a summary can cause; those of the JSON writer are handed on.
    pub fn to_json(&self) -> io::Result<String> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

/// A time as RFC 3339 text in UTC with nanoseconds.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.nanos()))
        .map_or_else(|_| format!("{} ns", time.nanos()), |time| format!("{time:.9}"))
}
