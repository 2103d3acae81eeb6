//! Which addresses are probably on the captured side.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;

use super::Service;
use super::flows::Services;
use super::tally::Table;

/// Addresses that are guessed at most.
const MOST: usize = 256;
/// Services that are told of an address at most.
const SERVICES: usize = 32;

/// An address that is probably local.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The address.
    pub address: IpAddr,
    /// Packets that it sends or receives.
    pub packets: u64,
    /// Packets between unicast addresses in all.
    pub of: u64,
    /// What it seems to offer.
    pub services: Vec<Service>,
    /// Services beyond those.
    pub more_services: u64,
}

/// Few addresses that are an end of nearly all packets: those of private ranges, if they cover most of the capture.
///
/// One after the other the address is taken that covers most packets not covered yet. That finds the host whose
/// interface was captured, and the hosts of a subnet; what only talks to them is left out.
pub(super) fn guess(pairs: &Table<(IpAddr, IpAddr)>, services: &Services) -> Vec<LocalAddress> {
    let rows: Vec<((IpAddr, IpAddr), u64)> = pairs
        .most(usize::MAX)
        .into_iter()
        .filter(|((a, b), _)| is_host(*a) && is_host(*b))
        .map(|(pair, tally)| (pair, tally.packets))
        .collect();
    let total: u64 = rows.iter().map(|(_, packets)| packets).sum();
    let private: u64 =
        rows.iter().filter(|((a, b), _)| is_private(*a) || is_private(*b)).map(|(_, packets)| packets).sum();
    let is_candidate = |address: IpAddr| private * 5 < total * 4 || is_private(address);
    cover(&Talk::of(&rows, is_candidate), total)
        .into_iter()
        .map(|(address, packets)| {
            let offered = services.get(&address);
            LocalAddress {
                address,
                packets,
                of: total,
                services: offered.into_iter().flatten().copied().take(SERVICES).collect(),
                more_services: offered.map_or(0, |all| all.len().saturating_sub(SERVICES) as u64),
            }
        })
        .collect()
}

/// Who talks to whom, of the addresses that may be local.
#[derive(Default)]
struct Talk {
    /// Packets by address.
    packets: HashMap<IpAddr, u64>,
    /// Packets by address and peer.
    peers: HashMap<IpAddr, Vec<(IpAddr, u64)>>,
}

impl Talk {
    fn of(rows: &[((IpAddr, IpAddr), u64)], is_candidate: impl Fn(IpAddr) -> bool) -> Self {
        let mut talk = Self::default();
        for ((a, b), packets) in rows {
            // An address that talks to itself is counted once.
            let ends = if a == b { vec![(*a, *b)] } else { vec![(*a, *b), (*b, *a)] };
            for (address, peer) in ends.into_iter().filter(|(address, _)| is_candidate(*address)) {
                *talk.packets.entry(address).or_default() += packets;
                talk.peers.entry(address).or_default().push((peer, *packets));
            }
        }
        talk
    }
}

/// Addresses and all their packets, in the order in which they were taken.
fn cover(talk: &Talk, total: u64) -> Vec<(IpAddr, u64)> {
    let mut left = talk.packets.clone();
    let mut queue: BinaryHeap<(u64, Reverse<IpAddr>)> =
        left.iter().map(|(address, packets)| (*packets, Reverse(*address))).collect();
    let mut taken: Vec<(IpAddr, u64)> = Vec::new();
    let mut covered = 0;
    while let Some((packets, Reverse(address))) = queue.pop() {
        let now = left.get(&address).copied().unwrap_or(0);
        if now < packets {
            // Some of its packets were covered meanwhile: it takes its place anew.
            if now > 0 {
                queue.push((now, Reverse(address)));
            }
            continue;
        }
        // Once nearly all is covered, what adds less than half a percent is somebody they talk to.
        let is_enough = covered * 10 >= total * 9 && packets * 200 < total;
        if taken.len() == MOST || is_enough {
            break;
        }
        covered += packets;
        left.remove(&address);
        taken.push((address, talk.packets.get(&address).copied().unwrap_or(packets)));
        for (peer, packets) in talk.peers.get(&address).into_iter().flatten() {
            if let Some(left) = left.get_mut(peer) {
                *left = left.saturating_sub(*packets);
            }
        }
    }
    taken
}

/// Whether an address can be that of an interface.
pub(super) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_reserved = v4.is_unspecified() || v4.is_loopback() || v4.is_link_local();
            // The last address of a /24 is the broadcast address of nearly every subnet there is.
            !is_reserved && !v4.is_multicast() && v4.octets()[3] != 255
        }
        IpAddr::V6(v6) => {
            let is_reserved = v6.is_unspecified() || v6.is_loopback() || v6.is_unicast_link_local();
            !is_reserved && !v6.is_multicast()
        }
    }
}

/// Whether an address is of a range that is not routed on the Internet.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
