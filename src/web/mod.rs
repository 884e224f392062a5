//! What HTTP surfaces share: probes, problems, correlation ids, strict reading of bodies and queries.

mod correlation;
pub mod health;
mod json;
mod path;
mod problem;
mod query;

pub use correlation::{CORRELATION_ID, correlated};
pub use json::{BODY_LIMIT_BYTES, Json};
pub use path::PathId;
pub use problem::Problem;
pub use query::Query;
