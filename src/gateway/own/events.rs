//! A tenant's own access log, without what only auditors may see: what upstream said and what was taken out would tell
//! a foreign object from a missing one.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::denials;
use crate::{
    audit::{EventFilter, Reader},
    gateway::{
        asked::Asked,
        authenticate::Caller,
        denial::{Denial, Failure, Invalid},
    },
    model::{EventKind, RecordedEvent},
};

const DEFAULT_LIMIT: u32 = 50;
/// Of an event's detail, what its caller knew or decided by its own policies.
const SHOWN: &[&str] = &[
    "method",
    "path",
    "divisions_asked",
    "divisions",
    "decision",
    "policies",
    "masks",
    "notes",
    "minute",
    "refused",
];

/// A page of the tenant's events, newest first.
pub(super) async fn list(reader: &Reader, caller: &Caller, asked: &Asked<'_>) -> Result<Value, Denial> {
    let tenant = &caller.key().tenant_id;
    let limit = asked.query.one("limit").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_LIMIT);
    let filter = EventFilter {
        calls_only: true,
        key_id: read(asked, "key")?,
        operation: asked.query.one("operation").map(str::to_owned),
        outcome: asked.query.one("outcome").map(str::to_owned),
        since: time(asked, "since")?,
        until: time(asked, "until")?,
        ..EventFilter::default()
    };
    let before = read(asked, "cursor")?;
    let found = reader.list_events(tenant, filter, before.as_ref(), limit + 1).await;
    let mut events = found.map_err(|_| Denial::Failed(Failure::RecordUnreadable))?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = events.len() > wanted;
    events.truncate(wanted);
    let next = events.last().filter(|_| more).map(|last| last.event.id.clone());
    let shown = events.iter().map(|event| shown(event, caller));
    Ok(json!({ "events": shown.collect::<Vec<_>>(), "next_cursor": next }))
}

/// Why one of the tenant's calls was refused.
pub(super) async fn denial(reader: &Reader, caller: &Caller, asked: &Asked<'_>) -> Result<Value, Denial> {
    let tenant = &caller.key().tenant_id;
    let id = asked.parameters.iter().find(|(name, _)| name == "contextId").map(|(_, value)| value.parse());
    let Some(Ok(id)) = id else { return Err(Denial::NotFound) };
    let filter = EventFilter { calls_only: true, id: Some(id), ..EventFilter::default() };
    let found = reader.list_events(tenant, filter, None, 1).await;
    let event =
        found.map_err(|_| Denial::Failed(Failure::RecordUnreadable))?.pop().ok_or(Denial::NotFound)?;
    let refused = event.outcome.as_ref().filter(|outcome| &*outcome.code != "ok");
    let code = refused.map(|outcome| outcome.code.clone()).ok_or(Denial::NotFound)?;
    let (step, remedy) = denials::explain(&code);
    let mut denial = shown(&event, caller);
    denial.extend([("step".to_owned(), json!(step)), ("remedy".to_owned(), json!(remedy))]);
    Ok(denial.into())
}

fn shown(recorded: &RecordedEvent, caller: &Caller) -> Map<String, Value> {
    let event = &recorded.event;
    let mut detail: Map<String, Value> = serde_json::from_str(&event.detail).unwrap_or_default();
    // A path may hold what the caller is not shown: what is looked up by its number, say.
    let is_own = event.actor.key_id.as_ref() == Some(&caller.key().id);
    let hides_paths = !is_own && !caller.tenant().masks(caller.key()).is_empty();
    detail.retain(|field, _| SHOWN.contains(&field.as_str()) && !(hides_paths && field == "path"));
    let kind = if event.kind == EventKind::Flood { "flood" } else { "call" };
    let outcome = recorded.outcome.as_ref();
    let ended: Map<String, Value> =
        outcome.and_then(|outcome| serde_json::from_str(&outcome.detail).ok()).unwrap_or_default();
    if let Some(first) = ended.get("repeats") {
        detail.insert("repeats".to_owned(), first.clone());
    }
    let outcome = outcome.map(|outcome| json!({ "code": outcome.code, "status": outcome.status }));
    let fields = [
        ("context_id", json!(event.id)),
        ("at", json!(event.at)),
        ("kind", json!(kind)),
        ("key_id", json!(event.actor.key_id)),
        ("operation", json!(event.operation)),
        ("source", json!(event.source)),
        ("outcome", json!(outcome)),
    ];
    detail.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    detail
}

fn read<T: std::str::FromStr>(asked: &Asked<'_>, name: &str) -> Result<Option<T>, Denial> {
    let text = asked.query.one(name);
    text.map(str::parse).transpose().map_err(|_| invalid(name, "it is no such id").into())
}

fn time(asked: &Asked<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Denial> {
    let text = asked.query.one(name);
    let time = text.map(DateTime::parse_from_rfc3339).transpose();
    let time = time.map_err(|_| invalid(name, "expected a time such as `2026-03-01T08:00:00Z`"))?;
    Ok(time.map(|time| time.to_utc()))
}

fn invalid(name: &str, why: &str) -> Invalid {
    Invalid::new("ringfence.parameter_invalid", format!("`{name}`: {why}."))
}
