//! OAuth clients of the Genesys organisation, their secrets sealed.

use chrono::{DateTime, Utc};

use crate::model::{Event, ServiceAccount, ServiceAccountId};

use super::{
    Store, StoreError,
    error::{Failure, refusal},
    grants::Row,
    pool::{in_change, on_pool},
    sealed::check_seal,
    tenants::check_shared,
};

macro_rules! select {
    () => {
        "SELECT id, client_id, sealed_secret, api_url, login_url, shared, description, tokens, requests_per_minute, \
         lend_idle, secret_at, created_at, version FROM service_account "
    };
}

pub(super) const CHANGED: &str = concat!(select!(), "WHERE version > $1 ORDER BY version");

pub(super) const FIND: &str = concat!(select!(), "WHERE id = $1");

#[derive(sqlx::FromRow)]
pub(super) struct ServiceAccountRow {
    id: ServiceAccountId,
    client_id: String,
    sealed_secret: Vec<u8>,
    api_url: String,
    login_url: String,
    shared: bool,
    description: String,
    tokens: i32,
    requests_per_minute: Option<i32>,
    lend_idle: bool,
    secret_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    version: i64,
}

impl From<ServiceAccountRow> for ServiceAccount {
    fn from(row: ServiceAccountRow) -> Self {
        Self {
            id: row.id,
            client_id: row.client_id,
            sealed_secret: row.sealed_secret,
            api_url: row.api_url,
            login_url: row.login_url,
            shared: row.shared,
            description: row.description,
            tokens: row.tokens.unsigned_abs(),
            requests_per_minute: row.requests_per_minute.map(i32::unsigned_abs),
            lend_idle: row.lend_idle,
            secret_at: row.secret_at,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

pub(super) fn read_all(rows: Vec<ServiceAccountRow>) -> Vec<ServiceAccount> {
    rows.into_iter().map(Into::into).collect()
}

impl Store {
    /// Adds a service account.
    pub async fn add_service_account(
        &self,
        account: &ServiceAccount,
        event: &Event,
    ) -> Result<i64, StoreError> {
        const ADD: &str = "INSERT INTO service_account (id, client_id, sealed_secret, api_url, login_url, \
            shared, description, tokens, requests_per_minute, lend_idle, secret_at, created_at, version) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        let taken = || format!("service account {}", account.id);
        in_change!(
            self,
            event,
            "adding a service account",
            [Row::ServiceAccount(&account.id)],
            |transaction, version| {
                check_seal!(transaction, &account.sealed_secret);
                sqlx::query(ADD)
                    .bind(&account.id)
                    .bind(&account.client_id)
                    .bind(account.sealed_secret.as_slice())
                    .bind(&account.api_url)
                    .bind(&account.login_url)
                    .bind(account.shared)
                    .bind(&account.description)
                    .bind(i64::from(account.tokens))
                    .bind(account.requests_per_minute.map(i64::from))
                    .bind(account.lend_idle)
                    .bind(account.secret_at)
                    .bind(account.created_at)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await
                    .map_err(refusal(taken, taken))?
            }
        )
    }

    /// Replaces what may change of it: all but its id, its URLs and `created_at`; `account.version` must still be the stored
    /// one, else a conflict; so is one that is not shared any more and serves several.
    pub async fn update_service_account(
        &self,
        account: &ServiceAccount,
        event: &Event,
    ) -> Result<i64, StoreError> {
        const CURRENT: &str = "SELECT version FROM service_account WHERE id = $1";
        const UPDATE: &str = "UPDATE service_account SET client_id = $2, sealed_secret = $3, shared = $4, \
            description = $5, tokens = $6, requests_per_minute = $7, lend_idle = $8, secret_at = $9, version = $10 \
            WHERE id = $1";
        let touched = [Row::ServiceAccount(&account.id)];
        in_change!(self, event, "changing a service account", touched, |transaction, version| {
            // The raised version row is locked, so nobody else's change can come between this look and the update.
            let current: Option<i64> =
                sqlx::query_scalar(CURRENT).bind(&account.id).fetch_optional(&mut *transaction).await?;
            check_version(account, current)?;
            check_seal!(transaction, &account.sealed_secret);
            sqlx::query(UPDATE)
                .bind(&account.id)
                .bind(&account.client_id)
                .bind(account.sealed_secret.as_slice())
                .bind(account.shared)
                .bind(&account.description)
                .bind(i64::from(account.tokens))
                .bind(account.requests_per_minute.map(i64::from))
                .bind(account.lend_idle)
                .bind(account.secret_at)
                .bind(version)
                .execute(&mut *transaction)
                .await?;
            check_shared!(transaction, &account.id);
        })
    }

    /// Finds a service account.
    pub async fn service_account(&self, id: &ServiceAccountId) -> Result<Option<ServiceAccount>, StoreError> {
        let row: Option<ServiceAccountRow> = on_pool!(self, "reading a service account", |pool| {
            sqlx::query_as(FIND).bind(id).fetch_optional(pool)
        })?;
        Ok(row.map(Into::into))
    }

    /// Lists all service accounts by id.
    pub async fn list_service_accounts(&self) -> Result<Vec<ServiceAccount>, StoreError> {
        const LIST: &str = concat!(select!(), "ORDER BY id");
        let rows: Vec<ServiceAccountRow> =
            on_pool!(self, "listing service accounts", |pool| sqlx::query_as(LIST).fetch_all(pool))?;
        Ok(read_all(rows))
    }
}

fn check_version(account: &ServiceAccount, current: Option<i64>) -> Result<(), Failure> {
    match current {
        None => Err(Failure::missing(format!("service account {}", account.id))),
        Some(current) if current == account.version => Ok(()),
        Some(_) => Err(Failure::conflict(format!("a newer version of service account {}", account.id))),
    }
}
