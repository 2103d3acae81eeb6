//! What is remembered of a flow beside its connections: its opener and what became of its packets (S7.0, S8).

use std::num::NonZeroU64;

use vpcreplay_flow::End;

use crate::flows::Detail;
use crate::route::RouteId;

/// What became of the packets that decide about others. One word: flow records are many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate(u64);

impl Fate {
    /// None was judged yet.
    pub(crate) const NONE: Self = Self(0);
    /// It passed. No packet has this number.
    pub(crate) const PASSED: Self = Self(u64::MAX);

    /// It was denied; the packet's number, from 1.
    pub(crate) const fn denied(number: u64) -> Self {
        Self(number)
    }

    /// The number of the packet that was denied, if one was.
    pub(crate) fn denial(self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.0).filter(|_| self != Self::PASSED)
    }
}

/// The memory of a flow.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Who opened the flow; `None` for TCP before the first bare SYN.
    pub(crate) opener: Option<End>,
    /// TCP: the newest bare SYN. Other protocols: the opener's packets; one that passed counts for good.
    pub(crate) opening: Fate,
    /// TCP: the newest SYN+ACK of the other end (S12.9).
    pub(crate) answer: Fate,
    /// The route of each end's packets (see [`crate::route`]).
    routes: [RouteId; 2],
    /// What a flow record needs, when they are wanted.
    pub(crate) detail: Option<Box<Detail>>,
}

impl Memory {
    /// The route of an end's packets, if it is remembered.
    pub(crate) const fn route(&self, sender: End) -> RouteId {
        let [a, b] = self.routes;
        match sender {
            End::A => a,
            End::B => b,
        }
    }

    /// Remembers the route of an end's packets.
    pub(crate) const fn set_route(&mut self, sender: End, route: RouteId) {
        let [a, b] = &mut self.routes;
        match sender {
            End::A => *a = route,
            End::B => *b = route,
        }
    }
}
