//! More of the same traffic than the captures hold.

use std::num::NonZeroU16;

use clap::Args;
use vpcreplay_replay::flow::Span;
use vpcreplay_replay::{Growth, Shift, Speed};

use crate::values;

/// How many copies of the captures are replayed, and how fast.
#[derive(Args, Debug)]
#[command(next_help_heading = "Growth")]
pub(crate) struct GrowthArgs {
    /// Replay N copies of the selected packets at once, the original included; each has flows of its own. Records tell the
    /// copy
    #[arg(long, value_name = "N", value_parser = values::copies)]
    pub(crate) multiply: Option<NonZeroU16>,
    /// Shift every copy by an amount below this, drawn with --seed, so that copies do not go in step; the original stays.
    /// At most 256 copies; the captures are read once for each
    #[arg(long, value_name = "DURATION", value_parser = values::positive_span, requires = "multiply", group = "shifted")]
    pub(crate) multiply_shift: Option<Span>,
    /// What the shifts are drawn with [default: 0]
    #[arg(long, value_name = "N", requires = "shifted")]
    pub(crate) seed: Option<u64>,
    /// Replay X times as fast: times are counted from the first packet and divided by X, such as 2, 0.5 or 10.25
    #[arg(long, value_name = "X", value_parser = values::speed, allow_hyphen_values = true)]
    pub(crate) speed: Option<Speed>,
}

impl GrowthArgs {
    /// What shifts are drawn with.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }

    /// What they ask for.
    pub(crate) fn growth(&self) -> Growth {
        let seed = self.seed();
        Growth {
            copies: self.multiply,
            speed: self.speed.unwrap_or_default(),
            shift: self.multiply_shift.map(|most| Shift { most, seed }),
        }
    }
}
