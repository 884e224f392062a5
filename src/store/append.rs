//! Appending events and outcomes, each database's fastest way: PostgreSQL in one statement per table and batch, SQLite in
//! statements of up to 64 rows, and a batch that fits into these in one go with its transaction.
//!
//! Row by row a commit carries a few thousand events a second, this way more than a hundred thousand. Both forms skip
//! what is there already, so a batch whose commit was in doubt may be sent again. One thing gives way: the outcome
//! `unknown` of a process that was taken for dead, to the one that it sends when it wakes.

use std::{
    iter, slice,
    sync::{Arc, LazyLock},
};

use sqlx::{
    AssertSqlSafe, PgConnection, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection, query::Query,
    sqlite::SqliteArguments,
};

use crate::model::{Event, EventKind, KeyId, OperatorId, Outcome, TenantId};

use super::{error::Failure, pool::BEGIN_SQLITE};

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
        code: "ok".into(),
        status: None,
        detail: "{}".into(),
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
            let query = rows.iter().fold(query(statement), bind_event);
            appended += query.execute(&mut *self).await?.rows_affected();
        }
        Ok(appended)
    }

    async fn append_outcomes(&mut self, outcomes: &[Outcome]) -> Result<(), Failure> {
        for (rows, statement) in chunks(outcomes, &OUTCOMES) {
            rows.iter().fold(query(statement), bind_outcome).execute(&mut *self).await?;
        }
        Ok(())
    }
}

/// Appends a batch in one transaction and one go: begun, filled and committed by one text, because each command to the
/// thread that holds the connection costs more than most rows do. `false`, and nothing done, if the batch is too large.
pub(super) async fn append_at_once(
    pool: &SqlitePool,
    events: &[Event],
    outcomes: &[Outcome],
) -> Result<bool, Failure> {
    let fits = |batch: &&Batch| batch.events >= events.len() && batch.outcomes >= outcomes.len();
    let Some(batch) = BATCHES.iter().find(fits) else { return Ok(false) };
    let query = outcomes.iter().fold(query(&batch.text), bind_outcome);
    // Arguments are taken in a row, so only those of the last statement may be left out.
    let missing = (batch.outcomes - outcomes.len()) * OUTCOME_COLUMNS;
    let query = (0..missing).fold(query, |query, _| query.bind(None::<&str>));
    let query = events.iter().fold(query, bind_event);
    let mut begun = Begun { connection: pool.acquire().await?, committed: false };
    query.execute(&mut *begun.connection).await?;
    begun.committed = true;
    Ok(true)
}

/// A connection with a transaction that may be open. Unless it was committed the connection is closed, which rolls back:
/// whoever waited for it may have left in the midst of it.
struct Begun {
    connection: PoolConnection<Sqlite>,
    committed: bool,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.committed {
            self.connection.close_on_drop();
        }
    }
}

type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

fn query(text: &Arc<str>) -> SqliteQuery<'static> {
    sqlx::query(AssertSqlSafe(Arc::clone(text)))
}

// Text that is bound by value is shared with the statement, by reference it would be copied.
fn bind_event<'q>(query: SqliteQuery<'q>, event: &Event) -> SqliteQuery<'q> {
    let Event { id, at, stream, kind, actor, operation, source, detail } = event.clone();
    let query = query.bind(id).bind(at).bind(stream).bind(name(kind));
    let query = query.bind(actor.tenant_id).bind(actor.key_id).bind(actor.operator_id);
    query.bind(operation).bind(source.map(|address| address.to_string())).bind(detail)
}

fn bind_outcome<'q>(query: SqliteQuery<'q>, outcome: &Outcome) -> SqliteQuery<'q> {
    let Outcome { event_id, at, code, status, detail } = outcome.clone();
    query.bind(event_id).bind(at).bind(code).bind(status).bind(detail)
}

/// Rows of one SQLite statement. It takes fewer too: what is not bound is NULL, and such rows are left out.
const SIZES: [usize; 4] = [1, 8, 24, LARGEST];
const LARGEST: usize = 64;
const OUTCOME_COLUMNS: usize = 5;

static EVENTS: LazyLock<[Arc<str>; 4]> = LazyLock::new(|| SIZES.map(|rows| insert_events(rows).into()));
static OUTCOMES: LazyLock<[Arc<str>; 4]> = LazyLock::new(|| SIZES.map(|rows| insert_outcomes(rows).into()));

/// A whole transaction as one text, and how many rows it takes.
struct Batch {
    events: usize,
    outcomes: usize,
    text: Arc<str>,
}

/// The smaller ones first.
static BATCHES: LazyLock<Vec<Batch>> = LazyLock::new(|| {
    let sizes = || iter::once(0).chain(SIZES);
    let batch = |events, outcomes| {
        let insert = |rows, statement: fn(usize) -> String| {
            if rows == 0 { String::new() } else { statement(rows) + ";" }
        };
        let (outcomes_in, events_in) = (insert(outcomes, insert_outcomes), insert(events, insert_events));
        let text = format!("{BEGIN_SQLITE};{outcomes_in}{events_in}COMMIT").into();
        Batch { events, outcomes, text }
    };
    sizes().flat_map(|events| sizes().map(move |outcomes| batch(events, outcomes))).collect()
});

fn insert_events(rows: usize) -> String {
    let columns = "event (id, at, stream, kind, tenant_id, key_id, operator_id, operation, source, detail)";
    insert(columns, "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows, "(id) DO NOTHING")
}

fn insert_outcomes(rows: usize) -> String {
    let conflict = "(event_id) DO UPDATE \
        SET at = excluded.at, code = excluded.code, status = excluded.status, detail = excluded.detail \
        WHERE event_outcome.code = 'unknown' AND excluded.code <> 'unknown'";
    insert("event_outcome (event_id, at, code, status, detail)", "(?, ?, ?, ?, ?)", rows, conflict)
}

// SECURITY: put together from constants alone; every value is bound. `OR FAIL`: what fails is rolled back as a whole
// anyway, so SQLite need not keep what each statement would have to undo.
fn insert(into: &str, row: &str, rows: usize, conflict: &str) -> String {
    let rows = vec![row; rows].join(", ");
    format!(
        "INSERT OR FAIL INTO {into} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL ON CONFLICT {conflict}"
    )
}

/// The rows in as few statements as hold them, each in the smallest.
fn chunks<'r, T>(
    rows: &'r [T],
    statements: &'r [Arc<str>; 4],
) -> impl Iterator<Item = (&'r [T], &'r Arc<str>)> {
    rows.chunks(LARGEST).filter_map(move |rows| {
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
            .bind(column(|event| Some(&*event.detail)))
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
            .bind(outcomes.iter().map(|outcome| &*outcome.code).collect::<Vec<_>>())
            .bind(outcomes.iter().map(|outcome| outcome.status.map(i32::from)).collect::<Vec<_>>())
            .bind(outcomes.iter().map(|outcome| &*outcome.detail).collect::<Vec<_>>())
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
