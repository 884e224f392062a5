//! How much a tenant or a key may send.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// How much a tenant or a key may send; what is absent is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests a minute, on average.
    pub requests_per_minute: Option<u32>,
    /// How many of them may come at once; as many as come in a minute, unless said otherwise.
    pub burst: Option<u32>,
    /// Requests under way at once.
    pub concurrent_requests: Option<u32>,
    /// Requests in a day of UTC.
    pub requests_per_day: Option<u32>,
    /// Requests in a month of UTC.
    pub requests_per_month: Option<u32>,
    /// Bytes of answers in a day of UTC.
    pub bytes_per_day: Option<u64>,
}

/// A month of 30 days.
const MINUTES_OF_A_MONTH: NonZeroU32 = NonZeroU32::new(30 * 24 * 60).unwrap();

impl Limits {
    /// The most that may come at once: as much as comes back within a month.
    pub fn largest_burst(per_minute: NonZeroU32) -> NonZeroU32 {
        per_minute.saturating_mul(MINUTES_OF_A_MONTH)
    }

    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
