//! What HTTP surfaces share: their accept loop, probes, problems, correlation ids, strict reading of bodies and queries.

mod correlation;
pub mod health;
mod json;
pub mod listener;
mod path;
mod places;
mod problem;
mod query;
mod source;

pub use correlation::{CORRELATION_ID, correlated};
pub use json::{BODY_LIMIT_BYTES, Json, read_body};
pub use path::PathId;
pub use places::{Full, Place, Places, Share, Shares};
pub use problem::{Problem, ProblemBody};
pub use query::Query;
pub use source::Source;
