//! The specification: what Ringfence does, over real HTTP, on both databases, against the simulator.

mod policy;
