//! Scenario pages: Markdown that explains rules and proves them with packets. Their grammar is
//! `tests/scenarios/README.md`; numbers of lines in messages are those of the page.

mod packet;
mod page;
mod table;
mod time;

pub use packet::parse as packet;
pub use page::{Block, Page, Section};
pub use table::{Row, Verdict};
pub use time::{T0, offset};
