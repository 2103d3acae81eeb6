//! What is kept of a flow beside its record: the addresses of an IPv6 key, and what few flows have, connections beyond the
//! first and what the judge remembers aside. Kept apart so that a flow record fits a cache line.

use crate::flow::{NIL, NO_ENTRY};
use crate::further::Further;
use crate::machine::prefetch;
use crate::slab::Slab;
use crate::{Entry, Flow};

/// The rests of the flows of a shard.
#[derive(Debug)]
pub(crate) struct Rests<A> {
    wide: Slab<Wide>,
    rare: Slab<Rare<A>>,
    /// Connections beyond the second.
    further: Further<Entry>,
}

/// What every IPv6 flow has.
#[derive(Debug)]
struct Wide {
    addresses: [u64; 4],
    /// The place of what few flows have.
    rare: u32,
}

/// What few flows have, in one cache line where what the judge remembers takes half of it.
#[derive(Debug)]
#[repr(align(64))]
struct Rare<A> {
    of_judge: A,
    /// A second connection, or that of no interface.
    second: Entry,
    /// A list of further ones.
    more: u32,
}

impl Default for Wide {
    fn default() -> Self {
        Self { addresses: [0; 4], rare: NIL }
    }
}

impl<A: Default> Default for Rare<A> {
    fn default() -> Self {
        Self { of_judge: A::default(), second: NO_ENTRY, more: NIL }
    }
}

impl<A> Rare<A> {
    const fn has_second(&self) -> bool {
        self.second.eni() != NO_ENTRY.eni()
    }
}

impl<A: Default> Rests<A> {
    /// Of no flow; room is reserved for so many.
    pub(crate) fn with_room(room: usize) -> Self {
        Self { wide: Slab::with_room(room), rare: Slab::with_room(room), further: Further::new() }
    }

    /// Whether no flow ever had any.
    #[inline]
    pub(crate) const fn are_unused(&self) -> bool {
        self.wide.is_unused() && self.rare.is_unused()
    }

    /// Keeps the addresses of an IPv6 flow; the place for its record.
    pub(crate) fn add_addresses(&mut self, addresses: [u64; 4]) -> u32 {
        self.wide.add(Wide { addresses, rare: NIL })
    }

    /// The addresses of an IPv6 flow.
    #[inline]
    pub(crate) fn addresses<M>(&self, flow: &Flow<M>) -> Option<[u64; 4]> {
        self.wide.get(flow.rest).map(|wide| wide.addresses)
    }

    /// Asks for the memory of what a flow has.
    pub(crate) fn prefetch<M>(&self, flow: &Flow<M>) {
        if flow.key.is_wide() {
            let wide = self.wide.get(flow.rest);
            prefetch(wide.and_then(|wide| wide.addresses.first()));
            prefetch(wide.map(|wide| &wide.rare));
        } else {
            prefetch(self.rare.get(flow.rest).map(|rare| &rare.more));
        }
    }

    /// What the judge remembers of a flow aside.
    #[inline]
    pub(crate) fn aside<M>(&self, flow: &Flow<M>) -> Option<&A> {
        self.rare(flow).map(|rare| &rare.of_judge)
    }

    /// What the judge remembers of a flow aside.
    pub(crate) fn aside_mut<M>(&mut self, flow: &Flow<M>) -> Option<&mut A> {
        let at = self.rare_place(flow);
        self.rare.get_mut(at).map(|rare| &mut rare.of_judge)
    }

    /// What the judge remembers of a flow aside, made if it is not there.
    pub(crate) fn make_aside<M>(&mut self, flow: &mut Flow<M>) -> Option<&mut A> {
        self.make(flow).map(|rare| &mut rare.of_judge)
    }

    /// The connections of a flow beyond the one in its record.
    #[inline]
    pub(crate) fn entries<M>(&self, flow: &Flow<M>) -> impl Iterator<Item = &Entry> {
        let rare = self.rare(flow).filter(|rare| rare.has_second());
        let more = rare.map_or(NIL, |rare| rare.more);
        rare.map(|rare| &rare.second).into_iter().chain(self.further.list(more))
    }

    /// The connection of a flow at an interface, if it is not the one in its record.
    #[inline]
    pub(crate) fn entry_mut<M>(&mut self, flow: &Flow<M>, eni: u32) -> Option<&mut Entry> {
        let at = self.rare_place(flow);
        let rare = self.rare.get_mut(at)?;
        if rare.second.eni == eni {
            return Some(&mut rare.second);
        }
        self.further.find_mut(rare.more, |entry| entry.eni == eni)
    }

    /// The second connection of a flow, or that of no interface.
    #[inline]
    pub(crate) fn second_mut<M>(&mut self, flow: &Flow<M>) -> Option<&mut Entry> {
        let at = self.rare_place(flow);
        self.rare.get_mut(at).map(|rare| &mut rare.second)
    }

    /// Adds a connection to a flow that has one.
    pub(crate) fn add_entry<M>(&mut self, flow: &mut Flow<M>, entry: Entry) {
        let at = self.make_place(flow);
        let Some(rare) = self.rare.get_mut(at) else { return };
        if rare.has_second() {
            rare.more = self.further.add(entry, rare.more);
        } else {
            rare.second = entry;
        }
    }

    /// Takes a connection that `is_it` out of a flow, but for the one in its record.
    pub(crate) fn take_entry<M>(&mut self, flow: &Flow<M>, is_it: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let at = self.rare_place(flow);
        let rare = self.rare.get_mut(at).filter(|rare| rare.has_second())?;
        if !is_it(&rare.second) {
            return self.further.take(&mut rare.more, is_it);
        }
        let next = self.further.take(&mut rare.more, |_| true).unwrap_or(NO_ENTRY);
        Some(std::mem::replace(&mut rare.second, next))
    }

    /// Takes everything away that is kept of a flow without connections; what the judge remembered aside.
    pub(crate) fn take<M>(&mut self, flow: &Flow<M>) -> A {
        let at = self.rare_place(flow);
        if flow.key.is_wide() {
            self.wide.take(flow.rest);
        }
        if at == NIL { A::default() } else { self.rare.take(at).of_judge }
    }

    #[inline]
    fn rare_place<M>(&self, flow: &Flow<M>) -> u32 {
        if flow.key.is_wide() {
            self.wide.get(flow.rest).map_or(NIL, |wide| wide.rare)
        } else if flow.is_in_use() {
            flow.rest
        } else {
            NIL
        }
    }

    #[inline]
    fn rare<M>(&self, flow: &Flow<M>) -> Option<&Rare<A>> {
        if flow.rest == NIL { None } else { self.rare.get(self.rare_place(flow)) }
    }

    fn make<M>(&mut self, flow: &mut Flow<M>) -> Option<&mut Rare<A>> {
        let at = self.make_place(flow);
        self.rare.get_mut(at)
    }

    fn make_place<M>(&mut self, flow: &mut Flow<M>) -> u32 {
        let at = self.rare_place(flow);
        if at != NIL {
            return at;
        }
        let at = self.rare.add(Rare::default());
        if !flow.key.is_wide() {
            flow.rest = at;
        } else if let Some(wide) = self.wide.get_mut(flow.rest) {
            wide.rare = at;
        }
        at
    }
}

/// What the judge remembers of a flow aside, which is made only if it is wanted.
#[derive(Debug)]
pub struct AsideMut<'a, M, A> {
    rests: &'a mut Rests<A>,
    flow: &'a mut Flow<M>,
}

impl<'a, M, A: Default> AsideMut<'a, M, A> {
    pub(crate) const fn new(rests: &'a mut Rests<A>, flow: &'a mut Flow<M>) -> Self {
        Self { rests, flow }
    }

    /// It, if it is there.
    pub fn get(&mut self) -> Option<&mut A> {
        self.rests.aside_mut(self.flow)
    }

    /// It, made if it is not there.
    pub fn make(&mut self) -> Option<&mut A> {
        self.rests.make_aside(self.flow)
    }
}
