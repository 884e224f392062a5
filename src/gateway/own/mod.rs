//! What the gateway answers by itself: stand-ins for what Genesys would say of the upstream credential, and its own
//! surface `/gateway/v1`, where a tenant learns of itself and of nobody else.

mod about;
mod denials;
mod events;
mod rotation;

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{
    Gateway,
    asked::Asked,
    authenticate::Caller,
    authorize::Permit,
    denial::{Denial, Failure, Invalid},
    limit::{Calendar, Line},
};
use crate::{
    audit::{CallsOf, Record},
    catalog::OwnAnswer,
};

/// So many may read the record at once: it must not keep the writer waiting.
pub(super) const READERS: usize = 4;
/// How long one may wait for its turn and then read.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answer, or Genesys's own refusal.
pub(super) async fn answer(
    gateway: &Gateway,
    kind: OwnAnswer,
    permit: &Permit,
    asked: &Asked<'_>,
    record: &Record,
) -> Result<Bytes, Denial> {
    let (parts, caller) = (&gateway.0.parts, permit.caller());
    let shown = match kind {
        OwnAnswer::Token => return Ok(token(caller)),
        OwnAnswer::Whoami => about::whoami(caller),
        OwnAnswer::Operations => about::operations(&parts.catalog, caller),
        OwnAnswer::RotateKey => rotation::rotate(gateway, permit, asked, record).await?,
        OwnAnswer::Keys | OwnAnswer::Usage | OwnAnswer::Events | OwnAnswer::Denial => {
            let read = read(gateway, kind, caller, asked);
            tokio::time::timeout(PATIENCE, read).await.map_err(|_| Failure::RecordUnreadable)??
        }
        // Genesys's code and words (facts: c, d).
        OwnAnswer::NotAUser => {
            let message = "This request is not valid when using the Client Credentials OAuth grant.";
            return Err(Invalid::new("not.a.user", message).into());
        }
    };
    Ok(Bytes::from(shown.to_string()))
}

/// What only the record knows. Never on the path of other requests.
async fn read(
    gateway: &Gateway,
    kind: OwnAnswer,
    caller: &Caller,
    asked: &Asked<'_>,
) -> Result<Value, Denial> {
    // Its own first: however many a tenant asks for, one of them stands in the line of all.
    let _own = caller.tenant().reading().await;
    let _turn = gateway.0.readers.acquire().await.map_err(|_| Failure::RecordUnreadable)?;
    let parts = &gateway.0.parts;
    let reader = &parts.reader;
    match kind {
        OwnAnswer::Keys => about::keys(&parts.tenancy, caller, parts.clock.now()).await,
        OwnAnswer::Events => events::list(reader, caller, asked).await,
        OwnAnswer::Denial => events::denial(reader, caller, asked).await,
        OwnAnswer::Usage
        | OwnAnswer::Token
        | OwnAnswer::NotAUser
        | OwnAnswer::Whoami
        | OwnAnswer::Operations
        | OwnAnswer::RotateKey => usage(gateway, caller).await,
    }
}

/// What the tenant called in the running minute, day and month, and what its limits leave.
async fn usage(gateway: &Gateway, caller: &Caller) -> Result<Value, Denial> {
    let parts = &gateway.0.parts;
    let now = parts.clock.now();
    let limits = gateway.0.limiter.look(caller, now);
    let tenant = caller.tenant();
    let share = parts.upstream.share(tenant.account(), &tenant.tenant().id, tenant.portion());
    let mut shown = Map::from_iter([
        ("as_of".to_owned(), json!(now)),
        ("limits".to_owned(), json!(limits.lines())),
        ("upstream".to_owned(), json!(Line::of_share(share))),
    ]);
    for (name, since) in Calendar::starts(now) {
        let counted =
            parts.reader.count_calls(CallsOf::tenant(&caller.key().tenant_id, None), since, now).await;
        let calls = counted.map_err(|_| Failure::RecordUnreadable)?;
        let calls = json!({ "since": since, "requests": calls.requests, "refused": calls.refused });
        shown.insert(name.to_owned(), calls);
    }
    Ok(shown.into())
}

/// Genesys's `TokenInfo`, about the key: the upstream token is nobody's business.
fn token(caller: &Caller) -> Bytes {
    let tenant = caller.tenant().tenant();
    let organization = json!({"id": tenant.id, "name": tenant.name});
    let body = json!({
        "organization": organization,
        "homeOrganization": organization,
        "authorizedScope": [],
        "OAuthClient": {
            "id": caller.key().id,
            "name": caller.key().name,
            "authorizedGrantType": "CLIENT-CREDENTIALS",
            "organization": organization,
        },
    });
    Bytes::from(body.to_string())
}
