//! What a key may know of itself and its tenant: from the views in memory.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    catalog::Catalog,
    gateway::{
        authenticate::Caller,
        denial::{Denial, Failure},
    },
    tenancy::Tenancy,
};

/// Whose the key is, what it holds and how much it may send.
pub(super) fn whoami(caller: &Caller) -> Value {
    let (tenant, key) = (caller.tenant().tenant(), caller.key());
    json!({
        "tenant": { "id": tenant.id, "name": tenant.name, "generation": tenant.version, "limits": tenant.limits },
        "key": {
            "id": key.id, "origin": key.origin, "name": key.name, "generation": key.generation,
            "read_only": key.read_only,
            "allowed_operations": key.allowed_operations, "allowed_cidrs": key.allowed_cidrs,
            "created_at": key.created_at, "expires_at": key.expires_at,
            "expires_soon": caller.key_ends_soon().is_some(), "limits": key.limits,
        },
        "divisions": tenant.division_ids,
    })
}

/// The operations that this key's policies permit, and how each is narrowed.
pub(super) fn operations(catalog: &Catalog, caller: &Caller) -> Value {
    let tenant = caller.tenant();
    let conditional = tenant.reads_attributes();
    let operations = catalog.operations().iter().filter_map(|operation| {
        let divisions = if conditional {
            json!("as the policies decide from the request itself")
        } else {
            let verdict = tenant.decide(caller.key(), &operation.id, None);
            (!verdict.divisions.is_empty()).then(|| json!(verdict.divisions))?
        };
        Some(json!({
            "id": operation.id, "method": operation.method, "path": operation.path, "narrowed": operation.why,
            "divisions": divisions, "idempotency_key": operation.idempotency_key,
        }))
    });
    json!({ "masks": tenant.masks(caller.key()), "operations": operations.collect::<Vec<_>>() })
}

/// The tenant's keys, ended ones too; of the secrets nothing is kept.
pub(super) async fn keys(tenancy: &Tenancy, caller: &Caller, now: DateTime<Utc>) -> Result<Value, Denial> {
    let tenant = &caller.key().tenant_id;
    let uses = tenancy.last_uses(tenant).await.map_err(|_| Failure::RecordUnreadable)?;
    let views = tenancy.views();
    let mut keys: Vec<_> = views.keys_of(tenant).collect();
    keys.sort_unstable_by_key(|key| (key.created_at, &key.id));
    let shown = keys.iter().map(|key| {
        json!({
            "id": key.id, "name": key.name, "state": key.state(now), "read_only": key.read_only,
            "allowed_operations": key.allowed_operations, "created_at": key.created_at,
            "expires_at": key.expires_at, "expires_soon": key.ends_soon(now).is_some(),
            "revoked_at": key.revoked_at, "predecessor": key.predecessor, "successor": key.successor,
            "last_used": uses.get(&key.id),
        })
    });
    Ok(json!({ "keys": shown.collect::<Vec<_>>() }))
}
