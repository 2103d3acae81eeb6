//! How full the connection table gets, who fills it, and what would change that: analyses of a replay (S7, S11).
//!
//! Everything here is told of a replay by its verdicts, packet by packet, and keeps books of its own: which entry lives
//! at which ENI, since when, in which state, until when (S7.2). Nothing reads a clock, a file or a random number.

mod classes;
mod copies;
mod denials;
mod entries;
mod envelope;
mod gaps;
mod generations;
mod limits;
mod meter;
mod scope;
mod sweep;
mod visit;

pub use classes::{Contribution, Contributor, Fate, ServiceClass, Tally};
pub use copies::{Changes, Growth, Increase, Instant, Phases, phase, shifted_growth};
pub use denials::Denials;
pub use envelope::Envelope;
pub use gaps::{GapCounts, Gaps};
pub use generations::Generations;
pub use limits::{LimitError, parse_limits};
pub use meter::{KeepChanges, Meter};
pub use scope::{ScopeMeter, THRESHOLDS};
pub use sweep::{LONGEST_SWEEP, Sweep, SweepError, SweepOf};
pub use visit::{Visit, What, key_of, needs_steps, visit_of, visits_of};
