//! The same traffic in the connection table of a Linux host.

use std::collections::BTreeMap;

use vpcreplay_flow::{Span, TimeoutName};
use vpcreplay_policy::{Options, Scope};
use vpcreplay_sinks::capacity::{LinuxHost, LinuxTable};
use vpcreplay_sinks::summary::{OptionInForce, OptionSource};

use super::LinuxPlan;
use super::observer::Wanted;
use super::passes::Ground;
use super::sweep_limits::used;
use super::trial::Trial;
use crate::ReplayError;

/// `nf_conntrack_max` where nobody says otherwise: that of a host with 4 GiB of memory or more.
pub const LINUX_MAX: u64 = 262_144;

/// The kernel's own timeouts, in seconds.
const TIMEOUTS: [(TimeoutName, u64); 12] = [
    (TimeoutName::TcpEstablished, 432_000),
    (TimeoutName::Udp, 30),
    (TimeoutName::UdpStream, 120),
    (TimeoutName::Icmp, 30),
    (TimeoutName::Other, 600),
    (TimeoutName::TcpSynSent, 120),
    (TimeoutName::TcpSynReceived, 60),
    (TimeoutName::TcpFinWait, 120),
    (TimeoutName::TcpCloseWait, 60),
    (TimeoutName::TcpLastAck, 30),
    (TimeoutName::TcpTimeWait, 120),
    (TimeoutName::TcpClose, 10),
];

/// What a host does that the trial does not.
const NOT_MODELLED: [&str; 5] = [
    "early drop: a full table makes room by dropping entries that were never answered, before it drops a packet",
    "what a firewall of the host itself denies or leaves untracked (raw table, notrack)",
    "traffic of the host that does not pass a modelled ENI: loopback, containers behind NAT",
    "sequence numbers and windows: packets that the kernel finds invalid neither refresh nor create an entry",
    "timeouts of their own for SCTP, DCCP and UDP-Lite, which count as other protocols here",
];

/// The trial: everything that the rules allow is tracked, entries count for the host.
pub(super) fn trial(ground: &Ground<'_>, linux: &LinuxPlan) -> Result<Trial, ReplayError> {
    let mut options = ground.plan.replay.options.clone();
    options.always_tracked.extend(["0.0.0.0/0".to_owned(), "::/0".to_owned()]);
    let options = Options {
        scope: Some(Scope::Instance),
        limit: Some(linux.max),
        timeouts: timeouts(linux),
        ..options
    };
    Trial::new(&ground.networks, options, Wanted::default())
}

fn timeouts(linux: &LinuxPlan) -> BTreeMap<TimeoutName, Span> {
    let own = TIMEOUTS.into_iter().map(|(name, seconds)| (name, Span::from_secs(seconds)));
    own.chain(linux.timeouts.iter().map(|(name, span)| (*name, *span))).collect()
}

/// What came of the trial.
pub(super) fn table(linux: &LinuxPlan, trial: &Trial) -> Option<LinuxTable> {
    let observed = trial.observed()?;
    let hosts = used(&observed.scopes).map(|seen| LinuxHost {
        host: seen.name.clone(),
        peak: seen.peak.occupancy,
        peak_at: seen.peak.at.map(Into::into),
        demand_peak: trial
            .free
            .as_ref()
            .and_then(|free| free.scope(&seen.name))
            .map_or(seen.peak.occupancy, |free| free.peak.occupancy),
        dropped: seen.exceeded,
    });
    let mut hosts: Vec<LinuxHost> = hosts.collect();
    hosts.sort_by(|left, right| (right.demand_peak, &left.host).cmp(&(left.demand_peak, &right.host)));
    let timeout = |(name, span): (TimeoutName, Span)| OptionInForce {
        name: name.code().to_owned(),
        value: span.to_string(),
        source: Some(if linux.timeouts.contains_key(&name) {
            OptionSource::CommandLine
        } else {
            OptionSource::Default
        }),
    };
    let timeouts = timeouts(linux).into_iter().map(timeout).collect();
    Some(LinuxTable { max: linux.max, timeouts, hosts, not_modelled: NOT_MODELLED.to_vec() })
}
