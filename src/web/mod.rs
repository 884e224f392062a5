//! What the HTTP surfaces share.

pub mod health;
