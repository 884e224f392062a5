//! The specification: what Ringfence does, over real HTTP, on both databases, against the simulator.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic; the switches in clippy.toml spare only functions marked #[test]"
)]

mod admin;
mod architecture;
mod audit;
mod catalog;
mod cli;
mod cluster;
mod demo;
mod doctor;
mod documents;
mod gateway;
mod kill;
mod policy;
mod remote;
mod replicas;
mod running;
mod secrets;
mod serving;
mod simulator;
mod store;
mod support;
mod upstream;
