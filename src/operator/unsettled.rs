//! Calls that may have made what carries no division, without its being registered: it would be nobody's.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Desk, Refusal};
use crate::{
    model::{EntityId, EventId, KeyId, RecordedEvent, Registration, TenantId},
    store::EventFilter,
};

/// How far back is looked.
const SINCE: TimeDelta = TimeDelta::days(30);
/// How many events are read at a time.
const PAGE: u32 = 500;
/// The outcomes of calls of which nobody was told that they were made or refused.
const UNTOLD: [&str; 3] = ["aborted", "unknown", "ringfence.effect_unknown"];

/// A call that may have made something that is nobody's.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Unsettled {
    /// What it was to make, as the catalog calls it: `group`.
    pub entity: String,
    /// The call's correlation id.
    pub call: EventId,
    /// When it came: what it made is hardly older.
    pub at: DateTime<Utc>,
    /// The key that it came with.
    pub key_id: Option<KeyId>,
    /// What became of it.
    pub outcome: String,
    /// The id of what was made, where Genesys told it.
    pub id: Option<EntityId>,
}

/// What the record says of a call.
#[derive(Default, Deserialize)]
struct Sent {
    request_after: Option<String>,
}

/// What the record says of its end.
#[derive(Default, Deserialize)]
struct Ending {
    upstream_status: Option<u16>,
    upstream_id: Option<EntityId>,
    violations: Option<u64>,
}

/// What the record says of a registration.
#[derive(Deserialize)]
struct Made {
    call: Option<EventId>,
}

/// A tenant's, of the last 30 days, newest first.
pub(super) async fn find(
    desk: &Desk,
    tenant: &TenantId,
    registered: &[Registration],
) -> Result<Vec<Unsettled>, Refusal> {
    let mut found = Vec::new();
    let making = desk.catalog.operations().iter().filter_map(|one| Some((one, one.registers()?)));
    for (operation, entity) in making {
        let Some(kind) = desk.catalog.entities().get(&entity) else { continue };
        for outcome in UNTOLD {
            let filter = EventFilter { outcome: Some(outcome.to_owned()), ..EventFilter::default() };
            let calls = all(desk, tenant, &operation.id, filter).await?;
            found.extend(calls.iter().filter_map(|call| unsettled(call, &kind.name, registered)));
        }
    }
    if !found.is_empty() {
        let made = all(desk, tenant, "registry.make", EventFilter::default()).await?;
        let made = made.iter().filter_map(|one| serde_json::from_str::<Made>(&one.event.detail).ok()?.call);
        let settled: HashSet<_> = made.collect();
        found.retain(|one| !settled.contains(&one.call));
    }
    found.sort_unstable_by(|a, b| b.call.cmp(&a.call));
    Ok(found)
}

async fn all(
    desk: &Desk,
    tenant: &TenantId,
    operation: &str,
    filter: EventFilter,
) -> Result<Vec<RecordedEvent>, Refusal> {
    let filter = EventFilter {
        tenant_id: Some(tenant.clone()),
        operation: Some(operation.to_owned()),
        since: Some(desk.clock.now() - SINCE),
        ..filter
    };
    let mut found: Vec<RecordedEvent> = Vec::new();
    loop {
        let before = found.last().map(|last| last.event.id.clone());
        let page = desk.store.list_events(&filter, before.as_ref(), PAGE).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

/// Unless it was not sent, was refused, or was given since.
fn unsettled(call: &RecordedEvent, entity: &str, registered: &[Registration]) -> Option<Unsettled> {
    let RecordedEvent { event, outcome: Some(outcome) } = call else { return None };
    let sent: Sent = serde_json::from_str(&event.detail).unwrap_or_default();
    let ended: Ending = serde_json::from_str(&outcome.detail).unwrap_or_default();
    // A time that ran out at Genesys says nothing.
    let is_refused = |status: u16| (400..500).contains(&status) && status != 408;
    let is_refused = ended.upstream_status.is_some_and(is_refused);
    if sent.request_after.is_none() || is_refused {
        return None;
    }
    // An id that was somebody's already is not that of what was made.
    let id = ended.upstream_id.filter(|_| ended.violations.is_none());
    let is_given = |one: &Registration| Some(&one.id) == id.as_ref() && one.registered_at >= event.at;
    if registered.iter().any(is_given) {
        return None;
    }
    Some(Unsettled {
        entity: entity.to_owned(),
        call: event.id.clone(),
        at: event.at,
        key_id: event.actor.key_id.clone(),
        outcome: outcome.code.to_string(),
        id,
    })
}
