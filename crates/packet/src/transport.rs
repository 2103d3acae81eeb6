//! Transport headers: ports, TCP flags, ICMP (S2.4, S2.5).

use vpcreplay_flow::{Cause, IcmpType, Protocol, TcpFlags, Transport};

use crate::ip::Datagram;
use crate::quote;
use crate::window::Window;

/// Reads what is needed of a TCP header; a data offset below 5 changes nothing (S12.3).
#[inline]
pub(crate) fn tcp(payload: Window<'_>) -> Result<Transport, Cause> {
    let header: &[u8; 14] = payload.array()?;
    Ok(Transport::Tcp {
        src_port: u16::from_be_bytes([header[0], header[1]]),
        dst_port: u16::from_be_bytes([header[2], header[3]]),
        flags: TcpFlags(header[13]),
    })
}

/// Reads the source and destination port of any protocol with ports; a UDP length below 8 changes nothing (S12.3).
#[inline]
pub(crate) fn ports(payload: Window<'_>) -> Result<(u16, u16), Cause> {
    let header: &[u8; 4] = payload.array()?;
    Ok((u16::from_be_bytes([header[0], header[1]]), u16::from_be_bytes([header[2], header[3]])))
}

/// Whether a packet is the ICMP of its own IP version; the other one is "any other protocol" (S2.4).
pub(crate) const fn is_own_icmp(datagram: &Datagram<'_>) -> bool {
    match datagram.protocol {
        Protocol::ICMP => datagram.addresses.is_v4(),
        Protocol::ICMPV6 => !datagram.addresses.is_v4(),
        _ => false,
    }
}

/// Reads what is needed of a packet without ports that is no later fragment.
pub(crate) fn without_ports(datagram: &Datagram<'_>) -> Result<Transport, Cause> {
    if is_own_icmp(datagram) { icmp(datagram) } else { Ok(Transport::Other) }
}

/// Reads an ICMP or ICMPv6 header: type and code, of queries the identifier, of errors the quoted flow.
fn icmp(datagram: &Datagram<'_>) -> Result<Transport, Cause> {
    let payload = datagram.payload;
    let meaning = payload.bytes.first().map(|first| IcmpType::of(datagram.protocol, *first));
    if let Some(IcmpType::Query(kind, role)) = meaning {
        // S2.5: the identifier too.
        let header: &[u8; 6] = payload.array()?;
        let [icmp_type, code] = [header[0], header[1]];
        let id = u16::from_be_bytes([header[4], header[5]]);
        return Ok(Transport::IcmpQuery { icmp_type, code, id, kind, role });
    }
    let &[icmp_type, code] = payload.array()?;
    if meaning == Some(IcmpType::Error) {
        let quoted = quote::flow(datagram);
        return Ok(Transport::IcmpError { icmp_type, code, quoted });
    }
    Ok(Transport::IcmpOneWay { icmp_type, code })
}
