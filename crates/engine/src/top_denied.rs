//! Top lists of denied packets, by peer and by service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vpcreplay_flow::{Brief, Protocol};

use crate::denied::{Denied, numbered};
use crate::tally_table::TallyTable;
use crate::{Denial, Tally};

/// Distinct keys that a top list counts exactly; packets of later keys are counted together.
const EXACT_KEYS: usize = 65_536;
/// Packets that are counted together.
const AT_ONCE: usize = 64;
/// Where the protocol begins in the lower half of a service's key; below it are the port and [`PORT_IS_KNOWN`].
const PROTOCOL_SHIFT: u32 = 17;
/// Set where the port is known.
const PORT_IS_KNOWN: u32 = 1 << 16;

/// A key of a top list of denied packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenialKey {
    /// The peer: the source of ingress, the destination of egress.
    Peer(IpAddr),
    /// The protocol and the destination port, where it is known.
    Service(Protocol, Option<u16>),
}

/// By what packets are counted.
#[derive(Clone, Copy, Debug)]
enum Listed {
    Peers,
    Services,
}

/// A key as it is kept, with its denial by number.
#[derive(Clone, Copy, Debug)]
enum Key {
    /// The number of the denial in the upper half, the IPv4 address or the service in the lower: never 0, because
    /// denials are numbered from 1.
    Narrow(u64),
    /// The number of the denial, and the IPv6 address.
    Wide((u32, u128)),
}

/// An IPv4 packet's keys in the lists of peers and of services, both narrow ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    peer: u64,
    service: u64,
}

/// Denied packets by a key, exact for the first 65,536 distinct keys in replay order.
#[derive(Clone, Debug)]
pub struct TopDenied {
    listed: Listed,
    /// The denials that keys tell by their number.
    denials: Vec<Denial>,
    /// By [`Key::Narrow`].
    narrow: TallyTable,
    /// By [`Key::Wide`].
    wide: HashMap<(u32, u128), Tally, FxBuildHasher>,
    /// Most keys, narrow and wide.
    bound: usize,
    others: Tally,
    /// Of services only.
    recent: Recent,
}

/// Keys of the list that packets came with lately, by few bits of them, and what is counted of them and not entered in the list
/// yet: nothing between the batches. Services are few: most of their packets need no look-up in the list.
#[derive(Clone, Debug, Default)]
struct Recent([(u64, Tally); Recent::COUNT]);

impl Recent {
    const COUNT: usize = 32;

    /// Where a key is, if it is there.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bits are what is wanted: those of denials and of ports"
    )]
    #[inline]
    fn slot(&mut self, key: u64) -> Option<&mut (u64, Tally)> {
        self.0.get_mut((key ^ key >> 32) as usize % Self::COUNT)
    }
}

impl TopDenied {
    /// An empty list of peers.
    pub(crate) fn peers() -> Self {
        Self::new(Listed::Peers, EXACT_KEYS)
    }

    /// An empty list of services.
    pub(crate) fn services() -> Self {
        Self::new(Listed::Services, EXACT_KEYS)
    }

    fn new(listed: Listed, bound: usize) -> Self {
        Self {
            listed,
            denials: Vec::new(),
            narrow: TallyTable::default(),
            wide: HashMap::default(),
            bound,
            others: Tally::default(),
            recent: Recent::default(),
        }
    }

    /// Counts packets in replay order; `denials` are all so far, those of the last time and further ones.
    pub(crate) fn enter(&mut self, packets: &[Denied], denials: &[Denial]) {
        self.denials.extend_from_slice(denials.get(self.denials.len()..).unwrap_or_default());
        let packets = packets.chunks(AT_ONCE);
        match self.listed {
            Listed::Peers => packets.for_each(|packets| self.enter_peers(packets)),
            Listed::Services => {
                packets.for_each(|packets| self.enter_services(packets));
                self.enter_recent();
            }
        }
    }

    /// The keys of an IPv4 packet with the number of its denial, which is of an egress or not.
    #[expect(clippy::inline_always, reason = "for most packets that are refused again")]
    #[inline(always)]
    pub(crate) const fn keys_in_brief(
        Brief { short, kind, .. }: Brief,
        (denial, is_egress): (u32, bool),
    ) -> Keys {
        let (sender, receiver) = (kind.sender(), kind.sender().other());
        let peer = short.address_v4(if is_egress { receiver } else { sender });
        let service = (short.protocol(), short.port(receiver));
        Keys { peer: narrow(denial, peer.to_bits()), service: service_key(denial, service) }
    }

    /// Counts a packet of a length, by its keys, in the lists of peers and of services where that needs no look-up in either: the
    /// first takes no more peers and has not this one, and the service came lately. Then its turn among others is of no account.
    /// `false` and no change otherwise. The lists are complete once packets are entered the next time, be they none.
    #[expect(clippy::inline_always, reason = "for most packets that are refused again")]
    #[inline(always)]
    pub(crate) fn count_at_once((peers, services): (&mut Self, &mut Self), keys: Keys, length: u32) -> bool {
        if !peers.is_full() {
            return false;
        }
        match services.recent.slot(keys.service) {
            Some((recent, tally)) if *recent == keys.service && !peers.narrow.may_hold(keys.peer) => {
                tally.add(length);
            }
            _ => return false,
        }
        peers.others.add(length);
        true
    }

    /// Counts a few packets by services: those of recent keys, which the list has, and then the others in order.
    fn enter_services(&mut self, packets: &[Denied]) {
        let mut left = [(0, 0); AT_ONCE];
        let mut count = 0;
        for packet in packets {
            let (key, length) = (Key::service(packet), packet.length);
            match self.recent.slot(key) {
                Some((recent, tally)) if *recent == key => tally.add(length),
                _ => {
                    if let Some(place) = left.get_mut(count) {
                        *place = (key, length);
                    }
                    count += 1;
                }
            }
        }
        for (key, _) in left.iter().take(count) {
            self.narrow.prefetch(*key);
        }
        for (key, length) in left.into_iter().take(count) {
            self.count_anew(key, length);
        }
    }

    /// Counts a packet whose key came not lately. If the list has it, it is a recent one from now on.
    #[inline(never)]
    fn count_anew(&mut self, key: u64, length: u32) {
        if self.is_full() && !self.narrow.may_hold(key) {
            self.others.add(length);
            return;
        }
        self.count_narrow(key, length);
        let is_listed = self.narrow.get_mut(key).is_some();
        if let Some(slot) = self.recent.slot(key).filter(|_| is_listed) {
            let (before, counted) = std::mem::replace(slot, (key, Tally::default()));
            self.add_listed(before, counted);
        }
    }

    /// Enters what is counted of recent keys, which they stay.
    fn enter_recent(&mut self) {
        let mut recent = std::mem::take(&mut self.recent);
        for (key, tally) in &mut recent.0 {
            self.add_listed(*key, std::mem::take(tally));
        }
        self.recent = recent;
    }

    /// Adds packets, if any, of a key that the list has.
    fn add_listed(&mut self, key: u64, counted: Tally) {
        if counted.packets > 0
            && let Some(tally) = self.narrow.get_mut(key)
        {
            tally.add_all(counted);
        }
    }

    /// Counts a few packets by peers.
    fn enter_peers(&mut self, packets: &[Denied]) {
        if self.is_full() {
            self.enter_full(packets);
            return;
        }
        for packet in packets {
            if let Key::Narrow(key) = Key::peer(packet) {
                self.narrow.prefetch(key);
            }
        }
        for packet in packets {
            match Key::peer(packet) {
                Key::Narrow(key) => self.count_narrow(key, packet.length),
                Key::Wide(key) => self.count_wide(key, packet.length),
            }
        }
    }

    /// The same when no key is added any more, so that the order of packets is of no account: those whose key is not there are
    /// told from the rest first. Which are cannot be foretold, and so there is no branch.
    fn enter_full(&mut self, packets: &[Denied]) {
        let mut left = [(0, 0); AT_ONCE];
        let mut count = 0;
        for packet in packets {
            let length = packet.length;
            let key = match Key::peer(packet) {
                Key::Narrow(key) => key,
                Key::Wide(key) => {
                    self.count_wide(key, length);
                    continue;
                }
            };
            let may_be_there = u32::from(self.narrow.may_hold(key));
            if let Some(place) = left.get_mut(count) {
                *place = (key, length);
            }
            count += may_be_there as usize;
            self.others.packets += u64::from(1 - may_be_there);
            self.others.bytes += u64::from(length * (1 - may_be_there));
        }
        for (key, _) in left.iter().take(count) {
            self.narrow.prefetch(*key);
        }
        for (key, length) in left.into_iter().take(count) {
            self.count_narrow(key, length);
        }
    }

    #[inline]
    fn count_narrow(&mut self, key: u64, length: u32) {
        let is_full = self.is_full();
        match self.narrow.get_mut(key) {
            Some(tally) => tally.add(length),
            None if is_full => self.others.add(length),
            None => self.narrow.insert(key, Tally::of(length)),
        }
    }

    fn count_wide(&mut self, key: (u32, u128), length: u32) {
        let is_full = self.is_full();
        match self.wide.get_mut(&key) {
            Some(tally) => tally.add(length),
            None if is_full => self.others.add(length),
            None => {
                self.wide.insert(key, Tally::of(length));
            }
        }
    }

    fn is_full(&self) -> bool {
        self.narrow.len() + self.wide.len() >= self.bound
    }

    /// The exact counts, each key once, in no order.
    pub fn exact(&self) -> impl Iterator<Item = ((Denial, DenialKey), Tally)> {
        let narrow = self.narrow.iter().map(|(key, tally)| (Key::Narrow(key), tally));
        let wide = self.wide.iter().map(|(key, tally)| (Key::Wide(*key), *tally));
        narrow.chain(wide).filter_map(|(key, tally)| {
            let (denial, key) = key.told(self.listed);
            Some(((numbered(&self.denials, denial)?, key), tally))
        })
    }

    /// Packets whose key came after the first 65,536.
    pub const fn others(&self) -> Tally {
        self.others
    }
}

impl Key {
    /// Of a packet's peer.
    #[inline]
    fn peer(&Denied { denial, peer, .. }: &Denied) -> Self {
        match peer {
            IpAddr::V4(address) => Self::Narrow(narrow(denial, address.to_bits())),
            IpAddr::V6(address) => Self::Wide((denial, address.to_bits())),
        }
    }

    /// Of a packet's service; it is a narrow one.
    #[inline]
    const fn service(&Denied { denial, service, .. }: &Denied) -> u64 {
        service_key(denial, service)
    }

    /// The number of the denial, and what the key says beside.
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a key, and the parts of a service")]
    fn told(self, listed: Listed) -> (u32, DenialKey) {
        let (key, lower) = match self {
            Self::Wide((denial, address)) => {
                return (denial, DenialKey::Peer(IpAddr::V6(Ipv6Addr::from_bits(address))));
            }
            Self::Narrow(key) => (key, key as u32),
        };
        let told = match listed {
            Listed::Peers => DenialKey::Peer(IpAddr::V4(Ipv4Addr::from_bits(lower))),
            Listed::Services => {
                let port = (lower & PORT_IS_KNOWN != 0).then_some(lower as u16);
                DenialKey::Service(Protocol((lower >> PROTOCOL_SHIFT) as u8), port)
            }
        };
        ((key >> 32) as u32, told)
    }
}

#[inline]
const fn narrow(denial: u32, lower: u32) -> u64 {
    (denial as u64) << 32 | lower as u64
}

/// The key of a service.
#[inline]
const fn service_key(denial: u32, (Protocol(protocol), port): (Protocol, Option<u16>)) -> u64 {
    let port = match port {
        Some(port) => PORT_IS_KNOWN | port as u32,
        None => 0,
    };
    narrow(denial, (protocol as u32) << PROTOCOL_SHIFT | port)
}

#[cfg(test)]
#[path = "top_denied_tests.rs"]
mod tests;
