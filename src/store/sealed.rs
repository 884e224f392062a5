//! Values that are sealed under a master key, and which master keys seal no more.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::{
    model::{Event, ServiceAccountId},
    secret::MasterKeyId,
};

use super::{
    Store, StoreError,
    grants::Row,
    pool::{in_change, in_transaction, on_pool},
};

/// The purpose of the one value that is kept in the clear: it is no secret.
pub const PASSPHRASE_SALT: &str = "passphrase-salt";

const FIND: &str = "SELECT value FROM sealed WHERE purpose = $1";

/// Where a sealed value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedPlace {
    /// There is one of its purpose for the whole deployment: the pepper, the signing key.
    Purpose(String),
    /// The secret of a service account.
    ServiceAccount(ServiceAccountId),
}

impl fmt::Display for SealedPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Purpose(purpose) => formatter.write_str(purpose),
            Self::ServiceAccount(id) => write!(formatter, "service account {id}"),
        }
    }
}

/// Refuses what was sealed under a key that was retired meanwhile: nobody would seal it anew any more.
macro_rules! check_seal {
    ($transaction:ident, $value:expr) => {
        const RETIRED: &str = "SELECT COUNT(*) FROM retired_master_key WHERE id = $1";
        if let Some(id) = $crate::secret::MasterKeyId::of($value) {
            let retired: i64 =
                sqlx::query_scalar(RETIRED).bind(id.to_string()).fetch_one(&mut *$transaction).await?;
            if retired > 0 {
                let what = format!("a newer master key than {id}: try again in a second");
                return Err($crate::store::error::Failure::conflict(what));
            }
        }
    };
}
pub(super) use check_seal;

impl Store {
    /// Finds what is kept for a purpose, as it was given: sealed, if the caller sealed it.
    pub async fn sealed(&self, purpose: &str) -> Result<Option<Vec<u8>>, StoreError> {
        on_pool!(self, "reading a sealed value", |pool| {
            sqlx::query_scalar(FIND).bind(purpose).fetch_optional(pool)
        })
    }

    /// Keeps `value` unless the purpose has one; returns what is kept afterwards (the winner, when replicas race).
    pub async fn keep_sealed(
        &self,
        purpose: &str,
        value: &[u8],
        at: DateTime<Utc>,
    ) -> Result<Vec<u8>, StoreError> {
        const KEEP: &str = "INSERT INTO sealed (purpose, value, created_at) VALUES ($1, $2, $3) \
            ON CONFLICT (purpose) DO NOTHING";
        in_transaction!(self, "keeping a sealed value", soon, |transaction| {
            check_seal!(transaction, value);
            sqlx::query(KEEP).bind(purpose).bind(value).bind(at).execute(&mut *transaction).await?;
            sqlx::query_scalar::<_, Vec<u8>>(FIND).bind(purpose).fetch_one(&mut *transaction).await?
        })
    }

    /// All sealed values.
    pub async fn list_sealed(&self) -> Result<Vec<(SealedPlace, Vec<u8>)>, StoreError> {
        const PURPOSES: &str = "SELECT purpose, value FROM sealed WHERE purpose <> $1 ORDER BY purpose";
        const ACCOUNTS: &str = "SELECT id, sealed_secret FROM service_account ORDER BY id";
        let purposes: Vec<(String, Vec<u8>)> = on_pool!(self, "listing sealed values", |pool| {
            sqlx::query_as(PURPOSES).bind(PASSPHRASE_SALT).fetch_all(pool)
        })?;
        let accounts: Vec<(ServiceAccountId, Vec<u8>)> =
            on_pool!(self, "listing sealed values", |pool| sqlx::query_as(ACCOUNTS).fetch_all(pool))?;
        let purposes = purposes.into_iter().map(|(purpose, value)| (SealedPlace::Purpose(purpose), value));
        let accounts = accounts.into_iter().map(|(id, value)| (SealedPlace::ServiceAccount(id), value));
        Ok(purposes.chain(accounts).collect())
    }

    /// Puts a value that was sealed anew in the place of the old one; `false`, and nothing done, if that is not the one
    /// that is there any more.
    pub async fn reseal(
        &self,
        place: &SealedPlace,
        (old, new): (&[u8], &[u8]),
        event: &Event,
    ) -> Result<bool, StoreError> {
        const PURPOSE: &str = "UPDATE sealed SET value = $3 WHERE purpose = $1 AND value = $2";
        const ACCOUNT: &str = "UPDATE service_account SET sealed_secret = $3, version = $4 WHERE id = $1 AND sealed_secret = $2";
        let gone = || super::error::Failure::missing(format!("{place}, as it was sealed before"));
        let done = match place {
            SealedPlace::Purpose(purpose) => {
                in_change!(self, event, "sealing a value anew", [], |transaction, _version| {
                    check_seal!(transaction, new);
                    let query = sqlx::query(PURPOSE).bind(purpose).bind(old).bind(new);
                    if query.execute(&mut *transaction).await?.rows_affected() == 0 {
                        return Err(gone());
                    }
                })
            }
            SealedPlace::ServiceAccount(id) => {
                in_change!(
                    self,
                    event,
                    "sealing a value anew",
                    [Row::ServiceAccount(id)],
                    |transaction, version| {
                        check_seal!(transaction, new);
                        let query = sqlx::query(ACCOUNT).bind(id).bind(old).bind(new).bind(version);
                        if query.execute(&mut *transaction).await?.rows_affected() == 0 {
                            return Err(gone());
                        }
                    }
                )
            }
        };
        match done {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// From here on nothing is kept any more that is sealed under this key; retiring it twice changes nothing.
    pub async fn retire_master_key(
        &self,
        id: MasterKeyId,
        at: DateTime<Utc>,
        event: &Event,
    ) -> Result<i64, StoreError> {
        const RETIRE: &str = "INSERT INTO retired_master_key (id, retired_at) VALUES ($1, $2) \
            ON CONFLICT (id) DO NOTHING";
        in_change!(self, event, "retiring a master key", [], |transaction, _version| {
            sqlx::query(RETIRE).bind(id.to_string()).bind(at).execute(&mut *transaction).await?
        })
    }

    /// When a master key was retired, if it was.
    pub async fn master_key_retired(&self, id: MasterKeyId) -> Result<Option<DateTime<Utc>>, StoreError> {
        const FIND: &str = "SELECT retired_at FROM retired_master_key WHERE id = $1";
        on_pool!(self, "reading about a master key", |pool| {
            sqlx::query_scalar(FIND).bind(id.to_string()).fetch_optional(pool)
        })
    }
}
