//! Transport headers; their checksums are filled in by [`Ip::carry`](super::Ip::carry).

/// A TCP header without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// The flag byte.
    pub flags: u8,
}

impl TcpHeader {
    /// The segment with this payload.
    pub fn bytes(self, payload: &[u8]) -> Vec<u8> {
        let mut segment = ports(self.src_port, self.dst_port);
        segment.extend([0; 8]); // sequence and acknowledgment number
        segment.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        segment
    }
}

/// The ports of UDP, UDP-Lite, SCTP or DCCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortsHeader {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
}

impl PortsHeader {
    /// The datagram of a protocol with this payload.
    pub fn bytes(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut datagram = ports(self.src_port, self.dst_port);
        match protocol {
            // UDP: length and checksum; UDP-Lite: coverage of the header and checksum.
            17 => {
                let length = u16::try_from(payload.len() + 8).expect("a datagram fits");
                datagram.extend(length.to_be_bytes());
                datagram.extend([0, 0]);
            }
            136 => datagram.extend([0, 8, 0, 0]),
            // SCTP: verification tag and checksum.
            132 => datagram.extend([0; 8]),
            // DCCP: offset, then a request.
            _ => datagram.extend([5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        }
        datagram.extend(payload);
        datagram
    }
}

fn ports(src: u16, dst: u16) -> Vec<u8> {
    [src.to_be_bytes(), dst.to_be_bytes()].concat()
}

/// An ICMP or ICMPv6 query or its answer.
pub fn icmp_query(icmp_type: u8, code: u8, identifier: u16, payload: &[u8]) -> Vec<u8> {
    let id = identifier.to_be_bytes();
    [&[icmp_type, code, 0, 0, id[0], id[1], 0, 1], payload].concat()
}

/// An ICMP or ICMPv6 error that quotes (the beginning of) an IP packet.
pub fn icmp_error(icmp_type: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    [&[icmp_type, code, 0, 0, 0, 0, 0, 0], quoted].concat()
}

/// Any other ICMP or ICMPv6 message.
pub fn icmp_message(icmp_type: u8, code: u8, payload: &[u8]) -> Vec<u8> {
    [&[icmp_type, code, 0, 0], payload].concat()
}
