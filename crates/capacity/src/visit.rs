//! What a packet did at a security group checkpoint, told by its verdict or by its steps.

use std::sync::Arc;

use vpcreplay_engine::{Asks, Content, EniId, Packet, RuleId, State, Step, Verdict, asks_about_another_flow};
use vpcreplay_flow::{Checkpoint, Direction, FlowKey, Reason};
use vpcreplay_policy::{IcmpErrors, Policy};

/// A packet at an ENI's security groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The ENI.
    pub eni: EniId,
    /// Which way the packet went.
    pub direction: Direction,
    /// What it did there.
    pub what: What,
}

/// What a packet did at a security group checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It refreshed the connection with this number or, when nobody saw the number before, created it.
    Entered {
        /// The connection.
        number: u64,
        /// Its state after the packet.
        state: State,
        /// The rule that the connection remembers; `None` where a network ACL denied the packet behind the security group
        /// (S4.3, S9.2).
        rule: Option<RuleId>,
    },
    /// It passed and left no entry.
    Passed,
    /// It was denied.
    Refused(Reason),
}

/// Whether the verdict of a packet may tell too little of what it did under one of these models, so that its steps are
/// wanted. It may pass two ENIs, and the verdict tells of the last one only. Or it is an ICMP error that asks about the flow
/// that it quotes: where a network ACL denies it behind a security group that admitted it for that flow's connection, the
/// verdict names a connection that is not the packet's own (S4.3, S6.3.1).
pub fn needs_steps(packet: &Packet<'_>, policies: &[Arc<Policy>], icmp_errors: IcmpErrors) -> bool {
    icmp_errors == IcmpErrors::Related && asks(packet) == Asks::Another || is_between_enis(packet, policies)
}

const fn asks(packet: &Packet<'_>) -> Asks {
    match packet.content {
        Content::Decoded(decoded) | Content::OfCopy(decoded, _) => asks_about_another_flow(decoded),
        Content::Brief(_) | Content::Digest(_) => Asks::Own,
    }
}

fn is_between_enis(packet: &Packet<'_>, policies: &[Arc<Policy>]) -> bool {
    let Some((src, dst)) = packet.content.addresses() else { return false };
    let is_owned = |address| policies.iter().any(|policy| policy.owner(address).is_some());
    is_owned(src) && is_owned(dst)
}

/// What a packet did, where its verdict tells that (see [`needs_steps`]); `None` where it met no security group.
pub fn visit_of(verdict: &Verdict) -> Option<Visit> {
    let direction = match verdict.checkpoint? {
        Checkpoint::SgEgress | Checkpoint::NaclEgress => Direction::Egress,
        Checkpoint::SgIngress => Direction::Ingress,
        // The security group comes behind it.
        Checkpoint::NaclIngress => return None,
    };
    Some(Visit { eni: verdict.eni?, direction, what: what_of(verdict)? })
}

/// What a packet did at each of its checkpoints.
pub fn visits_of(steps: &[Step]) -> impl Iterator<Item = Visit> + '_ {
    steps.iter().filter_map(|step| match step {
        Step::SecurityGroup { eni, direction, verdict, .. } => {
            Some(Visit { eni: *eni, direction: *direction, what: what_of(verdict)? })
        }
        _ => None,
    })
}

fn what_of(verdict: &Verdict) -> Option<What> {
    let entered = |rule| {
        let (number, state) = verdict.connection.zip(verdict.state)?;
        Some(What::Entered { number: number.get(), state, rule })
    };
    match verdict.reason {
        Reason::New | Reason::Midstream | Reason::Established => entered(verdict.rule),
        Reason::NaclRule | Reason::NaclDefault => Some(entered(None).unwrap_or(What::Passed)),
        Reason::Untracked => Some(What::Passed),
        Reason::SgNoRule | Reason::TcpNotSyn | Reason::ConntrackAllowanceExceeded => {
            Some(What::Refused(verdict.reason))
        }
        // An ICMP error looks at the quoted flow's connection and changes nothing (S6.3.1).
        _ => None,
    }
}

/// The flow key of a packet; `None` where it has none (S2.7).
pub fn key_of(packet: &Packet<'_>) -> Option<FlowKey> {
    packet.content.digest().map(|digest| digest.key)
}
