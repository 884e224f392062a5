//! A key puts another in its own place. No other key's: that one may do more, and the answer holds the new one's secret. Nor
//! does an access token: whoever found one would have a key that outlives it.

use chrono::TimeDelta;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    audit::Record,
    gateway::{
        Gateway,
        asked::{Asked, Body},
        authorize::Permit,
        denial::{Denial, Failure, Invalid},
    },
    model::{Actor, ApiKey, Event, EventId, EventKind, Key, NotRotated, Rotation, Successor},
    tenancy::NotRegistered,
};

/// How often a key and those that it was rotated into may do so in a day: what was rotated is never deleted.
const MOST_A_DAY: usize = 10;
/// For at least so long both keys work: a program to which the answer is lost still has one.
const LEAST_OVERLAP_SECONDS: u32 = 60;

/// Rotates the caller's key: what an operator's rotation answers.
pub(super) async fn rotate(
    gateway: &Gateway,
    permit: &Permit,
    asked: &Asked<'_>,
    record: &Record,
) -> Result<Value, Denial> {
    let key = permit.caller().key();
    if permit.caller().is_by_token() {
        return Err(key_required().into());
    }
    if !asked.parameters.iter().any(|(name, value)| name == "keyId" && *value == key.id.as_str()) {
        return Err(Denial::NotFound);
    }
    let Body::Rotation(overlap_seconds) = asked.body else { return Err(Failure::Internal.into()) };
    if overlap_seconds < LEAST_OVERLAP_SECONDS {
        return Err(overlap(overlap_seconds).into());
    }
    let parts = &gateway.0.parts;
    check_often(gateway, key)?;
    let api_key = ApiKey::generate().map_err(|_| Failure::Internal)?;
    let hmac = parts.pepper.hash(api_key.whole().expose_secret()).map_err(|_| Failure::Internal)?;
    let successor = Successor {
        id: api_key.id().clone(),
        hmac,
        created_by: key.id.to_string(),
        // SECURITY: a key gives itself no longer life than it was given.
        expires_at: key.expires_at,
    };
    let rotation =
        Rotation::of(key, successor, overlap_seconds, parts.clock.now()).map_err(|why| told(&why))?;
    let views = gateway.views()?;
    permit.confirm(&views, &parts.clock)?;
    let event = event(gateway, key, &rotation, record);
    parts.tenancy.rotate(&rotation, &event).await.map_err(|error| match error {
        NotRegistered::Known => Denial::from(changed()),
        NotRegistered::Store(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, event.id = %record.id(), "a key was not rotated");
            Failure::NotRecorded.into()
        }
    })?;
    let Rotation { ending, next } = rotation;
    Ok(json!({
        "key_id": next.id, "client_id": next.id, "client_secret": api_key.client_secret().expose_secret(),
        "api_key": api_key.whole().expose_secret(), "name": next.name, "expires_at": next.expires_at,
        "predecessor": { "id": ending.id, "expires_at": ending.expires_at },
    }))
}

fn check_often(gateway: &Gateway, key: &Key) -> Result<(), Denial> {
    let since = gateway.0.parts.clock.now() - TimeDelta::days(1);
    let views = gateway.views()?;
    let row = views.keys_of(&key.tenant_id).filter(|other| other.origin == key.origin);
    if row.filter(|other| other.predecessor.is_some() && other.created_at > since).count() < MOST_A_DAY {
        return Ok(());
    }
    let message = format!("This key was rotated {MOST_A_DAY} times within a day. Rotate it tomorrow.");
    Err(Invalid::of(StatusCode::CONFLICT, "ringfence.key_rotated_often", message).into())
}

fn told(why: &NotRotated) -> Denial {
    match why {
        NotRotated::Followed { .. } | NotRotated::Ended(_) => changed().into(),
        NotRotated::Overlap { seconds } => overlap(*seconds).into(),
    }
}

fn overlap(seconds: u32) -> Invalid {
    let longest = Rotation::LONGEST_OVERLAP_SECONDS;
    let why = format!("{seconds} is out of range: expected {LEAST_OVERLAP_SECONDS} to {longest}");
    Invalid::new("ringfence.body_invalid", format!("`overlap_seconds`: {why}."))
}

fn key_required() -> Invalid {
    let message =
        "An access token rotates no key: send the key itself, as `X-Api-Key` or as the bearer token.";
    Invalid::of(StatusCode::FORBIDDEN, "ringfence.key_required", message)
}

fn changed() -> Invalid {
    let message = "This key was rotated or changed a moment ago. Use the one that followed it; if none did, repeat this.";
    Invalid::of(StatusCode::CONFLICT, "ringfence.key_rotated", message)
}

/// The event of the change, beside that of the call.
fn event(gateway: &Gateway, key: &Key, rotation: &Rotation, record: &Record) -> Event {
    let parts = &gateway.0.parts;
    let now = parts.clock.now();
    let after = json!({ "ending": rotation.ending, "next": rotation.next });
    Event {
        id: EventId::at(now),
        at: now,
        kind: EventKind::Change,
        actor: Actor {
            tenant_id: Some(key.tenant_id.clone()),
            key_id: Some(key.id.clone()),
            operator_id: None,
        },
        operation: Some("key.rotate".into()),
        source: record.source,
        detail: json!({ "before": key, "after": after, "call": record.id() }).to_string().into(),
    }
}
