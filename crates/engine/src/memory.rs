//! What is remembered of a flow beside its connections: its opener and what became of its packets (S7.0, S8).

use std::num::NonZeroU16;

use vpcreplay_conntrack::Flow;
use vpcreplay_flow::End;

use crate::Shard;
use crate::causality::{Cause, Handshake};
use crate::flows::Detail;
use crate::forks::Parted;
use crate::refused::Refusal;
use crate::route::RouteId;

/// What a packet needs at once: in the flow's cache line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// The route of each end's packets (see [`crate::route`]).
    routes: [RouteId; 2],
    handshake: u8,
    /// Why the packets of each end were refused, by [`Refusal::pack`].
    refusals: [Option<NonZeroU16>; 2],
}

/// What is needed now and then.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// The packets whose denial is the cause of others being unsent: the opening one, the answer. From 1.
    denied: [u64; 2],
    /// What a flow record needs, when they are wanted.
    pub(crate) detail: Option<Box<Detail>>,
    /// Connections that a sweep's least timeout ended and others did not.
    pub(crate) parted: Option<Box<Parted>>,
}

impl Aside {
    /// What a flow record needs.
    pub(crate) fn for_record(detail: Option<Box<Detail>>) -> Self {
        Self { detail, ..Self::default() }
    }

    /// What connections are parted, and nothing else.
    pub(crate) fn for_parted(parted: Box<Parted>) -> Self {
        Self { parted: Some(parted), ..Self::default() }
    }

    /// The number of the packet whose denial is a cause.
    pub(crate) const fn denial(&self, cause: Cause) -> u64 {
        let [opening, answer] = self.denied;
        match cause {
            Cause::Opening => opening,
            Cause::Answer => answer,
        }
    }

    /// Keeps the number of a denied packet that is a cause.
    pub(crate) const fn set_denial(&mut self, cause: Cause, number: u64) {
        let [opening, answer] = &mut self.denied;
        match cause {
            Cause::Opening => *opening = number,
            Cause::Answer => *answer = number,
        }
    }
}

/// The number of the packet whose denial is a cause, of the flow at a place.
pub(crate) fn denial(shard: &Shard, at: u32, cause: Cause) -> u64 {
    match (shard.aside(at), cause) {
        (Some(aside), _) => aside.denial(cause),
        (None, Cause::Opening) => shard.flow(at).map_or(0, Flow::note),
        (None, Cause::Answer) => 0,
    }
}

/// Keeps the number of a denied packet that is a cause: in the flow's record if there is room, else aside.
pub(crate) fn note_denial(shard: &mut Shard, at: u32, (cause, number): (Cause, u64)) {
    // Most flows have nothing at all beside their record.
    let has_aside = shard.flow(at).is_some_and(Flow::has_rest) && shard.aside(at).is_some();
    if cause == Cause::Opening
        && !has_aside
        && let Some(flow) = shard.flow_mut(at)
        && flow.set_note(number)
    {
        return;
    }
    if let Some(aside) = move_note(shard, at) {
        aside.set_denial(cause, number);
    }
}

/// What is remembered of a flow aside, made if it is not there, and what is noted in its record moved to it.
#[inline(never)]
pub(crate) fn move_note(shard: &mut Shard, at: u32) -> Option<&mut Aside> {
    let note = shard.flow(at).map_or(0, Flow::note);
    if note != 0
        && let Some(flow) = shard.flow_mut(at)
    {
        flow.set_note(0);
    }
    let aside = shard.make_aside(at)?;
    if note != 0 {
        aside.set_denial(Cause::Opening, note);
    }
    Some(aside)
}

impl Memory {
    /// Of a flow whose first packet took a route.
    pub(crate) fn begun(sender: End, route: RouteId, handshake: u8) -> Self {
        let mut memory = Self { routes: [0; 2], handshake, refusals: [None; 2] };
        memory.set_route(sender, route);
        memory
    }

    /// The route of an end's packets, if it is remembered.
    #[inline]
    pub(crate) const fn route(self, sender: End) -> RouteId {
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

    /// Forgets what a model said of the flow's packets.
    pub(crate) const fn forget_model(&mut self) {
        self.routes = [0; 2];
        self.refusals = [None; 2];
    }

    /// Why the packets of an end were refused, packed, if it is remembered.
    #[inline]
    pub(crate) const fn packed_refusal(self, sender: End) -> Option<NonZeroU16> {
        let [a, b] = self.refusals;
        match sender {
            End::A => a,
            End::B => b,
        }
    }

    /// Why the packets of an end were refused, if it is remembered.
    #[inline]
    pub(crate) fn refusal(self, sender: End) -> Option<Refusal> {
        self.packed_refusal(sender).map(Refusal::unpack)
    }

    /// Remembers it. A rule with a great number is not remembered.
    #[inline]
    pub(crate) fn set_refusal(&mut self, sender: End, refusal: Refusal) {
        let [a, b] = &mut self.refusals;
        let place = if sender == End::A { a } else { b };
        *place = refusal.pack();
    }

    /// Who opened the flow and what became of the packets that decide about others.
    #[inline]
    pub(crate) const fn handshake(self) -> Handshake {
        Handshake::unpack(self.handshake)
    }

    /// The same, packed.
    #[inline]
    pub(crate) const fn packed_handshake(self) -> u8 {
        self.handshake
    }

    #[inline]
    pub(crate) const fn set_packed_handshake(&mut self, handshake: u8) {
        self.handshake = handshake;
    }

    #[inline]
    pub(crate) const fn set_handshake(&mut self, handshake: Handshake) {
        self.handshake = handshake.pack();
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
