//! What a tenant gets through the gateway, and what it never gets.

mod authentication;
mod bad_input;
mod coverage;
mod edge;
mod filters;
mod guarding;
mod login;
mod losses;
mod noninterference;
mod organisation;
mod recording;
mod refused;
mod scoping;
mod tls;
mod unread;
