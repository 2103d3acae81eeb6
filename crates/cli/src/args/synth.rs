//! What a synthetic capture is made from.

use std::path::PathBuf;

use clap::Args;
use vpcreplay_replay::flow::{Span, Timestamp};
use vpcreplay_replay::synth::{NAMED, Settings};

use crate::values;

const EXAMPLES: &str = "Examples:
  vpcreplay synth dns-resolver -o dns.pcap --vpc-out dns.toml
  vpcreplay run dns.pcap --vpc dns.toml --profile nitro
  vpcreplay synth syn-flood --rate 500 --duration 10m -o - | vpcreplay run - --vpc flood.toml
  vpcreplay synth mixed --print > mine.toml       # to start a profile of your own from";

/// Arguments of `synth`.
#[derive(Args, Debug)]
#[command(args_override_self = true, after_help = EXAMPLES)]
pub(crate) struct SynthArgs {
    #[arg(value_name = "PROFILE", required_unless_present = "list", help = profile_help())]
    pub(crate) profile: Option<PathBuf>,
    /// The capture to write: classic pcap with nanoseconds, `-` for standard output
    #[arg(long, short, value_name = "FILE", required_unless_present_any = ["list", "print", "vpc_out"])]
    pub(crate) output: Option<PathBuf>,
    /// Write the TOML model that fits the capture
    #[arg(long, value_name = "FILE")]
    pub(crate) vpc_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    /// Print no summary and no progress
    #[arg(long, short, help_heading = "Screen and status")]
    pub(crate) quiet: bool,
    /// Show no progress
    #[arg(long, help_heading = "Screen and status")]
    pub(crate) no_progress: bool,
}

/// What is shown of profiles instead of making a capture.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// List the profiles that have names
    #[arg(long, conflicts_with_all = ["profile", "output", "vpc_out", "print"])]
    pub(crate) list: bool,
    /// Print the text of the profile, to start one of your own from
    #[arg(long, conflicts_with_all = ["output", "vpc_out"])]
    pub(crate) print: bool,
}

/// How much, how fast, and from when on.
#[derive(Args, Debug)]
#[command(next_help_heading = "Traffic")]
pub(crate) struct BoundArgs {
    /// Time covered; what is open then stays open [default: the profile's, if no other bound is given]
    #[arg(long, value_name = "DURATION", value_parser = values::positive_span)]
    pub(crate) duration: Option<Span>,
    /// End after this many packets
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) packets: Option<u64>,
    /// Open no more connections than this many; those that are open go on to their end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) connections: Option<u64>,
    /// Connections a second of all classes together, which keep their shares [default: the profile's]
    #[arg(long, value_name = "N", value_parser = values::positive_number)]
    pub(crate) rate: Option<f64>,
    /// When the capture begins: RFC 3339, or seconds since the epoch [default: 2026-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME", value_parser = values::point_in_time)]
    pub(crate) start: Option<Timestamp>,
    /// What random numbers start from; the same profile, options and seed give the same bytes
    #[arg(long, value_name = "N", default_value_t = Settings::SEED)]
    pub(crate) seed: u64,
}

fn profile_help() -> String {
    let names: Vec<&str> = NAMED.iter().map(|named| named.name).collect();
    format!("Profile: {}, or the path of a TOML file", names.join(", "))
}
