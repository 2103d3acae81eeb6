//! Flows taken out of a table as they are, and put into it: no time goes by, nobody is told.

use vpcreplay_flow::{FlowKey, Timestamp};

use crate::table::FlowId;
use crate::{Entry, Table};

/// All that a table knows of a remembered flow, but for what the judge remembers aside.
#[derive(Clone, Debug)]
pub struct Image<M> {
    /// What the judge remembers at every packet.
    pub memory: M,
    /// When its last packet came.
    pub last_packet: Timestamp,
    /// Its connections.
    pub entries: Vec<Entry>,
}

impl<M: Copy + Default, A: Default> Table<M, A> {
    /// Takes a flow out of the table, with its connections and what the judge remembers aside.
    pub fn take_out(&mut self, id: FlowId) -> Option<(Image<M>, A)> {
        let (shard, at) = self.place_mut(id)?;
        let flow = shard.flow(at)?;
        let (is_remembered, memory, last_packet) = (flow.is_remembered(), flow.memory, flow.last_packet());
        let entries: Vec<Entry> = shard.entries(at).copied().collect();
        for entry in &entries {
            let eni = entry.eni;
            shard.untrack(at, eni, last_packet);
        }
        let departed = shard.remove(at)?;
        self.remembered -= i64::from(is_remembered);
        Some((Image { memory, last_packet, entries }, departed.aside))
    }

    /// As [`Table::put_in`], for a flow that will be taken out before time goes by: it gets no timer.
    pub fn put_in_for_now(&mut self, key: (&FlowKey, u64), image: Image<M>) -> FlowId {
        let id = self.put_in(key, image, None);
        if let Some((shard, at)) = self.place_mut(id) {
            shard.spare_timer(at);
        }
        id
    }

    /// Puts a flow into the table, which does not have it, remembered whatever the bound. It has no timer before it is
    /// settled and time goes on.
    pub fn put_in(&mut self, (key, hash): (&FlowKey, u64), image: Image<M>, aside: Option<A>) -> FlowId {
        let id = self.insert(key, hash, image.last_packet);
        self.remembered += 1;
        if let Some((shard, at)) = self.place_mut(id) {
            if let Some(flow) = shard.flow_mut(at) {
                flow.remember();
                flow.memory = image.memory;
            }
            if let Some(aside) = aside
                && let Some(place) = shard.make_aside(at)
            {
                *place = aside;
            }
            for entry in image.entries {
                shard.track(at, entry);
            }
        }
        id
    }
}
