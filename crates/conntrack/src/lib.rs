//! The connection table: flows, entries, timers, allowance; time is an argument
