//! When each key was last used, and from where: noted in memory as requests come, written every few seconds, and merged with
//! what the other replicas wrote. Nobody's request waits for it.

use std::{
    collections::HashMap,
    net::IpAddr,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{Inner, Tenancy, Views};
use crate::{
    model::{Key, KeyId, KeyUse, TenantId},
    store::StoreError,
};

/// How often what was noted is written.
const WRITTEN: Duration = Duration::from_secs(5);
/// So many are written with one statement.
const AT_ONCE: usize = 1_000;

/// A key as the views hold it.
#[derive(Debug)]
pub struct HeldKey {
    key: Arc<Key>,
    // The same for all views of one key.
    used: Arc<LastUse>,
}

#[derive(Debug, Default)]
struct LastUse {
    // Seconds since 1970; zero is never.
    second: AtomicI64,
    written: AtomicI64,
    source: Mutex<Option<IpAddr>>,
}

impl HeldKey {
    /// A key that takes the place of another view of it, if there is one.
    pub(super) fn new(key: Arc<Key>, before: Option<&Arc<Self>>) -> Self {
        Self { key, used: before.map(|before| Arc::clone(&before.used)).unwrap_or_default() }
    }

    /// Notes that it is used now: of each second, the first time.
    pub fn note_use(&self, now: DateTime<Utc>, source: Option<IpAddr>) {
        let second = now.timestamp();
        if self.used.second.load(Relaxed) < second {
            *self.used.source.lock().unwrap_or_else(PoisonError::into_inner) = source;
            self.used.second.store(second, Relaxed);
        }
    }

    fn last_use(&self) -> Option<KeyUse> {
        let at = DateTime::from_timestamp(self.used.second.load(Relaxed), 0)?;
        let source = *self.used.source.lock().unwrap_or_else(PoisonError::into_inner);
        (at.timestamp() > 0).then_some(KeyUse { at, source })
    }

    fn is_unwritten(&self) -> bool {
        self.used.second.load(Relaxed) > self.used.written.load(Relaxed)
    }
}

impl Deref for HeldKey {
    type Target = Key;

    fn deref(&self) -> &Key {
        &self.key
    }
}

impl Tenancy {
    /// When each of a tenant's keys was last used, as far as any replica has told.
    pub async fn last_uses(&self, tenant: &TenantId) -> Result<HashMap<KeyId, KeyUse>, StoreError> {
        let mut uses: HashMap<_, _> = self.0.store.key_uses(tenant).await?.into_iter().collect();
        for key in self.views().keys_of(tenant) {
            let Some(here) = key.last_use() else { continue };
            let known = uses.entry(key.id.clone()).or_insert(here);
            if known.at <= here.at {
                *known = here;
            }
        }
        Ok(uses)
    }

    /// Writes what was noted last; to be called when no more requests come.
    pub async fn write_last_uses(&self) {
        if let Err(error) = self.write_uses().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "when keys were last used was not written"
            );
        }
    }

    /// Writes what was noted since the last time.
    pub async fn write_uses(&self) -> Result<(), StoreError> {
        let views = self.views();
        let noted: Vec<_> = unwritten(&views).collect();
        for some in noted.chunks(AT_ONCE) {
            let uses: Vec<_> = some.iter().map(|(key, last)| (key.id.clone(), *last)).collect();
            self.0.store.note_key_uses(&uses).await?;
            for (key, last) in some {
                key.used.written.store(last.at.timestamp(), Relaxed);
            }
        }
        Ok(())
    }
}

/// Writes what was noted, again and again, until the last handle is gone.
pub(super) async fn write(tenancy: Weak<Inner>) {
    let mut ticks = tokio::time::interval(WRITTEN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(tenancy) = tenancy.upgrade() else { return };
        if let Err(error) = Tenancy(tenancy).write_uses().await {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "when keys were last used could not be written for now");
        }
    }
}

fn unwritten(views: &Views) -> impl Iterator<Item = (&Arc<HeldKey>, KeyUse)> {
    let noted = views.keys().filter(|key| key.is_unwritten());
    noted.filter_map(|key| Some((key, key.last_use()?)))
}
