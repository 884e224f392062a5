//! Which database is open, and the two macros that run one text on either.

use std::{pin::Pin, time::Duration};

use sqlx::{PgPool, SqlitePool};

use super::{Store, StoreError, error::Failure};

/// The open database.
#[derive(Clone)]
pub(super) enum Pool {
    /// SQLite has one writer: a pool of one connection for changes makes them queue here instead of failing there.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

/// Takes the write lock at once: a transaction that reads first could not raise its lock later.
pub(super) const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";
pub(super) const BEGIN_POSTGRES: &str = "BEGIN";
/// Raises the version and locks its row until the change commits: changes happen one after the other.
pub(super) const RAISE_VERSION: &str =
    "UPDATE version SET value = value + 1 WHERE id = 1 RETURNING value, proof";
/// Locks its row as a change does.
pub(super) const LOCK_VERSION: &str = "UPDATE version SET value = value WHERE id = 1";

/// How long an auditor's search and the closing of orphans may take: nobody's request waits for them.
const LONG: Duration = Duration::from_secs(30);

// Boxed, because a future is several kilobytes and each function that passes it on would hold it twice.
impl Store {
    /// Runs what a request or a heartbeat waits for: fails when the database does not answer in time.
    pub(super) async fn soon<T>(
        &self,
        doing: &'static str,
        work: Pin<Box<impl Future<Output = Result<T, Failure>>>>,
    ) -> Result<T, StoreError> {
        within(self.database().patience(), doing, work).await
    }

    /// Runs what may take its time.
    pub(super) async fn eventually<T>(
        &self,
        doing: &'static str,
        work: Pin<Box<impl Future<Output = Result<T, Failure>>>>,
    ) -> Result<T, StoreError> {
        within(LONG, doing, work).await
    }
}

async fn within<T>(
    patience: Duration,
    doing: &'static str,
    work: Pin<Box<impl Future<Output = Result<T, Failure>>>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done.map_err(|failure| failure.into_error(doing)),
        Err(elapsed) => Err(StoreError::Database { doing, source: elapsed.into() }),
    }
}

/// Runs one reading expression on whichever database is open: `on_pool!(self, "doing", |pool| query.fetch_all(pool))`.
macro_rules! on_pool {
    ($store:expr, $doing:literal, |$pool:ident| $query:expr) => {
        $crate::store::pool::on_pool!($store, soon, $doing, |$pool| $query)
    };
    ($store:expr, $wait:ident, $doing:literal, |$pool:ident| $query:expr) => {
        $store
            .$wait(
                $doing,
                Box::pin(async {
                    match &$store.pool {
                        $crate::store::pool::Pool::Sqlite { read: $pool, .. } => Ok($query.await?),
                        $crate::store::pool::Pool::Postgres($pool) => Ok($query.await?),
                    }
                }),
            )
            .await
    };
}

/// Runs a change in a transaction of its own on whichever database is open, with no version and no event.
macro_rules! in_transaction {
    ($store:expr, $doing:expr, $wait:ident, |$transaction:ident| $work:expr) => {
        $store
            .$wait(
                $doing,
                Box::pin(async {
                    match &$store.pool {
                        $crate::store::pool::Pool::Sqlite { write, .. } => {
                            let mut $transaction =
                                write.begin_with($crate::store::pool::BEGIN_SQLITE).await?;
                            let done = $work;
                            $transaction.commit().await?;
                            Ok(done)
                        }
                        $crate::store::pool::Pool::Postgres(pool) => {
                            let mut $transaction =
                                pool.begin_with($crate::store::pool::BEGIN_POSTGRES).await?;
                            let done = $work;
                            $transaction.commit().await?;
                            Ok(done)
                        }
                    }
                }),
            )
            .await
    };
}

/// Runs a change of some rows: raises the version, does the work with it, proves what it leaves of the rows, records the
/// event and its outcome `ok`, sends word of it, commits.
macro_rules! in_change {
    ($store:expr, $event:expr, $doing:literal, $rows:expr, |$transaction:ident, $version:ident| $work:expr) => {
        $crate::store::pool::in_transaction!($store, $doing, soon, |$transaction| {
            let key = $store.grants_key().map_err($crate::store::error::Failure::Refused)?;
            let raised: (i64, Option<Vec<u8>>) =
                sqlx::query_as($crate::store::pool::RAISE_VERSION).fetch_one(&mut *$transaction).await?;
            let ($version, rows) = (raised.0, $rows);
            let proof = $crate::store::grants::Proof::begin(&mut *$transaction, key, &rows, raised).await?;
            $work;
            proof.end(&mut *$transaction).await?;
            let signer = $store.signer().map_err($crate::store::error::Failure::Refused)?;
            $crate::store::log::record_change(&mut *$transaction, $event, &$event.ended_well(), signer)
                .await?;
            $crate::store::wakeups::announce(&mut *$transaction).await?;
            $version
        })
    };
}

pub(super) use {in_change, in_transaction, on_pool};
