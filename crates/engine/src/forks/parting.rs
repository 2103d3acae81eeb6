//! What the world of the least timeout tells a sweep: connections that this timeout ended, and flows that are over.

use vpcreplay_conntrack::{AsideMut, Departed, Entry};
use vpcreplay_flow::{FlowKey, TimeoutName, Timestamp};

use crate::memory::{Aside, Memory};

/// Connections of a flow that the least timeout ended; with greater ones they may live on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parted {
    /// Them, with the deadlines by which they ended.
    pub(crate) entries: Vec<Entry>,
    /// ENIs whose connection the swept timeout ended whatever its value, and no packet came since to find it gone.
    pub(crate) gone: Vec<u32>,
}

/// A connection that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) at: Timestamp,
    pub(crate) number: u64,
    pub(crate) scope: u32,
    /// Whether the swept timeout ended it.
    pub(crate) is_parted: bool,
}

/// A flow that is over with the least timeout, some of whose connections are parted.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) memory: Memory,
    pub(crate) last_packet: Timestamp,
    pub(crate) parted: Box<Parted>,
}

/// Takes down what ends in the world of the least timeout.
#[derive(Debug)]
pub(crate) struct Parting {
    /// The timeout that is swept.
    pub(crate) name: TimeoutName,
    /// What ended since it was taken.
    pub(crate) ended: Vec<Ended>,
    /// What was over since it was taken.
    pub(crate) over: Vec<(FlowKey, Remains)>,
}

impl Parting {
    pub(super) const fn new(name: TimeoutName) -> Self {
        Self { name, ended: Vec::new(), over: Vec::new() }
    }

    /// Takes down a connection that ended in a scope, at a time.
    pub(crate) fn ended(
        &mut self,
        mut aside: AsideMut<'_, Memory, Aside>,
        entry: &Entry,
        (scope, at): (u32, Timestamp),
    ) {
        let tracking = entry.tracking;
        let is_parted = tracking.timeout() == self.name;
        if is_parted && let Some(aside) = aside.make() {
            aside.parted.get_or_insert_default().entries.push(*entry);
        }
        self.ended.push(Ended { at, number: entry.number, scope, is_parted });
    }

    /// Takes down a flow that is over, if connections of it are parted.
    pub(crate) fn over(&mut self, flow: &mut Departed<Memory, Aside>) {
        if let Some(parted) = flow.aside.parted.take() {
            let (memory, last_packet) = (flow.memory, flow.last_packet);
            self.over.push((flow.key, Remains { memory, last_packet, parted }));
        }
    }
}
