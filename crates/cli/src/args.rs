//! Arguments, as the user gives them. [`crate::plan`] makes a plan of them.

mod capacity;
mod growth;
mod options;
mod outputs;
mod synth;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use capacity::{CapacityArgs, QuestionArgs};
pub(crate) use growth::GrowthArgs;
pub(crate) use options::{CaptureArgs, ModelArgs, OptionArgs, ResourceArgs, SelectionArgs};
pub(crate) use outputs::{OutputArgs, ScreenArgs};
pub(crate) use synth::SynthArgs;

/// Replays packet captures through the AWS VPC firewall: security groups, network ACLs, connection tracking.
#[derive(Debug, Parser)]
#[command(name = "vpcreplay", version, propagate_version = true, after_help = STATUS_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const STATUS_HELP: &str = "Exit status: 0 it ran; 1 it ran and --fail-on matched; 2 usage or input error; 130 stopped with Ctrl-C, \
what was written up to there is valid.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Replay captures and judge every packet
    Run(Box<RunArgs>),
    /// Show how full the connection table gets, who fills it, and what would help
    Capacity(Box<CapacityArgs>),
    /// Show the whole path of one packet: checkpoints, rules tried, why each matched or not
    Explain(Box<ExplainArgs>),
    /// Show what is in captures, and write a model to start from
    Inspect(InspectArgs),
    /// Validate a model and show what is in it
    Check(CheckArgs),
    /// Write a synthetic capture, the same each time, and the model that fits it
    Synth(SynthArgs),
    /// Explain a reason code, or list them all
    Reason(ReasonArgs),
    /// Print the JSON Schemas of the records and of the summary
    Schema(SchemaArgs),
    /// Print a completion script
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(ManArgs),
    /// Compare two models over the same captures (not built yet)
    #[command(hide = true)]
    Diff(UnbuiltArgs),
}

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(args_override_self = true, after_help = STATUS_HELP)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) captures: CaptureArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) growth: GrowthArgs,
    #[command(flatten)]
    pub(crate) outputs: OutputArgs,
    #[command(flatten)]
    pub(crate) screen: ScreenArgs,
    #[command(flatten)]
    pub(crate) resources: ResourceArgs,
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) captures: CaptureArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) growth: GrowthArgs,
}

/// Which packet `explain` is about.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct TargetArgs {
    /// The packet with this number in replay order, as in the records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) packet: Option<u64>,
    /// The frame with this number in this file, the file as given on the command line
    #[arg(long, value_name = "FILE:N", value_parser = crate::values::frame)]
    pub(crate) frame: Option<crate::values::FrameName>,
    /// The packet that creates the connection with this number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) connection: Option<u64>,
}

/// Arguments of `inspect`.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) captures: CaptureArgs,
    /// Write a TOML model for these captures, to edit and replay with
    #[arg(long, value_name = "FILE")]
    pub(crate) model_out: Option<PathBuf>,
    /// Tunnel to take off each packet before it is looked at
    #[arg(long, value_name = "TUNNEL", value_parser = crate::values::one_of(crate::values::DECAPS))]
    pub(crate) decap: Option<vpcreplay_replay::flow::Decap>,
    /// End with status 2 when a capture is damaged
    #[arg(long)]
    pub(crate) strict: bool,
    /// Show no progress
    #[arg(long)]
    pub(crate) no_progress: bool,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// End with status 2 when there are warnings
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Arguments of `reason`.
#[derive(Args, Debug)]
pub(crate) struct ReasonArgs {
    /// The code; without it all codes are listed
    pub(crate) code: Option<String>,
}

/// Arguments of `schema`.
#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder instead of printing one
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// Arguments of a command that is not built yet: whatever they are, the command is refused by its name.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct UnbuiltArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub(crate) rest: Vec<std::ffi::OsString>,
}
