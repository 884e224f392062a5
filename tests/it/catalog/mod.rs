//! The catalog as data: what the API is, and what differs from a newer description of it.

mod document;
mod drift;
mod facts;
