//! VXLAN and GENEVE, as payloads of UDP (S2.6).

use super::PortsHeader;

/// A GENEVE option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneveOption {
    /// Option class.
    pub class: u16,
    /// Option type.
    pub kind: u8,
    /// Its data, padded to 4 bytes.
    pub data: Vec<u8>,
}

impl GeneveOption {
    /// The endpoint that a Gateway Load Balancer names.
    pub fn gwlb_endpoint(id: u64) -> Self {
        Self { class: 0x0108, kind: 1, data: id.to_be_bytes().to_vec() }
    }

    /// The attachment that a Gateway Load Balancer names.
    pub fn gwlb_attachment(id: u64) -> Self {
        Self { class: 0x0108, kind: 2, data: id.to_be_bytes().to_vec() }
    }

    /// The flow cookie of a Gateway Load Balancer.
    pub fn gwlb_cookie(cookie: u32) -> Self {
        Self { class: 0x0108, kind: 3, data: cookie.to_be_bytes().to_vec() }
    }
}

/// A UDP datagram to port 4789 that carries an Ethernet frame in VXLAN, as VPC Traffic Mirroring sends.
pub fn vxlan(vni: u32, frame: &[u8]) -> Vec<u8> {
    let payload = [&[0x08, 0, 0, 0], &(vni << 8).to_be_bytes()[..], frame].concat();
    PortsHeader { src_port: 65_000, dst_port: 4789 }.bytes(17, &payload)
}

/// A UDP datagram to port 6081 that carries an Ethernet frame (0x6558) or an IP packet (0x0800, 0x86dd) in GENEVE.
pub fn geneve(vni: u32, options: &[GeneveOption], inner_type: u16, inner: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    for option in options {
        let words = option.data.len().div_ceil(4);
        list.extend(option.class.to_be_bytes());
        list.extend([option.kind, u8::try_from(words).expect("an option fits")]);
        list.extend(&option.data);
        list.resize(list.len().next_multiple_of(4), 0);
    }
    let mut payload = vec![u8::try_from(list.len() / 4).expect("the options fit"), 0];
    payload.extend(inner_type.to_be_bytes());
    payload.extend((vni << 8).to_be_bytes());
    payload.extend(list);
    payload.extend(inner);
    PortsHeader { src_port: 65_000, dst_port: 6081 }.bytes(17, &payload)
}
