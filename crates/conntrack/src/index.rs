//! Where the flow with a hash is: places by hash, in buckets of one cache line each, so that a look-up waits for one line.
//! A test compares it with the standard map.

use crate::flow::NIL;
use crate::prefetch::prefetch;

/// Places in a bucket.
const SLOTS: usize = 10;
/// Words that their tags take.
const WORDS: usize = 3;
/// Buckets of the smallest index.
const LEAST: usize = 2;
/// A one, or the top bit, in each of the four lanes of a word.
const ONES: u64 = 0x0001_0001_0001_0001;
const TOPS: u64 = ONES << 15;

/// Places whose hashes have one home, or an earlier one that was full.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    /// The tag of slot `s` is in lane `s / 3` of word `s % 3`. In the last lane of all is how many places went on to a later
    /// bucket because this one was full.
    tags: [u64; WORDS],
    places: [u32; SLOTS],
}

const EMPTY: Bucket = Bucket { tags: [0; WORDS], places: [NIL; SLOTS] };
const _: () = assert!(size_of::<Bucket>() == 64, "a cache line");
/// Where the number of places that went on is in the last word of tags.
const PASSED_SHIFT: u32 = 48;
/// The greatest number of those that is counted; once it is reached it stays.
const MANY: u64 = 0xffff;

/// From the hash of a key to a place. Several places may have one hash.
#[derive(Debug)]
pub(crate) struct Index {
    /// A power of two of them.
    buckets: Vec<Bucket>,
    len: usize,
}

/// What a bucket keeps of a hash: other bits than those that choose the bucket or the shard. No tag is 0.
const fn tag(hash: u64) -> u64 {
    let tag = hash >> 32 & 0xffff;
    if tag == 0 { 1 } else { tag }
}

impl Bucket {
    /// A bit for each slot that has a tag, in order, and perhaps some for others above the first.
    ///
    /// All lanes of a word are compared at once: a lane that is equal becomes zero, and taking one away from it borrows.
    #[inline]
    fn hits(&self, tag: u64) -> u64 {
        let [first, second, third] = self.tags;
        let wanted = tag * ONES;
        let zeros = |word: u64| {
            let word = word ^ wanted;
            word.wrapping_sub(ONES) & !word & TOPS
        };
        zeros(first) >> 15 | zeros(second) >> 14 | zeros(third) >> 13
    }

    /// How many places went on to a later bucket, as far as that is counted.
    #[inline]
    const fn passed(&self) -> u64 {
        self.tags[WORDS - 1] >> PASSED_SHIFT
    }

    /// Counts a place that went on.
    const fn pass(&mut self) {
        if self.passed() < MANY {
            self.tags[WORDS - 1] += 1 << PASSED_SHIFT;
        }
    }

    /// Counts back a place that had gone on.
    const fn unpass(&mut self) {
        if self.passed() < MANY {
            self.tags[WORDS - 1] -= 1 << PASSED_SHIFT;
        }
    }

    /// The place of the first of some hits; [`NIL`] where there are none.
    #[inline]
    fn place(&self, hits: u64) -> u32 {
        let bit = hits.trailing_zeros() as usize;
        self.places.get(bit / 16 * WORDS + bit % 16).copied().unwrap_or(NIL)
    }

    fn set(&mut self, slot: usize, (tag, place): (u64, u32)) {
        if let (Some(word), Some(at)) = (self.tags.get_mut(slot % WORDS), self.places.get_mut(slot)) {
            let shift = slot / WORDS * 16;
            *word = *word & !(0xffff << shift) | tag << shift;
            *at = place;
        }
    }

    fn slot_of(&self, place: u32) -> Option<usize> {
        self.places.iter().position(|at| *at == place)
    }
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![EMPTY; LEAST], len: 0 }
    }

    /// The place with a hash that `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (tag, mut home) = (tag(hash), self.home(hash));
        loop {
            let bucket = self.buckets.get(home)?;
            let mut hits = bucket.hits(tag);
            while hits != 0 {
                let place = bucket.place(hits);
                if is_it(place) {
                    return Some(place);
                }
                hits &= hits - 1;
            }
            if bucket.passed() == 0 {
                return None;
            }
            home = self.next(home);
        }
    }

    /// Asks for the memory of the bucket where a hash is looked for.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        prefetch(self.buckets.get(self.home(hash)));
    }

    /// Most often the place of a hash. For asking for memory, or to be looked at first; [`NIL`] where there is none. Where
    /// it may be in a later bucket, that is asked for.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        let home = self.home(hash);
        let Some(bucket) = self.buckets.get(home) else { return NIL };
        let hits = bucket.hits(tag(hash));
        if hits == 0 && bucket.passed() > 0 {
            prefetch(self.buckets.get(self.next(home)));
        }
        bucket.place(hits)
    }

    /// As [`Index::guess`], where that found none: looks into the later bucket that it asked for.
    #[inline]
    pub(crate) fn guess_on(&self, hash: u64) -> u32 {
        let home = self.home(hash);
        let has_passed = self.buckets.get(home).is_some_and(|bucket| bucket.passed() > 0);
        let next = if has_passed { self.buckets.get(self.next(home)) } else { None };
        next.map_or(NIL, |bucket| bucket.place(bucket.hits(tag(hash))))
    }

    /// Adds a place, which must not be [`NIL`]; `hash_of` tells the hash of any place.
    pub(crate) fn insert(&mut self, hash: u64, place: u32, hash_of: impl Fn(u32) -> u64) {
        // Fuller, and too many look-ups would have to go on to a second bucket.
        if self.len * 10 >= self.buckets.len() * SLOTS * 8 {
            self.grow(hash_of);
        }
        self.put(hash, place);
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

    fn find_bucket(&self, mut home: usize, place: u32) -> Option<(usize, usize)> {
        loop {
            let bucket = self.buckets.get(home)?;
            if let Some(slot) = bucket.slot_of(place) {
                return Some((home, slot));
            }
            if bucket.passed() == 0 {
                return None;
            }
            home = self.next(home);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    #[inline]
    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    fn next(&self, home: usize) -> usize {
        (home + 1) & (self.buckets.len() - 1)
    }

    fn put(&mut self, hash: u64, place: u32) {
        let mut home = self.home(hash);
        while let Some(bucket) = self.buckets.get_mut(home) {
            if let Some(slot) = bucket.slot_of(NIL) {
                bucket.set(slot, (tag(hash), place));
                return;
            }
            bucket.pass();
            home = self.next(home);
        }
    }

    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let doubled = vec![EMPTY; self.buckets.len() * 2];
        for bucket in std::mem::replace(&mut self.buckets, doubled) {
            for place in bucket.places.into_iter().filter(|place| *place != NIL) {
                self.put(hash_of(place), place);
            }
        }
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
