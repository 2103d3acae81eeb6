//! Scenarios worth testing, for proptest.
//!
//! Everything is small on purpose: few addresses and ports, so that flows collide; limits of 0, 1 and 2, so that
//! the allowance is hit; times that lie at a deadline, one nanosecond before and one after, so that every
//! comparison of times is on the edge. A scenario shrinks step by step.

mod conversation;
mod models;
mod steps;
mod timeline;

use proptest::prelude::*;

use crate::reference::Scenario;

pub use conversation::{Quote, Sender, Template, template};
pub use models::{command, model};
pub use steps::{Aims, Gap, Step, packets, step};
pub use timeline::{Edit, edit};

/// Whole scenarios with up to `most` steps; a step makes one packet, or a few (a handshake, a teardown).
pub fn scenario(most: usize) -> impl Strategy<Value = Scenario> {
    let steps = (prop::collection::vec(template(), 1..6), prop::collection::vec(step(), 1..=most));
    (model(), command(), steps, prop::collection::vec(timeline::change(), 0..3)).prop_map(
        |(model, command, (templates, steps), changes)| {
            let packets = packets(&templates, &steps, &(&model, &command).into());
            let later = timeline::later(&model, &packets, &changes);
            Scenario { model, later, command, packets }
        },
    )
}
