//! Tenants' keys: issued, listed, revoked.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Author, Desk, Refusal, check_limits, check_name, desk::Subject, tenants};
use crate::{
    model::{ApiKey, Cidr, Key, KeyId, Limits, TenantId},
    secret::SecretError,
};

const LONGEST_LIFE_DAYS: u32 = 3_650;
const MOST_CIDRS: usize = 100;

/// What is asked for: a new key.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// 1 to 3650; without it, the key does not expire.
    pub expires_in_days: Option<u32>,
    /// May call reads, queries and searches only.
    #[serde(default)]
    pub read_only: bool,
    /// Where it may be used from; empty means anywhere.
    #[serde(default)]
    pub allowed_cidrs: Vec<Cidr>,
    /// How much it may send; its tenant's limits hold beside them.
    #[serde(default, deserialize_with = "super::object_if_any")]
    pub limits: Option<Limits>,
}

/// A key as operators see it: never its secret, which nobody keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct KeyView {
    /// The public half; also the `client_id` of an SDK.
    pub key_id: KeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// For people.
    pub name: String,
    /// Whether it works, as far as the key itself goes (its tenant may be suspended).
    pub state: KeyState,
    /// May call reads, queries and searches only.
    pub read_only: bool,
    /// Where it may be used from; empty means anywhere.
    pub allowed_cidrs: Vec<Cidr>,
    /// How much it may send.
    pub limits: Limits,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// An operator ended it.
    Revoked,
}

/// A key just issued, the only time that its secret is there.
#[derive(Debug)]
pub struct IssuedKey {
    /// What can be seen later too.
    pub view: KeyView,
    /// What an SDK sends as `client_secret`.
    pub client_secret: SecretString,
    /// All of it, in the clear.
    pub api_key: SecretString,
}

impl KeyView {
    fn new(key: &Key, now: DateTime<Utc>) -> Self {
        let expired = key.expires_at.is_some_and(|at| at <= now);
        let state = match key.revoked_at {
            Some(_) => KeyState::Revoked,
            None if expired => KeyState::Expired,
            None => KeyState::Active,
        };
        Self {
            key_id: key.id.clone(),
            tenant: key.tenant_id.clone(),
            name: key.name.clone(),
            state,
            read_only: key.read_only,
            allowed_cidrs: key.allowed_cidrs.clone(),
            limits: key.limits,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// Issues a key.
pub async fn issue(
    desk: &Desk,
    author: &Author,
    tenant: &TenantId,
    new: NewKey,
) -> Result<IssuedKey, Refusal> {
    const ACTION: &str = "key.issue";
    desk.authorize(author, ACTION).await?;
    check(&new)?;
    tenants::known(desk, tenant).await?;
    let api_key = ApiKey::generate().map_err(|_| SecretError::Random)?;
    let now = desk.clock.now();
    let key = Key {
        id: api_key.id().clone(),
        tenant_id: tenant.clone(),
        name: new.name,
        hmac: desk.pepper.hash(api_key.whole().expose_secret())?,
        generation: 1,
        read_only: new.read_only,
        allowed_cidrs: new.allowed_cidrs,
        limits: new.limits.unwrap_or_default(),
        created_at: now,
        expires_at: new.expires_in_days.map(|days| now + TimeDelta::days(i64::from(days))),
        revoked_at: None,
        version: 0,
    };
    let view = KeyView::new(&key, now);
    let event = desk.changed(author, ACTION, &Subject::key(tenant, &key.id), None::<&KeyView>, &view);
    desk.settle(desk.store.add_key(&key, &event).await).await?;
    Ok(IssuedKey { view, client_secret: api_key.client_secret(), api_key: api_key.whole().clone() })
}

/// A tenant's keys, ended ones included.
pub async fn list(desk: &Desk, author: &Author, tenant: &TenantId) -> Result<Vec<KeyView>, Refusal> {
    desk.authorize(author, "key.list").await?;
    tenants::known(desk, tenant).await?;
    let now = desk.clock.now();
    Ok(desk.store.list_keys(tenant).await?.iter().map(|key| KeyView::new(key, now)).collect())
}

/// Ends a key for good; ending it twice keeps the first time.
pub async fn revoke(desk: &Desk, author: &Author, id: &KeyId) -> Result<KeyView, Refusal> {
    const ACTION: &str = "key.revoke";
    desk.authorize(author, ACTION).await?;
    let _changing = desk.changing().await;
    let key = desk.store.key(id).await?.ok_or_else(|| Refusal::Missing { what: format!("key `{id}`") })?;
    let now = desk.clock.now();
    let before = KeyView::new(&key, now);
    let after =
        KeyView { state: KeyState::Revoked, revoked_at: key.revoked_at.or(Some(now)), ..before.clone() };
    let event = desk.changed(author, ACTION, &Subject::key(&key.tenant_id, id), Some(&before), &after);
    desk.settle(desk.store.revoke_key(id, now, &event).await).await?;
    Ok(after)
}

fn check(new: &NewKey) -> Result<(), Refusal> {
    check_name(&new.name)?;
    check_limits(&new.limits.unwrap_or_default())?;
    if let Some(days) = new.expires_in_days.filter(|days| !(1..=LONGEST_LIFE_DAYS).contains(days)) {
        let why = format!("{days} is out of range: expected 1 to {LONGEST_LIFE_DAYS}");
        return Err(Refusal::invalid("expires_in_days", why));
    }
    if new.allowed_cidrs.len() > MOST_CIDRS {
        return Err(Refusal::invalid("allowed_cidrs", format!("send at most {MOST_CIDRS}")));
    }
    Ok(())
}
