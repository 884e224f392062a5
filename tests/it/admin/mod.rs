//! The operator listener: who may do what, what is checked, what is shown and what is recorded.

mod bodies;
mod catalog;
mod credentials;
mod events;
mod key_changes;
mod keys;
mod matrix;
mod office;
mod openapi;
mod operators;
mod policies;
mod registry;
mod service_accounts;
mod tenants;
