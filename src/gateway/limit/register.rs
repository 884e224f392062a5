//! The allowances of those keys and tenants that have limits.
//!
//! It outlives the views: a changed name must not give a tenant its whole budget again. It holds what the views know to
//! be limited and nothing that a caller could make up.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};

use super::{allowance::Allowance, quota::Running};
use crate::{
    audit::{NotRead, Reader},
    clock::Clock,
    model::{Key, KeyId, Limits, Tenant, TenantId},
    tenancy::Views,
};

#[derive(Default)]
pub(super) struct Register {
    keys: Table<KeyId>,
    tenants: Table<TenantId>,
}

impl Register {
    /// The key's allowance, if it has limits.
    pub(super) fn of_key(&self, clock: &Clock, key: &Key, now: DateTime<Utc>) -> Option<Arc<Allowance>> {
        self.keys.find(&key.id, &key.limits, clock, now)
    }

    /// The tenant's, if it has limits.
    pub(super) fn of_tenant(
        &self,
        clock: &Clock,
        tenant: &Tenant,
        now: DateTime<Utc>,
    ) -> Option<Arc<Allowance>> {
        self.tenants.find(&tenant.id, &tenant.limits, clock, now)
    }

    /// Forgets those that have no limits any more.
    pub(super) fn sweep(&self, views: &Views) {
        self.keys.retain(|id| views.key(id).is_some_and(|(key, _)| !key.limits.is_none()));
        self.tenants.retain(|id| views.tenant(id).is_some_and(|view| !view.tenant().limits.is_none()));
    }

    /// Reads from the record what was used before this process began to count; says whether all of it is known now.
    pub(super) async fn recall(&self, clock: &Clock, views: &Views, reader: &Reader) -> bool {
        let now = clock.now();
        let mut unread = 0_u64;
        let mut why = None;
        for view in views.tenants() {
            let tenant = view.tenant();
            let Some(allowance) = self.of_tenant(clock, tenant, now) else { continue };
            if let Err(error) = recall(&allowance, reader, &tenant.id, None).await {
                (unread, why) = (unread + 1, Some(error));
            }
        }
        for key in views.keys().filter(|key| key.revoked_at.is_none()) {
            let Some(allowance) = self.of_key(clock, key, now) else { continue };
            if let Err(error) = recall(&allowance, reader, &key.tenant_id, Some(&key.id)).await {
                (unread, why) = (unread + 1, Some(error));
            }
        }
        let Some(error) = why else { return true };
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, unread, "what tenants and keys have used could not be read from the record");
        false
    }
}

/// What cannot be read is asked for again in the next round.
async fn recall(
    allowance: &Allowance,
    reader: &Reader,
    tenant: &TenantId,
    key: Option<&KeyId>,
) -> Result<(), NotRead> {
    if let Some((spans, until)) = allowance.unknown() {
        allowance.recall(&count(reader, tenant, key, spans, until).await?);
    }
    Ok(())
}

async fn count(
    reader: &Reader,
    tenant: &TenantId,
    key: Option<&KeyId>,
    spans: Vec<Running>,
    until: DateTime<Utc>,
) -> Result<Vec<(Running, u64)>, NotRead> {
    let mut counted = Vec::new();
    for span in spans {
        let calls = reader.count_calls(tenant, key, span.1, until).await?;
        counted.push((span, u64::try_from(calls.requests).unwrap_or_default()));
    }
    Ok(counted)
}

struct Table<K>(RwLock<HashMap<K, Arc<Allowance>>>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    /// The allowance of these very limits; one of changed limits begins anew, and its quotas are read from the record.
    fn find(&self, id: &K, limits: &Limits, clock: &Clock, now: DateTime<Utc>) -> Option<Arc<Allowance>> {
        if limits.is_none() {
            return None;
        }
        let is_current = |allowance: &&Arc<Allowance>| allowance.limits() == limits;
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).filter(is_current).cloned();
        if known.is_some() {
            return known;
        }
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have come first.
        if let Some(allowance) = table.get(id).filter(is_current) {
            return Some(Arc::clone(allowance));
        }
        let allowance = Arc::new(Allowance::new(*limits, clock, now));
        table.insert(id.clone(), Arc::clone(&allowance));
        Some(allowance)
    }

    fn retain(&self, keep: impl Fn(&K) -> bool) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|id, _| keep(id));
    }
}
