//! What the gateway answers by itself.

use bytes::Bytes;
use serde_json::json;

use super::{
    authenticate::Caller,
    denial::{Denial, Invalid},
};
use crate::catalog::OwnAnswer;

/// The answer, or Genesys's own refusal.
pub(super) fn answer(kind: OwnAnswer, caller: &Caller) -> Result<Bytes, Denial> {
    match kind {
        OwnAnswer::Token => Ok(token(caller)),
        // Genesys's code and words (facts: c, d).
        OwnAnswer::NotAUser => Err(Invalid::new(
            "not.a.user",
            "This request is not valid when using the Client Credentials OAuth grant.",
        )
        .into()),
    }
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
