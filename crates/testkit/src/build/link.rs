//! Link layers around an IP packet (S2.2).

/// `EtherType` of an IP packet, by its version nibble.
fn ether_type(packet: &[u8]) -> u16 {
    match packet.first().map(|byte| byte >> 4) {
        Some(6) => 0x86dd,
        _ => 0x0800,
    }
}

/// Destination and source MAC.
const MACS: [u8; 12] = [0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1];

/// Ethernet around an IP packet.
pub fn ethernet(packet: &[u8]) -> Vec<u8> {
    ethernet_typed(ether_type(packet), packet)
}

/// Ethernet with any `EtherType`.
pub fn ethernet_typed(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &ether_type.to_be_bytes(), payload].concat()
}

/// Ethernet with VLAN tags (tag protocol, VLAN id) around an IP packet.
pub fn vlan(tags: &[(u16, u16)], packet: &[u8]) -> Vec<u8> {
    let mut frame = MACS.to_vec();
    for (protocol, id) in tags {
        frame.extend([protocol.to_be_bytes(), id.to_be_bytes()].concat());
    }
    frame.extend(ether_type(packet).to_be_bytes());
    frame.extend(packet);
    frame
}

/// 802.3 with LLC and SNAP around an IP packet.
pub fn snap(packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len() + 8).expect("a frame fits").to_be_bytes();
    [&MACS[..], &length, &[0xaa, 0xaa, 3, 0, 0, 0], &ether_type(packet).to_be_bytes(), packet].concat()
}

/// Ethernet with an MPLS label stack around an IP packet.
pub fn mpls(labels: &[u32], packet: &[u8]) -> Vec<u8> {
    let mut stack = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let bottom = u32::from(index + 1 == labels.len());
        stack.extend((label << 12 | bottom << 8 | 64).to_be_bytes());
    }
    stack.extend(packet);
    ethernet_typed(0x8847, &stack)
}

/// PPP around an IP packet, with address and control bytes.
pub fn ppp(packet: &[u8]) -> Vec<u8> {
    [&[0xff, 0x03], &ppp_protocol(packet)[..], packet].concat()
}

/// Ethernet with a `PPPoE` session around an IP packet.
pub fn pppoe(packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len() + 2).expect("a frame fits").to_be_bytes();
    ethernet_typed(0x8864, &[&[0x11, 0, 0, 1], &length[..], &ppp_protocol(packet), packet].concat())
}

fn ppp_protocol(packet: &[u8]) -> [u8; 2] {
    if ether_type(packet) == 0x86dd { [0x00, 0x57] } else { [0x00, 0x21] }
}

/// Linux cooked capture version 1 around an IP packet.
pub fn sll(packet: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    [&head[..], &ether_type(packet).to_be_bytes(), packet].concat()
}

/// Linux cooked capture version 2 around an IP packet.
pub fn sll2(packet: &[u8]) -> Vec<u8> {
    let tail = [0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    [&ether_type(packet).to_be_bytes(), &tail[..], packet].concat()
}

/// BSD loopback around an IP packet, the family in big-endian order.
pub fn loopback(packet: &[u8]) -> Vec<u8> {
    let family: u32 = if ether_type(packet) == 0x86dd { 30 } else { 2 };
    [&family.to_be_bytes(), packet].concat()
}
