//! Refusals of the limiter, counted per source or key and minute.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures_util::future::join_all;
use http::StatusCode;

use crate::{
    audit::{Audit, Flood},
    model::{Actor, KeyId, TenantId},
    web::Source,
};

/// So many counts at once; beyond, one counts for all other sources.
const MOST: usize = 10_000;
/// So many are written at once.
const TOGETHER: usize = 500;

/// Whose refusals are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A key that proved right.
    Key(TenantId, KeyId),
    /// Where nothing was proved.
    Source(Source),
}

impl Origin {
    pub(super) fn of(actor: &Actor, source: Option<IpAddr>) -> Self {
        match (&actor.tenant_id, &actor.key_id) {
            (Some(tenant), Some(key)) => Self::Key(tenant.clone(), key.clone()),
            (Some(_), None) | (None, Some(_) | None) => Self::Source(Source::of(source)),
        }
    }

    fn into_parts(self) -> (Actor, Option<IpAddr>) {
        match self {
            Self::Key(tenant, key) => {
                (Actor { tenant_id: Some(tenant), key_id: Some(key), operator_id: None }, None)
            }
            Self::Source(source) => (Actor::default(), source.address()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Count {
    minute: DateTime<Utc>,
    origin: Origin,
    code: &'static str,
    status: StatusCode,
}

/// What was counted and is not written yet.
#[derive(Debug, Default)]
pub(super) struct Floods(Mutex<HashMap<Count, u64>>);

impl Floods {
    pub(super) fn count(&self, now: DateTime<Utc>, origin: Origin, code: &'static str, status: StatusCode) {
        let minute = minute(now);
        let mut counts = self.counts();
        let mut count = Count { minute, origin, code, status };
        if counts.len() >= MOST && !counts.contains_key(&count) {
            count.origin = Origin::Source(Source::Unknown);
        }
        *counts.entry(count).or_default() += 1;
    }

    /// Writes the minutes that have ended by `now`; without it, all. What cannot be written is kept for the next time.
    pub(super) async fn write(&self, audit: &Audit, now: Option<DateTime<Utc>>) {
        let running = now.map(minute);
        let ended: Vec<_> = {
            let mut counts = self.counts();
            counts.extract_if(|count, _| running.is_none_or(|running| count.minute != running)).collect()
        };
        for some in ended.chunks(TOGETHER) {
            join_all(some.iter().map(|(count, refused)| self.write_one(audit, count, *refused))).await;
        }
    }

    async fn write_one(&self, audit: &Audit, count: &Count, refused: u64) {
        let (actor, source) = count.origin.clone().into_parts();
        let status = count.status.as_u16();
        let flood = Flood { actor, source, minute: count.minute, refused, code: count.code, status };
        if audit.write_flood(&flood).await.is_err() {
            *self.counts().entry(count.clone()).or_default() += refused;
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Count, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn minute(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_from_everywhere_takes_bounded_memory_and_loses_no_count() {
        let floods = Floods::default();
        let now = DateTime::<Utc>::UNIX_EPOCH;
        for address in 0..20_000_u32 {
            let source = Source::of(Some(IpAddr::V4(address.into())));
            floods.count(now, Origin::Source(source), "code", StatusCode::TOO_MANY_REQUESTS);
        }
        let counts = floods.counts();
        assert_eq!((counts.len(), counts.values().sum::<u64>()), (MOST + 1, 20_000));
    }
}
