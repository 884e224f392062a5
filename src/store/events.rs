//! The record: appended in batches, searched by auditors, never changed.

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::QueryBuilder;

use crate::model::{Actor, Event, EventId, EventKind, KeyId, OperatorId, Outcome, RecordedEvent, TenantId};

use super::{Store, StoreError, pool::Pool};

/// No call is under way for longer: its timers are bounded by less. An id is made when its call comes, and clocks may be
/// set: whoever looks for events of a time looks at ids from so much earlier to so much later.
pub(super) const LONGEST_CALL: TimeDelta = TimeDelta::minutes(15);

/// What to look for in the record; `None` means any.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Events of this tenant.
    pub tenant_id: Option<TenantId>,
    /// Events of this key, and changes of another of its chain that it was made or ended by; found soon where the tenant is
    /// named too.
    pub key_id: Option<KeyId>,
    /// Events of this operation.
    pub operation: Option<String>,
    /// An outcome's code.
    pub outcome: Option<String>,
    /// The one event with this id.
    pub id: Option<EventId>,
    /// Not earlier than this.
    pub since: Option<DateTime<Utc>>,
    /// Earlier than this.
    pub until: Option<DateTime<Utc>>,
    /// Tenants' calls and their floods alone: what operators did about a tenant is not the tenant's to see.
    pub calls_only: bool,
}

impl EventFilter {
    /// The column to page by. The two are equal; each belongs to the index that the search can walk in order.
    fn id_column(&self) -> &'static str {
        let Self { tenant_id, key_id, operation, outcome, id, since: _, until: _, calls_only: _ } = self;
        let of_few = tenant_id.is_some() || key_id.is_some() || operation.is_some() || id.is_some();
        if outcome.as_ref().is_some_and(|code| code != COMMON) && !of_few {
            "outcome.event_id"
        } else {
            "event.id"
        }
    }

    /// Text with a NUL stands in no row, and PostgreSQL refuses to compare with it.
    fn matches_nothing(&self) -> bool {
        [&self.operation, &self.outcome].into_iter().flatten().any(|text| text.contains('\0'))
    }
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: EventId,
    at: DateTime<Utc>,
    kind: EventKind,
    tenant_id: Option<TenantId>,
    key_id: Option<KeyId>,
    operator_id: Option<OperatorId>,
    operation: Option<Arc<str>>,
    source: Option<String>,
    detail: Arc<str>,
    outcome_at: Option<DateTime<Utc>>,
    code: Option<Arc<str>>,
    status: Option<i32>,
    outcome_detail: Option<Arc<str>>,
}

impl From<EventRow> for RecordedEvent {
    fn from(row: EventRow) -> Self {
        let outcome = row.outcome_at.zip(row.code).map(|(at, code)| Outcome {
            event_id: row.id.clone(),
            at,
            code,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
            detail: row.outcome_detail.unwrap_or_default(),
        });
        let event = Event {
            id: row.id,
            at: row.at,
            kind: row.kind,
            actor: Actor { tenant_id: row.tenant_id, key_id: row.key_id, operator_id: row.operator_id },
            operation: row.operation,
            source: row.source.and_then(|source| source.parse::<IpAddr>().ok()),
            detail: row.detail,
        };
        Self { event, outcome }
    }
}

/// Writes the search as one statement of the named database.
macro_rules! search {
    ($database:ty, $filter:expr, $of:expr, $before:expr, $limit:expr) => {{
        let mut query = QueryBuilder::<$database>::new(SEARCH);
        if let Some(id) = &$filter.tenant_id {
            query.push(" AND event.tenant_id = ").push_bind(id.as_str());
        }
        match (&$filter.key_id, $of) {
            (Some(id), Of::Key) => {
                query.push(" AND event.key_id = ").push_bind(id.as_str());
            }
            (Some(id), Of::Chain) => {
                query.push(OF_CHAIN).push_bind(id.as_str());
                query.push(" AND event.detail LIKE ").push_bind(format!("%{id}%"));
                query.push(IN_CHAIN).push_bind(id.as_str()).push(")");
            }
            (None, _) => {}
        }
        if let Some(operation) = &$filter.operation {
            query.push(" AND event.operation = ").push_bind(operation);
        }
        if let Some(code) = &$filter.outcome {
            query.push(" AND outcome.code = ").push_bind(code);
            if code != COMMON {
                // The index holds no others, and is used only where the statement says as much.
                query.push(" AND outcome.code <> 'ok'");
            }
        }
        if $filter.calls_only {
            query.push(" AND event.kind IN ('call', 'flood')");
        }
        if let Some(id) = &$filter.id {
            query.push(" AND event.id = ").push_bind(id.as_str());
        }
        if let Some(since) = $filter.since {
            query.push(" AND event.at >= ").push_bind(since);
            let first = EventId::lowest(since.checked_sub_signed(LONGEST_CALL).unwrap_or(since));
            query.push(" AND ").push($filter.id_column()).push(" >= ").push_bind(first.as_str().to_owned());
        }
        if let Some(until) = $filter.until {
            query.push(" AND event.at < ").push_bind(until);
            let end = EventId::lowest(until.checked_add_signed(LONGEST_CALL).unwrap_or(until));
            query.push(" AND ").push($filter.id_column()).push(" < ").push_bind(end.as_str().to_owned());
        }
        if let Some(before) = $before {
            query.push(" AND ").push($filter.id_column()).push(" < ").push_bind(before.as_str());
        }
        query.push(" ORDER BY ").push($filter.id_column()).push(" DESC LIMIT ").push_bind(i64::from($limit));
        query
    }};
}

/// Which events of a key are meant.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// Those that it did, or that are about it alone.
    Key,
    /// Changes of another key of its chain that name it. They are few, and found by their operation.
    Chain,
}

const OF_CHAIN: &str = " AND event.kind = 'change' \
    AND event.operation IN ('key.rotate', 'key.update', 'key.revoke') AND event.key_id <> ";
const IN_CHAIN: &str = " AND event.key_id IN (SELECT other.id FROM tenant_key AS other \
    JOIN tenant_key AS own ON own.tenant_id = other.tenant_id AND own.origin = other.origin WHERE own.id = ";

/// The outcome that is in no index.
const COMMON: &str = "ok";

const SEARCH: &str = "SELECT event.id, event.at, event.kind, event.tenant_id, event.key_id, \
    event.operator_id, event.operation, event.source, event.detail, outcome.at AS outcome_at, outcome.code, \
    outcome.status, outcome.detail AS outcome_detail \
    FROM event LEFT JOIN event_outcome AS outcome ON outcome.event_id = event.id AND (outcome.known OR NOT EXISTS \
    (SELECT 1 FROM event_outcome AS real WHERE real.event_id = outcome.event_id AND real.known)) WHERE 1 = 1";

impl Store {
    /// Lists events newest first, at most `limit`: those with an id below `before`, for the next page.
    pub async fn list_events(
        &self,
        filter: &EventFilter,
        before: Option<&EventId>,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        if filter.matches_nothing() {
            return Ok(Vec::new());
        }
        let mut found = self.search(filter, Of::Key, before, limit).await?;
        if filter.key_id.is_some() && !filter.calls_only {
            found.append(&mut self.search(filter, Of::Chain, before, limit).await?);
            found.sort_by(|one, other| other.event.id.cmp(&one.event.id));
            found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    async fn search(
        &self,
        filter: &EventFilter,
        of: Of,
        before: Option<&EventId>,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let rows: Vec<EventRow> = self
            .eventually(
                "searching events",
                Box::pin(async {
                    match &self.pool {
                        Pool::Sqlite { read, .. } => {
                            let mut query = search!(sqlx::Sqlite, filter, of, before, limit);
                            Ok(query.build_query_as().fetch_all(read).await?)
                        }
                        Pool::Postgres(pool) => {
                            let mut query = search!(sqlx::Postgres, filter, of, before, limit);
                            Ok(query.build_query_as().fetch_all(pool).await?)
                        }
                    }
                }),
            )
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
