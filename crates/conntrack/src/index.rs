//! Where the flow with a hash is: places by hash, in buckets of one cache line each, so that a look-up waits for one line.
//! A test compares it with the standard map.

use std::hint::select_unpredictable;

use crate::flow::NIL;
use crate::machine::{equal_tags, prefetch};

/// Places in a bucket.
const SLOTS: usize = 10;
/// Buckets of the smallest index.
const LEAST: usize = 2;
/// Places whose hashes are asked for together when the index grows.
const AT_ONCE: usize = 64;
/// Where in a hash its tag begins. An index of so many bits of buckets and more grows without asking for hashes: the bit that
/// tells the two homes of a place apart is in its tag. Lower, and places of one bucket would be told apart by few bits.
const TAG: u32 = 14;

/// Places whose hashes have one home, or an earlier one that was full.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    /// Tags of the places; 0 for none.
    tags: [u16; SLOTS],
    /// How many places went on to a later bucket because this one was full.
    passed: u16,
    places: [u32; SLOTS],
    /// A bit for each slot whose place came from an earlier bucket. Of free slots it means nothing.
    foreign: u16,
}

const EMPTY: Bucket = Bucket { tags: [0; SLOTS], passed: 0, places: [NIL; SLOTS], foreign: 0 };
const _: () = assert!(size_of::<Bucket>() == 64, "a cache line");
/// The greatest number of places gone on that is counted; once it is reached it stays.
const MANY: u16 = u16::MAX;

/// Buckets behind its home that a guess looks into.
const FEW: usize = 8;
/// Of a guess: the place may be in a later bucket. No place itself: there are fewer.
pub(crate) const BEHIND: u32 = NIL - 1;

/// From the hash of a key to a place. Several places may have one hash.
#[derive(Debug)]
pub(crate) struct Index {
    /// A power of two of them.
    buckets: Vec<Bucket>,
    len: usize,
}

/// The buckets of an index, to look into. At hand itself: in a loop that writes, the place of what is behind a reference would be
/// read again every time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buckets<'a>(&'a [Bucket]);

/// What a bucket keeps of a hash: other bits than those that choose the bucket of a small index, or the shard, and above them a
/// one, so that no tag is 0.
#[expect(clippy::cast_possible_truncation, reason = "16 bits are what is wanted")]
#[inline]
const fn tag(hash: u64) -> u16 {
    (hash >> TAG) as u16 | 1 << 15
}

impl Bucket {
    /// The place of the first slot that has a tag, or another number. Which slot that is, and whether there is one, cannot be
    /// foretold, and so there is no branch.
    #[inline]
    fn first_or(&self, tag: u16, other: u32) -> u32 {
        let hits = equal_tags(&self.tags, tag);
        let slot = hits.trailing_zeros() as usize;
        let place = self.places.get(slot.min(SLOTS - 1)).copied().unwrap_or(NIL);
        select_unpredictable(hits == 0, other, place)
    }

    /// The place of the first slot that has a tag. Where none has: [`BEHIND`] if places went on from here, else [`NIL`].
    #[inline]
    fn guess(&self, tag: u16) -> u32 {
        self.first_or(tag, select_unpredictable(self.passed > 0, BEHIND, NIL))
    }

    /// The places of the slots that have a tag.
    fn all(&self, tag: u16) -> impl Iterator<Item = u32> {
        self.slots().filter(move |(own, _)| *own == tag).map(|(_, place)| place)
    }

    /// Counts a place that went on.
    const fn pass(&mut self) {
        if self.passed < MANY {
            self.passed += 1;
        }
    }

    /// Counts back a place that had gone on.
    const fn unpass(&mut self) {
        if self.passed < MANY {
            self.passed -= 1;
        }
    }

    /// Fills a slot, or empties it.
    fn set(&mut self, slot: usize, (tag, place): (u16, u32)) {
        if let (Some(own), Some(at)) = (self.tags.get_mut(slot), self.places.get_mut(slot)) {
            (*own, *at) = (tag, place);
        }
    }

    /// Two buckets with what was in one, by a bit of the tags; what came from an earlier bucket is added to `others`. Which of the
    /// two a place goes to cannot be foretold, and so there is no branch.
    #[inline]
    fn split(self, bit: u32, others: &mut Vec<u32>) -> [Self; 2] {
        let (mut halves, mut filled) = ([EMPTY; 2], [0; 2]);
        for (slot, (tag, place)) in self.slots().enumerate() {
            if self.foreign >> slot & 1 == 1 && tag != 0 {
                others.push(place);
            } else if tag != 0 {
                let half = usize::from(tag >> bit & 1);
                if let (Some(bucket), Some(next)) = (halves.get_mut(half), filled.get_mut(half)) {
                    bucket.set(*next, (tag, place));
                    *next += 1;
                }
            }
        }
        halves
    }

    /// Its slots, each with tag and place; the tag of a free one is 0.
    #[inline]
    fn slots(self) -> impl Iterator<Item = (u16, u32)> {
        self.tags.into_iter().zip(self.places)
    }

    /// The first slot that is free.
    fn free_slot(&self) -> Option<usize> {
        let hits = equal_tags(&self.tags, 0);
        if hits == 0 { None } else { Some(hits.trailing_zeros() as usize) }
    }

    fn slot_of(&self, place: u32) -> Option<usize> {
        self.places.iter().position(|at| *at == place)
    }
}

impl Buckets<'_> {
    /// The place with a hash that `is_it`.
    pub(crate) fn find(self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (tag, mut home) = (tag(hash), self.home(hash));
        // Once round at most: where places have come and gone, one may have gone on from every bucket of a small index.
        for _ in 0..self.0.len() {
            let bucket = self.0.get(home)?;
            // Most often it is the first.
            let first = bucket.first_or(tag, NIL);
            if first != NIL {
                if is_it(first) {
                    return Some(first);
                }
                if let Some(place) = bucket.all(tag).find(|place| is_it(*place)) {
                    return Some(place);
                }
            }
            if bucket.passed == 0 {
                break;
            }
            home = self.next(home);
        }
        None
    }

    /// Asks for the memory of the bucket where a hash is looked for.
    #[inline]
    pub(crate) fn prefetch(self, hash: u64) {
        prefetch(self.0.get(self.home(hash)));
    }

    /// Most often the place of a hash, by its home alone: [`NIL`] where there is none for certain, [`BEHIND`] where it may be in
    /// a later bucket.
    #[inline]
    pub(crate) fn at_home(self, hash: u64) -> u32 {
        let Some(bucket) = self.0.get(self.home(hash)) else { return NIL };
        bucket.guess(tag(hash))
    }

    /// The same, for asking for memory: of a later bucket too.
    #[inline]
    pub(crate) fn guess(self, hash: u64) -> u32 {
        let place = self.at_home(hash);
        // One branch, which is seldom taken: two would be, whether a flow is new, and whether places went on from its bucket.
        if place == BEHIND {
            prefetch(self.0.get(self.next(self.home(hash))));
        }
        place
    }

    /// As [`Buckets::guess`], where that said [`BEHIND`]: looks into the later buckets; [`NIL`] where it is in none of the next few.
    #[inline(never)]
    pub(crate) fn guess_on(self, hash: u64) -> u32 {
        let mut home = self.home(hash);
        for _ in 0..FEW {
            home = self.next(home);
            let Some(bucket) = self.0.get(home) else { return NIL };
            let place = bucket.guess(tag(hash));
            if place != BEHIND {
                return place;
            }
        }
        NIL
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    #[inline]
    const fn home(self, hash: u64) -> usize {
        hash as usize & (self.0.len() - 1)
    }

    #[inline]
    const fn next(self, home: usize) -> usize {
        (home + 1) & (self.0.len() - 1)
    }
}

impl Index {
    /// An empty index that has room for so many places, as far as addresses for that are to be had. Addresses, not memory: that
    /// comes as places do.
    pub(crate) fn with_room(places: usize) -> Self {
        let mut buckets = Vec::new();
        // Where they are not to be had, buckets are moved when the index grows.
        buckets.try_reserve_exact(buckets_for(places)).unwrap_or_default();
        buckets.resize(LEAST, EMPTY);
        Self { buckets, len: 0 }
    }

    /// Its buckets, to look into.
    #[inline]
    pub(crate) fn buckets(&self) -> Buckets<'_> {
        Buckets(&self.buckets)
    }

    /// Adds a place, which must be neither [`NIL`] nor [`BEHIND`]; `hash_of` tells the hash of any place.
    pub(crate) fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        if self.len >= most_places(self.buckets.len()) {
            self.grow(hash_of);
        }
        self.put(self.home(hash), (tag(hash), place));
        self.len += 1;
    }

    /// Takes a place away.
    pub(crate) fn remove(&mut self, hash: u64, place: u32) {
        let mut home = self.home(hash);
        let holder = self.find_bucket(home, place);
        let Some((holder, slot)) = holder else { return };
        self.len -= 1;
        if let Some(bucket) = self.buckets.get_mut(holder) {
            bucket.set(slot, (0, NIL));
        }
        while home != holder {
            if let Some(bucket) = self.buckets.get_mut(home) {
                bucket.unpass();
            }
            home = self.next(home);
        }
    }

    /// The bucket that has a place, and the slot there.
    fn find_bucket(&self, mut home: usize, place: u32) -> Option<(usize, usize)> {
        for _ in 0..self.buckets.len() {
            let bucket = self.buckets.get(home)?;
            if let Some(slot) = bucket.slot_of(place) {
                return Some((home, slot));
            }
            if bucket.passed == 0 {
                break;
            }
            home = self.next(home);
        }
        None
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        self.buckets().home(hash)
    }

    #[inline]
    fn next(&self, home: usize) -> usize {
        self.buckets().next(home)
    }

    /// Puts a place into the first bucket from its home on that has room.
    #[inline]
    fn put(&mut self, home: usize, (tag, place): (u16, u32)) {
        let mut at = home;
        while let Some(bucket) = self.buckets.get_mut(at) {
            if let Some(slot) = bucket.free_slot() {
                bucket.set(slot, (tag, place));
                bucket.foreign = bucket.foreign & !(1 << slot) | u16::from(at != home) << slot;
                return;
            }
            bucket.pass();
            at = self.next(at);
        }
    }

    #[inline(never)]
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let old = self.buckets.len();
        // Which bit of a tag tells the two homes of a place apart that it has from now on; none in a small index.
        let bit = old.ilog2().checked_sub(TAG).filter(|bit| *bit < u16::BITS - 1);
        let mut others = Vec::new();
        self.buckets.reserve(old);
        // In place: a place stays in its bucket or goes to the one as far behind as there were buckets.
        for home in 0..old {
            let Some(bucket) = self.buckets.get_mut(home) else { break };
            let before = *bucket;
            let [stays, goes] = if let Some(bit) = bit {
                before.split(bit, &mut others)
            } else {
                others.extend(before.slots().filter(|(tag, _)| *tag != 0).map(|(_, place)| place));
                [EMPTY; 2]
            };
            *bucket = stays;
            self.buckets.push(goes);
        }
        for places in others.chunks(AT_ONCE) {
            let mut hashes = [0; AT_ONCE];
            // Apart, so that many hashes are waited for at once: the flows that tell them lie anywhere.
            hashes.iter_mut().zip(places).for_each(|(hash, place)| *hash = hash_of(*place));
            for (hash, place) in hashes.iter().zip(places) {
                self.put(self.home(*hash), (tag(*hash), *place));
            }
        }
    }
}

/// How many places so many buckets have at most. With more, too many look-ups would have to go on to a second bucket.
const fn most_places(buckets: usize) -> usize {
    (buckets * SLOTS * 8).div_ceil(10)
}

/// How many buckets so many places need.
const fn buckets_for(places: usize) -> usize {
    (places * 10).div_ceil(SLOTS * 8).next_power_of_two()
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
