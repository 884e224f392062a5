//! The store, each method on both databases.

mod calls;
mod claims;
mod completeness;
mod events;
mod grants;
mod keys;
mod log;
mod opening;
mod operators;
mod policies;
mod quotas;
mod recovery;
mod registrations;
mod schema_parity;
mod sealed;
mod service_accounts;
mod signing_keys;
mod stays;
mod streams;
mod tenants;
mod things;
mod views;
