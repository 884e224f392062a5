//! The specification: what Ringfence does, over real HTTP, on both databases, against the simulator.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod policy;
mod store;
mod support;
