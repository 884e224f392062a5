//! Appending events and outcomes, each database's fastest way: PostgreSQL in one statement per table and batch, SQLite in
//! statements of up to 64 rows.
//!
//! Row by row a commit carries a few thousand events a second, this way more than a hundred thousand. Both forms skip
//! what is there already, so a batch whose commit was in doubt may be sent again. One thing gives way: the outcome
//! `unknown` of a process that was taken for dead, to the one that it sends when it wakes.

use std::{
    slice,
    sync::{Arc, LazyLock},
};

use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

use crate::model::{Event, EventKind, KeyId, OperatorId, Outcome, TenantId};

use super::error::Failure;

/// Appends to the record on an open transaction; returns how many of the events were new.
pub(super) trait Append {
    async fn append_events(&mut self, events: &[Event]) -> Result<u64, Failure>;
    async fn append_outcomes(&mut self, outcomes: &[Outcome]) -> Result<(), Failure>;
}

/// Records a change in the change's own transaction: there is no effect without a record.
pub(super) async fn record_change(transaction: &mut impl Append, event: &Event) -> Result<(), Failure> {
    let outcome = Outcome {
        event_id: event.id.clone(),
        at: event.at,
        code: "ok".to_owned(),
        status: None,
        detail: "{}".to_owned(),
    };
    if transaction.append_events(slice::from_ref(event)).await? != 1 {
        return Err(Failure::conflict(format!("event {}", event.id)));
    }
    transaction.append_outcomes(slice::from_ref(&outcome)).await
}

impl Append for SqliteConnection {
    async fn append_events(&mut self, events: &[Event]) -> Result<u64, Failure> {
        let mut appended = 0;
        for (rows, statement) in chunks(events, &EVENTS) {
            let mut query = sqlx::query(AssertSqlSafe(Arc::clone(statement)));
            for Event { id, at, stream, kind, actor, operation, source, detail } in rows {
                query = query.bind(id).bind(at).bind(stream).bind(name(*kind));
                query = query.bind(&actor.tenant_id).bind(&actor.key_id).bind(&actor.operator_id);
                query = query.bind(operation).bind(source.map(|address| address.to_string())).bind(detail);
            }
            appended += query.execute(&mut *self).await?.rows_affected();
        }
        Ok(appended)
    }

    async fn append_outcomes(&mut self, outcomes: &[Outcome]) -> Result<(), Failure> {
        for (rows, statement) in chunks(outcomes, &OUTCOMES) {
            let mut query = sqlx::query(AssertSqlSafe(Arc::clone(statement)));
            for Outcome { event_id, at, code, status, detail } in rows {
                query = query.bind(event_id).bind(at).bind(code).bind(status).bind(detail);
            }
            query.execute(&mut *self).await?;
        }
        Ok(())
    }
}

/// Rows of one SQLite statement. It takes fewer too: what is not bound is NULL, and such rows are left out.
const SIZES: [usize; 3] = [1, 8, 64];

static EVENTS: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| {
    statements(
        "event (id, at, stream, kind, tenant_id, key_id, operator_id, operation, source, detail)",
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "(id) DO NOTHING",
    )
});

static OUTCOMES: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| {
    statements(
        "event_outcome (event_id, at, code, status, detail)",
        "(?, ?, ?, ?, ?)",
        "(event_id) DO UPDATE \
         SET at = excluded.at, code = excluded.code, status = excluded.status, detail = excluded.detail \
         WHERE event_outcome.code = 'unknown' AND excluded.code <> 'unknown'",
    )
});

// SECURITY: put together from constants alone; every value is bound.
fn statements(into: &str, row: &str, conflict: &str) -> [Arc<str>; 3] {
    SIZES.map(|size| {
        let rows = vec![row; size].join(", ");
        format!(
            "INSERT INTO {into} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL ON CONFLICT {conflict}"
        )
        .into()
    })
}

/// The rows in as few statements as hold them, each in the smallest.
fn chunks<'r, T>(
    rows: &'r [T],
    statements: &'r [Arc<str>; 3],
) -> impl Iterator<Item = (&'r [T], &'r Arc<str>)> {
    let [_, _, largest] = SIZES;
    rows.chunks(largest).filter_map(move |rows| {
        let (_, statement) = SIZES.iter().zip(statements).find(|(size, _)| rows.len() <= **size)?;
        Some((rows, statement))
    })
}

impl Append for PgConnection {
    async fn append_events(&mut self, events: &[Event]) -> Result<u64, Failure> {
        const APPEND: &str = "INSERT INTO event \
            (id, at, stream, kind, tenant_id, key_id, operator_id, operation, source, detail) \
            SELECT * FROM UNNEST($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], \
            $7::text[], $8::text[], $9::text[], $10::text[]) ON CONFLICT (id) DO NOTHING";
        let column = |value: fn(&Event) -> Option<&str>| events.iter().map(value).collect::<Vec<_>>();
        let source = |event: &Event| event.source.map(|address| address.to_string());
        let appended = sqlx::query(APPEND)
            .bind(column(|event| Some(event.id.as_str())))
            .bind(events.iter().map(|event| event.at).collect::<Vec<_>>())
            .bind(column(|event| Some(event.stream.as_str())))
            .bind(column(|event| Some(name(event.kind))))
            .bind(column(|event| event.actor.tenant_id.as_ref().map(TenantId::as_str)))
            .bind(column(|event| event.actor.key_id.as_ref().map(KeyId::as_str)))
            .bind(column(|event| event.actor.operator_id.as_ref().map(OperatorId::as_str)))
            .bind(column(|event| event.operation.as_deref()))
            .bind(events.iter().map(source).collect::<Vec<_>>())
            .bind(column(|event| Some(event.detail.as_str())))
            .execute(self)
            .await?;
        Ok(appended.rows_affected())
    }

    async fn append_outcomes(&mut self, outcomes: &[Outcome]) -> Result<(), Failure> {
        const APPEND: &str = "INSERT INTO event_outcome (event_id, at, code, status, detail) \
            SELECT * FROM UNNEST($1::text[], $2::timestamptz[], $3::text[], $4::int[], $5::text[]) \
            ON CONFLICT (event_id) DO UPDATE \
            SET at = excluded.at, code = excluded.code, status = excluded.status, detail = excluded.detail \
            WHERE event_outcome.code = 'unknown' AND excluded.code <> 'unknown'";
        sqlx::query(APPEND)
            .bind(outcomes.iter().map(|outcome| outcome.event_id.as_str()).collect::<Vec<_>>())
            .bind(outcomes.iter().map(|outcome| outcome.at).collect::<Vec<_>>())
            .bind(outcomes.iter().map(|outcome| outcome.code.as_str()).collect::<Vec<_>>())
            .bind(outcomes.iter().map(|outcome| outcome.status.map(i32::from)).collect::<Vec<_>>())
            .bind(outcomes.iter().map(|outcome| outcome.detail.as_str()).collect::<Vec<_>>())
            .execute(self)
            .await?;
        Ok(())
    }
}

fn name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Call => "call",
        EventKind::Change => "change",
        EventKind::Search => "search",
        EventKind::Refusal => "refusal",
        EventKind::Flood => "flood",
    }
}
