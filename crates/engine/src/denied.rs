//! Denied packets on their way to the top lists.
//!
//! They are entered together, a batch at a time: look-ups close to each other share what they wait for. Parts of an engine
//! keep theirs until the whole takes them over.

use std::net::IpAddr;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vpcreplay_conntrack::in_order;
use vpcreplay_flow::{Checkpoint, Digest, PacketFacts, Protocol, Reason};
use vpcreplay_policy::{EniId, RuleId};

use crate::{TopDenied, Verdict};

/// Who denied: the reason, where, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// Where.
    pub checkpoint: Option<Checkpoint>,
    /// At which ENI.
    pub eni: Option<EniId>,
    /// By which rule.
    pub rule: Option<RuleId>,
}

impl Denial {
    /// That of a verdict.
    pub(crate) const fn of(&Verdict { reason, checkpoint, eni, rule, .. }: &Verdict) -> Self {
        Self { reason, checkpoint, eni, rule }
    }

    /// Whether it is of an egress, so that the peer is the destination.
    pub(crate) const fn is_egress(self) -> bool {
        matches!(self.checkpoint, Some(Checkpoint::SgEgress | Checkpoint::NaclEgress))
    }

    /// All fields in one number, which is compared and hashed in two words. What is missing counts 0.
    #[inline]
    fn packed(self) -> u128 {
        let Self { reason, checkpoint, eni, rule } = self;
        let eni = eni.map_or(0, |eni| u64::from(eni.0) + 1);
        let rule = rule.map_or(0, |rule| u64::from(rule.0) + 1);
        let checkpoint = checkpoint.map_or(0, |checkpoint| checkpoint as u64 + 1);
        // The rule takes 33 bits, checkpoint and reason a byte each.
        u128::from(rule << 16 | checkpoint << 8 | reason as u64) << 64 | u128::from(eni)
    }
}

/// The denials that came up so far, numbered from 1 as they came: packets are many, denials few.
#[derive(Clone, Debug, Default)]
pub(crate) struct Denials {
    all: Vec<Denial>,
    /// By [`Denial::packed`].
    numbers: HashMap<u128, u32, FxBuildHasher>,
    last: Option<(u128, u32)>,
}

impl Denials {
    /// The number of a denial. There are fewer than a `u32` counts: the memory for their rules would not suffice.
    #[inline]
    pub(crate) fn number(&mut self, denial: Denial) -> u32 {
        let packed = denial.packed();
        match self.last {
            Some((last, number)) if last == packed => number,
            _ => self.look_up(denial, packed),
        }
    }

    fn look_up(&mut self, denial: Denial, packed: u128) -> u32 {
        let all = &mut self.all;
        let number = *self.numbers.entry(packed).or_insert_with(|| {
            all.push(denial);
            u32::try_from(all.len()).unwrap_or(u32::MAX)
        });
        self.last = Some((packed, number));
        number
    }

    /// All of them, the one with number 1 first.
    pub(crate) fn all(&self) -> &[Denial] {
        &self.all
    }
}

/// The denial with a number, from 1, among all of them.
pub(crate) fn numbered<T: Copy>(all: &[T], number: u32) -> Option<T> {
    all.get((number as usize).wrapping_sub(1)).copied()
}

/// A denied packet that is not in the top lists yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denied {
    /// The packet's number.
    pub(crate) number: u64,
    /// The number of its denial.
    pub(crate) denial: u32,
    /// Bytes of IP.
    pub(crate) length: u32,
    /// The source of ingress, the destination of egress.
    pub(crate) peer: IpAddr,
    /// The protocol and the destination port, where it is known.
    pub(crate) service: (Protocol, Option<u16>),
}

impl Denied {
    /// A packet with a digest, with its number and the number of its denial, which is of an egress or not.
    pub(crate) fn of_digest(number: u64, digest: &Digest, (denial, is_egress): (u32, bool)) -> Self {
        let (sender, receiver) = (digest.kind.sender(), digest.kind.sender().other());
        Self {
            number,
            denial,
            length: digest.length,
            peer: digest.key.address(if is_egress { receiver } else { sender }),
            service: (digest.key.protocol(), digest.key.port(receiver)),
        }
    }
}

// One is written and read for most denied packets.
const _: () = assert!(size_of::<Denied>() <= 40);

/// Denied packets that wait to be entered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    packets: Vec<Denied>,
    denials: Denials,
    /// In a part: for each of its denials the number that the whole gave it.
    in_whole: Vec<u32>,
}

impl Waiting {
    /// Adds a packet, with its number.
    pub(crate) fn push(&mut self, number: u64, facts: &PacketFacts, verdict: &Verdict) {
        let denial = Denial::of(verdict);
        self.packets.push(Denied {
            number,
            denial: self.denials.number(denial),
            length: facts.length,
            peer: if denial.is_egress() { facts.dst } else { facts.src },
            service: (facts.protocol, facts.transport.ports().map(|(_, dst_port)| dst_port)),
        });
    }

    /// The number of a denial.
    pub(crate) fn number(&mut self, denial: Denial) -> u32 {
        self.denials.number(denial)
    }

    /// Adds a packet.
    pub(crate) fn push_denied(&mut self, packet: Denied) {
        self.packets.push(packet);
    }

    /// Takes over what waits in parts of this whole, in order of the packets' numbers.
    pub(crate) fn take_over<'a>(&mut self, parts: impl Iterator<Item = &'a mut Self>) {
        let mut parts: Vec<&mut Self> = parts.collect();
        for Self { packets, denials, in_whole } in &mut parts {
            let new = denials.all().get(in_whole.len()..).unwrap_or_default();
            in_whole.extend(new.iter().map(|denial| self.denials.number(*denial)));
            for packet in packets {
                packet.denial = numbered(in_whole, packet.denial).unwrap_or(packet.denial);
            }
        }
        let mut lists: Vec<&mut [_]> = parts.iter_mut().map(|part| part.packets.as_mut_slice()).collect();
        in_order(&mut lists, |packet| packet.number, |packet| self.packets.push(*packet));
        for part in parts {
            part.packets.clear();
        }
    }

    /// Enters what waits in both top lists.
    pub(crate) fn enter(&mut self, lists: [&mut TopDenied; 2]) {
        for list in lists {
            list.enter(&self.packets, self.denials.all());
        }
        self.packets.clear();
    }
}

#[cfg(test)]
#[path = "denied_tests.rs"]
mod tests;
