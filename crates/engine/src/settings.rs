//! What a replay is told beside its captures.

use std::collections::VecDeque;
use std::sync::Arc;

use vpcreplay_flow::{PacketKind, Span, Timestamp};
use vpcreplay_policy::{EniId, IcmpErrors, Mode, Policy, Registry, TcpMidstream};

use crate::refused::Refusal;

/// The options that stay for the whole replay (S10.1).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Causal or literal (S8).
    pub mode: Mode,
    /// TCP that begins in the middle (S7.5).
    pub tcp_midstream: TcpMidstream,
    /// ICMP errors (S6.3.1).
    pub icmp_errors: IcmpErrors,
    /// How long a flow is remembered after its last packet (S7.0).
    pub flow_memory: Span,
    /// How many flows are remembered at most (S7.0).
    pub max_flows: u64,
    /// The period of the series, when a series is wanted (S7.9).
    pub series_period: Option<Span>,
    /// Whether records of flows are wanted (S9.3); they cost memory.
    pub flow_records: FlowRecords,
    /// The ENIs that are judged, where the user chose some; the others count as not modelled.
    pub only: Option<Vec<EniId>>,
}

/// Whether flow records are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowRecords {
    /// They are not.
    #[default]
    Off,
    /// They are, and taken by [`crate::Engine::take_flows`].
    Kept,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            tcp_midstream: TcpMidstream::default(),
            icmp_errors: IcmpErrors::default(),
            flow_memory: Span::from_secs(300),
            max_flows: 4_194_304,
            series_period: None,
            flow_records: FlowRecords::Off,
            only: None,
        }
    }
}

impl Settings {
    /// Whether a packet without a connection may be tracked where a rule admits it: one in the middle of a TCP connection is by one
    /// setting; by another it may be denied, and by the third it is tracked in other ways too (S7.5).
    #[inline]
    pub(crate) fn may_track(&self, kind: PacketKind) -> bool {
        !kind.event().is_midstream() || self.tcp_midstream == TcpMidstream::Allow
    }

    /// Whether a packet without a connection is denied for the reason for which one of its end was, as long as there is no room if
    /// that is the reason. In the middle of a TCP connection settings have a say: whether it would be tracked at all, and whether a
    /// rule of the opposite direction may admit the reversed flow (S7.5, S12.16).
    #[inline]
    pub(crate) fn holds(&self, refusal: Refusal, kind: PacketKind) -> bool {
        match refusal {
            Refusal::NoRoom(_) => self.may_track(kind),
            Refusal::NoRule => true,
            Refusal::Reversible => {
                !kind.event().is_midstream() || self.tcp_midstream != TcpMidstream::EitherEnd
            }
        }
    }
}

/// When a later model comes into force (S10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At a point in time.
    At(Timestamp),
    /// This long after the first packet.
    After(Span),
}

/// Models to come and their times, the next one first.
pub type Later = VecDeque<(Timestamp, Arc<Policy>)>;

/// Later models by their times, once that of the first packet is known, and the one among them, if any, that is in force from
/// the start: a model of the first packet's time or earlier is (S10.1, S12.10).
pub fn by_time(
    later: impl IntoIterator<Item = (When, Arc<Policy>)>,
    first: Timestamp,
) -> (Option<Arc<Policy>>, Later) {
    let time = |when| match when {
        When::At(time) => time,
        When::After(span) => first.after(span),
    };
    let mut later: Vec<_> = later.into_iter().map(|(when, policy)| (time(when), policy)).collect();
    later.sort_by_key(|(time, _)| *time);
    let (mut later, mut from_start) = (VecDeque::from(later), None);
    while let Some((_, policy)) = later.pop_front_if(|(time, _)| *time <= first) {
        from_start = Some(policy);
    }
    (from_start, later)
}

/// The models of a replay: the first, and later ones in the order given (S10.1).
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The model in force from the start.
    pub first: Arc<Policy>,
    /// Later models.
    pub later: Vec<(When, Arc<Policy>)>,
    /// The names behind the numbers of all of them.
    pub registry: Arc<Registry>,
}
