//! The flow of the packet that an ICMP error quotes (S2.4, S12.5).

use vpcreplay_flow::{FlowKey, IcmpType, Protocol};

use crate::ip::{self, Datagram};
use crate::link::Payload;
use crate::transport;

/// Type, code, checksum and four bytes that depend on the type: the quote comes behind them in both ICMPs.
const ERROR_HEADER: usize = 8;

/// The flow key of the packet quoted by an ICMP error; `None` when the quote is no packet of the error's own IP
/// version, a later fragment, or cut before the ports or the identifier.
pub(crate) fn flow(error: &Datagram<'_>) -> Option<FlowKey> {
    let version = if error.src.is_ipv4() { Payload::V4 } else { Payload::V6 };
    let quoted = ip::read(version, error.payload.behind(ERROR_HEADER).ok()?).ok()?;
    if quoted.is_later_fragment() {
        return None;
    }
    let Datagram { src, dst, protocol, payload, .. } = quoted;
    if protocol.has_ports() {
        // Four bytes will do, of TCP too: a quote need not hold the flags.
        let ports: &[u8; 4] = payload.array().ok()?;
        let src_port = u16::from_be_bytes([ports[0], ports[1]]);
        let dst_port = u16::from_be_bytes([ports[2], ports[3]]);
        return Some(FlowKey::ports(protocol, (src, src_port), (dst, dst_port)).0);
    }
    if transport::is_own_icmp(&quoted) {
        return quoted_icmp(&quoted);
    }
    Some(FlowKey::addresses(protocol, src, dst).0)
}

fn quoted_icmp(quoted: &Datagram<'_>) -> Option<FlowKey> {
    let ends = (quoted.src, quoted.dst);
    let protocol: Protocol = quoted.protocol;
    let &[icmp_type, code] = quoted.payload.array().ok()?;
    if let IcmpType::Query(kind, role) = IcmpType::of(protocol, icmp_type) {
        let header: &[u8; 6] = quoted.payload.array().ok()?;
        let id = u16::from_be_bytes([header[4], header[5]]);
        return Some(FlowKey::query(protocol, ends, id, (kind, role)).0);
    }
    Some(FlowKey::one_way(protocol, ends, (icmp_type, code)))
}
