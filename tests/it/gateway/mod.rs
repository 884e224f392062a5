//! The tenants' side.

mod authentication;
mod bad_input;
mod edge;
mod refused;
