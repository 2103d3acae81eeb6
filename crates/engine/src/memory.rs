//! What is remembered of a flow beside its connections: its opener and what became of its packets (S7.0, S8).

use vpcreplay_flow::End;

use crate::causality::{Cause, Handshake};
use crate::flows::Detail;
use crate::forks::Parted;
use crate::route::RouteId;

/// What a packet needs at once: in the flow's cache line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// The route of each end's packets (see [`crate::route`]).
    routes: [RouteId; 2],
    handshake: u8,
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

impl Memory {
    /// Of a flow whose first packet took a route.
    pub(crate) fn begun(sender: End, route: RouteId, handshake: u8) -> Self {
        let mut memory = Self { routes: [0; 2], handshake };
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

    /// Forgets both routes.
    pub(crate) const fn forget_routes(&mut self) {
        self.routes = [0; 2];
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
