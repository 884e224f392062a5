//! How a caller stands with its limits, and how it is told: `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-10), and Genesys's own `inin-ratelimit-count`, `-allowed`, `-reset` (facts: h).

use std::{fmt::Write, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::allowance::{Allowance, AllowanceStanding, Place};

static LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static COUNT: HeaderName = HeaderName::from_static("inin-ratelimit-count");
static ALLOWED: HeaderName = HeaderName::from_static("inin-ratelimit-allowed");
static RESET: HeaderName = HeaderName::from_static("inin-ratelimit-reset");

/// How one request's key and tenant stand with their limits. Holds their places among the requests under way.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Standing {
    lines: Vec<Line>,
    places: Vec<Place>,
}

/// One limit.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(in crate::gateway) struct Line {
    /// Whose and what, such as `tenant-minute`.
    policy: &'static str,
    /// What may come in the window; of `…-minute` what may come at once.
    allowed: u64,
    left: u64,
    /// Seconds; absent for what is limited at once.
    #[serde(rename = "window_seconds", skip_serializing_if = "Option::is_none")]
    window: Option<u64>,
    /// Seconds until all of it is there again.
    #[serde(rename = "reset_seconds", skip_serializing_if = "Option::is_none")]
    reset: Option<u64>,
}

/// The names of one subject's limits: minute, day, month, at once.
type Names = [&'static str; 4];
const KEY: Names = ["key-minute", "key-day", "key-month", "key-concurrent"];
const TENANT: Names = ["tenant-minute", "tenant-day", "tenant-month", "tenant-concurrent"];

impl Standing {
    /// Counts a request against both; says how long to wait where one of them is used up.
    pub(super) fn take(
        &mut self,
        key: Option<&Arc<Allowance>>,
        tenant: Option<&Arc<Allowance>>,
        now: DateTime<Utc>,
    ) -> Result<(), Duration> {
        let taken = self.places_of(key, tenant, now);
        self.lines = lines(key, tenant, now);
        taken
    }

    fn places_of(
        &mut self,
        key: Option<&Arc<Allowance>>,
        tenant: Option<&Arc<Allowance>>,
        now: DateTime<Utc>,
    ) -> Result<(), Duration> {
        // The key first: what its own limit refuses must cost the tenant's other keys nothing.
        let own = key.map(|key| key.take(now)).transpose()?;
        match tenant.map(|tenant| tenant.take(now)).transpose() {
            Ok(all) => {
                self.places.extend(own.into_iter().chain(all));
                Ok(())
            }
            Err(wait) => {
                if let Some(own) = own {
                    own.give_back();
                }
                Err(wait)
            }
        }
    }

    pub(super) fn look(
        key: Option<&Arc<Allowance>>,
        tenant: Option<&Arc<Allowance>>,
        now: DateTime<Utc>,
    ) -> Self {
        Self { lines: lines(key, tenant, now), places: Vec::new() }
    }

    /// The limits, for a body.
    pub(in crate::gateway) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Tells it to the caller; nothing where nothing is limited.
    pub(in crate::gateway) fn show(&self, headers: &mut HeaderMap) {
        if self.lines.is_empty() {
            return;
        }
        let (mut limits, mut policies) = (String::new(), String::new());
        for line in &self.lines {
            line.write(&mut limits, &mut policies);
        }
        let mut insert = |name: &HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name.clone(), value);
            }
        };
        insert(&LIMIT, &limits);
        insert(&POLICY, &policies);
        // Genesys has one limit, of the minute: of ours, the one that is closest to its end, by whose time it resets.
        let tightest = self.lines.iter().filter(|line| line.window.is_some()).min_by_key(|line| line.left);
        if let Some(line) = tightest {
            insert(&COUNT, &(line.allowed - line.left.min(line.allowed)).to_string());
            insert(&ALLOWED, &line.allowed.to_string());
            insert(&RESET, &line.reset.unwrap_or_default().to_string());
        }
    }
}

impl Line {
    fn write(&self, limits: &mut String, policies: &mut String) {
        for text in [&mut *limits, &mut *policies] {
            if !text.is_empty() {
                text.push_str(", ");
            }
        }
        // Writing into text does not fail.
        let _ = write!(limits, "\"{}\";r={}", self.policy, self.left);
        let _ = write!(policies, "\"{}\";q={}", self.policy, self.allowed);
        let _ = match (self.window, self.reset) {
            (Some(window), Some(reset)) => {
                let _ = write!(limits, ";t={reset}");
                write!(policies, ";w={window}")
            }
            (Some(_) | None, _) => write!(policies, ";qu=\"concurrent-requests\""),
        };
    }
}

fn lines(key: Option<&Arc<Allowance>>, tenant: Option<&Arc<Allowance>>, now: DateTime<Utc>) -> Vec<Line> {
    let of = |allowance: Option<&Arc<Allowance>>, names| allowance.map(|one| (one.standing(now), names));
    of(key, KEY)
        .into_iter()
        .chain(of(tenant, TENANT))
        .flat_map(|(standing, names)| each(standing, names))
        .collect()
}

fn each(standing: AllowanceStanding, [minute, day, month, at_once]: Names) -> impl Iterator<Item = Line> {
    let AllowanceStanding { rate, day: in_day, month: in_month, at_once: places } = standing;
    let rate = rate.map(|rate| Line {
        policy: minute,
        allowed: rate.burst.into(),
        left: rate.left.into(),
        window: Some(seconds(rate.window)),
        reset: Some(seconds(rate.reset)),
    });
    let quotas = [(day, in_day), (month, in_month)].into_iter().filter_map(|(policy, quota)| {
        let quota = quota?;
        let (window, reset) = (Some(quota.window), Some(quota.reset));
        Some(Line { policy, allowed: quota.limit, left: quota.left, window, reset })
    });
    let places = places.map(|(most, left)| Line {
        policy: at_once,
        allowed: most.into(),
        left: left.into(),
        window: None,
        reset: None,
    });
    rate.into_iter().chain(quotas).chain(places)
}

/// Whole seconds, never too few.
pub(super) fn seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}
