//! Operators and their API tokens.

use chrono::{DateTime, Utc};

use crate::model::{Event, Operator, OperatorId, OperatorToken, Role, TokenId};

use super::{
    Store, StoreError,
    error::refusal,
    grants::Row,
    pool::{in_change, on_pool},
};

pub(super) const CHANGED: &str =
    "SELECT id, email, role, created_at FROM operator WHERE version > $1 ORDER BY version";
pub(super) const FIND: &str = "SELECT id, email, role, created_at FROM operator WHERE id = $1";
pub(super) const CHANGED_TOKENS: &str = "SELECT id, operator_id, hmac, created_at, expires_at FROM operator_token \
    WHERE version > $1 ORDER BY version";
pub(super) const FIND_TOKEN: &str =
    "SELECT id, operator_id, hmac, created_at, expires_at FROM operator_token WHERE id = $1";

/// A token alone.
#[derive(sqlx::FromRow)]
pub(super) struct OneTokenRow {
    id: TokenId,
    operator_id: OperatorId,
    hmac: Vec<u8>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<OneTokenRow> for OperatorToken {
    fn from(row: OneTokenRow) -> Self {
        let OneTokenRow { id, operator_id, hmac, created_at, expires_at } = row;
        Self { id, operator_id, hmac, created_at, expires_at }
    }
}

pub(super) fn read_all(rows: Vec<OperatorRow>) -> Vec<Operator> {
    rows.into_iter().map(Into::into).collect()
}

pub(super) fn read_tokens(rows: Vec<OneTokenRow>) -> Vec<OperatorToken> {
    rows.into_iter().map(Into::into).collect()
}

#[derive(sqlx::FromRow)]
pub(super) struct OperatorRow {
    id: OperatorId,
    email: String,
    role: Role,
    created_at: DateTime<Utc>,
}

impl From<OperatorRow> for Operator {
    fn from(row: OperatorRow) -> Self {
        let OperatorRow { id, email, role, created_at } = row;
        Self { id, email, role, created_at }
    }
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    #[sqlx(flatten)]
    operator: OperatorRow,
    token_id: TokenId,
    hmac: Vec<u8>,
    token_created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl Store {
    /// Adds an operator. The e-mail address is unique.
    pub async fn add_operator(&self, operator: &Operator, event: &Event) -> Result<i64, StoreError> {
        const ADD: &str =
            "INSERT INTO operator (id, email, role, created_at, version) VALUES ($1, $2, $3, $4, $5)";
        let taken = || format!("operator {}", operator.email);
        in_change!(
            self,
            event,
            "adding an operator",
            [Row::Operator(&operator.id)],
            |transaction, version| {
                sqlx::query(ADD)
                    .bind(&operator.id)
                    .bind(&operator.email)
                    .bind(operator.role)
                    .bind(operator.created_at)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await
                    .map_err(refusal(taken, taken))?
            }
        )
    }

    /// Finds an operator.
    pub async fn operator(&self, id: &OperatorId) -> Result<Option<Operator>, StoreError> {
        let row: Option<OperatorRow> = on_pool!(self, "reading an operator", |pool| {
            sqlx::query_as(FIND).bind(id).fetch_optional(pool)
        })?;
        Ok(row.map(Into::into))
    }

    /// Lists all operators by e-mail address.
    pub async fn list_operators(&self) -> Result<Vec<Operator>, StoreError> {
        const LIST: &str = "SELECT id, email, role, created_at FROM operator ORDER BY email";
        let rows: Vec<OperatorRow> =
            on_pool!(self, "listing operators", |pool| sqlx::query_as(LIST).fetch_all(pool))?;
        Ok(read_all(rows))
    }

    /// Adds an API token of an operator.
    pub async fn add_operator_token(&self, token: &OperatorToken, event: &Event) -> Result<i64, StoreError> {
        const ADD: &str = "INSERT INTO operator_token (id, operator_id, hmac, created_at, expires_at, version) \
            VALUES ($1, $2, $3, $4, $5, $6)";
        let exists = || format!("token {}", token.id);
        let absent = || format!("operator {}", token.operator_id);
        in_change!(
            self,
            event,
            "adding an operator's token",
            [Row::Token(&token.id)],
            |transaction, version| {
                sqlx::query(ADD)
                    .bind(&token.id)
                    .bind(&token.operator_id)
                    .bind(token.hmac.as_slice())
                    .bind(token.created_at)
                    .bind(token.expires_at)
                    .bind(version)
                    .execute(&mut *transaction)
                    .await
                    .map_err(refusal(exists, absent))?
            }
        )
    }

    /// Finds a token by its public half, with its operator; whether it has expired is the caller's to judge.
    pub async fn operator_by_token(
        &self,
        id: &TokenId,
    ) -> Result<Option<(Operator, OperatorToken)>, StoreError> {
        const FIND: &str = "SELECT operator.id, operator.email, operator.role, operator.created_at, \
            operator_token.id AS token_id, operator_token.hmac, \
            operator_token.created_at AS token_created_at, operator_token.expires_at \
            FROM operator_token JOIN operator ON operator.id = operator_token.operator_id \
            WHERE operator_token.id = $1";
        let row: Option<TokenRow> = on_pool!(self, "reading an operator's token", |pool| {
            sqlx::query_as(FIND).bind(id).fetch_optional(pool)
        })?;
        Ok(row.map(|row| {
            let token = OperatorToken {
                id: row.token_id,
                operator_id: row.operator.id.clone(),
                hmac: row.hmac,
                created_at: row.token_created_at,
                expires_at: row.expires_at,
            };
            (row.operator.into(), token)
        }))
    }
}
