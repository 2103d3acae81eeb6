//! Synthetic captures: a profile of traffic in, a capture and the model that fits it out.
//!
//! A [`Profile`] says which interfaces there are and what they talk about with whom; [`Traffic`] makes its packets one
//! after another in order of time, [`write()`] puts them into a classic pcap file, and [`model`] writes the network model
//! under which all of them may pass. The same profile and [`Settings`] give the same bytes on every machine: random
//! numbers are those of `SplitMix64`, and no function of the platform takes part in a decision. Memory is bounded by the
//! connections that are open at once.
//!
//! ```
//! use vpcreplay_synth::{Named, Settings, Traffic};
//!
//! let profile = Named::find("dns-resolver").unwrap().profile()?;
//! let mut traffic = Traffic::new(&profile, &Settings { packets: Some(10), ..Settings::default() })?;
//! while let Some(frame) = traffic.next_frame() {
//!     println!("{} ns: {} bytes", frame.time.nanos(), frame.length);
//! }
//! assert_eq!(traffic.totals().packets, 10);
//! # Ok::<(), vpcreplay_synth::SynthError>(())
//! ```

mod addresses;
mod connection;
mod dice;
mod distribution;
mod dns;
mod elementary;
mod error;
mod frame;
mod model;
mod pcap;
mod ports;
mod profile;
mod queue;
mod shape;
mod totals;
mod traffic;

pub use error::{Place, SynthError};
pub use model::model;
pub use pcap::{Written, write};
pub use profile::{NAMED, Named, Profile};
pub use totals::{ClassTotals, Totals};
pub use traffic::{Ending, Frame, Settings, Traffic};
