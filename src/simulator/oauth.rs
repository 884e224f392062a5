//! The login: client credentials in the Basic header, errors in the login's own shape.

use axum::http::{HeaderMap, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{answer::Answer, organisation::Organisation};

/// `POST /oauth/token`.
pub(super) fn token(organisation: &Organisation, headers: &HeaderMap, body: &[u8]) -> Answer {
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let grants: Vec<&str> =
        form.iter().filter(|(name, _)| name == "grant_type").map(|(_, value)| value.as_str()).collect();
    match grants.as_slice() {
        ["client_credentials"] => {}
        [] => return refusal(StatusCode::BAD_REQUEST, "invalid_request", "grant_type is required"),
        _ => {
            return refusal(StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant type is not supported");
        }
    }
    if let Some((name, _)) = form.iter().find(|(name, _)| name != "grant_type") {
        return refusal(StatusCode::BAD_REQUEST, "invalid_request", &format!("unexpected parameter {name}"));
    }
    let Some((id, secret)) = basic(headers) else {
        return refusal(StatusCode::BAD_REQUEST, "invalid_request", "client credentials are required");
    };
    match organisation.log_in(&id, &secret) {
        Some((token, lifetime)) => Answer::json(&json!({
            "access_token": token,
            "token_type": "bearer",
            "expires_in": lifetime,
        })),
        None => failed(),
    }
}

/// 401, as the login words it.
fn failed() -> Answer {
    refusal(StatusCode::UNAUTHORIZED, "invalid_client", "authentication failed")
}

/// A refusal in the login's shape, for any status.
pub(super) fn refused(status: StatusCode) -> Answer {
    match status {
        StatusCode::UNAUTHORIZED => failed(),
        StatusCode::TOO_MANY_REQUESTS => refusal(status, "rate_limit_exceeded", "too many token requests"),
        other => refusal(other, "server_error", other.canonical_reason().unwrap_or("the login failed")),
    }
}

fn refusal(status: StatusCode, error: &str, description: &str) -> Answer {
    let body: Value = json!({"error": error, "description": description, "error_description": description});
    Answer::with(status, &body)
}

/// Client id and secret out of the Basic header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get("authorization")?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
