//! Appending events and outcomes, each database's fastest way: PostgreSQL in one statement per table and batch, SQLite in
//! statements of up to 64 rows, and a batch that fits into these in one go with its transaction.
//!
//! Row by row a commit carries a few thousand events a second, this way more than a hundred thousand. A batch grows its
//! stream by what is in it, or is refused: where the stream is not as its writer left it, or an entry is there already.

use std::{
    iter,
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, Utc};
use sqlx::{
    AssertSqlSafe, PgConnection, Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection, query::Query,
    sqlite::SqliteArguments,
};

use crate::model::{Event, EventKind, KeyId, OperatorId, Outcome, TenantId, UNKNOWN};

use super::{
    error::{Failure, refusal},
    log::{Entries, Growth, Placed, Stream, StreamRow},
    pool::BEGIN_SQLITE,
};

/// Appends to the record on an open transaction.
pub(super) trait Append {
    /// Entries of a stream, and the stream's growth by them.
    async fn append(&mut self, entries: &Entries<'_>) -> Result<(), Failure>;
    /// The highest number of a stream.
    async fn last_number(&mut self) -> Result<i64, Failure>;
    /// Notes a stream that is new.
    async fn open(
        &mut self,
        stream: &Stream,
        kind: &'static str,
        at: DateTime<Utc>,
        checkpoint: String,
    ) -> Result<(), Failure>;
    /// The stream of changes that is gone on with.
    async fn stream_of_changes(&mut self) -> Result<Option<StreamRow>, Failure>;
}

/// What either database understands.
macro_rules! streams {
    () => {
        async fn last_number(&mut self) -> Result<i64, Failure> {
            const LAST: &str = "SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM stream";
            Ok(sqlx::query_scalar(LAST).fetch_one(self).await?)
        }

        async fn open(
            &mut self,
            stream: &Stream,
            kind: &'static str,
            at: DateTime<Utc>,
            checkpoint: String,
        ) -> Result<(), Failure> {
            const OPEN: &str = "INSERT INTO stream \
                (id, number, kind, opened_at, seen_at, size, frontier, checkpoint) \
                VALUES ($1, $2, $3, $4, $4, $5, $6, $7)";
            let open = sqlx::query(OPEN).bind(stream.id()).bind(stream.number()).bind(kind).bind(at);
            let open = open.bind(stream.size()).bind(stream.frontier()).bind(checkpoint);
            open.execute(self).await.map_err(refused)?;
            Ok(())
        }

        async fn stream_of_changes(&mut self) -> Result<Option<StreamRow>, Failure> {
            const FIND: &str = "SELECT id, number, size, frontier FROM stream \
                WHERE kind = 'changes' AND closed_at IS NULL";
            Ok(sqlx::query_as(FIND).fetch_optional(self).await?)
        }
    };
}

/// The stream is not as its writer left it.
fn taken() -> Failure {
    Failure::conflict("other entries of the stream")
}

fn refused(error: sqlx::Error) -> Failure {
    refusal(|| "an entry of the record".to_owned(), String::new)(error)
}

impl Append for SqliteConnection {
    async fn append(&mut self, entries: &Entries<'_>) -> Result<(), Failure> {
        let grown =
            bind_growth(sqlx::query(GROW_IN_ROW), entries).execute(&mut *self).await.map_err(refused)?;
        if grown.rows_affected() != 1 {
            return Err(taken());
        }
        for (rows, statement) in chunks(&entries.events, &EVENTS) {
            rows.iter().fold(query(statement), bind_event).execute(&mut *self).await.map_err(refused)?;
        }
        for (rows, statement) in chunks(&entries.outcomes, &OUTCOMES) {
            rows.iter().fold(query(statement), bind_outcome).execute(&mut *self).await.map_err(refused)?;
        }
        Ok(())
    }

    streams!();
}

/// Appends a batch in one transaction and one go: begun, filled and committed by one text, because each command to the
/// thread that holds the connection costs more than most rows do. `false`, and nothing done, if the batch is too large.
pub(super) async fn append_at_once(pool: &SqlitePool, entries: &Entries<'_>) -> Result<bool, Failure> {
    let Entries { events, outcomes, .. } = entries;
    let fits = |batch: &&Batch| batch.events >= events.len() && batch.outcomes >= outcomes.len();
    let Some(batch) = BATCHES.iter().find(fits) else { return Ok(false) };
    let query = bind_growth(query(&batch.text), entries);
    let query = outcomes.iter().fold(query, bind_outcome);
    // Arguments are taken in a row, so only those of the last statement may be left out.
    let missing = (batch.outcomes - outcomes.len()) * OUTCOME_COLUMNS;
    let query = (0..missing).fold(query, |query, _| query.bind(None::<&str>));
    let query = events.iter().fold(query, bind_event);
    let mut begun = Begun { connection: pool.acquire().await?, committed: false };
    query.execute(&mut *begun.connection).await.map_err(refused)?;
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

fn bind_growth<'q>(query: SqliteQuery<'q>, entries: &Entries<'_>) -> SqliteQuery<'q> {
    let Growth { before, grown, checkpoint } = &entries.growth;
    let (size, frontier) = (grown.size(), grown.frontier());
    query.bind(*before).bind(size).bind(frontier).bind(checkpoint.clone()).bind(grown.id().clone())
}

// Text that is bound by value is shared with the statement, by reference it would be copied.
fn bind_event<'q>(query: SqliteQuery<'q>, entry: &Placed<'_, Event>) -> SqliteQuery<'q> {
    let Event { id, at, kind, actor, operation, source, detail } = entry.value.clone();
    let query =
        query.bind(id).bind(at).bind(entry.place).bind(entry.hash.as_bytes().to_vec()).bind(name(kind));
    let query = query.bind(actor.tenant_id).bind(actor.key_id).bind(actor.operator_id);
    query.bind(operation).bind(source.map(|address| address.to_string())).bind(detail)
}

fn bind_outcome<'q>(query: SqliteQuery<'q>, entry: &Placed<'_, Outcome>) -> SqliteQuery<'q> {
    let known = is_known(entry.value);
    let Outcome { event_id, at, code, status, detail } = entry.value.clone();
    let query = query.bind(event_id).bind(known).bind(at).bind(entry.place);
    query.bind(entry.hash.as_bytes().to_vec()).bind(code).bind(status).bind(detail)
}

/// Whether it is how the event ended, and not that nobody knows.
fn is_known(outcome: &Outcome) -> bool {
    &*outcome.code != UNKNOWN
}

/// The stream's growth: it fails where the stream is not as its writer left it. Written before the entries, so that whoever
/// asks for the size waits for what is under way.
const GROW: &str =
    "UPDATE stream SET size = CASE WHEN size = $1 THEN $2 END, frontier = $3, checkpoint = $4 WHERE id = $5";

/// The same, of a text whose arguments are taken in a row.
const GROW_IN_ROW: &str =
    "UPDATE stream SET size = CASE WHEN size = ? THEN ? END, frontier = ?, checkpoint = ? WHERE id = ?";

/// Rows of one SQLite statement. It takes fewer too: what is not bound is NULL, and such rows are left out.
const SIZES: [usize; 4] = [1, 8, 24, LARGEST];
const LARGEST: usize = 64;
const OUTCOME_COLUMNS: usize = 8;

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
        let text = format!("{BEGIN_SQLITE};{GROW_IN_ROW};{outcomes_in}{events_in}COMMIT").into();
        Batch { events, outcomes, text }
    };
    sizes().flat_map(|events| sizes().map(move |outcomes| batch(events, outcomes))).collect()
});

fn insert_events(rows: usize) -> String {
    let columns =
        "event (id, at, place, hash, kind, tenant_id, key_id, operator_id, operation, source, detail)";
    insert(columns, "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
}

fn insert_outcomes(rows: usize) -> String {
    let columns = "event_outcome (event_id, known, at, place, hash, code, status, detail)";
    insert(columns, "(?, ?, ?, ?, ?, ?, ?, ?)", rows)
}

// SECURITY: put together from constants alone; every value is bound. `OR FAIL`: what fails is rolled back as a whole
// anyway, so SQLite need not keep what each statement would have to undo.
fn insert(into: &str, row: &str, rows: usize) -> String {
    let rows = vec![row; rows].join(", ");
    format!("INSERT OR FAIL INTO {into} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL")
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
    async fn append(&mut self, entries: &Entries<'_>) -> Result<(), Failure> {
        let Growth { before, grown, checkpoint } = &entries.growth;
        let grew = sqlx::query(GROW)
            .bind(before)
            .bind(grown.size())
            .bind(grown.frontier())
            .bind(checkpoint)
            .bind(grown.id())
            .execute(&mut *self)
            .await?;
        if grew.rows_affected() != 1 {
            return Err(taken());
        }
        if !entries.events.is_empty() {
            append_events(self, &entries.events).await.map_err(refused)?;
        }
        if !entries.outcomes.is_empty() {
            append_outcomes(self, &entries.outcomes).await.map_err(refused)?;
        }
        Ok(())
    }

    streams!();
}

async fn append_events(
    connection: &mut PgConnection,
    events: &[Placed<'_, Event>],
) -> Result<(), sqlx::Error> {
    const APPEND: &str = "INSERT INTO event \
        (id, at, place, hash, kind, tenant_id, key_id, operator_id, operation, source, detail) \
        SELECT * FROM UNNEST($1::text[], $2::timestamptz[], $3::bigint[], $4::bytea[], $5::text[], $6::text[], \
        $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])";
    let column =
        |value: fn(&Event) -> Option<&str>| events.iter().map(|entry| value(entry.value)).collect::<Vec<_>>();
    let source = |entry: &Placed<'_, Event>| entry.value.source.map(|address| address.to_string());
    sqlx::query(APPEND)
        .bind(column(|event| Some(event.id.as_str())))
        .bind(events.iter().map(|entry| entry.value.at).collect::<Vec<_>>())
        .bind(events.iter().map(|entry| entry.place.as_i64()).collect::<Vec<_>>())
        .bind(events.iter().map(|entry| entry.hash.as_bytes()).collect::<Vec<_>>())
        .bind(column(|event| Some(name(event.kind))))
        .bind(column(|event| event.actor.tenant_id.as_ref().map(TenantId::as_str)))
        .bind(column(|event| event.actor.key_id.as_ref().map(KeyId::as_str)))
        .bind(column(|event| event.actor.operator_id.as_ref().map(OperatorId::as_str)))
        .bind(column(|event| event.operation.as_deref()))
        .bind(events.iter().map(source).collect::<Vec<_>>())
        .bind(column(|event| Some(&*event.detail)))
        .execute(connection)
        .await?;
    Ok(())
}

async fn append_outcomes(
    connection: &mut PgConnection,
    outcomes: &[Placed<'_, Outcome>],
) -> Result<(), sqlx::Error> {
    const APPEND: &str = "INSERT INTO event_outcome (event_id, known, at, place, hash, code, status, detail) \
        SELECT * FROM UNNEST($1::text[], $2::boolean[], $3::timestamptz[], $4::bigint[], $5::bytea[], $6::text[], \
        $7::int[], $8::text[])";
    let values = || outcomes.iter().map(|entry| entry.value);
    sqlx::query(APPEND)
        .bind(values().map(|outcome| outcome.event_id.as_str()).collect::<Vec<_>>())
        .bind(values().map(is_known).collect::<Vec<_>>())
        .bind(values().map(|outcome| outcome.at).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|entry| entry.place.as_i64()).collect::<Vec<_>>())
        .bind(outcomes.iter().map(|entry| entry.hash.as_bytes()).collect::<Vec<_>>())
        .bind(values().map(|outcome| &*outcome.code).collect::<Vec<_>>())
        .bind(values().map(|outcome| outcome.status.map(i32::from)).collect::<Vec<_>>())
        .bind(values().map(|outcome| &*outcome.detail).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
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
