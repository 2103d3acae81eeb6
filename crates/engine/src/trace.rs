//! The steps of a packet's path, for `explain`. The hot path takes [`NoTrace`], which compiles to nothing.

use vpcreplay_conntrack::State;
use vpcreplay_flow::{Checkpoint, Direction};
use vpcreplay_policy::{EniId, NaclMatch, Probe};

use crate::{ConnectionNumber, Verdict};

/// A step on the path of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A security group checkpoint.
    SecurityGroup {
        /// The ENI.
        eni: EniId,
        /// The direction.
        direction: Direction,
        /// What the rules were asked; they are consulted only where no live connection decided.
        probe: Probe,
        /// The live connection that the packet found.
        before: Option<(ConnectionNumber, State)>,
        /// What the checkpoint says.
        verdict: Verdict,
    },
    /// A network ACL checkpoint.
    NetworkAcl {
        /// Which of the two.
        checkpoint: Checkpoint,
        /// The ENI whose subnet it is.
        eni: EniId,
        /// What the entries were asked.
        probe: Probe,
        /// What they say.
        answer: NaclMatch,
    },
    /// A network ACL that is not consulted because both addresses lie in the subnet (S3.5).
    SameSubnet {
        /// Which of the two.
        checkpoint: Checkpoint,
        /// The ENI whose subnet it is.
        eni: EniId,
    },
}

/// Who is told of the steps.
pub trait Trace {
    /// Whether anybody listens; steps are not even made up otherwise.
    fn is_on(&self) -> bool {
        true
    }

    /// Takes a step.
    fn step(&mut self, step: Step);
}

/// Nobody is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    fn is_on(&self) -> bool {
        false
    }

    fn step(&mut self, _step: Step) {}
}

impl Trace for Vec<Step> {
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}
