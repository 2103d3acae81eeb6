//! A frame to facts, or to the cause why not: link layers, tunnels, fragments (S2.2–S2.7, S12.2–S12.5, S12.13).
//!
//! [`decode`] looks at one frame alone: it is pure, allocates nothing, never fails and never panics.
//! What one frame knows only because of an earlier one, the ports of a later IP fragment, comes from a
//! [`FragmentTable`], which is called in replay order for the few frames where [`DecodedFrame::is_fragment`] holds.
//!
//! [`digest`] is the short way for the frames that nearly all are: straight from the bytes to what batches hold;
//! [`brief`], [`digest_v6`] and [`brief_anywhere`] are shorter ones for the shapes that most have, [`inside`] leads into a tunnel.
//!
//! The decoder is straight code of its own: it must tell *truncated* from *malformed* by the rule of S2.3, which
//! no general library does, and it is on the hot path. The library `etherparse` judges it in the tests.

mod decode;
mod digest;
mod fragment;
mod ip;
mod link;
mod quote;
mod transport;
mod tunnel;
mod window;

pub use decode::{DecodedFrame, decode, tunnel_port};
pub use digest::{Inside, brief, brief_anywhere, digest, digest_v6, inside, tunnel_port_of};
pub use fragment::{FragmentTable, Fragments};
