//! The record, searched: which itself goes on record.

use serde_json::json;

use super::{Author, Desk, Refusal, desk::Subject};
use crate::model::{EventId, EventKind, RecordedEvent};
pub use crate::store::EventFilter;

/// The largest page.
pub const MOST_EVENTS: u32 = 500;

/// What is looked for.
#[derive(Debug, Default)]
pub struct Search {
    /// Which events.
    pub filter: EventFilter,
    /// Only those older than this one: the last of the page before.
    pub before: Option<EventId>,
    /// At most this many, up to [`MOST_EVENTS`].
    pub limit: u32,
}

/// Some of what was found, newest first.
#[derive(Debug)]
pub struct Page {
    /// The events.
    pub events: Vec<RecordedEvent>,
    /// There are older ones.
    pub more: bool,
}

/// Searches the record. The search is on record before its answer leaves.
pub async fn search(desk: &Desk, author: &Author, search: &Search) -> Result<Page, Refusal> {
    const ACTION: &str = "event.list";
    desk.authorize(author, ACTION).await?;
    if !(1..=MOST_EVENTS).contains(&search.limit) {
        return Err(Refusal::invalid("limit", format!("expected 1 to {MOST_EVENTS}")));
    }
    let Search { filter, before, limit } = search;
    let mut events = find(desk, filter.clone(), before.as_ref(), limit + 1).await?;
    let wanted = usize::try_from(*limit).unwrap_or(usize::MAX);
    let more = events.len() > wanted;
    events.truncate(wanted);
    let detail = json!({
        "filter": {
            "tenant": filter.tenant_id, "key": filter.key_id, "operation": filter.operation,
            "outcome": filter.outcome, "correlation_id": filter.id, "since": filter.since, "until": filter.until,
        },
        "before": before,
        "limit": limit,
        "found": events.len(),
    });
    let event = desk.event(author, EventKind::Search, ACTION, &Subject::default(), &detail);
    let outcome = desk.outcome(&event, "ok", 200);
    desk.store.record(&event, &outcome).await?;
    Ok(Page { events, more })
}

/// A key's events are found among its tenant's; of a key that there never was there are none.
async fn find(
    desk: &Desk,
    mut filter: EventFilter,
    before: Option<&EventId>,
    limit: u32,
) -> Result<Vec<RecordedEvent>, Refusal> {
    if let Some(id) = &filter.key_id {
        let views = desk.tenancy.views();
        let Some((key, _)) = views.key(id) else { return Ok(Vec::new()) };
        filter.tenant_id.get_or_insert_with(|| key.tenant_id.clone());
    }
    Ok(desk.store.list_events(&filter, before, limit).await?)
}
