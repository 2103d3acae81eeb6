//! The flow of the packet that an ICMP error quotes (S2.4, S12.5).

use vpcreplay_flow::{FlowKey, IcmpType};

use crate::ip::{self, Datagram, Version};
use crate::link::Payload;
use crate::transport;

/// Type, code, checksum and four bytes that depend on the type: the quote comes behind them in both ICMPs.
const ERROR_HEADER: usize = 8;

/// The flow key of the packet quoted by an ICMP error; `None` when the quote is no packet of the error's own IP
/// version, a later fragment, or cut before the ports or the identifier.
pub(crate) fn flow(error: &Datagram<'_>) -> Option<FlowKey> {
    let is_v4 = error.addresses.is_v4();
    let quote = error.payload.behind(ERROR_HEADER).ok()?;
    let quoted = match ip::version(if is_v4 { Payload::V4 } else { Payload::V6 }, quote).ok()? {
        Version::V4 => ip::read_v4(quote).ok()?,
        Version::V6 => ip::read_v6(quote).ok()?,
    };
    if quoted.is_later_fragment() {
        return None;
    }
    let (src, dst) = quoted.addresses.pair();
    let protocol = quoted.protocol;
    if protocol.has_ports() {
        // The ports will do, of TCP too: a quote need not hold the flags.
        let (src_port, dst_port) = transport::ports(quoted.payload).ok()?;
        return Some(FlowKey::ports(protocol, (src, src_port), (dst, dst_port)).0);
    }
    if transport::is_own_icmp(&quoted) {
        return quoted_icmp(&quoted);
    }
    Some(FlowKey::addresses(protocol, src, dst).0)
}

fn quoted_icmp(quoted: &Datagram<'_>) -> Option<FlowKey> {
    let (ends, protocol) = (quoted.addresses.pair(), quoted.protocol);
    let &[icmp_type, code] = quoted.payload.array().ok()?;
    if let IcmpType::Query(kind, role) = IcmpType::of(protocol, icmp_type) {
        let header: &[u8; 6] = quoted.payload.array().ok()?;
        let id = u16::from_be_bytes([header[4], header[5]]);
        return Some(FlowKey::query(protocol, ends, id, (kind, role)).0);
    }
    Some(FlowKey::one_way(protocol, ends, (icmp_type, code)))
}
