//! IPv4 and IPv6 headers.

use std::net::IpAddr;

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Identification of the datagram; IPv4 keeps the low 16 bits.
    pub identification: u32,
    /// Offset in units of 8 bytes.
    pub offset: u16,
    /// Whether more fragments follow.
    pub more: bool,
}

/// An IP header without what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ip {
    src: IpAddr,
    dst: IpAddr,
    fragment: Option<Fragment>,
    /// IPv4 options, padded to 4 bytes.
    options: Vec<u8>,
    /// IPv6 extension headers: number, and the bytes after next header and length.
    extensions: Vec<(u8, Vec<u8>)>,
}

/// Number of the IPv6 fragment header.
const FRAGMENT_HEADER: u8 = 44;
/// Number of the authentication header, whose length field counts otherwise.
const AUTHENTICATION_HEADER: u8 = 51;

impl Ip {
    /// A header between two addresses of one family, given as texts.
    pub fn new(src: &str, dst: &str) -> Self {
        let address = |text: &str| text.parse().expect("an IP address");
        Self::between(address(src), address(dst))
    }

    /// A header between two addresses of one family.
    pub fn between(src: IpAddr, dst: IpAddr) -> Self {
        assert_eq!(src.is_ipv4(), dst.is_ipv4(), "both addresses are of one family");
        Self { src, dst, fragment: None, options: Vec::new(), extensions: Vec::new() }
    }

    /// Makes it a fragment.
    #[must_use]
    pub const fn fragment(mut self, fragment: Fragment) -> Self {
        self.fragment = Some(fragment);
        self
    }

    /// Adds IPv4 options.
    #[must_use]
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options.extend(options);
        self.options.resize(self.options.len().next_multiple_of(4), 0);
        self
    }

    /// Adds an IPv6 extension header before the fragment header; its body is padded as its length field counts.
    #[must_use]
    pub fn extension(mut self, number: u8, body: &[u8]) -> Self {
        self.extensions.push((number, body.to_vec()));
        self
    }

    /// The bytes of the header without what it carries.
    pub const fn header_length(&self) -> usize {
        match (self.src, self.fragment) {
            (IpAddr::V4(_), _) => 20 + self.options.len(),
            (IpAddr::V6(_), None) => 40,
            (IpAddr::V6(_), Some(_)) => 48,
        }
    }

    /// The packet that carries this payload of a protocol; checksums of TCP, UDP, ICMP and ICMPv6 are filled in.
    pub fn carry(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut payload = payload.to_vec();
        let is_first = self.fragment.is_none_or(|fragment| fragment.offset == 0);
        let is_whole = self.fragment.is_none_or(|fragment| fragment.offset == 0 && !fragment.more);
        if is_first && is_whole {
            self.fill_checksum(protocol, &mut payload);
        }
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                self.carry_v4([src.octets(), dst.octets()], protocol, &payload)
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                self.carry_v6([src.octets(), dst.octets()], protocol, &payload)
            }
            _ => unreachable!("both addresses are of one family"),
        }
    }

    fn carry_v4(&self, [src, dst]: [[u8; 4]; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let mut packet = vec![0x40 | u8::try_from(header / 4).expect("options fit"), 0];
        packet.extend(length(header + payload.len()));
        let fragment = self.fragment.unwrap_or(Fragment { identification: 0, offset: 0, more: false });
        packet.extend(&fragment.identification.to_be_bytes()[2..]);
        packet.extend((fragment.offset | u16::from(fragment.more) << 13).to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        packet.extend(src);
        packet.extend(dst);
        packet.extend(&self.options);
        let sum = checksum(&packet);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(payload);
        packet
    }

    fn carry_v6(&self, [src, dst]: [[u8; 16]; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut chain: Vec<(u8, Vec<u8>)> = self
            .extensions
            .iter()
            .map(|(number, body)| {
                let unit = if *number == AUTHENTICATION_HEADER { 4 } else { 8 };
                let whole = (body.len() + 2).next_multiple_of(unit).max(8);
                let units = if unit == 4 { whole / 4 - 2 } else { whole / 8 - 1 };
                let mut bytes = vec![0, u8::try_from(units).expect("an extension header fits")];
                bytes.extend(body);
                bytes.resize(whole, 0);
                (*number, bytes)
            })
            .collect();
        if let Some(fragment) = self.fragment {
            let mut bytes = vec![0, 0];
            bytes.extend((fragment.offset << 3 | u16::from(fragment.more)).to_be_bytes());
            bytes.extend(fragment.identification.to_be_bytes());
            chain.push((FRAGMENT_HEADER, bytes));
        }
        let mut upper: Vec<u8> = Vec::new();
        for index in 0..chain.len() {
            let next = chain.get(index + 1).map_or(protocol, |(number, _)| *number);
            chain[index].1[0] = next;
            upper.extend(&chain[index].1);
        }
        upper.extend(payload);
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(length(upper.len()));
        packet.extend([chain.first().map_or(protocol, |(number, _)| *number), 64]);
        packet.extend(src);
        packet.extend(dst);
        packet.extend(upper);
        packet
    }

    /// Writes the checksum of the transport header, where the protocol has one and the header is whole.
    fn fill_checksum(&self, protocol: u8, payload: &mut [u8]) {
        let (at, least, has_pseudo_header) = match protocol {
            6 => (16, 20, true),
            17 => (6, 8, true),
            58 => (2, 4, true),
            1 => (2, 4, false),
            _ => return,
        };
        if payload.len() < least {
            return;
        }
        payload[at..at + 2].fill(0);
        let mut covered = Vec::new();
        if has_pseudo_header {
            match (self.src, self.dst) {
                (IpAddr::V4(src), IpAddr::V4(dst)) => covered.extend([src.octets(), dst.octets()].concat()),
                (IpAddr::V6(src), IpAddr::V6(dst)) => covered.extend([src.octets(), dst.octets()].concat()),
                _ => unreachable!("both addresses are of one family"),
            }
            covered.extend(u32::from(protocol).to_be_bytes());
            covered.extend(u32::try_from(payload.len()).expect("a packet fits").to_be_bytes());
        }
        covered.extend(&*payload);
        payload[at..at + 2].copy_from_slice(&checksum(&covered).to_be_bytes());
    }
}

/// A 16-bit length field.
fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("a packet fits its length field").to_be_bytes()
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u64 = bytes
        .chunks(2)
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it was folded")
}
