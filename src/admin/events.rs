//! `/admin/v1/events`: the record, newest first, one object per call or change.

use std::{fmt, net::IpAddr, str::FromStr};

use axum::{
    Json,
    extract::{RawQuery, State},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Signed;
use crate::{
    model::{EventId, EventKind, KeyId, OperatorId, Outcome, RecordedEvent, TenantId},
    operator::{
        Desk,
        record::{self, EventFilter, Search},
    },
    web::{Problem, Query},
};

/// What may be asked for; each is read by its own rules in [`read`].
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the parameters as the document shows them")]
pub(super) struct Parameters {
    /// Of this tenant.
    tenant: Option<TenantId>,
    /// Of this key.
    key: Option<KeyId>,
    /// Genesys's operation id, or an operator's action such as `tenant.add`.
    operation: Option<String>,
    /// `ok`, `aborted`, `unknown`, or the code of a refusal.
    outcome: Option<String>,
    /// The one event with this id.
    correlation_id: Option<EventId>,
    /// From this time on.
    since: Option<DateTime<Utc>>,
    /// Before this time.
    until: Option<DateTime<Utc>>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 500; 100 when absent.
    limit: Option<u32>,
}

const PARAMETERS: &[&str] =
    &["tenant", "key", "operation", "outcome", "correlation_id", "since", "until", "cursor", "limit"];
const DEFAULT_LIMIT: u32 = 100;

/// A page of the record.
#[derive(Serialize, JsonSchema)]
pub(super) struct Page {
    events: Vec<EventView>,
    /// For the next page; absent from the last one.
    #[schemars(with = "Option<String>")]
    next_cursor: Option<Cursor>,
}

/// An event and its end, as one object: what its kind has to say stands beside what all have.
#[derive(Serialize, JsonSchema)]
struct EventView {
    id: EventId,
    correlation_id: EventId,
    at: DateTime<Utc>,
    kind: EventKind,
    tenant: Option<TenantId>,
    key_id: Option<KeyId>,
    operator: Option<OperatorId>,
    operation: Option<String>,
    #[schemars(with = "Option<String>")]
    source: Option<IpAddr>,
    #[serde(flatten)]
    detail: Map<String, Value>,
    outcome: Option<OutcomeView>,
}

#[derive(Serialize, JsonSchema)]
struct OutcomeView {
    at: DateTime<Utc>,
    code: String,
    status: Option<u16>,
    #[serde(flatten)]
    detail: Map<String, Value>,
}

impl From<RecordedEvent> for EventView {
    fn from(recorded: RecordedEvent) -> Self {
        let event = recorded.event;
        Self {
            correlation_id: event.id.clone(),
            id: event.id,
            at: event.at,
            kind: event.kind,
            tenant: event.actor.tenant_id,
            key_id: event.actor.key_id,
            operator: event.actor.operator_id,
            operation: event.operation.map(|operation| operation.to_string()),
            source: event.source,
            detail: fields(&event.detail),
            outcome: recorded.outcome.map(OutcomeView::from),
        }
    }
}

impl From<Outcome> for OutcomeView {
    fn from(outcome: Outcome) -> Self {
        let Outcome { event_id: _, at, code, status, detail } = outcome;
        Self { at, code: code.to_string(), status, detail: fields(&detail) }
    }
}

fn fields(detail: &str) -> Map<String, Value> {
    serde_json::from_str(detail).unwrap_or_default()
}

/// Where a page ended: opaque to callers.
struct Cursor(EventId);

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0.as_str()))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("this is not a cursor: send the `next_cursor` of the page before, as it came")]
struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| InvalidCursor)?;
        text.parse().map(Self).map_err(|_| InvalidCursor)
    }
}

/// A time with its zone.
struct Time(DateTime<Utc>);

#[derive(Debug)]
struct InvalidTime;

impl fmt::Display for InvalidTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("expected a time such as `2026-03-01T08:00:00Z`, a `+` in it encoded as `%2B`")
    }
}

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        DateTime::parse_from_rfc3339(text).map(|time| Self(time.to_utc())).map_err(|_| InvalidTime)
    }
}

/// Searches the record, newest first; the search is itself on record.
pub(super) async fn search(
    State(desk): State<Desk>,
    Signed(author): Signed,
    RawQuery(query): RawQuery,
) -> Result<Json<Page>, Problem> {
    let search = read(query.as_deref())?;
    let page = record::search(&desk, &author, &search).await?;
    let last = page.events.last().map(|recorded| Cursor(recorded.event.id.clone()));
    Ok(Json(Page {
        next_cursor: last.filter(|_| page.more),
        events: page.events.into_iter().map(EventView::from).collect(),
    }))
}

fn read(query: Option<&str>) -> Result<Search, Problem> {
    let mut query = Query::read(query, PARAMETERS)?;
    Ok(Search {
        filter: EventFilter {
            tenant_id: query.take("tenant")?,
            key_id: query.take("key")?,
            operation: query.take("operation")?,
            outcome: query.take("outcome")?,
            id: query.take("correlation_id")?,
            since: query.take("since")?.map(|Time(time)| time),
            until: query.take("until")?.map(|Time(time)| time),
            calls_only: false,
        },
        before: query.take("cursor")?.map(|Cursor(id)| id),
        limit: query.take("limit")?.unwrap_or(DEFAULT_LIMIT),
    })
}
