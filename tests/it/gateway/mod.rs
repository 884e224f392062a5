//! The path of a tenant's request.

mod authentication;
mod bad_input;
mod edge;
mod filters;
mod login;
mod noninterference;
mod refused;
