//! Finds the first of many rules that matches, in a time that hardly grows with their number.
//!
//! Two axes, the peer's address and the service, are cut into intervals within which every point is matched by the
//! same rules. Each interval has a row of bits, one for each rule, in order. A packet selects one row on each axis; the
//! first bit set in both is the first rule that matches (Lakshman and Stiliadis, 1998). Equal rows of more than one word
//! are kept once, so that a reference to a group with thousands of members costs intervals, not rows. Long lists are cut
//! into chunks so that memory stays in proportion to the ranges that the rules name.

use std::collections::HashMap;

use vpcreplay_flow::Protocol;

use crate::intervals::{Intervals, Point};
use crate::probe::Selector;
use crate::service::Service;

/// Rules in one chunk: 16 words of bits.
const CHUNK: usize = 1024;

/// Sections of an axis for each interval: few, because there are several axes for each list of rules.
const DENSITY: usize = 2;

/// A peer's address.
pub(crate) trait Address: Point {
    /// The family's own ICMP: the one whose types rules look at.
    const ICMP: Protocol;
}

impl Address for u32 {
    const ICMP: Protocol = Protocol::ICMP;
}

impl Address for u128 {
    const ICMP: Protocol = Protocol::ICMPV6;
}

/// A rule as the classifier sees it: the peer's ranges in one family, disjoint, and the service.
pub(crate) type Pattern<'a> = (&'a [(u128, u128)], Service);

/// The rules of one direction and one family.
#[derive(Clone, Debug)]
pub(crate) struct Classifier<A> {
    chunks: Vec<Chunk<A>>,
}

impl<A: Address> Classifier<A> {
    /// Compiles rules in the order in which they are tried.
    pub(crate) fn new(patterns: &[Pattern<'_>]) -> Self {
        Self { chunks: patterns.chunks(CHUNK).map(Chunk::new).collect() }
    }

    /// The position of the first rule that matches.
    #[inline]
    pub(crate) fn first(&self, peer: A, protocol: Protocol, selector: Selector) -> Option<usize> {
        let (first, others) = self.chunks.split_first()?;
        let found = first.first(peer, protocol, selector);
        if found.is_none() && !others.is_empty() {
            return first_of_others(others, peer, (protocol, selector));
        }
        found
    }
}

/// The position of the first rule of a long list that matches when none of its first chunk does.
#[cold]
fn first_of_others<A: Address>(
    chunks: &[Chunk<A>],
    peer: A,
    (protocol, selector): (Protocol, Selector),
) -> Option<usize> {
    let mut base = CHUNK;
    for chunk in chunks {
        if let Some(position) = chunk.first(peer, protocol, selector) {
            return Some(base + position);
        }
        base += CHUNK;
    }
    None
}

/// The bits of a list.
#[derive(Clone, Debug)]
enum Chunk<A> {
    /// Up to 64 rules, as nearly all lists have: a row is one word, and stands where it is looked for.
    Short(Axes<A, u64>),
    /// More.
    Long(Long<A>),
}

/// The axes, with the row of each interval, or where it begins.
#[derive(Clone, Debug)]
struct Axes<A, R> {
    peers: Intervals<A, R>,
    tcp: Intervals<u16, R>,
    udp: Intervals<u16, R>,
    icmp: Intervals<u16, R>,
    /// By protocol number, for packets that are known by it only, or whose ports are unknown.
    numbers: Intervals<u16, R>,
}

/// Rows of several words.
#[derive(Clone, Debug)]
struct Long<A> {
    /// Where the rows begin.
    axes: Axes<A, u32>,
    words: usize,
    rows: Vec<u64>,
}

impl<A: Address> Chunk<A> {
    fn new(patterns: &[Pattern<'_>]) -> Self {
        let words = patterns.len().div_ceil(64);
        if words <= 1 {
            return Self::Short(Axes::new(patterns, 1, |row| row.first().copied().unwrap_or(0)));
        }
        let mut rows = RowTable::new(words);
        let axes = Axes::new(patterns, words, |row| rows.intern(row));
        Self::Long(Long { axes, words, rows: rows.bits })
    }

    #[expect(clippy::inline_always, reason = "once in the search of the usual, short list")]
    #[inline(always)]
    fn first(&self, peer: A, protocol: Protocol, selector: Selector) -> Option<usize> {
        match self {
            Self::Short(axes) => {
                let (peer, service) = axes.rows(peer, protocol, selector);
                let both = peer & service;
                if both == 0 { None } else { Some(both.trailing_zeros() as usize) }
            }
            Self::Long(long) => long.first(peer, protocol, selector),
        }
    }
}

impl<A: Address, R: Copy + Default + PartialEq> Axes<A, R> {
    /// The axes of rules that have rows of so many words; `row` is asked for what stands for one. The default stands for the row of
    /// no rule.
    fn new(patterns: &[Pattern<'_>], words: usize, mut row: impl FnMut(&[u64]) -> R) -> Self {
        let peers = spans(patterns, |(ranges, _)| ranges.to_vec());
        let tcp = spans(patterns, |(_, service)| port_ranges(*service, Protocol::TCP));
        let udp = spans(patterns, |(_, service)| port_ranges(*service, Protocol::UDP));
        let icmp = spans(patterns, |(_, service)| icmp_ranges(*service, A::ICMP));
        let numbers = spans(patterns, |(_, service)| unseen_ranges(*service));
        Self {
            peers: axis(peers, words, &mut row),
            tcp: axis(tcp, words, &mut row),
            udp: axis(udp, words, &mut row),
            icmp: axis(icmp, words, &mut row),
            numbers: axis(numbers, words, &mut row),
        }
    }

    /// What stands for the rows of a packet's peer and of its service.
    #[expect(clippy::inline_always, reason = "as Chunk::first")]
    #[inline(always)]
    fn rows(&self, peer: A, protocol: Protocol, selector: Selector) -> (R, R) {
        let service = match (protocol, selector) {
            (Protocol::TCP, Selector::Port(port)) => self.tcp.find(port),
            (Protocol::UDP, Selector::Port(port)) => self.udp.find(port),
            (protocol, Selector::Icmp { icmp_type, code }) if protocol == A::ICMP => {
                self.icmp.find(u16::from_be_bytes([icmp_type, code]))
            }
            (Protocol(number), _) => self.numbers.find(number.into()),
        };
        (*self.peers.find(peer), *service)
    }
}

impl<A: Address> Long<A> {
    /// The first bit set in both rows of a packet.
    #[inline(never)]
    fn first(&self, peer: A, protocol: Protocol, selector: Selector) -> Option<usize> {
        let (peer, service) = self.axes.rows(peer, protocol, selector);
        let row = |begin: u32| self.rows.get(begin as usize..begin as usize + self.words);
        row(peer)?.iter().zip(row(service)?).enumerate().find_map(|(word, (peer, service))| {
            let both = peer & service;
            (both != 0).then(|| word * 64 + both.trailing_zeros() as usize)
        })
    }
}

/// Sweeps over the edges of the ranges that rules have on an axis.
fn axis<T: Point, R: Copy + Default + PartialEq>(
    spans: Vec<(usize, u128, u128)>,
    words: usize,
    row: &mut impl FnMut(&[u64]) -> R,
) -> Intervals<T, R> {
    let mut edges = Vec::with_capacity(spans.len() * 2);
    for (position, first, last) in spans {
        edges.push((first, position, On));
        if let Some(beyond) = last.checked_add(1) {
            edges.push((beyond, position, Off));
        }
    }
    edges.sort_unstable_by_key(|(at, ..)| *at);
    let mut bits = vec![0; words];
    let mut steps: Vec<(u128, R)> = Vec::new();
    for edges in edges.chunk_by(|(at, ..), (next, ..)| at == next) {
        for (_, position, edge) in edges {
            set_bit(&mut bits, *position, *edge);
        }
        steps.extend(edges.first().map(|(at, ..)| (*at, row(&bits))));
    }
    Intervals::new(R::default(), steps, DENSITY)
}

#[derive(Clone, Copy)]
enum Edge {
    On,
    Off,
}
use Edge::{Off, On};

fn set_bit(row: &mut [u64], position: usize, edge: Edge) {
    if let Some(word) = row.get_mut(position / 64) {
        match edge {
            On => *word |= 1 << (position % 64),
            Off => *word &= !(1 << (position % 64)),
        }
    }
}

/// Rows of bits, each kept once.
struct RowTable {
    bits: Vec<u64>,
    offsets: HashMap<Vec<u64>, u32>,
}

impl RowTable {
    /// A table whose first row, at 0, is that of no rule.
    fn new(words: usize) -> Self {
        let empty = vec![0; words];
        Self { bits: empty.clone(), offsets: HashMap::from([(empty, 0)]) }
    }

    /// Where the row begins.
    fn intern(&mut self, row: &[u64]) -> u32 {
        if let Some(offset) = self.offsets.get(row) {
            return *offset;
        }
        let offset = u32::try_from(self.bits.len()).unwrap_or(0);
        self.bits.extend_from_slice(row);
        self.offsets.insert(row.to_vec(), offset);
        offset
    }
}

/// The ranges that each rule has on an axis, with the rule's position.
fn spans<'a>(
    patterns: &'a [Pattern<'a>],
    ranges: impl Fn(&Pattern<'a>) -> Vec<(u128, u128)>,
) -> Vec<(usize, u128, u128)> {
    let of_rule =
        |(position, pattern)| ranges(pattern).into_iter().map(move |(first, last)| (position, first, last));
    patterns.iter().enumerate().flat_map(of_rule).collect()
}

fn port_ranges(service: Service, protocol: Protocol) -> Vec<(u128, u128)> {
    match service {
        Service::All => vec![(0, u128::from(u16::MAX))],
        Service::Tcp(ports) if protocol == Protocol::TCP => vec![(ports.from.into(), ports.to.into())],
        Service::Udp(ports) if protocol == Protocol::UDP => vec![(ports.from.into(), ports.to.into())],
        _ => vec![],
    }
}

fn icmp_ranges(service: Service, own: Protocol) -> Vec<(u128, u128)> {
    let (icmp_type, code) = match service {
        Service::All => (None, None),
        Service::Icmp(icmp_type, code) if own == Protocol::ICMP => (icmp_type, code),
        Service::Icmpv6(icmp_type, code) if own == Protocol::ICMPV6 => (icmp_type, code),
        _ => return vec![],
    };
    match (icmp_type.map(u128::from), code.map(u128::from)) {
        (None, None) => vec![(0, u128::from(u16::MAX))],
        (Some(icmp_type), None) => vec![(icmp_type << 8, icmp_type << 8 | 0xff)],
        (Some(icmp_type), Some(code)) => vec![(icmp_type << 8 | code, icmp_type << 8 | code)],
        (None, Some(code)) => {
            (0..256).map(|icmp_type| (icmp_type << 8 | code, icmp_type << 8 | code)).collect()
        }
    }
}

/// The numbers of the protocols whose packets a rule matches although nothing but the number is known of them (S2.7, S5.2,
/// S12.4).
fn unseen_ranges(service: Service) -> Vec<(u128, u128)> {
    let is_whole = match service {
        Service::Tcp(ports) | Service::Udp(ports) => ports.is_all(),
        Service::Icmp(icmp_type, code) | Service::Icmpv6(icmp_type, code) => {
            icmp_type.is_none() && code.is_none()
        }
        Service::All | Service::Number(_) => true,
    };
    match service.protocol() {
        _ if !is_whole => vec![],
        Some(Protocol(number)) => vec![(number.into(), number.into())],
        None => vec![(0, u8::MAX.into())],
    }
}

#[cfg(test)]
#[path = "classifier_tests.rs"]
mod tests;
