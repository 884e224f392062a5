//! What is counted instead of listed: refusals of the limiter.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::model::Actor;

/// Requests of one source, or of one key, that the limiter refused in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flood {
    /// Whose key it was, where it proved right.
    #[serde(skip)]
    pub actor: Actor,
    /// Where they came from, where no key proved right; of IPv6 the first address of its /64.
    #[serde(skip)]
    pub source: Option<IpAddr>,
    /// When the minute began.
    pub minute: DateTime<Utc>,
    /// How many.
    pub refused: u64,
    /// The code that all of them were answered.
    #[serde(skip)]
    pub code: &'static str,
    /// The status that all of them were answered.
    #[serde(skip)]
    pub status: u16,
}
