//! The connection table (S7): flows, their connection entries, exact timers, the allowance and its series.
//!
//! Time is an argument of every call; nothing here reads a clock. Interfaces, allowance scopes and rules are
//! plain numbers here: who they are is known to the policy only.

mod allowance;
mod flow;
mod further;
mod image;
mod in_order;
mod index;
mod machine;
mod rest;
mod series;
mod shard;
mod slab;
mod state;
mod table;
mod wheel;

pub use allowance::{Ledger, Peak};
pub use flow::{Departed, Ending, Entry, Flow};
pub use image::Image;
pub use in_order::in_order;
pub use machine::prefetch;
pub use rest::AsideMut;
pub use series::{Series, SeriesRow};
pub use shard::{Shard, Step};
pub use state::{State, Tracking};
pub use table::{Borrowers, FlowId, Listener, Table, Wanted};
