//! Items at places that stay; places that are free are used again.

/// Items by place.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T: Default> Slab<T> {
    /// An empty one that reserves room for so many items, if that is to be had: addresses, not memory.
    pub(crate) fn with_room(room: usize) -> Self {
        let mut items = Vec::new();
        items.try_reserve_exact(room).unwrap_or_default();
        Self { items, free: Vec::new() }
    }

    /// Whether it never had an item.
    #[inline]
    pub(crate) const fn is_unused(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item; its place.
    pub(crate) fn add(&mut self, item: T) -> u32 {
        if let Some(at) = self.free.pop()
            && let Some(place) = self.items.get_mut(at as usize)
        {
            *place = item;
            return at;
        }
        self.items.push(item);
        u32::try_from(self.items.len() - 1).unwrap_or(u32::MAX)
    }

    /// The item at a place; at none there is none.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.items.get(at as usize)
    }

    /// The item at a place; at none there is none.
    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.items.get_mut(at as usize)
    }

    /// Takes the item at a place away; the default where there is none.
    pub(crate) fn take(&mut self, at: u32) -> T {
        let Some(place) = self.items.get_mut(at as usize) else { return T::default() };
        self.free.push(at);
        std::mem::take(place)
    }
}

#[cfg(test)]
#[path = "slab_tests.rs"]
mod tests;
