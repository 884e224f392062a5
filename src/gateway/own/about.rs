//! What a key may know of itself and its tenant: from the views in memory.

use serde_json::{Value, json};

use crate::{catalog::Catalog, gateway::authenticate::Caller, tenancy::Views};

/// Whose the key is, what it holds and how much it may send.
pub(super) fn whoami(caller: &Caller) -> Value {
    let (tenant, key) = (caller.tenant().tenant(), caller.key());
    json!({
        "tenant": { "id": tenant.id, "name": tenant.name, "generation": tenant.version, "limits": tenant.limits },
        "key": {
            "id": key.id, "name": key.name, "generation": key.generation, "read_only": key.read_only,
            "allowed_cidrs": key.allowed_cidrs, "created_at": key.created_at, "expires_at": key.expires_at,
            "limits": key.limits,
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
            "divisions": divisions,
        }))
    });
    json!({ "masks": tenant.masks(caller.key()), "operations": operations.collect::<Vec<_>>() })
}

/// The tenant's keys, ended ones too; of the secrets nothing is kept.
pub(super) fn keys(views: &Views, caller: &Caller) -> Value {
    let mut keys: Vec<_> = views.keys().filter(|key| key.tenant_id == caller.key().tenant_id).collect();
    keys.sort_unstable_by_key(|key| (key.created_at, &key.id));
    let shown = keys.iter().map(|key| {
        json!({
            "id": key.id, "name": key.name, "created_at": key.created_at, "expires_at": key.expires_at,
            "revoked_at": key.revoked_at,
        })
    });
    json!({ "keys": shown.collect::<Vec<_>>() })
}
