//! Word of changes that other processes commit, sooner than they would look: PostgreSQL's `NOTIFY`. It only wakes; what
//! changed is read from the tables, and who hears nothing looks all the same.

use std::time::Duration;

use sqlx::{
    PgConnection, PgPool, SqliteConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

use super::{Store, error::Failure, pool::Pool};

const CHANNEL: &str = "changes";
const NOTIFY: &str = "NOTIFY changes";
const AGAIN: Duration = Duration::from_secs(1);

/// Sends word with the commit of the open transaction.
pub(super) trait Announce {
    async fn announce(&mut self) -> Result<(), Failure>;
}

impl Announce for SqliteConnection {
    // Its one process knows what it did.
    async fn announce(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl Announce for PgConnection {
    async fn announce(&mut self) -> Result<(), Failure> {
        sqlx::query(NOTIFY).execute(self).await?;
        Ok(())
    }
}

/// As a function, for transactions of either database.
pub(super) async fn announce(transaction: &mut impl Announce) -> Result<(), Failure> {
    transaction.announce().await
}

impl Store {
    /// Calls `wake` whenever a change may have been committed; does not end.
    pub async fn listen(&self, wake: impl Fn()) {
        let Pool::Postgres(pool) = &self.pool else { return std::future::pending().await };
        loop {
            if let Err(error) = hear(pool, &wake).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "no word of changes for a moment");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Listens on a connection of its own until it is lost for good.
async fn hear(pool: &PgPool, wake: &impl Fn()) -> Result<(), sqlx::Error> {
    let options = PgConnectOptions::clone(&pool.connect_options());
    let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let mut listener = PgListener::connect_with(&own.connect_with(options).await?).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // Also for what happened before it listened, and while its connection was lost.
        wake();
        listener.try_recv().await?;
    }
}
