//! The catalog as data: what the API is, what is said of each of its operations, and what differs from a newer description.

mod classified;
mod denials;
pub(crate) mod document;
mod drift;
mod facts;
