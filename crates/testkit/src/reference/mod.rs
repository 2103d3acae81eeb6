//! The slow, obviously correct model of the rules S1.2, S3–S10 and their fine print S12.
//!
//! Written straight from the text, with the rule numbers beside the lines: rules are scanned one after another,
//! connections and flows lie in plain lists, expiry looks at every entry at every packet, occupancy is counted anew
//! each time. Decoding and fragments are outside of it: its input are facts.

mod causality;
mod cidr;
mod connection;
mod flow;
mod model;
mod path;
mod records;
mod replay;
mod rules;
mod series;
mod text;
mod world;

pub use cidr::Cidr;
pub use model::{
    Action, Eni, Group, IcmpErrors, Midstream, Mode, Model, Nacl, NaclEntry, Peer, PrefixList, Scope,
    Service, Settings, SgRule, Subnet, Vpc,
};
pub use records::{ConnectionRecord, FlowRecord, Outcome, Packet, Record, Scenario, SeriesRow};
pub use replay::replay;
