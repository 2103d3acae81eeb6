//! Judges packets: their path through security groups and network ACLs, causality, counters.
//!
//! The engine is pure: the same packets at the same times give the same verdicts. It reads no clock, no file and
//! no random number; `now` is an argument.

mod advance;
mod batch;
mod causality;
mod counters;
mod denied;
mod engine;
mod first;
mod flows;
mod forks;
mod memory;
mod numbers;
mod parts;
mod path;
mod refused;
mod route;
mod security_group;
mod settings;
mod tally_table;
mod top_denied;
mod trace;
mod turn_away;
mod usual;
mod verdict;

/// The flows of the engine: what it remembers of each at hand, and aside.
type Flow = vpcreplay_conntrack::Flow<memory::Memory>;
type Shard = vpcreplay_conntrack::Shard<memory::Memory, memory::Aside>;

pub use batch::{InBrief, Packets};
pub use counters::{Counters, Tally};
pub use denied::Denial;
pub use engine::{Content, Engine, Packet};
pub use flows::{ConnectionRecord, EndCounts, FlowRecord, Outcome};
pub use forks::{Forks, Swept, SweptScope};
pub use parts::{Ahead, Asks, Dealer, Division, Part, Regimes, asks_about_another_flow};
pub use settings::{FlowRecords, Later, Settings, Timeline, When, by_time};
pub use top_denied::{DenialKey, TopDenied};
pub use trace::{NoTrace, Step, Trace};
pub use verdict::{ConnectionNumber, Verdict};
pub use vpcreplay_conntrack::{Ending, Peak, SeriesRow, State};
pub use vpcreplay_policy::{EniId, Mode, Registry, RuleId, ScopeId, TcpMidstream};
