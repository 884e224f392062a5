//! Opening, migrating and closing the database.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    PgPool, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Store, StoreError,
    error::Failure,
    pool::{Pool, on_pool},
};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 10;
const APPLIED: &str = "SELECT version FROM _sqlx_migrations";
/// How often migrating SQLite is tried: the loser of a race finds everything done.
const ATTEMPTS: usize = 5;

/// The two kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// A file beside the program, for one replica.
    Sqlite,
    /// A server, for several replicas.
    Postgres,
}

impl Database {
    /// How long anything that a request waits for may take before the database counts as lost.
    pub fn patience(self) -> Duration {
        match self {
            // A disk is slow but not gone: waiting for another process's lock fails first (`busy_timeout`).
            Self::Sqlite => Duration::from_secs(10),
            Self::Postgres => Duration::from_millis(1_500),
        }
    }
}

impl Store {
    /// Opens the database (creating a missing SQLite file); does not migrate. A relative SQLite path is relative to
    /// the working directory.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let invalid = || StoreError::Url { url: without_credentials(url) };
        let pool = if let Some(file) = url.strip_prefix("sqlite://") {
            if file.is_empty() || file.contains(['?', ':']) {
                return Err(invalid());
            }
            open_sqlite(Path::new(file)).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url).map_err(|_| invalid())?;
            open_postgres(options).await
        } else {
            return Err(invalid());
        };
        pool.map(|pool| Self { pool, grants: Arc::default(), signer: Arc::default() })
            .map_err(|failure| failure.into_error("opening the database"))
    }

    /// Which kind of database is open.
    pub fn database(&self) -> Database {
        match &self.pool {
            Pool::Sqlite { .. } => Database::Sqlite,
            Pool::Postgres(_) => Database::Postgres,
        }
    }

    /// Applies missing migrations; returns the names applied. Safe when several replicas start at once.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let migrated = match &self.pool {
            Pool::Sqlite { write, .. } => migrate_sqlite(write).await,
            Pool::Postgres(pool) => migrate_postgres(pool).await,
        };
        migrated.map_err(|failure| failure.into_error("migrating the database"))
    }

    /// Names of the migrations that are not applied yet; applies none.
    pub async fn pending(&self) -> Result<Vec<String>, StoreError> {
        let pending = match &self.pool {
            Pool::Sqlite { read, .. } => {
                applied_to_sqlite(read).await.map(|applied| names_but(&SQLITE, &applied))
            }
            Pool::Postgres(pool) => {
                applied_to_postgres(pool).await.map(|applied| names_but(&POSTGRES, &applied))
            }
        };
        pending.map_err(|failure| Failure::from(failure).into_error("looking for missing migrations"))
    }

    /// Closes every connection, waiting for those in use.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// Asks the database for an answer: one round trip.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: i32 = on_pool!(self, "asking whether it is there", |pool| {
            sqlx::query_scalar("SELECT CAST(1 AS INTEGER)").fetch_one(pool)
        })?;
        Ok(())
    }
}

async fn open_sqlite(file: &Path) -> Result<Pool, Failure> {
    create_private(file).map_err(sqlx::Error::Io)?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL could lose the last commits with the power; an event that was answered for must not be lost.
        .synchronous(SqliteSynchronous::Full)
        // Events are long rows: larger pages are fewer writes per commit. A new file takes it, an old one stays.
        .page_size(8_192)
        // Else each batch opens a file of its own, to be able to take itself back.
        .pragma("temp_store", "MEMORY")
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(1_500));
    // A connection is a thread of this process: asking it before each use whether it is there is two switches for nothing.
    let pool = |connections| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
    let write = pool(1).connect_with(options.clone()).await?;
    let read = pool(CONNECTIONS).connect_with(options).await?;
    Ok(Pool::Sqlite { read, write })
}

/// Makes a missing file readable by its owner alone; SQLite gives its side files the same mode.
fn create_private(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

async fn open_postgres(options: PgConnectOptions) -> Result<Pool, Failure> {
    let options = options.application_name("ringfence").options([
        // What a caller no longer waits for must not go on holding locks over there.
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("timezone", "UTC"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Database::Postgres.patience())
        .connect_with(options)
        .await?;
    Ok(Pool::Postgres(pool))
}

async fn migrate_sqlite(pool: &SqlitePool) -> Result<Vec<String>, Failure> {
    for attempt in 1.. {
        let before = applied_to_sqlite(pool).await?;
        match SQLITE.run(pool).await {
            Ok(()) => return Ok(names_but(&SQLITE, &before)),
            // sqlx takes no lock on SQLite: another process may have applied the same file in between.
            Err(_) if attempt < ATTEMPTS => {}
            Err(error) => return Err(Failure::Database(error.into())),
        }
    }
    Ok(Vec::new())
}

async fn migrate_postgres(pool: &PgPool) -> Result<Vec<String>, Failure> {
    let before = applied_to_postgres(pool).await?;
    // A connection of its own: migrations, and waiting for another replica's, may take long.
    let options = PgConnectOptions::clone(&pool.connect_options()).options([("statement_timeout", "0")]);
    let patient = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    let migrated = POSTGRES.run(&patient).await;
    patient.close().await;
    migrated.map_err(|error| Failure::Database(error.into()))?;
    Ok(names_but(&POSTGRES, &before))
}

async fn applied_to_sqlite(pool: &SqlitePool) -> Result<Vec<i64>, sqlx::Error> {
    const TABLE: &str = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(TABLE).fetch_one(pool).await?;
    if tables == 0 { Ok(Vec::new()) } else { sqlx::query_scalar(APPLIED).fetch_all(pool).await }
}

async fn applied_to_postgres(pool: &PgPool) -> Result<Vec<i64>, sqlx::Error> {
    const TABLE: &str = "SELECT count(*) FROM pg_tables WHERE tablename = '_sqlx_migrations' \
        AND schemaname = current_schema()";
    let tables: i64 = sqlx::query_scalar(TABLE).fetch_one(pool).await?;
    if tables == 0 { Ok(Vec::new()) } else { sqlx::query_scalar(APPLIED).fetch_all(pool).await }
}

fn names_but(migrator: &Migrator, before: &[i64]) -> Vec<String> {
    let missing = migrator.iter().filter(|migration| !before.contains(&migration.version));
    missing
        .map(|migration| format!("{:04}_{}", migration.version, migration.description.replace(' ', "_")))
        .collect()
}

/// The URL as it may be shown: without user and password.
fn without_credentials(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", url.get(at..).unwrap_or_default()),
        (None, Some(at)) => format!("…{}", url.get(at..).unwrap_or_default()),
        (_, None) => url.to_owned(),
    }
}
