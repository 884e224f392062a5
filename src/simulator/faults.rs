//! Faults: what the simulator does wrong when it is told to.

use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Sends half of an answer of unknown length and closes the connection.
    CutChunks,
    /// Sends the answer slowly.
    Trickle {
        /// So many bytes at a time.
        bytes: usize,
        /// With so many milliseconds before each.
        ms: u64,
    },
    /// Sends a list that never ends.
    Endless,
    /// Sends a header of this size with the answer.
    HugeHeaders {
        /// How long its value is.
        bytes: usize,
    },
    /// Says that the answer is something else.
    ContentType {
        /// What it says.
        value: String,
    },
    /// Sends the answer compressed, asked or not.
    Gzip,
    /// Counts wrongly: `total`, `totalHits` and `pageCount` of the answer.
    Totals {
        /// How many too many.
        add: i64,
    },
    /// Does what is asked, and answers with this status.
    Done {
        /// The status.
        status: u16,
    },
    /// Does what is asked, and shows this in place of what a field says, of the first where there are several.
    Instead {
        /// The field.
        field: String,
        /// What it shows.
        value: Value,
    },
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
    /// Counts from before the interval that was asked for.
    Early {
        /// By how many hours.
        hours: u32,
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
    #[serde(default)]
    times: Option<u32>,
    #[serde(default)]
    nth: Option<u32>,
    // The requests that matched.
    #[serde(skip)]
    met: AtomicU64,
}

impl Rule {
    /// A fault for these requests, so many times (without a number: until it is taken away).
    pub fn new(matching: Match, fault: Fault, times: Option<u32>) -> Self {
        Self { matching, fault, times, nth: None, met: AtomicU64::new(0) }
    }

    /// Spares the matching requests before this one, the first being 1.
    #[must_use]
    pub fn from_nth(mut self, nth: u32) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Whether the fault meets this request; uses up one of its times.
    pub(super) fn takes(&self, method: &str, path: &str) -> bool {
        let meant = self.matching.method.as_ref().is_none_or(|meant| meant.eq_ignore_ascii_case(method))
            && self.matching.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()));
        if !meant {
            return false;
        }
        let before = self.met.fetch_add(1, Ordering::Relaxed);
        before >= self.spared() && self.times.is_none_or(|times| before - self.spared() < u64::from(times))
    }

    /// The rule as the control listener shows it.
    pub(super) fn shown(&self) -> Value {
        let used = self.met.load(Ordering::Relaxed).saturating_sub(self.spared());
        let left = self.times.map(|times| u64::from(times).saturating_sub(used));
        json!({"match": self.matching, "fault": self.fault, "times": left, "nth": self.nth})
    }

    fn spared(&self) -> u64 {
        u64::from(self.nth.unwrap_or(1)).saturating_sub(1)
    }
}
