//! Ringfence: a multi-tenant access gateway for Genesys Cloud.
//!
//! One Genesys organisation holds many client companies (*tenants*), each in divisions of its own. A tenant's
//! application calls Ringfence instead of Genesys; Ringfence checks the call against the tenant's policy, narrows it
//! to the tenant's divisions, forwards it, checks the answer again, and records all of it.
//!
//! The map, in reading order:
//!
//! - [`gateway`]: the path of a tenant's request, top to bottom. Start here.
//! - [`catalog`]: the operations of the Genesys API as data: how each is narrowed, how its answer is guarded.
//! - [`policy`]: Cedar: may this key call this operation in this division?
//! - [`directory`]: which division an entity is in, as Genesys tells it.
//! - [`upstream`]: the one door to Genesys: pooled client, service-account tokens.
//! - [`audit`]: the record of every call: intent before the answer leaves, outcome after.
//! - [`cluster`]: who else serves, and what all replicas count together.
//! - [`tenancy`]: tenants, keys and policies as immutable views in memory, swapped whole on change.
//! - [`operator`]: what operators do, as plain functions; [`admin`] and [`cli`] are its doors.
//! - [`store`]: everything kept, in SQLite or PostgreSQL.
//! - [`tlog`]: a log that proves itself: trees, signed checkpoints, and their verification.
//! - [`model`]: the nouns. [`config`], [`clock`], [`secret`], [`telemetry`] and [`web`] serve all of the above.
//! - [`simulator`]: a stand-in Genesys organisation over real HTTP; it imports nothing of ours.
//! - [`app`]: everything built once from the configuration, served and drained.

pub mod admin;
pub mod app;
pub mod audit;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod directory;
pub mod gateway;
pub mod model;
pub mod operator;
pub mod policy;
pub mod secret;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod tenancy;
pub mod tlog;
pub mod upstream;
pub mod web;
