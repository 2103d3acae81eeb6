//! What goes into a replay: captures, models, options, selection.

use std::path::PathBuf;

use clap::Args;
use vpcreplay_replay::flow::{Decap, Profile, Span, TimeoutName};
use vpcreplay_replay::policy::{IcmpErrors, Mode, Scope, TcpMidstream};

use crate::values::{self, Change, DECAPS, Moment, one_of};

const PROFILES: &[(&str, Profile)] = &[
    (Profile::Classic.code(), Profile::Classic),
    (Profile::Nitro.code(), Profile::Nitro),
    (Profile::NitroV6.code(), Profile::NitroV6),
];
const SCOPES: &[(&str, Scope)] =
    &[(Scope::Eni.code(), Scope::Eni), (Scope::Instance.code(), Scope::Instance)];
const MODES: &[(&str, Mode)] = &[(Mode::Causal.code(), Mode::Causal), (Mode::Literal.code(), Mode::Literal)];
const MIDSTREAMS: &[(&str, TcpMidstream)] = &[
    (TcpMidstream::Allow.code(), TcpMidstream::Allow),
    (TcpMidstream::Deny.code(), TcpMidstream::Deny),
    (TcpMidstream::EitherEnd.code(), TcpMidstream::EitherEnd),
];
const ICMP_ERRORS: &[(&str, IcmpErrors)] =
    &[(IcmpErrors::ByRule.code(), IcmpErrors::ByRule), (IcmpErrors::Related.code(), IcmpErrors::Related)];

/// The captures.
#[derive(Args, Debug)]
pub(crate) struct CaptureArgs {
    /// Captures: files, folders of captures, or `-` for standard input
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,
}

/// The model.
#[derive(Args, Debug)]
pub(crate) struct ModelArgs {
    /// Network model: a TOML file, a JSON document of the AWS CLI, or a folder of them
    #[arg(long, value_name = "PATH")]
    pub(crate) vpc: PathBuf,
    /// Only this VPC of the model
    #[arg(long, value_name = "ID")]
    pub(crate) vpc_id: Option<String>,
    /// Only VPCs of this region
    #[arg(long, value_name = "NAME")]
    pub(crate) region: Option<String>,
}

/// Options of the replay; they win over those of the model.
#[derive(Args, Debug)]
#[command(next_help_heading = "Replay")]
pub(crate) struct OptionArgs {
    /// Set of idle timeouts to start from
    #[arg(long, value_name = "NAME", value_parser = one_of(PROFILES))]
    pub(crate) profile: Option<Profile>,
    /// Tracked connections allowed in each allowance scope
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// What shares one allowance
    #[arg(long, value_parser = one_of(SCOPES))]
    pub(crate) scope: Option<Scope>,
    /// An idle timeout, such as tcp-established=350s; may be repeated
    #[arg(long = "timeout", value_name = "NAME=DURATION", value_parser = values::timeout)]
    pub(crate) timeouts: Vec<(TimeoutName, Span)>,
    /// Whether packets that would never have been sent are marked (causal) or judged (literal)
    #[arg(long, value_parser = one_of(MODES))]
    pub(crate) mode: Option<Mode>,
    /// TCP packets other than a SYN that belong to no tracked connection
    #[arg(long, value_name = "HOW", value_parser = one_of(MIDSTREAMS))]
    pub(crate) tcp_midstream: Option<TcpMidstream>,
    /// ICMP errors about a tracked connection
    #[arg(long, value_name = "HOW", value_parser = one_of(ICMP_ERRORS))]
    pub(crate) icmp_errors: Option<IcmpErrors>,
    /// Tunnel to take off each packet before it is judged
    #[arg(long, value_name = "TUNNEL", value_parser = one_of(DECAPS))]
    pub(crate) decap: Option<Decap>,
    /// Peer whose flows are always tracked: a CIDR, an address or an ENI id; may be repeated
    #[arg(long, value_name = "CIDR|ENI")]
    pub(crate) always_tracked: Vec<String>,
    /// How long a flow is remembered after its last packet [default: 300s]
    #[arg(long, value_name = "DURATION", value_parser = values::span)]
    pub(crate) flow_memory: Option<Span>,
    /// How many flows are remembered at most [default: 4194304]
    #[arg(long, value_name = "N")]
    pub(crate) max_flows: Option<u64>,
    /// Period of the series [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = values::positive_span)]
    pub(crate) period: Option<Span>,
    /// Another model from this time on: +DURATION from the first packet, RFC 3339, or seconds since the epoch; may be
    /// repeated
    #[arg(long = "at", value_name = "TIME=PATH", value_parser = values::change)]
    pub(crate) changes: Vec<Change>,
}

/// Which packets are replayed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Judge only at this ENI; may be repeated. The others keep their part as peers and members of groups
    #[arg(long = "eni", value_name = "ID")]
    pub(crate) enis: Vec<String>,
    /// Only packets stamped at this time or later: +DURATION from the first frame, RFC 3339, or seconds since the epoch
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true)]
    pub(crate) since: Option<Moment>,
    /// Only packets stamped before this time
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true)]
    pub(crate) until: Option<Moment>,
    /// Only the first N packets
    #[arg(long, value_name = "N")]
    pub(crate) first: Option<u64>,
}

/// What a replay may use.
#[derive(Args, Debug)]
#[command(next_help_heading = "Resources")]
pub(crate) struct ResourceArgs {
    /// Threads; they change no output [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = values::at_least_one)]
    pub(crate) threads: Option<usize>,
    /// Packets in a batch; it changes no output
    #[arg(long, value_name = "N", hide = true, value_parser = values::at_least_one)]
    pub(crate) batch: Option<usize>,
}
