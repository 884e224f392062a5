//! How a caller stands with its limits, and how it is told: `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-10), and Genesys's own `inin-ratelimit-count`, `-allowed`, `-reset` (facts: h).

use std::{fmt::Write, sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    allowance::{Allowance, AllowanceStanding, Place},
    quota::Measure,
};
use crate::{upstream::ShareStanding, web};

static LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static COUNT: HeaderName = HeaderName::from_static("inin-ratelimit-count");
static ALLOWED: HeaderName = HeaderName::from_static("inin-ratelimit-allowed");
static KEY_EXPIRES: HeaderName = HeaderName::from_static("ringfence-key-expires");
static RESET: HeaderName = HeaderName::from_static("inin-ratelimit-reset");

/// How one request's key and tenant stand with their limits. Holds their places among the requests under way.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Standing {
    lines: Vec<Line>,
    places: Arc<Vec<Place>>,
    // Among all that are under way.
    under_way: Option<Arc<web::Place>>,
    key_ends: Option<DateTime<Utc>>,
}

/// One limit.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(in crate::gateway) struct Line {
    /// Whose and what, such as `tenant-minute`.
    policy: &'static str,
    /// What may come in the window; of `…-minute` what may come at once.
    allowed: u64,
    left: u64,
    /// What is counted, unless it is requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    /// Seconds; absent for what is limited at once.
    #[serde(rename = "window_seconds", skip_serializing_if = "Option::is_none")]
    window: Option<u64>,
    /// Seconds until all of it is there again.
    #[serde(rename = "reset_seconds", skip_serializing_if = "Option::is_none")]
    reset: Option<u64>,
}

/// The units of the draft, where it is not requests.
const BYTES: &str = "content-bytes";
const AT_ONCE: &str = "concurrent-requests";

/// The names of one subject's limits: minute, day, month, bytes of a day, at once.
type Names = [&'static str; 5];
const KEY: Names = ["key-minute", "key-day", "key-month", "key-day-bytes", "key-concurrent"];
const TENANT: Names =
    ["tenant-minute", "tenant-day", "tenant-month", "tenant-day-bytes", "tenant-concurrent"];
/// A tenant's share of its account's budget.
const UPSTREAM: &str = "upstream-minute";

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
                self.places = Arc::new(own.into_iter().chain(all).collect());
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
        Self { lines: lines(key, tenant, now), ..Self::default() }
    }

    /// The places that the request holds: what goes on although its caller left holds them too.
    pub(in crate::gateway) fn held(&self) -> impl Send + use<> {
        (Arc::clone(&self.places), self.under_way.clone())
    }

    /// Takes its place among all that are under way.
    pub(in crate::gateway) fn enter(&mut self, place: web::Place) {
        self.under_way = Some(Arc::new(place));
    }

    /// So many bytes were answered.
    pub(in crate::gateway) fn charge(&self, bytes: u64) {
        self.places.iter().for_each(|place| place.charge(bytes));
    }

    /// The limits, for a body.
    pub(in crate::gateway) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Notes when the key ends, where that is near.
    pub(super) fn note_end(&mut self, end: Option<DateTime<Utc>>) {
        self.key_ends = end;
    }

    fn show_end(&self, headers: &mut HeaderMap) {
        let end = self.key_ends.map(|end| end.to_rfc3339_opts(SecondsFormat::Secs, true));
        if let Some(Ok(end)) = end.as_deref().map(HeaderValue::from_str) {
            headers.insert(KEY_EXPIRES.clone(), end);
        }
    }

    /// Tells it to the caller; nothing where nothing is limited.
    pub(in crate::gateway) fn show(&self, headers: &mut HeaderMap) {
        self.show_end(headers);
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
        let tightest = self.lines.iter().filter(|line| line.unit.is_none()).min_by_key(|line| line.left);
        if let Some(line) = tightest {
            insert(&COUNT, &(line.allowed - line.left.min(line.allowed)).to_string());
            insert(&ALLOWED, &line.allowed.to_string());
            insert(&RESET, &line.reset.unwrap_or_default().to_string());
        }
    }
}

impl Line {
    /// What a tenant may send upstream in a minute, of which one call of its may take several.
    pub(in crate::gateway) fn of_share(share: ShareStanding) -> Self {
        let (allowed, used) = (u64::from(share.allowed), u64::from(share.used));
        Self {
            policy: UPSTREAM,
            allowed,
            left: allowed.saturating_sub(used),
            unit: None,
            window: Some(60),
            reset: Some(seconds(share.reset)),
        }
    }

    /// All of such a share is used up, and so many seconds are left until some of it is there again.
    pub(in crate::gateway) fn used_up(allowed: u32, reset: u64) -> Self {
        Self {
            policy: UPSTREAM,
            allowed: allowed.into(),
            left: 0,
            unit: None,
            window: Some(60),
            reset: Some(reset),
        }
    }

    /// Tells it alone to the caller.
    pub(in crate::gateway) fn show(self, headers: &mut HeaderMap) {
        Standing { lines: vec![self], ..Standing::default() }.show(headers);
    }

    fn write(&self, limits: &mut String, policies: &mut String) {
        for text in [&mut *limits, &mut *policies] {
            if !text.is_empty() {
                text.push_str(", ");
            }
        }
        // Writing into text does not fail.
        let _ = write!(limits, "\"{}\";r={}", self.policy, self.left);
        let _ = write!(policies, "\"{}\";q={}", self.policy, self.allowed);
        if let Some(reset) = self.reset {
            let _ = write!(limits, ";t={reset}");
        }
        if let Some(window) = self.window {
            let _ = write!(policies, ";w={window}");
        }
        if let Some(unit) = self.unit {
            let _ = write!(policies, ";qu=\"{unit}\"");
        }
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

fn each(standing: AllowanceStanding, names: Names) -> impl Iterator<Item = Line> {
    let [minute, day, month, bytes, at_once] = names;
    let rate = standing.rate.map(|rate| Line {
        policy: minute,
        allowed: rate.burst.into(),
        left: rate.left.into(),
        unit: None,
        window: Some(seconds(rate.window)),
        reset: Some(seconds(rate.reset)),
    });
    let quotas = standing.quotas.into_iter().map(move |quota| {
        let (policy, unit) = match quota.measure {
            Measure::RequestsPerDay => (day, None),
            Measure::RequestsPerMonth => (month, None),
            Measure::BytesPerDay => (bytes, Some(BYTES)),
        };
        let (window, reset) = (Some(quota.window), Some(quota.reset));
        Line { policy, allowed: quota.limit, left: quota.left, unit, window, reset }
    });
    let places = standing.at_once.map(|(most, left)| Line {
        policy: at_once,
        allowed: most.into(),
        left: left.min(most.into()),
        unit: Some(AT_ONCE),
        window: None,
        reset: None,
    });
    rate.into_iter().chain(quotas).chain(places)
}

/// Whole seconds, never too few.
pub(super) fn seconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}
