//! The bytes of a packet: Ethernet, IPv4 or IPv6, TCP, UDP or ICMP, with the checksums that belong there.

use crate::addresses::Block;
use crate::connection::{Family, Packet, SYN, Sender};
use crate::dns::{Message, Turn};
use crate::profile::Kind;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const HOP_LIMIT: u8 = 64;
const WINDOW: u16 = 64_240;
/// Options of a SYN: the longest segment (of IPv6), and a window scale of 7.
const SYN_OPTIONS: [u8; 8] = [2, 4, 0x05, 0xa0, 1, 3, 3, 7];

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// What a packet is about, beside the packet itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'a> {
    pub(crate) kind: Kind,
    pub(crate) family: Family,
    pub(crate) client: (&'a Block, u32),
    pub(crate) server: (&'a Block, u32),
    /// The client's port; the identifier of an echo.
    pub(crate) client_port: u16,
    pub(crate) server_port: u16,
}

/// Writes the bytes of a frame that are captured; its length on the wire.
pub(crate) fn write(route: &Route<'_>, packet: &Packet, snaplen: usize, out: &mut Vec<u8>) -> u32 {
    out.clear();
    let message = (route.kind == Kind::Dns).then(|| message(packet));
    let data = message.as_ref().map_or(&[][..], Message::bytes);
    let zeros = packet.payload as usize;
    let mut segment = Segment { bytes: [0; 28], length: 0 };
    let length = segment_length(route.kind, packet.flags) + data.len() + zeros;
    let (source, destination) = match packet.sender {
        Sender::Client => (route.client, route.server),
        Sender::Server => (route.server, route.client),
    };
    let mut sum = Sum::default();
    let ends = (source, destination);
    let header = match route.family {
        Family::V4 => ipv4(route.kind, ends, length, &mut sum, out),
        Family::V6 => ipv6(route.kind, ends, length, &mut sum, out),
    };
    if route.kind == Kind::Icmp && route.family == Family::V4 {
        // The checksum of ICMP covers no addresses; that of ICMPv6 does.
        sum = Sum::default();
    }
    sum.add_bytes(data);
    segment.fill(route, packet, length, sum);
    out.extend_from_slice(segment.bytes());
    out.extend_from_slice(data);
    let whole = ETHERNET + header + length;
    out.resize(whole.min(snaplen), 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

fn message(packet: &Packet) -> Message {
    let turn = if packet.sender == Sender::Client { Turn::Question } else { Turn::Answer };
    let [_, _, high, low] = packet.number.to_be_bytes();
    Message::new(turn, u16::from_be_bytes([high, low]), packet.acknowledged)
}

/// Bytes of the transport header.
const fn segment_length(kind: Kind, flags: u8) -> usize {
    match kind {
        Kind::Tcp if flags & SYN != 0 => 28,
        Kind::Tcp => 20,
        Kind::Udp | Kind::Dns | Kind::Icmp => 8,
    }
}

const fn protocol(kind: Kind, family: Family) -> u8 {
    match (kind, family) {
        (Kind::Tcp, _) => TCP,
        (Kind::Udp | Kind::Dns, _) => UDP,
        (Kind::Icmp, Family::V4) => ICMP,
        (Kind::Icmp, Family::V6) => ICMPV6,
    }
}

type Ends<'a> = ((&'a Block, u32), (&'a Block, u32));

fn ethernet((source, destination): Ends<'_>, kind: [u8; 2]) -> [u8; ETHERNET] {
    let mut header = [0; ETHERNET];
    header[0..6].copy_from_slice(&destination.0.mac(destination.1));
    header[6..12].copy_from_slice(&source.0.mac(source.1));
    header[12..14].copy_from_slice(&kind);
    header
}

/// The headers up to IPv4's; adds the pseudo header to the sum.
fn ipv4(kind: Kind, ends: Ends<'_>, length: usize, sum: &mut Sum, out: &mut Vec<u8>) -> usize {
    let (source, destination) = (ends.0.0.v4(ends.0.1), ends.1.0.v4(ends.1.1));
    let protocol = protocol(kind, Family::V4);
    let total = u16::try_from(IPV4 + length).unwrap_or(u16::MAX);
    let mut own = Sum::default();
    own.add(source);
    own.add(destination);
    *sum = own;
    sum.add(u32::from(protocol));
    sum.add(u32::try_from(length).unwrap_or(0));
    // Version and length, not to be fragmented, hop limit and protocol.
    own.add(0x4500 + 0x4000);
    own.add(u32::from(HOP_LIMIT) << 8 | u32::from(protocol));
    own.add(u32::from(total));
    let mut header = [0; IPV4];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[6] = 0x40;
    header[8] = HOP_LIMIT;
    header[9] = protocol;
    header[10..12].copy_from_slice(&own.checksum().to_be_bytes());
    header[12..16].copy_from_slice(&source.to_be_bytes());
    header[16..20].copy_from_slice(&destination.to_be_bytes());
    out.extend_from_slice(&ethernet(ends, [0x08, 0x00]));
    out.extend_from_slice(&header);
    IPV4
}

/// The headers up to IPv6's; adds the pseudo header to the sum.
fn ipv6(kind: Kind, ends: Ends<'_>, length: usize, sum: &mut Sum, out: &mut Vec<u8>) -> usize {
    let (source, destination) = (ends.0.0.v6(ends.0.1), ends.1.0.v6(ends.1.1));
    let protocol = protocol(kind, Family::V6);
    sum.add_bytes(&source.to_be_bytes());
    sum.add_bytes(&destination.to_be_bytes());
    sum.add(u32::from(protocol));
    sum.add(u32::try_from(length).unwrap_or(0));
    let mut header = [0; IPV6];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    header[6] = protocol;
    header[7] = HOP_LIMIT;
    header[8..24].copy_from_slice(&source.to_be_bytes());
    header[24..40].copy_from_slice(&destination.to_be_bytes());
    out.extend_from_slice(&ethernet(ends, [0x86, 0xdd]));
    out.extend_from_slice(&header);
    IPV6
}

/// A transport header.
struct Segment {
    bytes: [u8; 28],
    length: usize,
}

impl Segment {
    /// `sum` covers the pseudo header and the data, `length` header and data.
    fn fill(&mut self, route: &Route<'_>, packet: &Packet, length: usize, sum: Sum) {
        self.length = segment_length(route.kind, packet.flags);
        if route.kind == Kind::Icmp {
            return self.echo(route, packet, sum);
        }
        let (from, to) = match packet.sender {
            Sender::Client => (route.client_port, route.server_port),
            Sender::Server => (route.server_port, route.client_port),
        };
        self.bytes[0..2].copy_from_slice(&from.to_be_bytes());
        self.bytes[2..4].copy_from_slice(&to.to_be_bytes());
        if route.kind == Kind::Tcp {
            self.tcp(packet, sum);
        } else {
            let length = u16::try_from(length).unwrap_or(u16::MAX);
            self.bytes[4..6].copy_from_slice(&length.to_be_bytes());
            // Of UDP a checksum of 0 means that there is none.
            let checksum = match self.summed(sum).checksum() {
                0 => u16::MAX,
                checksum => checksum,
            };
            self.bytes[6..8].copy_from_slice(&checksum.to_be_bytes());
        }
    }

    fn tcp(&mut self, packet: &Packet, sum: Sum) {
        self.bytes[4..8].copy_from_slice(&packet.number.to_be_bytes());
        self.bytes[8..12].copy_from_slice(&packet.acknowledged.to_be_bytes());
        self.bytes[12] = u8::try_from(self.length / 4).unwrap_or(0) << 4;
        self.bytes[13] = packet.flags;
        self.bytes[14..16].copy_from_slice(&WINDOW.to_be_bytes());
        if packet.flags & SYN != 0 {
            self.bytes[20..28].copy_from_slice(&SYN_OPTIONS);
        }
        let checksum = self.summed(sum).checksum();
        self.bytes[16..18].copy_from_slice(&checksum.to_be_bytes());
    }

    fn echo(&mut self, route: &Route<'_>, packet: &Packet, sum: Sum) {
        self.bytes[0] = match (route.family, packet.sender) {
            (Family::V4, Sender::Client) => 8,
            (Family::V4, Sender::Server) => 0,
            (Family::V6, Sender::Client) => 128,
            (Family::V6, Sender::Server) => 129,
        };
        let [_, _, high, low] = packet.number.wrapping_add(1).to_be_bytes();
        self.bytes[4..6].copy_from_slice(&route.client_port.to_be_bytes());
        self.bytes[6..8].copy_from_slice(&[high, low]);
        let checksum = self.summed(sum).checksum();
        self.bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
    }

    /// The sum with the header, whose checksum is still 0.
    fn summed(&self, mut sum: Sum) -> Sum {
        sum.add_bytes(self.bytes());
        sum
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The checksum of the internet: the sum of 16-bit words, of which carries come round.
#[derive(Clone, Copy, Debug, Default)]
struct Sum(u64);

impl Sum {
    /// Adds one or two words: both count alike, since carries come round.
    #[inline]
    const fn add(&mut self, words: u32) {
        self.0 += words as u64;
    }

    /// Adds bytes that begin at an even place.
    #[inline]
    fn add_bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<4>();
        for word in words {
            self.add(u32::from_be_bytes(*word));
        }
        let mut last = [0; 4];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.add(u32::from_be_bytes(last));
    }

    const fn checksum(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it was folded to 16 bits")]
        let sum = sum as u16;
        !sum
    }
}
