//! What may be different of an account while it serves.

use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{check_budget, check_description, keep, proven};
use crate::{
    model::{EventKind, ServiceAccount, ServiceAccountId, TenantId},
    operator::{Author, Desk, Refusal, check_reason, desk::Subject},
};

/// What is to be different; what is absent stays. Credentials are rotated instead, and URLs never change.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccountChange {
    /// What it is for.
    pub description: Option<String>,
    /// May serve several tenants; `false` while it serves one at most. Needs a `reason`.
    pub shared: Option<bool>,
    /// Why, for those who read the record; with `shared` it is needed.
    pub reason: Option<String>,
    /// How many tokens its calls are spread over, 1 to 20.
    pub tokens: Option<u32>,
    /// What one token sends a minute at most; `null` for what is configured for all accounts.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<u32>")]
    pub requests_per_minute: Option<TokenRate>,
    /// What tenants leave of their shares is lent to the others.
    pub lend_idle: Option<bool>,
}

/// What one token sends a minute at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRate {
    /// What is configured for all accounts.
    Configured,
    /// So much.
    Own(u32),
}

/// For `deserialize_with`: tells `null` from nothing.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TokenRate>, D::Error> {
    let rate = Option::deserialize(deserializer)?;
    Ok(Some(rate.map_or(TokenRate::Configured, TokenRate::Own)))
}

/// Changes what is named of an account; what it has sent in this minute counts as before.
pub async fn update(
    desk: &Desk,
    author: &Author,
    id: &ServiceAccountId,
    change: ServiceAccountChange,
) -> Result<ServiceAccount, Refusal> {
    const ACTION: &str = "service-account.update";
    desk.authorize(author, ACTION).await?;
    let _changing = desk.changing().await;
    let before = proven(desk, id).await?;
    let reason = change.reason.clone();
    let after = apply(change, (*before).clone());
    check_description(&after.description)?;
    check_budget(&after)?;
    if after.shared != before.shared || reason.is_some() {
        check_reason(reason.as_deref().unwrap_or_default())?;
    }
    if !after.shared {
        check_alone(desk, id).await?;
    }
    let detail = json!({ "before": *before, "after": after, "reason": reason });
    let event = desk.event(author, EventKind::Change, ACTION, &Subject::default(), &detail);
    keep(desk, after, &event).await
}

fn apply(change: ServiceAccountChange, mut account: ServiceAccount) -> ServiceAccount {
    let ServiceAccountChange { description, shared, reason: _, tokens, requests_per_minute, lend_idle } =
        change;
    account.description = description.unwrap_or(account.description);
    account.shared = shared.unwrap_or(account.shared);
    account.tokens = tokens.unwrap_or(account.tokens);
    account.requests_per_minute = match requests_per_minute {
        None => account.requests_per_minute,
        Some(TokenRate::Configured) => None,
        Some(TokenRate::Own(rate)) => Some(rate),
    };
    account.lend_idle = lend_idle.unwrap_or(account.lend_idle);
    account
}

/// Who serves several is shared, whatever it is called.
async fn check_alone(desk: &Desk, id: &ServiceAccountId) -> Result<(), Refusal> {
    let own = desk.store.served_by(id).await?;
    if own.len() < 2 {
        return Ok(());
    }
    let why = format!(
        "service account `{id}` serves the tenants {}; give all but one of them another account first",
        own.iter().map(TenantId::as_str).collect::<Vec<_>>().join(", ")
    );
    Err(Refusal::Conflict { code: "service_account_shared", why })
}
