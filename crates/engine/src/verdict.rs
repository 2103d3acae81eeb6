//! Verdicts (S9).

use std::num::NonZeroU64;

use vpcreplay_conntrack::State;
use vpcreplay_flow::{Cause, Checkpoint, Disposition, Reason};
use vpcreplay_policy::{EniId, RuleId};

/// The number of a connection, from 1, in order of creation over the whole replay (S9.2).
pub type ConnectionNumber = NonZeroU64;

/// What becomes of a packet, and why (S9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why; it gives the disposition too.
    pub reason: Reason,
    /// The checkpoint that decided; for an allowed packet the last security group.
    pub checkpoint: Option<Checkpoint>,
    /// The ENI at that checkpoint.
    pub eni: Option<EniId>,
    /// The rule that decided.
    pub rule: Option<RuleId>,
    /// The connection that the packet belongs to.
    pub connection: Option<ConnectionNumber>,
    /// The connection's state after the packet.
    pub state: Option<State>,
    /// For an unsent packet: the number of the packet whose denial is the cause.
    pub cause_packet: Option<NonZeroU64>,
}

impl Verdict {
    /// A verdict that no checkpoint gave.
    pub(crate) const fn bare(reason: Reason) -> Self {
        Self {
            reason,
            checkpoint: None,
            eni: None,
            rule: None,
            connection: None,
            state: None,
            cause_packet: None,
        }
    }

    /// The disposition.
    pub const fn disposition(&self) -> Disposition {
        self.reason.disposition()
    }

    /// Whether every checkpoint let the packet pass.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.disposition(), Disposition::Allow)
    }
}

/// The reason of a frame that has no facts.
pub(crate) const fn undecoded(cause: Cause) -> Reason {
    match cause {
        Cause::NotIp => Reason::NotIp,
        Cause::Truncated => Reason::Truncated,
        Cause::Malformed => Reason::Malformed,
        Cause::UnsupportedLinkType => Reason::UnsupportedLinkType,
    }
}
