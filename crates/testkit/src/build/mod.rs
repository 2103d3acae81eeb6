//! Packets as bytes: link layers, IP, transport headers, ICMP errors and tunnels, with right lengths and checksums.
//!
//! Every builder takes the bytes of the layer above and returns those of its own layer:
//!
//! ```
//! use vpcreplay_testkit::build::{Ip, TcpHeader, ethernet};
//!
//! let syn = TcpHeader { src_port: 40_000, dst_port: 443, flags: 0x02 }.bytes(&[]);
//! let frame = ethernet(&Ip::new("10.0.1.10", "198.51.100.7").carry(6, &syn));
//! assert_eq!(frame.len(), 14 + 20 + 20);
//! ```

mod facts;
mod ip;
mod link;
mod transport;
mod tunnel;

pub use facts::{Frame, frame, packet};
pub use ip::{Fragment, Ip};
pub use link::{ethernet, ethernet_typed, loopback, mpls, ppp, pppoe, sll, sll2, snap, vlan};
pub use transport::{PortsHeader, TcpHeader, icmp_error, icmp_message, icmp_query};
pub use tunnel::{GeneveOption, geneve, vxlan};
