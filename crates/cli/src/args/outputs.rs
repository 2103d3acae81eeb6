//! What comes out of a replay.

use std::path::PathBuf;

use clap::Args;

use crate::values::{FAIL_ONS, FailOn, one_of};

/// Files to write.
#[derive(Args, Debug)]
#[command(next_help_heading = "Outputs")]
pub(crate) struct OutputArgs {
    /// A record for each packet: .jsonl or .csv, or `-` for JSON Lines on standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// A record for each flow: .jsonl or .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) connections: Option<PathBuf>,
    /// A record for each allowance scope and period: .jsonl or .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) series: Option<PathBuf>,
    /// The summary as JSON: .json
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
    /// Not built yet
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) flow_logs: Option<PathBuf>,
    /// Not built yet
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) annotate: Option<PathBuf>,
    /// Not built yet
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) split: Option<PathBuf>,
    /// Not built yet
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) metrics: Option<PathBuf>,
    /// Not built yet
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) report: Option<PathBuf>,
}

/// What is said on the way, and how the program ends.
#[derive(Args, Debug)]
#[command(next_help_heading = "Screen and status")]
pub(crate) struct ScreenArgs {
    /// End with status 2 when a capture is damaged; outputs are written all the same
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print no summary and no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Show no progress
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// End with status 1 when a packet was denied, or when the connection-tracking allowance denied one
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = one_of(FAIL_ONS))]
    pub(crate) fail_on: Vec<FailOn>,
}
