//! What HTTP surfaces share: problems, correlation ids, strict reading of bodies and queries.

mod correlation;
mod json;
mod problem;
mod query;

pub use correlation::{CORRELATION_ID, correlated};
pub use json::{BODY_LIMIT_BYTES, Json};
pub use problem::Problem;
pub use query::Query;
