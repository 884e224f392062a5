//! What a tenant gets through the gateway, and what it never gets.

pub(crate) mod attacks;
mod authentication;
mod bad_input;
pub(crate) mod conformance;
mod coverage;
mod crowds;
mod defects;
mod directory;
mod draining;
mod edge;
mod filters;
mod generated;
mod guarding;
mod http2;
mod lenient;
mod limits;
mod login;
mod losses;
mod noninterference;
mod organisation;
mod own_surface;
mod places;
mod recording;
mod refused;
mod scoping;
mod tls;
mod unread;
