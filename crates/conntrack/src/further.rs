//! Lists of what hardly any flow has: entries beyond the second.

use crate::flow::NIL;

/// Nodes of many singly linked lists. A list is known by the place of its first node; `NIL` is the empty one.
#[derive(Debug)]
pub(crate) struct Further<T> {
    nodes: Vec<(T, u32)>,
    /// The list of free nodes.
    free: u32,
}

impl<T: Copy> Further<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), free: NIL }
    }

    /// Puts an item before a list; gives the list.
    pub(crate) fn add(&mut self, item: T, list: u32) -> u32 {
        let at = self.free;
        if let Some(node) = self.nodes.get_mut(at as usize) {
            self.free = node.1;
            *node = (item, list);
            return at;
        }
        self.nodes.push((item, list));
        u32::try_from(self.nodes.len() - 1).unwrap_or(NIL)
    }

    /// The items of a list.
    pub(crate) fn list(&self, mut list: u32) -> impl Iterator<Item = &T> {
        std::iter::from_fn(move || {
            let (item, next) = self.nodes.get(list as usize)?;
            list = *next;
            Some(item)
        })
    }

    /// The first item of a list that `is_it`.
    pub(crate) fn find_mut(&mut self, mut list: u32, is_it: impl Fn(&T) -> bool) -> Option<&mut T> {
        while !is_it(&self.nodes.get(list as usize)?.0) {
            list = self.nodes.get(list as usize)?.1;
        }
        self.nodes.get_mut(list as usize).map(|(item, _)| item)
    }

    /// Takes the first item that `is_it` out of a list.
    pub(crate) fn take(&mut self, list: &mut u32, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let mut before = NIL;
        let mut at = *list;
        loop {
            let (item, next) = *self.nodes.get(at as usize)?;
            if !is_it(&item) {
                (before, at) = (at, next);
                continue;
            }
            match self.nodes.get_mut(before as usize) {
                Some(node) => node.1 = next,
                None => *list = next,
            }
            self.free(at);
            return Some(item);
        }
    }

    /// Gives a node back.
    pub(crate) fn free(&mut self, at: u32) {
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.1 = std::mem::replace(&mut self.free, at);
        }
    }
}

#[cfg(test)]
#[path = "further_tests.rs"]
mod tests;
