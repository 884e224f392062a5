//! The store, each method on both databases.

mod calls;
mod completeness;
mod events;
mod keys;
mod opening;
mod operators;
mod policies;
mod recovery;
mod registrations;
mod schema_parity;
mod sealed;
mod service_accounts;
mod stays;
mod streams;
mod tenants;
mod things;
mod views;
