//! Facts back to bytes: a frame that decodes to what a test wants.

use vpcreplay_flow::{
    Cause, Decoded, End, FlowKey, IcmpType, KeyClass, LinkType, PacketFacts, Protocol, QueryRole, TcpFlags,
    Transport,
};

use super::{
    Fragment, Ip, PortsHeader, TcpHeader, ethernet, ethernet_typed, icmp_error, icmp_message, icmp_query,
};

/// A frame as a capture holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Link type of its interface.
    pub link_type: LinkType,
    /// The captured bytes.
    pub bytes: Vec<u8>,
    /// Length on the wire.
    pub original_length: u32,
}

impl Frame {
    /// A frame that was captured whole.
    pub fn whole(link_type: LinkType, bytes: Vec<u8>) -> Self {
        let original_length = u32::try_from(bytes.len()).expect("a frame fits");
        Self { link_type, bytes, original_length }
    }
}

/// A frame that decodes to this; of what is unjudged, only the cause is kept.
pub fn frame(decoded: &Decoded) -> Frame {
    match decoded {
        Decoded::Packet(facts) => Frame::whole(LinkType::ETHERNET, ethernet(&packet(facts))),
        Decoded::Unjudged(Cause::NotIp, _) => {
            Frame::whole(LinkType::ETHERNET, ethernet_typed(0x0806, &[0; 28]))
        }
        Decoded::Unjudged(Cause::Truncated, _) => {
            let bytes = ethernet_typed(0x0800, &[0x45, 0, 0, 60]);
            Frame { link_type: LinkType::ETHERNET, bytes, original_length: 74 }
        }
        Decoded::Unjudged(Cause::Malformed, _) => {
            Frame::whole(LinkType::ETHERNET, ethernet_typed(0x0800, &[0x41; 40]))
        }
        Decoded::Unjudged(Cause::UnsupportedLinkType, _) => Frame::whole(LinkType(147), vec![0; 40]),
    }
}

/// The IP packet that decodes to these facts, padded to their length; where that is too short, as short as can be.
pub fn packet(facts: &PacketFacts) -> Vec<u8> {
    let protocol = facts.protocol.0;
    let mut ip = Ip::between(facts.src, facts.dst);
    let mut payload = match facts.transport {
        Transport::Tcp { src_port, dst_port, flags } => {
            TcpHeader { src_port, dst_port, flags: flags.0 }.bytes(&[])
        }
        Transport::Ports { src_port, dst_port } => PortsHeader { src_port, dst_port }.bytes(protocol, &[]),
        Transport::IcmpQuery { icmp_type, code, id, .. } => icmp_query(icmp_type, code, id, &[]),
        Transport::IcmpError { icmp_type, code, quoted } => {
            icmp_error(icmp_type, code, &quoted.map(|key| quote(&key)).unwrap_or_default())
        }
        Transport::IcmpOneWay { icmp_type, code } => icmp_message(icmp_type, code, &[0; 4]),
        Transport::Other => Vec::new(),
        Transport::Unknown => {
            // Nobody sends the first fragment of this datagram.
            ip = ip.fragment(Fragment { identification: 0xdead, offset: 185, more: false });
            vec![0; 8]
        }
    };
    let wanted = usize::try_from(facts.length).expect("a length fits");
    payload.resize(wanted.saturating_sub(ip.header_length()).max(payload.len()), 0);
    if facts.protocol == Protocol::UDP && facts.transport.ports().is_some() {
        let length = u16::try_from(payload.len()).expect("a datagram fits");
        payload[4..6].copy_from_slice(&length.to_be_bytes());
    }
    ip.carry(protocol, &payload)
}

/// A packet of a flow as an ICMP error quotes it: IP header and 8 bytes; sent by the first end of the key.
fn quote(key: &FlowKey) -> Vec<u8> {
    let (src, dst, protocol) = (key.address(End::A), key.address(End::B), key.protocol());
    let port = |end| key.port(end).unwrap_or(0);
    let (src_port, dst_port) = (port(End::A), port(End::B));
    let transport = match key.class() {
        KeyClass::Ports if protocol == Protocol::TCP => {
            Transport::Tcp { src_port, dst_port, flags: TcpFlags(0x02) }
        }
        KeyClass::Ports => Transport::Ports { src_port, dst_port },
        KeyClass::Query(kind) => {
            let is_request = |icmp_type: &u8| {
                IcmpType::of(protocol, *icmp_type) == IcmpType::Query(kind, QueryRole::Requester)
            };
            let icmp_type = (0..=u8::MAX).find(is_request).expect("every query has a request");
            let (id, role) = (key.icmp_id().unwrap_or(0), QueryRole::Requester);
            Transport::IcmpQuery { icmp_type, code: 0, id, kind, role }
        }
        KeyClass::OneWay => {
            // A key does not tell its type and code; there are few enough to try.
            let is_key = |guess: &(u8, u8)| FlowKey::one_way(protocol, (src, dst), *guess) == *key;
            let all = (0..=u8::MAX).flat_map(|icmp_type| (0..=u8::MAX).map(move |code| (icmp_type, code)));
            let (icmp_type, code) = all.into_iter().find(is_key).expect("every key has a type and a code");
            Transport::IcmpOneWay { icmp_type, code }
        }
        KeyClass::Addresses => Transport::Other,
    };
    let mut bytes = packet(&PacketFacts { src, dst, protocol, transport, length: 0 });
    bytes.truncate(Ip::between(src, dst).header_length() + 8);
    bytes
}
