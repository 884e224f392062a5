//! What a tenant gets through the gateway, and what it never gets.

mod coverage;
mod filters;
mod guarding;
mod losses;
mod organisation;
mod recording;
mod scoping;
