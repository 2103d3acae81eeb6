//! What is asked of `capacity`.

use std::path::PathBuf;

use clap::Args;
use vpcreplay_replay::analysis::Sweep;
use vpcreplay_replay::flow::{Span, TimeoutName};

use super::{CaptureArgs, GrowthArgs, ModelArgs, OptionArgs, ResourceArgs, ScreenArgs, SelectionArgs};
use crate::values::{self, Also, one_of};

const ALSO: &[(&str, Also)] = &[("linux", Also::Linux)];

/// Arguments of `capacity`.
#[derive(Args, Debug)]
#[command(args_override_self = true, after_help = super::STATUS_HELP)]
pub(crate) struct CapacityArgs {
    #[command(flatten)]
    pub(crate) captures: CaptureArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) questions: QuestionArgs,
    #[command(flatten)]
    pub(crate) outputs: TableArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) growth: GrowthArgs,
    #[command(flatten)]
    pub(crate) screen: ScreenArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

/// Questions beside how full the table gets.
#[derive(Args, Debug)]
#[command(next_help_heading = "Questions")]
pub(crate) struct QuestionArgs {
    /// Compare values: limit, tcp-established, udp or udp-stream, such as limit=1000,5000 or
    /// tcp-established=60s..432000s/16 (16 values, evenly spaced on a logarithmic scale); may be repeated
    #[arg(long, value_name = "NAME=VALUES", value_parser = values::sweep)]
    pub(crate) sweep: Vec<Sweep>,
    /// Which of your own limits fits: a TOML file with a table `limits` of names and numbers
    #[arg(long, value_name = "FILE")]
    pub(crate) limits: Option<PathBuf>,
    /// What untracked rules would save, for the K heaviest classes of connections: replays the captures again
    #[arg(long, value_name = "K", default_value_t = 0, hide_default_value = true)]
    pub(crate) untracked: usize,
    /// The same traffic in another connection table
    #[arg(long, value_name = "TABLE", value_parser = one_of(ALSO))]
    pub(crate) also: Option<Also>,
    /// `nf_conntrack_max` of the Linux host [default: 262144]
    #[arg(long, value_name = "N", requires = "also")]
    pub(crate) linux_max: Option<u64>,
    /// A timeout of the Linux host other than the kernel's default, such as tcp-established=1h; may be repeated
    #[arg(long = "linux-timeout", value_name = "NAME=DURATION", requires = "also", value_parser = values::timeout)]
    pub(crate) linux_timeouts: Vec<(TimeoutName, Span)>,
    /// The growth factor of copies that come later, each by an amount below this, drawn with --seed
    #[arg(long, value_name = "DURATION", value_parser = values::positive_span, group = "shifted")]
    pub(crate) growth_shift: Option<Span>,
}

/// Files to write.
#[derive(Args, Debug)]
#[command(next_help_heading = "Outputs")]
pub(crate) struct TableArgs {
    /// A record for each allowance scope and period, as configured: .jsonl or .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) series: Option<PathBuf>,
    /// A record for each class of connections: .jsonl or .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) contributors: Option<PathBuf>,
    /// A record for each value of each sweep and each allowance scope: .jsonl or .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) sweeps: Option<PathBuf>,
    /// Everything as JSON: .json
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
    /// Occupancy over time and the curves of the sweeps: .svg or .png
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
}

impl TableArgs {
    /// The outputs that are asked for, by their options.
    pub(crate) fn named(&self) -> Vec<(&'static str, &std::path::Path)> {
        let all = [
            ("--series", &self.series),
            ("--contributors", &self.contributors),
            ("--sweeps", &self.sweeps),
            ("--summary", &self.summary),
            ("--plot", &self.plot),
        ];
        all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?))).collect()
    }
}
