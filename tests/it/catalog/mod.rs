//! The catalog as data: what the API is, and what is said of each of its operations.

mod classified;
