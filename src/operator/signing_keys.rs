//! The keys that access tokens are signed with: rotated without a gap.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Author, Desk, Refusal, desk::Subject};
use crate::{
    model::{EventKind, SealedSigningKey},
    secret,
    store::StoreError,
    tenancy::{SigningKey, SigningKeys},
};

/// So many are kept at once: each for two days after the next began to sign.
const MOST: usize = 50;

/// What is asked for: a new signing key.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SigningKeyRotation {
    /// Drops all others at once: every access token ends, and programs must log in again.
    pub end_tokens: bool,
}

/// A signing key as operators see it: never the key itself.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct SigningKeyView {
    /// The `kid` of the tokens that it signs.
    pub number: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it signs, unless it is the only one.
    pub signs_from: DateTime<Utc>,
    /// Until when its tokens are known; absent for the newest.
    pub verifies_until: Option<DateTime<Utc>>,
}

/// The signing keys, oldest first.
pub async fn list(desk: &Desk, author: &Author) -> Result<Vec<SigningKeyView>, Refusal> {
    desk.authorize(author, "signing-key.list").await?;
    Ok(shown(desk.tenancy.views().signing_keys()))
}

/// Makes another; every replica knows it before it signs.
pub async fn rotate(
    desk: &Desk,
    author: &Author,
    asked: &SigningKeyRotation,
) -> Result<Vec<SigningKeyView>, Refusal> {
    const ACTION: &str = "signing-key.rotate";
    desk.authorize(author, ACTION).await?;
    let _changing = desk.changing().await;
    let views = desk.tenancy.views();
    let (before, now) = (views.signing_keys(), desk.clock.now());
    // As they are kept: one that could not be opened here counts, and ends with the others.
    let kept: Vec<_> = desk.store.list_signing_keys().await?.iter().map(|key| key.number).collect();
    let over = before.all().filter(|(_, until)| until.is_some_and(|until| until <= now));
    let over = over.map(|(key, _)| key.number()).collect();
    let dropped: Vec<_> = if asked.end_tokens { kept.clone() } else { over };
    let newest = before.all().last().map(|(key, _)| key);
    let waits = before.current(now).zip(newest).is_some_and(|(one, other)| one.number() != other.number());
    if waits && !asked.end_tokens {
        return Err(conflict("a signing key was made a moment ago: rotate it in ten seconds"));
    }
    if kept.len() - dropped.len() >= MOST {
        return Err(conflict("there are 50 signing keys: wait until the oldest is over, or end all tokens"));
    }
    let number = kept.last().map_or(1, |newest| newest.saturating_add(1));
    let sealed = desk.master.seal(&SealedSigningKey::purpose(number), &secret::random_key()?)?;
    let key = SealedSigningKey { number, sealed, created_at: now };
    let detail = json!({
        "before": shown(before), "after": { "added": number, "dropped": dropped, "end_tokens": asked.end_tokens },
    });
    let event = desk.event(author, EventKind::Change, ACTION, &Subject::default(), &detail);
    match desk.store.add_signing_key(&key, &dropped, &event).await {
        Err(StoreError::Conflict { .. }) => {
            return Err(conflict("another signing key, or master key, has just been made: repeat it"));
        }
        kept => desk.settle(kept).await?,
    };
    Ok(shown(desk.tenancy.views().signing_keys()))
}

fn conflict(why: &str) -> Refusal {
    Refusal::Conflict { code: "signing_key_conflict", why: why.to_owned() }
}

fn shown(keys: &SigningKeys) -> Vec<SigningKeyView> {
    let view = |(key, verifies_until): (&Arc<SigningKey>, _)| SigningKeyView {
        number: key.number(),
        created_at: key.created_at(),
        signs_from: key.signs_from(),
        verifies_until,
    };
    keys.all().map(view).collect()
}
