//! Transport headers: ports, TCP flags, ICMP (S2.4, S2.5).

use vpcreplay_flow::{Cause, IcmpType, Protocol, TcpFlags, Transport};

use crate::ip::Datagram;
use crate::quote;

/// Whether a protocol is the ICMP of the packet's own IP version; the other one is "any other protocol" (S2.4).
pub(crate) const fn is_own_icmp(datagram: &Datagram<'_>) -> bool {
    match datagram.protocol {
        Protocol::ICMP => datagram.src.is_ipv4(),
        Protocol::ICMPV6 => datagram.src.is_ipv6(),
        _ => false,
    }
}

/// Reads the transport header of a packet that is no later fragment. A TCP data offset below 5 and a UDP length
/// below 8 change nothing (S12.3).
#[inline]
pub(crate) fn read(datagram: &Datagram<'_>) -> Result<Transport, Cause> {
    let payload = datagram.payload;
    match datagram.protocol {
        Protocol::TCP => {
            let header: &[u8; 14] = payload.array()?;
            Ok(Transport::Tcp {
                src_port: u16::from_be_bytes([header[0], header[1]]),
                dst_port: u16::from_be_bytes([header[2], header[3]]),
                flags: TcpFlags(header[13]),
            })
        }
        Protocol::UDP | Protocol::UDP_LITE | Protocol::SCTP | Protocol::DCCP => {
            let header: &[u8; 4] = payload.array()?;
            Ok(Transport::Ports {
                src_port: u16::from_be_bytes([header[0], header[1]]),
                dst_port: u16::from_be_bytes([header[2], header[3]]),
            })
        }
        Protocol::ICMP | Protocol::ICMPV6 if is_own_icmp(datagram) => icmp(datagram),
        _ => Ok(Transport::Other),
    }
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
