//! Which processes serve now.
//!
//! A heartbeat tells of a death only after a while. On PostgreSQL each process also holds a lock of its session's in its
//! stream's name: when it is killed, its connection ends and with it the lock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::model::StreamId;

use super::{Store, StoreError, pool::Pool};

/// One connection that lives as long as the process is to be seen.
#[derive(Debug)]
pub struct Presence {
    connection: PgConnection,
}

/// How long it may take to be told.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first half of each lock's number: ours, beside whoever else locks in this database.
const SPACE: i32 = 0x5249_4e47;

impl Store {
    /// Makes a stream's process seen until what is returned is dropped; `None` on SQLite, which one process serves from.
    pub async fn appear(&self, stream: &StreamId) -> Result<Option<Presence>, StoreError> {
        const APPEAR: &str = "SELECT pg_advisory_lock_shared($1, hashtext($2))";
        let Pool::Postgres(pool) = &self.pool else { return Ok(None) };
        let options = PgConnectOptions::clone(&pool.connect_options());
        let stream = stream.clone();
        self.soon(
            "making this process seen",
            Box::pin(async move {
                let mut connection = PgConnection::connect_with(&options).await?;
                sqlx::query(APPEAR).bind(SPACE).bind(stream).execute(&mut connection).await?;
                Ok(Some(Presence { connection }))
            }),
        )
        .await
    }

    /// The streams of the processes that are seen, and gave a sign of life since then, in order; none on SQLite.
    pub async fn present(&self, since: DateTime<Utc>) -> Result<Vec<StreamId>, StoreError> {
        const PRESENT: &str = "SELECT id FROM stream WHERE kind = 'process' AND closed_at IS NULL AND seen_at >= $1 \
            AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
            AND classid::bigint = $2 AND objid::bigint = (hashtext(id)::bigint & 4294967295)) ORDER BY id";
        let Pool::Postgres(pool) = &self.pool else { return Ok(Vec::new()) };
        let pool = pool.clone();
        self.soon(
            "looking for other processes",
            Box::pin(async move {
                Ok(sqlx::query_scalar(PRESENT).bind(since).bind(i64::from(SPACE)).fetch_all(&pool).await?)
            }),
        )
        .await
    }
}

impl Presence {
    /// Whether the process is still to be seen.
    pub async fn holds(&mut self) -> bool {
        matches!(tokio::time::timeout(PATIENCE, self.connection.ping()).await, Ok(Ok(())))
    }
}
