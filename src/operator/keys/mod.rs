//! Tenants' keys: issued, shown, changed, rotated, revoked.

mod change;

use std::iter::once;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use change::{KeyChange, Restriction, update};

use super::{Author, Desk, Refusal, check_limits, check_name, desk::Subject, tenants};
use crate::{
    catalog::Entry,
    model::{
        ApiKey, Cidr, Event, EventKind, Key, KeyId, KeyState, KeyUse, Limits, Rotation, Successor, TenantId,
    },
    secret::SecretError,
    store::StoreError,
};

const LONGEST_LIFE_DAYS: u32 = 3_650;
const MOST_CIDRS: usize = 100;
const MOST_OPERATIONS: usize = 200;
/// More often than a key can be rotated in a day.
const REVOKED_WHILE_ROTATED: usize = 20;

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
    /// The operations, or groups of them, that it may call of what its tenant's policies permit; empty means all of that.
    #[serde(default)]
    pub allowed_operations: Vec<String>,
    /// Where it may be used from; empty means anywhere.
    #[serde(default)]
    pub allowed_cidrs: Vec<Cidr>,
    /// How much it may send; its tenant's limits hold beside them.
    #[serde(default, deserialize_with = "super::object_if_any")]
    pub limits: Option<Limits>,
}

/// A key as it is after a change, and which others were changed with it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ChangedKey {
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
    /// Other keys of its chain for which the same was done.
    pub also: Vec<KeyId>,
}

/// What is asked for: another key in the place of one.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// For how long both work: 0, which ends the old one at once, to 2,592,000 (30 days).
    pub overlap_seconds: u32,
    /// 1 to 3650; without it, the new key lives as long as the old one was to live, from now on.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
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
    /// The operations, and groups of them, that it may call of what its tenant's policies permit; empty means all of that.
    pub allowed_operations: Vec<String>,
    /// Where it may be used from; empty means anywhere.
    pub allowed_cidrs: Vec<Cidr>,
    /// How much it may send.
    pub limits: Limits,
    /// Who made it: an operator, or the key that its tenant rotated into it.
    pub created_by: String,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it works still, and will not in 30 days.
    pub expires_soon: bool,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What policies know it by: the first of the keys that were rotated into this one, or itself.
    pub origin: KeyId,
    /// The key that it followed.
    pub predecessor: Option<KeyId>,
    /// The key that follows it.
    pub successor: Option<KeyId>,
    /// When it was last used, and from where.
    pub last_used: Option<KeyUse>,
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
    fn new(key: &Key, last_used: Option<KeyUse>, now: DateTime<Utc>) -> Self {
        Self {
            key_id: key.id.clone(),
            tenant: key.tenant_id.clone(),
            name: key.name.clone(),
            state: key.state(now),
            read_only: key.read_only,
            allowed_operations: key.allowed_operations.clone(),
            allowed_cidrs: key.allowed_cidrs.clone(),
            limits: key.limits,
            created_by: key.created_by.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            expires_soon: key.ends_soon(now).is_some(),
            revoked_at: key.revoked_at,
            origin: key.origin.clone(),
            predecessor: key.predecessor.clone(),
            successor: key.successor.clone(),
            last_used,
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
    let api_key = ApiKey::generate().map_err(|_| SecretError::Random)?;
    let now = desk.clock.now();
    let key = Key {
        id: api_key.id().clone(),
        tenant_id: tenant.clone(),
        name: new.name,
        hmac: desk.pepper.hash(api_key.whole().expose_secret())?,
        generation: 1,
        read_only: new.read_only,
        allowed_operations: new.allowed_operations,
        allowed_cidrs: new.allowed_cidrs,
        limits: new.limits.unwrap_or_default(),
        created_by: author.operator.email.clone(),
        created_at: now,
        expires_at: end(new.expires_in_days, now)?,
        revoked_at: None,
        origin: api_key.id().clone(),
        predecessor: None,
        successor: None,
        version: 0,
    };
    check(desk, &key)?;
    tenants::known(desk, tenant).await?;
    let view = KeyView::new(&key, None, now);
    let event = desk.changed(author, ACTION, &Subject::key(tenant, &key.id), None::<&KeyView>, &view);
    desk.settle(desk.store.add_key(&key, &event).await).await?;
    Ok(IssuedKey::new(view, &api_key))
}

/// A tenant's keys, ended ones included.
pub async fn list(desk: &Desk, author: &Author, tenant: &TenantId) -> Result<Vec<KeyView>, Refusal> {
    desk.authorize(author, "key.list").await?;
    tenants::known(desk, tenant).await?;
    let now = desk.clock.now();
    let keys = desk.store.list_keys(tenant).await?;
    let uses = desk.tenancy.last_uses(tenant).await?;
    Ok(keys.iter().map(|key| KeyView::new(key, uses.get(&key.id).copied(), now)).collect())
}

/// One key.
pub async fn get(desk: &Desk, author: &Author, id: &KeyId) -> Result<KeyView, Refusal> {
    desk.authorize(author, "key.list").await?;
    let key = known(desk, id).await?;
    let uses = desk.tenancy.last_uses(&key.tenant_id).await?;
    Ok(KeyView::new(&key, uses.get(id).copied(), desk.clock.now()))
}

/// Puts another key in the place of one; both work until the overlap has passed.
pub async fn rotate(
    desk: &Desk,
    author: &Author,
    id: &KeyId,
    asked: &KeyRotation,
) -> Result<IssuedKey, Refusal> {
    const ACTION: &str = "key.rotate";
    desk.authorize(author, ACTION).await?;
    let _changing = desk.changing().await;
    let before = known(desk, id).await?;
    let now = desk.clock.now();
    let api_key = ApiKey::generate().map_err(|_| SecretError::Random)?;
    let as_long = before.expires_at.map(|end| now + (end - before.created_at));
    let successor = Successor {
        id: api_key.id().clone(),
        hmac: desk.pepper.hash(api_key.whole().expose_secret())?,
        created_by: author.operator.email.clone(),
        expires_at: end(asked.expires_in_days, now)?.or(as_long),
    };
    let rotation = Rotation::of(&before, successor, asked.overlap_seconds, now)?;
    let before = KeyView::new(&before, None, now);
    let [ending, next] = [&rotation.ending, &rotation.next].map(|key| KeyView::new(key, None, now));
    let after = json!({ "ending": ending, "next": next });
    let event = desk.changed(author, ACTION, &Subject::key(&before.tenant, id), Some(&before), &after);
    desk.settle(told_apart(desk.store.rotate_key(&rotation, &event).await, id)?).await?;
    Ok(IssuedKey::new(next, &api_key))
}

/// Ends a key for good, and those that it made of itself: whoever holds it made them. Ending it twice keeps the first time.
pub async fn revoke(desk: &Desk, author: &Author, id: &KeyId) -> Result<ChangedKey, Refusal> {
    const ACTION: &str = "key.revoke";
    desk.authorize(author, ACTION).await?;
    let _changing = desk.changing().await;
    for _ in 0..REVOKED_WHILE_ROTATED {
        let (key, others) = chain(desk, id).await?;
        let now = desk.clock.now();
        let live = |key: &&Key| key.state(now) == KeyState::Active;
        let made = key.made_of_itself(&others).into_iter().filter(live).cloned();
        let ended = |key: &Key| Key { revoked_at: key.revoked_at.or(Some(now)), ..key.clone() };
        let made: Vec<_> = made.map(|key| (key.clone(), ended(&key))).collect();
        let (event, changed) = changed(desk, author, ACTION, (&key, &ended(&key)), &made, now);
        let all: Vec<_> = once(key).chain(made.into_iter().map(|(before, _)| before)).collect();
        match desk.store.revoke_keys(&all, now, &event).await {
            // It was rotated or changed meanwhile: what it was rotated into ends with it.
            Err(StoreError::Conflict { .. }) => {}
            kept => {
                desk.settle(kept).await?;
                return Ok(changed);
            }
        }
    }
    Err(changed_meanwhile(id))
}

impl IssuedKey {
    fn new(view: KeyView, api_key: &ApiKey) -> Self {
        Self { view, client_secret: api_key.client_secret(), api_key: api_key.whole().clone() }
    }
}

/// The event of a change of a key, and of others with it, as they were and as they are; and what is answered.
fn changed(
    desk: &Desk,
    author: &Author,
    action: &str,
    (before, after): (&Key, &Key),
    others: &[(Key, Key)],
    now: DateTime<Utc>,
) -> (Event, ChangedKey) {
    let view = |key: &Key| KeyView::new(key, None, now);
    let pair = |before, after| json!({ "before": view(before), "after": view(after) });
    let mut detail = pair(before, after);
    if let Some(fields) = detail.as_object_mut().filter(|_| !others.is_empty()) {
        let also = others.iter().map(|(before, after)| pair(before, after)).collect();
        fields.insert("also".to_owned(), also);
    }
    let subject = Subject::key(&after.tenant_id, &after.id);
    let event = desk.event(author, EventKind::Change, action, &subject, &detail);
    let also = others.iter().map(|(key, _)| key.id.clone()).collect();
    (event, ChangedKey { key: view(after), also })
}

/// The key, and the others of its chain.
async fn chain(desk: &Desk, id: &KeyId) -> Result<(Key, Vec<Key>), Refusal> {
    let key = known(desk, id).await?;
    let keys = desk.store.list_keys(&key.tenant_id).await?;
    let others = keys.into_iter().filter(|other| other.origin == key.origin && other.id != key.id).collect();
    Ok((key, others))
}

/// The key, or that there is none.
async fn known(desk: &Desk, id: &KeyId) -> Result<Key, Refusal> {
    desk.store.key(id).await?.ok_or_else(|| Refusal::Missing { what: format!("key `{id}`") })
}

/// A key was looked at a moment ago: what stands against the change is somebody else's.
fn told_apart(kept: Result<i64, StoreError>, id: &KeyId) -> Result<Result<i64, StoreError>, Refusal> {
    match kept {
        Err(StoreError::Conflict { .. }) => Err(changed_meanwhile(id)),
        kept => Ok(kept),
    }
}

fn changed_meanwhile(id: &KeyId) -> Refusal {
    let why = format!("key `{id}` has just been changed by somebody else; repeat the change");
    Refusal::Conflict { code: "changed_meanwhile", why }
}

fn end(days: Option<u32>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Refusal> {
    if let Some(days) = days.filter(|days| !(1..=LONGEST_LIFE_DAYS).contains(days)) {
        let why = format!("{days} is out of range: expected 1 to {LONGEST_LIFE_DAYS}");
        return Err(Refusal::invalid("expires_in_days", why));
    }
    Ok(days.map(|days| now + TimeDelta::days(i64::from(days))))
}

/// What can be judged of a key by itself.
fn check(desk: &Desk, key: &Key) -> Result<(), Refusal> {
    check_name(&key.name)?;
    check_limits(&key.limits)?;
    check_cidrs(&key.allowed_cidrs)?;
    check_operations(desk, &key.allowed_operations)
}

fn check_cidrs(cidrs: &[Cidr]) -> Result<(), Refusal> {
    if cidrs.len() > MOST_CIDRS {
        return Err(Refusal::invalid("allowed_cidrs", format!("send at most {MOST_CIDRS}")));
    }
    Ok(())
}

/// Operations that are enabled, and groups of them.
fn check_operations(desk: &Desk, names: &[String]) -> Result<(), Refusal> {
    const FIELD: &str = "allowed_operations";
    if names.len() > MOST_OPERATIONS {
        return Err(Refusal::invalid(FIELD, format!("send at most {MOST_OPERATIONS}; groups count as one")));
    }
    let Some(unknown) = names.iter().find(|name| !desk.engine.knows_action(name)) else { return Ok(()) };
    let why = match desk.catalog.named(unknown) {
        Some(Entry::Denied(denied)) => {
            format!("`{}` is denied to everyone: {}; leave it out", denied.id, denied.reason)
        }
        Some(Entry::Enabled(_)) | None => {
            let groups: Vec<_> = desk.engine.groups().into_iter().collect();
            format!("there is no {}; groups are: {}", desk.catalog.missing(unknown), groups.join(", "))
        }
    };
    Err(Refusal::invalid(FIELD, why))
}
