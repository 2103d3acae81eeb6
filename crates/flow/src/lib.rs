//! The vocabulary of vpcreplay: time, flows, packet facts, verdict reasons.
//!
//! Every other crate speaks in these types and none of them depends on anything outside the
//! standard library. Rule numbers such as `S7.1` refer to the semantics chapter of the documentation.

mod digest;
mod event;
mod facts;
mod key;
mod link;
mod protocol;
mod reason;
mod time;
mod timeouts;

pub use digest::{Brief, Digest, PacketKind, Shape};
pub use event::Event;
pub use facts::{Cause, Decoded, IpHeader, PacketFacts, Transport, Tunnel};
pub use key::{End, FlowKey, KeyClass, ShortKey};
pub use link::{Decap, LinkType};
pub use protocol::{IcmpType, Protocol, QueryKind, QueryRole, TcpFlags, TcpKind};
pub use reason::{Checkpoint, Direction, Disposition, Reason};
pub use time::{Clock, ClockStep, Span, SpanError, Timestamp};
pub use timeouts::{Profile, TimeoutName, Timeouts};
