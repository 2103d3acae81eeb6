//! Which addresses are probably on the captured side.

use std::collections::HashMap;
use std::net::IpAddr;

use super::flows::Services;
use super::tally::Table;
use super::{Service, Tally};

/// Addresses that are guessed at most.
const MOST: usize = 32;
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
    let rows: Vec<((IpAddr, IpAddr), Tally)> =
        pairs.most(usize::MAX).into_iter().filter(|((a, b), _)| is_host(*a) && is_host(*b)).collect();
    let total: u64 = rows.iter().map(|(_, tally)| tally.packets).sum();
    let private: u64 = rows
        .iter()
        .filter(|((a, b), _)| is_private(*a) || is_private(*b))
        .map(|(_, tally)| tally.packets)
        .sum();
    let is_candidate = |address: IpAddr| private * 5 < total * 4 || is_private(address);
    cover(rows, is_candidate)
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

/// Addresses and all their packets, in the order in which they were taken.
fn cover(
    mut rows: Vec<((IpAddr, IpAddr), Tally)>,
    is_candidate: impl Fn(IpAddr) -> bool,
) -> Vec<(IpAddr, u64)> {
    let all = sums(&rows, &is_candidate);
    let total: u64 = rows.iter().map(|(_, tally)| tally.packets).sum();
    let mut taken = Vec::new();
    while taken.len() < MOST {
        let best = sums(&rows, &is_candidate)
            .into_iter()
            .max_by_key(|(address, packets)| (*packets, std::cmp::Reverse(*address)));
        let Some((address, packets)) = best else { break };
        // What adds less than half a percent is somebody they talk to.
        if !taken.is_empty() && packets * 200 < total {
            break;
        }
        rows.retain(|((a, b), _)| *a != address && *b != address);
        taken.push((address, all.get(&address).copied().unwrap_or(packets)));
    }
    taken
}

fn sums(rows: &[((IpAddr, IpAddr), Tally)], is_candidate: impl Fn(IpAddr) -> bool) -> HashMap<IpAddr, u64> {
    let mut sums = HashMap::new();
    for ((a, b), tally) in rows {
        for address in [*a, *b].into_iter().filter(|address| is_candidate(*address)) {
            *sums.entry(address).or_default() += tally.packets;
        }
    }
    sums
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
