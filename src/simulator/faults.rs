//! Faults: what the simulator does wrong when it is told to.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A way to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Answers well, but late.
    Latency {
        /// By how many milliseconds.
        ms: u64,
    },
    /// Answers this status, with the error body that belongs to it, and does nothing.
    Status {
        /// The HTTP status.
        status: u16,
        /// Seconds, as a `Retry-After` header; without it there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// Closes the connection without an answer.
    Reset,
    /// Promises the whole answer, sends half of it and closes the connection.
    Truncate,
    /// Answers 200 with a body that is not JSON.
    Malformed,
    /// Never answers.
    Hang,
    /// Answers 200 with no body at all.
    EmptyBody,
    /// Slips entities that were not asked for into the answer, and counts them.
    Lie {
        /// Of this division alone; without it, of any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        division: Option<String>,
    },
}

/// Which requests a fault is for. What is left out matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// How the path begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
}

/// A fault, for which requests, and how often.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    #[serde(default, rename = "match")]
    matching: Match,
    pub(super) fault: Fault,
    #[serde(default = "forever", rename = "times", deserialize_with = "times")]
    left: AtomicI64,
}

impl Rule {
    /// A fault for these requests, so many times (without a number: until it is taken away).
    pub fn new(matching: Match, fault: Fault, times: Option<u32>) -> Self {
        Self { matching, fault, left: AtomicI64::new(times.map_or(i64::MAX, i64::from)) }
    }

    /// Whether the fault meets this request; uses up one of its times.
    pub(super) fn takes(&self, method: &str, path: &str) -> bool {
        let meant = self.matching.method.as_ref().is_none_or(|meant| meant.eq_ignore_ascii_case(method))
            && self.matching.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()));
        meant && self.left.fetch_sub(1, Ordering::Relaxed) > 0
    }

    /// The rule as the control listener shows it.
    pub(super) fn shown(&self) -> Value {
        let left = self.left.load(Ordering::Relaxed).max(0);
        // A rule without a limit is used up only in theory.
        let left = (left < i64::from(u32::MAX)).then_some(left);
        json!({"match": self.matching, "fault": self.fault, "times": left})
    }
}

fn forever() -> AtomicI64 {
    AtomicI64::new(i64::MAX)
}

fn times<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<AtomicI64, D::Error> {
    let times = Option::<u32>::deserialize(deserializer)?;
    Ok(AtomicI64::new(times.map_or(i64::MAX, i64::from)))
}
