//! Flows that are judged apart: those a connection of which the least of the swept timeouts has ended.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vpcreplay_conntrack::FlowId;
use vpcreplay_flow::{Digest, Disposition, Event, FlowKey, Reason, TimeoutName, Timestamp};
use vpcreplay_policy::Policy;

use super::books::{Books, Loss};
use super::classes::{Class, Forked, Held, Past};
use super::parting::{Parted, Parting, Remains};
use crate::engine::World;
use crate::memory::Aside;
use crate::{Content, NoTrace, Packet, Step};

/// Stale timers beyond those of flows that are let be.
const STALE_TIMERS: usize = 4096;

/// Where a flow is that the world of the least timeout does not have.
#[derive(Debug)]
enum Place {
    /// It is over there; with greater values it may live on. No packet came since.
    Over(Remains),
    /// It goes different ways.
    Forked(Forked),
}

/// The flows that are judged apart, and the books.
#[derive(Debug)]
pub(super) struct Apart {
    name: TimeoutName,
    pub(super) books: Books,
    /// The model with each value.
    policies: Vec<Arc<Policy>>,
    flows: HashMap<FlowKey, Place, FxBuildHasher>,
    timers: BinaryHeap<Reverse<(Timestamp, FlowKey)>>,
    /// Flows that may be over with every value, the oldest first.
    ended: VecDeque<FlowKey>,
    steps: Vec<Step>,
    /// Connections that are gone and can no longer be told broken or made again.
    pub(super) forgotten: u64,
    /// Flows that were remembered with some value when the books were closed.
    remembered: u64,
    /// Whether as many flows may have been remembered as may be.
    pub(super) is_full: bool,
}

impl Apart {
    pub(super) fn new(name: TimeoutName, books: Books, policies: Vec<Arc<Policy>>) -> Self {
        Self {
            name,
            books,
            policies,
            flows: HashMap::default(),
            timers: BinaryHeap::new(),
            ended: VecDeque::new(),
            steps: Vec::new(),
            forgotten: 0,
            remembered: 0,
            is_full: false,
        }
    }

    /// Judges a packet that the usual way found nothing to do with.
    pub(super) fn judge(&mut self, world: &mut World, packet: Packet<'_>) {
        let Some(digest) = packet.content.digest() else {
            world.judge(packet, &mut NoTrace);
            return;
        };
        let found = world.find(&digest.key, digest.key.hash64(), packet.now);
        self.take_over(world);
        let is_apart = match found {
            Some(id) => has_parted(world, id),
            None => self.flows.contains_key(&digest.key),
        };
        if is_apart {
            self.judge_apart(world, packet, &digest, found);
            return;
        }
        self.steps.clear();
        world.judge(packet, &mut self.steps);
        let all = self.books.all();
        self.book(world, &Class { values: all, past: None, gone: Vec::new() }, &digest, packet.now);
    }

    /// Judges a packet that is unsent with the least value; with others it may not be.
    pub(super) fn unsent(&mut self, world: &mut World, packet: Packet<'_>) {
        let digest = match packet.content {
            Content::Brief(brief) => brief.whole(),
            Content::Digest(digest) => *digest,
            Content::Decoded(_) | Content::OfCopy(..) => return,
        };
        if let Some(id) = world.find(&digest.key, digest.key.hash64(), packet.now)
            && has_parted(world, id)
        {
            self.judge_apart(world, packet, &digest, Some(id));
        }
    }

    /// Takes over the flows that are over with the least value.
    fn take_over(&mut self, world: &mut World) {
        if let Some(parting) = &mut world.parting {
            for (key, remains) in parting.over.drain(..) {
                self.ended.push_back(key);
                self.flows.insert(key, Place::Over(remains));
            }
        }
    }

    /// Judges a packet of a flow once for each class of values with which the flow has one past.
    fn judge_apart(&mut self, world: &mut World, packet: Packet<'_>, digest: &Digest, found: Option<FlowId>) {
        let now = packet.now;
        let Some(mut forked) = self.take(world, &digest.key, found, now) else { return };
        forked.unqueue(now, &mut self.books);
        forked.split((&self.books.values, world.settings.flow_memory), now);
        for class in &mut forked.classes {
            self.judge_class(world, packet, digest, class);
        }
        if let Some(policy) = self.policies.first() {
            world.policy = Arc::clone(policy);
        }
        forked.join();
        self.put_back(world, &digest.key, forked);
    }

    /// Takes a flow from where it is, before a packet at `now`.
    fn take(
        &mut self,
        world: &mut World,
        key: &FlowKey,
        found: Option<FlowId>,
        now: Timestamp,
    ) -> Option<Forked> {
        let swept = (self.name, self.books.values.first().copied().unwrap_or_default());
        let (mut past, parted) = match found {
            Some(id) => {
                let (image, aside) = world.table.take_out(id)?;
                (Past::of(&image, swept), aside.parted.unwrap_or_default())
            }
            None => match self.flows.remove(key)? {
                Place::Forked(mut forked) => {
                    forked.settle(now, &mut self.books, &world.scopes);
                    return Some(forked);
                }
                Place::Over(Remains { memory, last_packet, parted }) => {
                    (Past { memory, last_packet, held: Vec::new() }, parted)
                }
            },
        };
        let Parted { entries, gone } = *parted;
        for entry in &entries {
            let held = Held::of(entry, swept);
            held.save(&mut self.books, now);
            past.hold(held);
        }
        Some(Forked::one(Class { values: self.books.all(), past: Some(past), gone }, now))
    }

    /// Judges a packet with the values of a class.
    fn judge_class(&mut self, world: &mut World, packet: Packet<'_>, digest: &Digest, class: &mut Class) {
        let Digest { key, .. } = digest;
        let (hash, last) = (key.hash64(), class.values.end.saturating_sub(1));
        let (Some(value), Some(policy)) = (self.books.values.get(last).copied(), self.policies.get(last))
        else {
            return;
        };
        world.policy = Arc::clone(policy);
        if let Some(past) = class.past.take() {
            world.table.put_in_for_now((key, hash), past.image(value));
        }
        self.steps.clear();
        world.judge(packet, &mut self.steps);
        let guess = world.table.shard(hash).map_or(0, |shard| shard.guess(hash));
        let id = world.table.find(key, hash, guess);
        let taken = id.and_then(|id| world.table.take_out(id));
        class.past = taken.map(|(image, _)| Past::of(&image, (self.name, value)));
        let found_gone = self.book(world, class, digest, packet.now);
        class.gone.retain(|eni| !found_gone.contains(eni));
    }

    /// Books what the checkpoints said with the values of a class; at which ENIs a packet has found a connection gone.
    fn book(&mut self, world: &World, class: &Class, digest: &Digest, now: Timestamp) -> Vec<u32> {
        let mut found_gone = Vec::new();
        let values = &class.values;
        for step in &self.steps {
            let Step::SecurityGroup { eni, before, verdict, .. } = step else { continue };
            let scope = world.scopes.of(*eni);
            if before.is_some() && verdict.reason != Reason::Established {
                self.books.reopened(scope, now, values.clone());
            }
            let is_created = matches!(verdict.reason, Reason::New | Reason::Midstream);
            if is_created {
                self.books.created(scope, now, values.clone());
            }
            if before.is_some() || !class.gone.contains(&eni.0) {
                continue;
            }
            found_gone.push(eni.0);
            // A bare SYN asks for a connection of its own.
            if digest.kind.event() == Event::TcpSyn {
                continue;
            }
            if is_created {
                self.books.lost(scope, Loss::Recreated, values.clone());
            } else if verdict.disposition() == Disposition::Deny {
                self.books.lost(scope, Loss::Broken, values.clone());
            }
        }
        found_gone
    }

    /// Puts a flow where it belongs: to the others if it goes one way.
    fn put_back(&mut self, world: &mut World, key: &FlowKey, mut forked: Forked) {
        let now = forked.settled;
        if let [Class { past: Some(past), gone, .. }] = forked.classes.as_slice() {
            let values = &self.books.values;
            let gone = gone.clone();
            let parted = (!gone.is_empty()).then(|| Box::new(Parted { entries: Vec::new(), gone }));
            let image = past.image(values.first().copied().unwrap_or_default());
            let aside = parted.map(Aside::for_parted);
            let id = world.table.put_in((key, key.hash64()), image, aside);
            if let Some((shard, at)) = world.table.place_mut(id) {
                shard.settle(at);
            }
            return;
        }
        if forked.is_over() && forked.gone() == 0 {
            return;
        }
        forked.queue(now, &mut self.books, &world.scopes);
        let values = &self.books.values;
        if forked.is_over() {
            self.ended.push_back(*key);
        }
        // A timer that is set too early is let be: it is set anew when it goes off.
        let next = forked.next(values, world.settings.flow_memory);
        if next < forked.armed {
            forked.armed = next;
            self.timers.push(Reverse((next, *key)));
        }
        self.flows.insert(*key, Place::Forked(forked));
    }

    /// Books what ended in flows apart by `now`, and closes the books over a batch of packets; what ended in the world must
    /// have been told.
    pub(super) fn close(&mut self, world: &mut World, packets: usize, now: Timestamp) {
        // Each packet may have begun a flow, and others may have been over since.
        self.is_full |= self.remembered + packets as u64 > world.settings.max_flows;
        self.take_over(world);
        while let Some(Reverse((time, key))) = self.timers.peek().copied().filter(|due| due.0.0.is_due(now)) {
            self.timers.pop();
            self.serve(world, (time, key), now);
        }
        self.drop_stale_timers();
        if let Some(Parting { ended, .. }) = world.parting.as_deref_mut() {
            self.books.close(now, ended);
        }
        self.forget(world, now);
    }

    /// Drops timers that mean nothing any more, when they are many.
    fn drop_stale_timers(&mut self) {
        if self.timers.len() > STALE_TIMERS + 2 * self.flows.len() {
            let flows = &self.flows;
            self.timers.retain(|Reverse((time, key))| {
                matches!(flows.get(key), Some(Place::Forked(forked)) if forked.armed == *time)
            });
        }
    }

    /// Looks at a flow that goes different ways, at its time.
    fn serve(&mut self, world: &World, (time, key): (Timestamp, FlowKey), now: Timestamp) {
        let Some(Place::Forked(forked)) = self.flows.get_mut(&key) else { return };
        if forked.armed != time {
            return;
        }
        let memory = world.settings.flow_memory;
        forked.settle(now, &mut self.books, &world.scopes);
        forked.armed = forked.next(&self.books.values, memory);
        if forked.armed != Timestamp::MAX {
            self.timers.push(Reverse((forked.armed, key)));
            return;
        }
        forked.split((&self.books.values, memory), now);
        if !forked.is_over() {
            return;
        }
        if forked.gone() > 0 {
            self.ended.push_back(key);
        } else {
            self.flows.remove(&key);
        }
    }

    /// Forgets connections that are gone with every value, the oldest first, where flows come near their bound.
    fn forget(&mut self, world: &World, now: Timestamp) {
        let most = world.settings.max_flows;
        let remembered = |flows: usize| world.table.remembered() + flows as u64;
        while remembered(self.flows.len()) >= most {
            let Some(key) = self.ended.front() else { break };
            let (is_over, gone) = match self.flows.get(key) {
                None => (true, 0),
                Some(Place::Forked(forked)) => (forked.is_over(), forked.gone()),
                Some(Place::Over(remains)) => {
                    let Parted { entries, gone } = &*remains.parted;
                    let is_over = entries.iter().all(|entry| self.books.is_over(entry.deadline(), now));
                    (is_over, (entries.len() + gone.len()) as u64)
                }
            };
            if !is_over {
                break;
            }
            self.forgotten += gone;
            if let Some(key) = self.ended.pop_front() {
                self.flows.remove(&key);
            }
        }
        self.remembered = remembered(self.flows.len());
    }
}

/// Whether the least timeout has ended a connection of a flow.
fn has_parted(world: &World, id: FlowId) -> bool {
    let place = world.table.place(id);
    place.and_then(|(shard, at)| shard.aside(at)).is_some_and(|aside| aside.parted.is_some())
}
