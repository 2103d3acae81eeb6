//! Steps that packets are made of: single packets, handshakes, teardowns, errors, and the time between them.

use proptest::prelude::*;
use proptest::sample::select;
use vpcreplay_flow::{Cause, Decoded, Span, TcpFlags, TimeoutName, Timeouts, Timestamp};

use super::conversation::{Quote, Sender, Template};
use super::models::address;
use crate::reference::{Model, Packet, Settings};

/// The time before a step's first packet.
#[derive(Clone, Copy, Debug)]
pub enum Gap {
    /// This long after engine time.
    After(Span),
    /// A timeout after the last packet of the step's conversation, give or take nanoseconds.
    Timeout(TimeoutName, i64),
    /// The flow memory after the last packet of the step's conversation, give or take nanoseconds.
    Memory(i64),
    /// So many starts of a period on, give or take nanoseconds.
    Period(i64, i64),
    /// Before engine time by this long.
    Back(Span),
}

/// What a step sends.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// One packet; TCP with these flags.
    One(Sender, TcpFlags),
    /// SYN, SYN+ACK, ACK; the first so many of them.
    Handshake(Sender, usize),
    /// Both ends send SYN, then SYN+ACK.
    SimultaneousOpen(Sender),
    /// FIN, ACK, FIN, ACK; the first so many of them.
    Teardown(Sender, usize),
    /// SYN from one end, RST from the other, so many times: refused, and reopened.
    Churn(Sender, usize),
    /// An ICMP error about a packet of this sender; whether a router sends it.
    Error(Sender, bool, Quote),
    /// A later fragment whose first was not seen.
    LaterFragment(Sender),
    /// A frame that cannot be decoded.
    Unjudged(Cause),
}

/// One step of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Which of the conversations, taken modulo their number.
    conversation: usize,
    gap: Gap,
    deed: Deed,
    length: u32,
}

const SYN: TcpFlags = TcpFlags(0x02);
const SYN_ACK: TcpFlags = TcpFlags(0x12);
const ACK: TcpFlags = TcpFlags(0x10);
const FIN_ACK: TcpFlags = TcpFlags(0x11);
const RST: TcpFlags = TcpFlags(0x04);
const PSH_ACK: TcpFlags = TcpFlags(0x18);

fn gap() -> impl Strategy<Value = Gap> {
    let edge = || select(vec![-1_i64, 0, 1]);
    prop_oneof![
        4 => Just(Gap::After(Span::from_nanos(0))),
        12 => (1_u64..2_000_000).prop_map(|micros| Gap::After(Span::from_nanos(micros * 1_000))),
        2 => (1_u64..400).prop_map(|secs| Gap::After(Span::from_secs(secs))),
        5 => (select(TimeoutName::ALL.to_vec()), edge()).prop_map(|(name, edge)| Gap::Timeout(name, edge)),
        2 => edge().prop_map(Gap::Memory),
        2 => (1_i64..4, edge()).prop_map(|(count, edge)| Gap::Period(count, edge)),
        1 => (1_u64..100).prop_map(|secs| Gap::Back(Span::from_secs(secs))),
    ]
}

/// Gaps too long to be common: they make thousands of rows.
fn long_gap() -> impl Strategy<Value = Gap> {
    let edge = || select(vec![-1_i64, 0, 1]);
    prop_oneof![
        edge().prop_map(|edge| Gap::After(Span::from_nanos(Span::DAY.nanos().saturating_add_signed(edge)))),
        (10_000_i64..10_004, edge()).prop_map(|(count, edge)| Gap::Period(count, edge)),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let sender = || select(vec![Sender::First, Sender::Second]);
    let flags = prop_oneof![
        4 => Just(SYN),
        3 => Just(SYN_ACK),
        4 => Just(ACK),
        2 => Just(PSH_ACK),
        3 => Just(FIN_ACK),
        2 => Just(RST),
        1 => any::<u8>().prop_map(TcpFlags),
    ];
    let quote = prop_oneof![9 => Just(Quote::Whole), 1 => Just(Quote::Cut)];
    let cause = select(vec![Cause::NotIp, Cause::Truncated, Cause::UnsupportedLinkType]);
    prop_oneof![
        14 => (sender(), flags).prop_map(|(sender, flags)| Deed::One(sender, flags)),
        6 => (sender(), 2_usize..=3).prop_map(|(sender, count)| Deed::Handshake(sender, count)),
        1 => sender().prop_map(Deed::SimultaneousOpen),
        3 => (sender(), 2_usize..=4).prop_map(|(sender, count)| Deed::Teardown(sender, count)),
        1 => (sender(), prop_oneof![3 => 1_usize..3, 1 => 15_usize..20])
            .prop_map(|(sender, count)| Deed::Churn(sender, count)),
        3 => (sender(), any::<bool>(), quote).prop_map(|(sender, router, quote)| Deed::Error(sender, router, quote)),
        1 => sender().prop_map(Deed::LaterFragment),
        1 => cause.prop_map(Deed::Unjudged),
    ]
}

/// Steps.
pub fn step() -> impl Strategy<Value = Step> {
    let gap = prop_oneof![200 => gap(), 1 => long_gap()];
    (0_usize..6, gap, deed(), 100_u32..1500).prop_map(|(conversation, gap, deed, length)| Step {
        conversation,
        gap,
        deed,
        length,
    })
}

/// The lengths of time that gaps aim at.
#[derive(Clone, Copy, Debug)]
pub struct Aims {
    timeouts: Timeouts,
    memory: Span,
    period: i64,
}

impl From<(&Model, &Settings)> for Aims {
    /// Those of the options; timeouts of single ENIs are not aimed at.
    fn from((model, command): (&Model, &Settings)) -> Self {
        let profile = command.profile.or(model.settings.profile).unwrap_or_default();
        let mut timeouts = Timeouts::of(profile);
        for (name, span) in model.settings.timeouts.iter().chain(&command.timeouts) {
            timeouts.set(*name, *span);
        }
        let period = command.period.or(model.settings.period).unwrap_or(Span::from_secs(60));
        Self {
            timeouts,
            memory: command.flow_memory.unwrap_or(Span::from_secs(300)),
            period: i64::try_from(period.nanos()).expect("periods are short"),
        }
    }
}

/// The time of the first packet of every scenario.
const START: i64 = 1_700_000_000_000_000_000;

/// Where a scenario stands while its packets are made.
struct Stage<'a> {
    aims: &'a Aims,
    now: i64,
    /// The time of the last packet of each conversation.
    last: Vec<i64>,
    packets: Vec<Packet>,
}

/// The packets of a list of steps.
pub fn packets(templates: &[Template], steps: &[Step], aims: &Aims) -> Vec<Packet> {
    let mut stage = Stage { aims, now: START, last: vec![START; templates.len()], packets: Vec::new() };
    for step in steps {
        let conversation = step.conversation % templates.len();
        let mut time = stage.time(step.gap, conversation);
        for decoded in step.frames(&templates[conversation]) {
            stage.packets.push(Packet { time: Timestamp::from_nanos(time), decoded, tunnel: None, copy: 0 });
            stage.now = stage.now.max(time);
            stage.last[conversation] = stage.now;
            time += 1_000_000;
        }
    }
    stage.packets
}

impl Stage<'_> {
    /// The time of a step; a deadline that is past is now.
    fn time(&self, gap: Gap, conversation: usize) -> i64 {
        let nanos = |span: Span| i64::try_from(span.nanos()).expect("gaps are short");
        let last = self.last[conversation];
        match gap {
            Gap::After(span) => self.now + nanos(span),
            Gap::Timeout(name, edge) => self.now.max(last + nanos(self.aims.timeouts.get(name)) + edge),
            Gap::Memory(edge) => self.now.max(last + nanos(self.aims.memory) + edge),
            Gap::Period(count, edge) => {
                let start = self.now.div_euclid(self.aims.period) * self.aims.period;
                self.now.max(start + count * self.aims.period + edge)
            }
            Gap::Back(span) => self.now - nanos(span),
        }
    }
}

impl Step {
    /// What the frames of the step decode to.
    fn frames(&self, template: &Template) -> Vec<Decoded> {
        let other = |sender| if sender == Sender::First { Sender::Second } else { Sender::First };
        let tcp = |sender, flags| Decoded::Packet(template.packet(sender, flags, self.length));
        match self.deed {
            Deed::One(sender, flags) => vec![tcp(sender, flags)],
            Deed::Handshake(a, count) => {
                [tcp(a, SYN), tcp(other(a), SYN_ACK), tcp(a, ACK)].into_iter().take(count).collect()
            }
            Deed::SimultaneousOpen(a) => {
                vec![tcp(a, SYN), tcp(other(a), SYN), tcp(a, SYN_ACK), tcp(other(a), SYN_ACK)]
            }
            Deed::Teardown(a, count) => {
                let b = other(a);
                let all = [tcp(a, FIN_ACK), tcp(b, ACK), tcp(b, FIN_ACK), tcp(a, ACK)];
                all.into_iter().take(count).collect()
            }
            Deed::Churn(a, count) => [tcp(a, SYN), tcp(other(a), RST)].repeat(count),
            Deed::Error(sender, router, quote) => {
                let from = router.then(|| address("203.0.113.1"));
                vec![Decoded::Packet(template.error(sender, from, quote))]
            }
            Deed::LaterFragment(sender) => {
                vec![Decoded::Packet(template.later_fragment(sender, self.length))]
            }
            Deed::Unjudged(cause) => vec![Decoded::Unjudged(cause, None)],
        }
    }
}
