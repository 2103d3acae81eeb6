//! Which addresses and ports a new connection takes: none that a connection still uses.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::addresses::{self, Block};
use crate::connection::{Family, Tuple};
use crate::dice::Dice;
use crate::profile::{Class, Kind, Order};

/// Ports that are tried before a connection is given up.
const TRIES: u32 = 256;
/// Connections that have ended whose addresses and ports can be had again.
const ENDED: usize = 256;

/// The connections of all classes that have packets to send, by what no two may share. Only asked whether it has one:
/// its order plays no part.
#[derive(Debug, Default)]
pub(crate) struct InUse(HashSet<u128, BuildHasherDefault<Fold>>);

impl InUse {
    fn take(&mut self, key: u128) -> bool {
        self.0.insert(key)
    }

    fn release(&mut self, key: u128) {
        self.0.remove(&key);
    }
}

/// Spreads the keys, which nobody chooses to do harm.
#[derive(Debug, Default)]
pub(crate) struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u128(&mut self, key: u128) {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        let product = (key ^ key >> 64).wrapping_mul(ODD);
        self.0 = u64::try_from(product >> 64).unwrap_or(0)
            ^ u64::try_from(product >> 32 & 0xffff_ffff).unwrap_or(0);
    }
}

/// Chooses for the connections of a class.
#[derive(Debug)]
pub(crate) struct Choice {
    client: Block,
    server: Block,
    /// Those of connections that ended, the oldest first.
    ended: VecDeque<Tuple>,
}

/// What was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Of its own.
    Fresh(Tuple),
    /// Those of a connection that has ended.
    Again(Tuple),
    /// None is free.
    Nothing,
}

impl Choice {
    pub(crate) const fn new((client, server): (Block, Block)) -> Self {
        Self { client, server, ended: VecDeque::new() }
    }

    /// Chooses for the connection with this number.
    pub(crate) fn choose(
        &mut self,
        class: &Class,
        number: u64,
        dice: &mut Dice,
        in_use: &mut InUse,
    ) -> Chosen {
        let family = if dice.falls_under(class.ipv6) { Family::V6 } else { Family::V4 };
        if class.port_reuse > 0.0
            && dice.falls_under(class.port_reuse)
            && let Some(tuple) = self.ended.pop_front()
            && in_use.take(self.key(class, tuple))
        {
            return Chosen::Again(tuple);
        }
        let ports = class.ports.count();
        let (client, server, offset) = self.indices(class, number, dice);
        for step in 0..TRIES.min(ports) {
            let offset = u16::try_from((offset + step) % ports).unwrap_or(0);
            let tuple = Tuple { client, server, port: class.ports.first + offset, family };
            if in_use.take(self.key(class, tuple)) {
                return Chosen::Fresh(tuple);
            }
        }
        Chosen::Nothing
    }

    /// Client, server, and the port as an offset from the first. Servers come by turns.
    fn indices(&self, class: &Class, number: u64, dice: &mut Dice) -> (u32, u32, u32) {
        let is_within = addresses::is_within(class);
        let servers = u64::from(self.server.count - u32::from(is_within)).max(1);
        let clients = u64::from(self.client.count).max(1);
        let ports = u64::from(class.ports.count());
        let turn = number % servers;
        let (client, port) = match class.order {
            Order::Random => (dice.roll(clients), dice.roll(ports)),
            Order::RoundRobin => (number / servers % clients, number / servers / clients % ports),
        };
        let server = if is_within { (client + 1 + turn) % clients } else { turn };
        let small = |index: u64| u32::try_from(index).unwrap_or(0);
        (small(client), small(server), small(port))
    }

    /// The connection is over: what it used is free.
    pub(crate) fn release(&mut self, class: &Class, tuple: Tuple, in_use: &mut InUse) {
        in_use.release(self.key(class, tuple));
        if class.port_reuse > 0.0 {
            if self.ended.len() == ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back(tuple);
        }
    }

    /// What no two connections may share.
    fn key(&self, class: &Class, tuple: Tuple) -> u128 {
        let protocol = match class.kind {
            Kind::Tcp => 0,
            Kind::Udp | Kind::Dns => 1,
            Kind::Icmp => 2,
        };
        u128::from(self.client.v4(tuple.client))
            | u128::from(self.server.v4(tuple.server)) << 32
            | u128::from(tuple.port) << 64
            | u128::from(class.port) << 80
            | protocol << 96
            | u128::from(tuple.family == Family::V6) << 104
    }
}
