//! When keys were last used: beside the keys, because it is no change that anybody waits for.

use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use crate::model::{KeyId, KeyUse, TenantId};

use super::{
    Store, StoreError,
    error::Failure,
    pool::{Pool, on_pool},
};

/// What was written later stands, whoever wrote it.
macro_rules! keep_the_later {
    () => {
        " ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at, source = excluded.source \
         WHERE excluded.used_at > key_use.used_at"
    };
}

// One array of objects each, which the two read apart in their own ways.
const NOTE_SQLITE: &str = concat!(
    "INSERT INTO key_use (key_id, used_at, source) SELECT json_extract(value, '$.key_id'), \
     json_extract(value, '$.used_at'), json_extract(value, '$.source') FROM json_each($1) WHERE true",
    keep_the_later!()
);
const NOTE_POSTGRES: &str = concat!(
    "INSERT INTO key_use (key_id, used_at, source) SELECT key_id, used_at, source \
     FROM json_to_recordset($1::json) AS used (key_id TEXT, used_at TIMESTAMPTZ, source TEXT)",
    keep_the_later!()
);

#[derive(sqlx::FromRow)]
struct UseRow {
    key_id: KeyId,
    used_at: DateTime<Utc>,
    source: Option<String>,
}

impl Store {
    /// Keeps when keys were last used, to the second, each once; what is known to be later stays.
    pub async fn note_key_uses(&self, uses: &[(KeyId, KeyUse)]) -> Result<(), StoreError> {
        let rows = uses.iter().map(|(key, last)| {
            let used_at = last.at.to_rfc3339_opts(SecondsFormat::Secs, false);
            json!({ "key_id": key, "used_at": used_at, "source": last.source })
        });
        let rows = rows.collect::<serde_json::Value>().to_string();
        self.eventually(
            "keeping when keys were used",
            Box::pin(async {
                match &self.pool {
                    Pool::Sqlite { write, .. } => {
                        sqlx::query(NOTE_SQLITE).bind(rows).execute(write).await?;
                    }
                    Pool::Postgres(pool) => {
                        sqlx::query(NOTE_POSTGRES).bind(rows).execute(pool).await?;
                    }
                }
                Ok::<_, Failure>(())
            }),
        )
        .await
    }

    /// When each of a tenant's keys was last used, of those that were.
    pub async fn key_uses(&self, tenant: &TenantId) -> Result<Vec<(KeyId, KeyUse)>, StoreError> {
        const LIST: &str = "SELECT key_id, used_at, source FROM key_use \
            JOIN tenant_key ON tenant_key.id = key_use.key_id WHERE tenant_id = $1 ORDER BY key_id";
        let rows: Vec<UseRow> = on_pool!(self, "reading when keys were used", |pool| {
            sqlx::query_as(LIST).bind(tenant).fetch_all(pool)
        })?;
        let read = |row: UseRow| {
            let source: Option<IpAddr> = row.source.and_then(|source| source.parse().ok());
            (row.key_id, KeyUse { at: row.used_at, source })
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
