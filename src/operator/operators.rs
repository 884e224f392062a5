//! Operators and their API tokens.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Author, Desk, Refusal, desk::Subject};
use crate::{
    clock::Clock,
    model::{Actor, ApiToken, Event, EventId, EventKind, Operator, OperatorId, OperatorToken, Role, TokenId},
    secret::{Pepper, SecretError},
    store::{Store, StoreError},
};

const LONGEST_TOKEN_DAYS: u32 = 90;
const LONGEST_EMAIL: usize = 254;

/// What is asked for: a new operator.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// Unique; kept in lower case.
    pub email: String,
    /// What they may do.
    #[serde(deserialize_with = "super::word")]
    pub role: Role,
}

/// What is asked for: a new API token.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// 1 to 90; 90 when absent.
    pub expires_in_days: Option<u32>,
}

/// A token just issued, the only time that it is shown.
#[derive(Debug)]
pub struct IssuedToken {
    /// The public half.
    pub id: TokenId,
    /// All of it, in the clear.
    pub token: SecretString,
    /// Whose it is.
    pub operator_id: OperatorId,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it stops working.
    pub expires_at: DateTime<Utc>,
}

/// Who sent the token, if it is one of ours and has not expired.
pub async fn authenticate(desk: &Desk, token: &str) -> Result<Operator, Refusal> {
    let token: ApiToken = token.parse().map_err(|_| Refusal::Unauthenticated)?;
    let found = desk.store.operator_by_token(token.id()).await?;
    // SECURITY: an unknown id costs the same hash as a wrong secret.
    let kept = found.as_ref().map_or([].as_slice(), |(_, kept)| &kept.hmac);
    let genuine = desk.pepper.verify(token.whole().expose_secret(), kept);
    match found {
        Some((operator, kept)) if genuine && desk.clock.now() < kept.expires_at => {
            if desk.tenancy.vouches_for(&operator, &kept).await {
                return Ok(operator);
            }
            // SECURITY: who can write to the database makes nobody an operator.
            let what = format!("operator {}", operator.id);
            Err(Refusal::Unproven(StoreError::Unproven { what }))
        }
        Some(_) | None => Err(Refusal::Unauthenticated),
    }
}

/// Adds an operator.
pub async fn add(desk: &Desk, author: &Author, new: NewOperator) -> Result<Operator, Refusal> {
    desk.authorize(author, "operator.add").await?;
    let operator = make(&new.email, new.role, desk.clock.now())?;
    let _changing = desk.changing().await;
    if desk.store.list_operators().await?.iter().any(|known| known.email == operator.email) {
        let why = format!("there is an operator with the email `{}` already", operator.email);
        return Err(Refusal::Conflict { code: "email_taken", why });
    }
    let event = desk.changed(author, "operator.add", &Subject::default(), None::<&Operator>, &operator);
    desk.settle(desk.store.add_operator(&operator, &event).await).await?;
    Ok(operator)
}

/// All operators.
pub async fn list(desk: &Desk, author: &Author) -> Result<Vec<Operator>, Refusal> {
    desk.authorize(author, "operator.list").await?;
    Ok(desk.store.list_operators().await?)
}

/// Issues an API token.
pub async fn issue_token(
    desk: &Desk,
    author: &Author,
    operator: &OperatorId,
    new: &NewToken,
) -> Result<IssuedToken, Refusal> {
    desk.authorize(author, "token.issue").await?;
    let days = new.expires_in_days.unwrap_or(LONGEST_TOKEN_DAYS);
    if !(1..=LONGEST_TOKEN_DAYS).contains(&days) {
        let why = format!("{days} is out of range: expected 1 to {LONGEST_TOKEN_DAYS}");
        return Err(Refusal::invalid("expires_in_days", why));
    }
    let known = desk.store.operator(operator).await?;
    known.ok_or_else(|| Refusal::Missing { what: format!("operator `{operator}`") })?;
    let (kept, issued) = make_token(&desk.pepper, operator, desk.clock.now(), days)?;
    let after = shown(&kept);
    let event = desk.changed(author, "token.issue", &Subject::default(), None::<&Operator>, &after);
    desk.settle(desk.store.add_operator_token(&kept, &event).await).await?;
    Ok(issued)
}

/// The first admin of a new installation, and a token for them: for `init`, where nobody is there yet to ask for it.
pub async fn bootstrap(
    store: &Store,
    pepper: &Pepper,
    clock: &Clock,
    email: &str,
) -> Result<IssuedToken, Refusal> {
    let at = clock.now();
    let operator = make(email, Role::Admin, at)?;
    let (kept, issued) = make_token(pepper, &operator.id, at, LONGEST_TOKEN_DAYS)?;
    let event = |operation: &str, after: serde_json::Value| Event {
        id: EventId::at(at),
        at,
        kind: EventKind::Change,
        // Their own author: there is no other yet.
        actor: Actor { operator_id: Some(operator.id.clone()), ..Actor::default() },
        operation: Some(operation.into()),
        source: None,
        detail: json!({ "before": null, "after": after }).to_string().into(),
    };
    store.add_operator(&operator, &event("operator.add", json!(operator))).await?;
    store.add_operator_token(&kept, &event("token.issue", shown(&kept))).await?;
    Ok(issued)
}

fn make(email: &str, role: Role, at: DateTime<Utc>) -> Result<Operator, Refusal> {
    let email = email.to_lowercase();
    let parts = email.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty());
    let plain = email.chars().all(|character| !character.is_whitespace() && !character.is_control());
    if parts.is_none_or(|(_, host)| host.contains('@')) || !plain || email.len() > LONGEST_EMAIL {
        return Err(Refusal::invalid("email", "expected an email address, such as `ana@example.com`"));
    }
    Ok(Operator { id: OperatorId::from(Uuid::now_v7()), email, role, created_at: at })
}

fn make_token(
    pepper: &Pepper,
    operator: &OperatorId,
    at: DateTime<Utc>,
    days: u32,
) -> Result<(OperatorToken, IssuedToken), Refusal> {
    let token = ApiToken::generate().map_err(|_| SecretError::Random)?;
    let kept = OperatorToken {
        id: token.id().clone(),
        operator_id: operator.clone(),
        hmac: pepper.hash(token.whole().expose_secret())?,
        created_at: at,
        expires_at: at + TimeDelta::days(i64::from(days)),
    };
    let issued = IssuedToken {
        id: kept.id.clone(),
        token: token.whole().clone(),
        operator_id: operator.clone(),
        created_at: at,
        expires_at: kept.expires_at,
    };
    Ok((kept, issued))
}

/// A token as events show it.
fn shown(token: &OperatorToken) -> serde_json::Value {
    #[derive(Serialize)]
    struct Shown<'a> {
        token_id: &'a TokenId,
        operator_id: &'a OperatorId,
        expires_at: DateTime<Utc>,
    }
    json!(Shown { token_id: &token.id, operator_id: &token.operator_id, expires_at: token.expires_at })
}
