//! IP fragments: later fragments inherit the transport facts of the first (S2.7, S12.4).

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use vpcreplay_flow::{Decoded, PacketFacts, Protocol, Span, Timestamp, Transport};

use crate::DecodedFrame;

/// How long a first fragment is remembered: Linux's reassembly time (S2.7).
const MEMORY: Span = Span::from_secs(30);
/// How many first fragments are remembered (S2.7).
const CAPACITY: usize = 65_536;

/// Which fragment of a packet a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FragmentRole {
    /// The one with the transport header.
    First,
    /// Any other.
    Later,
}

impl FragmentRole {
    /// The role by the offset and the more-fragments bit; `None` for a packet in one piece (IPv6: atomic fragment).
    #[inline]
    pub(crate) const fn of(offset: u16, more: u16) -> Option<Self> {
        match (offset, more) {
            (0, 0) => None,
            (0, _) => Some(Self::First),
            _ => Some(Self::Later),
        }
    }
}

/// What a fragment says of the packet it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FragmentMark {
    pub(crate) role: FragmentRole,
    /// Protocol of an IPv4 header, next header of an IPv6 fragment header (S12.4).
    pub(crate) protocol: Protocol,
    pub(crate) identification: u32,
}

/// The first fragment of an outer tunnel datagram, whose inner packet is the one judged (S12.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OuterFirst {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) mark: FragmentMark,
    pub(crate) protocol: Protocol,
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
}

/// What a [`FragmentTable`] needs of a frame: nothing for most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragments {
    /// The judged packet is this fragment.
    pub(crate) judged: Option<FragmentMark>,
    /// The tunnel around the judged packet is a first fragment.
    pub(crate) outer: Option<OuterFirst>,
}

impl Fragments {
    /// No fragment.
    pub const NONE: Self = Self { judged: None, outer: None };

    /// Whether there is any.
    #[inline]
    pub const fn is_any(&self) -> bool {
        self.judged.is_some() || self.outer.is_some()
    }
}

/// The identity of a fragmented packet (S2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    protocol: Protocol,
    identification: u32,
}

/// What later fragments inherit, and until when.
#[derive(Clone, Copy, Debug)]
struct First {
    protocol: Protocol,
    transport: Transport,
    deadline: Timestamp,
}

/// The first fragments seen in the last 30 s, at most 65,536 of them (S2.7).
///
/// It depends on the order of packets: one table serves a whole replay, in replay order.
#[derive(Debug, Default)]
pub struct FragmentTable {
    firsts: HashMap<Key, First>,
    /// Keys in the order of their deadlines. One that was replaced is in it more than once.
    queue: VecDeque<(Timestamp, Key)>,
    forgotten: u64,
}

impl FragmentTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers first fragments and gives a later fragment the transport facts (and so the protocol) of its first,
    /// where that is known. `now` is engine time, which never goes back (S1.2).
    pub fn resolve(&mut self, frame: &mut DecodedFrame, now: Timestamp) {
        if !frame.is_fragment() {
            return;
        }
        self.expire(now);
        if let Some(outer) = frame.fragments.outer {
            let OuterFirst { src, dst, mark, protocol, src_port, dst_port } = outer;
            self.remember(Key::of(src, dst, mark), (protocol, Transport::Ports { src_port, dst_port }), now);
        }
        if let (Some(mark), Decoded::Packet(facts)) = (frame.fragments.judged, &mut frame.decoded) {
            let key = Key::of(facts.src, facts.dst, mark);
            match mark.role {
                FragmentRole::First => self.remember(key, (facts.protocol, facts.transport), now),
                FragmentRole::Later => self.inherit(key, facts),
            }
        }
    }

    /// How many first fragments found the table full and were not entered: the counter `fragments_forgotten`.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn inherit(&self, key: Key, facts: &mut PacketFacts) {
        if let Some(first) = self.firsts.get(&key) {
            facts.protocol = first.protocol;
            facts.transport = first.transport;
        }
    }

    fn remember(&mut self, key: Key, (protocol, transport): (Protocol, Transport), now: Timestamp) {
        if self.firsts.len() >= CAPACITY && !self.firsts.contains_key(&key) {
            self.forgotten += 1;
            return;
        }
        let deadline = now.after(MEMORY);
        self.firsts.insert(key, First { protocol, transport, deadline });
        self.queue.push_back((deadline, key));
        // Replaced ones leave stale keys behind; without this a storm of one key would grow the queue for ever.
        if self.queue.len() > 2 * CAPACITY {
            let mut newest = std::collections::HashSet::new();
            let mut kept: VecDeque<_> = std::mem::take(&mut self.queue)
                .into_iter()
                .rev()
                .filter(|(_, key)| newest.insert(*key))
                .collect();
            kept.make_contiguous().reverse();
            self.queue = kept;
        }
    }

    /// Drops what is due (S1.6).
    fn expire(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.queue.pop_front_if(|(deadline, _)| deadline.is_due(now)) {
            // A stale key of a replaced fragment must not take the newer one along.
            if self.firsts.get(&key).is_some_and(|first| first.deadline.is_due(now)) {
                self.firsts.remove(&key);
            }
        }
    }
}

impl Key {
    const fn of(src: IpAddr, dst: IpAddr, mark: FragmentMark) -> Self {
        Self { src, dst, protocol: mark.protocol, identification: mark.identification }
    }
}
