//! Routes: what the model says of a packet before any state is asked, and the memory of it (S3.8, S4.1, S5).
//!
//! For protocols with ports and for ICMP queries of code 0 everything that the model's stateless part looks at is in the
//! flow key and the direction, so that a flow remembers the route of each of its ends. When a later model comes into
//! force all routes are forgotten (S5.3).

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vpcreplay_flow::{Checkpoint, Digest, Direction, PacketFacts, Reason};
use vpcreplay_policy::{EniId, NaclAction, NaclMatch, Policy, RuleId};

use crate::security_group::Gate;
use crate::{Settings, Verdict};

/// Distinct routes that are remembered; models have few.
const MOST_ROUTES: usize = 1 << 15;

/// A number for a route; 0 is none.
pub(crate) type RouteId = u16;

/// The checkpoints of one end of a packet's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stop {
    /// The ENI.
    pub(crate) eni: EniId,
    /// What its subnet's network ACL says; `None` where both addresses lie in the subnet (S3.5).
    pub(crate) nacl: Option<NaclMatch>,
}

/// The path of a packet: at least one of its ends is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) source: Option<Stop>,
    pub(crate) destination: Option<Stop>,
}

impl Route {
    /// The route of a packet with a digest; packets of the most usual shape have code of their own.
    #[inline]
    pub(crate) fn of_digest(digest: &Digest, policy: &Policy, settings: &Settings) -> Result<Self, Reason> {
        match digest.ports_v4() {
            Some(facts) => Self::of(&facts, policy, settings),
            None => Self::of_any(digest, policy, settings),
        }
    }

    #[inline(never)]
    fn of_any(digest: &Digest, policy: &Policy, settings: &Settings) -> Result<Self, Reason> {
        Self::of(&digest.facts(), policy, settings)
    }

    /// The route of a packet, or the reason why it takes none, in the order of S3.8.
    #[expect(clippy::inline_always, reason = "what only other shapes of packets need is left out")]
    #[inline(always)]
    pub(crate) fn of(facts: &PacketFacts, policy: &Policy, settings: &Settings) -> Result<Self, Reason> {
        if policy.exempt_by_kind(facts) {
            return Err(Reason::Exempt);
        }
        let (src, dst) = (policy.place(facts.src), policy.place(facts.dst));
        if dst.is_multicast() {
            return Err(Reason::Multicast);
        }
        let (source, destination) = (modelled(src.owner(), settings), modelled(dst.owner(), settings));
        if source.is_none() && destination.is_none() {
            return Err(Reason::NoInterface);
        }
        if source == destination {
            return Err(Reason::SameInterface);
        }
        // An address of an ENI that is left out is owned all the same, and so it is not exempt.
        let (src_port, dst_port) = facts.transport.ports().unzip();
        if src.is_exempt(src_port) || dst.is_exempt(dst_port) {
            return Err(Reason::Exempt);
        }
        let stop =
            |eni, direction| Stop { eni, nacl: policy.nacl_between(eni, direction, facts, (src, dst)) };
        Ok(Self {
            source: source.map(|eni| stop(eni, Direction::Egress)),
            destination: destination.map(|eni| stop(eni, Direction::Ingress)),
        })
    }
}

/// A checkpoint pair that a route passes: an ENI whose network ACL, if it is asked, allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop {
    pub(crate) eni: EniId,
    pub(crate) direction: Direction,
    /// The rule of the network ACL.
    pub(crate) nacl: Option<RuleId>,
}

impl Hop {
    /// The security group of the ENI.
    #[inline]
    pub(crate) const fn gate(&self) -> Gate {
        Gate { eni: self.eni, direction: self.direction }
    }
}

/// A route as the usual packet needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// A network ACL denies.
    Closed,
    /// Through one ENI.
    One(Hop),
    /// Through two.
    Two(Hop, Hop),
}

impl Route {
    /// The route in one number: few words to hash.
    #[inline]
    fn pack(&self) -> u128 {
        let half = |stop: Option<Stop>| match stop {
            None => u64::MAX,
            Some(Stop { eni, nacl }) => {
                // What an entry says is told by its number.
                u64::from(eni.0) << 32 | u64::from(nacl.map_or(u32::MAX, |answer| answer.rule.0))
            }
        };
        u128::from(half(self.source)) << 64 | u128::from(half(self.destination))
    }

    /// The verdict of the network ACL, if it denies before anything else is asked: no ENI is modelled at the source.
    pub(crate) fn denied_at_once(&self) -> Option<Verdict> {
        match (self.source, self.destination) {
            (None, Some(Stop { eni, nacl: Some(answer) })) => acl_denial(eni, Direction::Ingress, answer),
            _ => None,
        }
    }

    fn way(&self) -> Way {
        let hop = |stop: Option<Stop>, direction| stop.map(|stop| stop.hop(direction));
        match (hop(self.source, Direction::Egress), hop(self.destination, Direction::Ingress)) {
            (Some(Some(source)), Some(Some(destination))) => Way::Two(source, destination),
            (Some(Some(hop)), None) | (None, Some(Some(hop))) => Way::One(hop),
            _ => Way::Closed,
        }
    }
}

/// The verdict of the network ACL of an ENI's subnet, where its answer is no (S5).
pub(crate) fn acl_denial(eni: EniId, direction: Direction, answer: NaclMatch) -> Option<Verdict> {
    let reason = match answer.action {
        NaclAction::Allow => return None,
        NaclAction::Deny => Reason::NaclRule,
        NaclAction::Default => Reason::NaclDefault,
    };
    let (checkpoint, eni, rule) = (Some(acl_checkpoint(direction)), Some(eni), Some(answer.rule));
    Some(Verdict { checkpoint, eni, rule, ..Verdict::bare(reason) })
}

/// The checkpoint of network ACLs in a direction.
pub(crate) const fn acl_checkpoint(direction: Direction) -> Checkpoint {
    match direction {
        Direction::Egress => Checkpoint::NaclEgress,
        Direction::Ingress => Checkpoint::NaclIngress,
    }
}

impl Stop {
    fn hop(self, direction: Direction) -> Option<Hop> {
        let is_open = self.nacl.is_none_or(|answer| answer.action == NaclAction::Allow);
        let nacl = self.nacl.map(|answer| answer.rule);
        is_open.then_some(Hop { eni: self.eni, direction, nacl })
    }
}

/// The routes of the model in force, each once. Parts of an engine share them and leave to the whole which ones to add.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    shared: Arc<Known>,
    recent: Recent,
    /// Routes that a part could not add.
    wanted: Vec<Route>,
}

#[derive(Debug)]
struct Known {
    routes: Vec<(Route, Way)>,
    /// By number, the hop of each route that passes no other; the first is that of no route.
    only_hops: Vec<Option<Hop>>,
    /// By the packed form.
    numbers: HashMap<u128, RouteId, FxBuildHasher>,
}

impl Routes {
    /// A route of the model in force.
    #[inline]
    pub(crate) fn get(&self, id: RouteId) -> Option<&Route> {
        self.shared.get(id).map(|(route, _)| route)
    }

    /// The hop of a route of the model in force that passes no other.
    #[inline]
    pub(crate) fn only_hop(&self, id: RouteId) -> Option<&Hop> {
        self.shared.only_hops.get(usize::from(id)).and_then(Option::as_ref)
    }

    /// The ways of all routes of the model in force, by number from 1.
    pub(crate) fn ways(&self) -> impl Iterator<Item = &Way> {
        self.shared.routes.iter().map(|(_, way)| way)
    }

    /// The way of a route of the model in force.
    pub(crate) fn way(&self, id: RouteId) -> Option<&Way> {
        self.shared.get(id).map(|(_, way)| way)
    }

    /// The number of a route; none when too many are remembered, and in a part none when it is new.
    #[inline]
    pub(crate) fn number(&mut self, route: Route) -> RouteId {
        let packed = route.pack();
        let recent = self.recent.get(packed);
        if recent != 0 { recent } else { self.look_up(route, packed) }
    }

    #[inline(never)]
    fn look_up(&mut self, route: Route, packed: u128) -> RouteId {
        if let Some(id) = self.shared.numbers.get(&packed) {
            self.recent.set(packed, *id);
            return *id;
        }
        if let Some(known) = Arc::get_mut(&mut self.shared) {
            return known.add(route);
        }
        if !self.wanted.contains(&route) {
            self.wanted.push(route);
        }
        0
    }

    /// The same routes, for a part.
    pub(crate) fn share(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), recent: self.recent, wanted: Vec::new() }
    }

    /// Takes back what a part shared, and gives the routes that it would have added.
    pub(crate) fn unshare(&mut self) -> Vec<Route> {
        self.forget();
        std::mem::take(&mut self.wanted)
    }

    /// Forgets all routes: another model is in force. Flows must forget their numbers.
    pub(crate) fn forget(&mut self) {
        self.shared = Arc::default();
        self.recent = Recent::default();
    }
}

/// Routes that were looked up, by few bits of their packed form, with their numbers: most packets take one of few.
#[derive(Clone, Copy, Debug)]
struct Recent([(u128, RouteId); RECENT]);

/// Recent routes, a power of two: several for each of the few that most packets take, so that two of them seldom share a place.
const RECENT: usize = 64;

impl Default for Recent {
    fn default() -> Self {
        Self([(0, 0); RECENT])
    }
}

impl Recent {
    /// The number of a packed route, if it is a recent one.
    #[inline]
    fn get(&self, packed: u128) -> RouteId {
        self.0.get(Self::slot(packed)).filter(|(route, _)| *route == packed).map_or(0, |(_, id)| *id)
    }

    fn set(&mut self, packed: u128, id: RouteId) {
        if let Some(slot) = self.0.get_mut(Self::slot(packed)) {
            *slot = (packed, id);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "both halves, folded")]
    #[inline]
    const fn slot(packed: u128) -> usize {
        (((packed >> 64) as u64 ^ packed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            >> (u64::BITS - RECENT.ilog2())) as usize
    }
}

impl Default for Known {
    fn default() -> Self {
        Self { routes: Vec::new(), only_hops: vec![None], numbers: HashMap::default() }
    }
}

impl Known {
    #[inline]
    fn get(&self, id: RouteId) -> Option<&(Route, Way)> {
        self.routes.get(usize::from(id).checked_sub(1)?)
    }

    fn add(&mut self, route: Route) -> RouteId {
        if self.routes.len() >= MOST_ROUTES {
            return 0;
        }
        let way = route.way();
        self.routes.push((route, way));
        self.only_hops.push(if let Way::One(hop) = way { Some(hop) } else { None });
        let id = RouteId::try_from(self.routes.len()).unwrap_or(0);
        self.numbers.insert(route.pack(), id);
        id
    }
}

/// The owner of an address unless it is left out: ENIs that are not chosen count as not modelled.
#[inline]
fn modelled(owner: Option<EniId>, settings: &Settings) -> Option<EniId> {
    match &settings.only {
        None => owner,
        Some(only) => owner.filter(|eni| only.contains(eni)),
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
