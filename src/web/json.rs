//! A JSON body, read strictly: capped, of the right type, no unknown or repeated field.

use std::time::Duration;

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, Request},
};
use http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Problem;

/// The largest body that is read, in bytes.
pub const BODY_LIMIT_BYTES: usize = 65_536;

const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body read into `T`, which says what is unknown (`deny_unknown_fields`).
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(&read_body(request, BODY_LIMIT_BYTES, BODY_TIMEOUT).await?).map(Self)
    }
}

/// The bytes of a body that says it is JSON, which is yet to be seen.
pub async fn read_body(request: Request, limit_bytes: usize, within: Duration) -> Result<Bytes, Problem> {
    let (head, body) = request.into_parts();
    check_type(&head.headers)?;
    match tokio::time::timeout(within, to_bytes(body, limit_bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(unread(&error, limit_bytes)),
        Err(_) => {
            let detail = "the body did not arrive in time; send it whole";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail))
        }
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail);
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(refuse("send the body without a content encoding"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let kind = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if types.next().is_some() || !essence.eq_ignore_ascii_case("application/json") {
        return Err(refuse("send the body as `Content-Type: application/json`"));
    }
    Ok(())
}

fn unread(error: &axum::Error, limit_bytes: usize) -> Problem {
    let limited =
        std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
    if limited {
        let detail = format!("the body is larger than {limit_bytes} bytes; send less");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
    }
    Problem::new(StatusCode::BAD_REQUEST, "body_unreadable", "the body broke off; send it whole")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    check_object(bytes)?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, &error.into_inner())
    })?;
    reader.end().map_err(|error| refused(".", &error))?;
    Ok(value)
}

/// A struct would also be read from an array, its fields by position.
fn check_object(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| refused(".", &error))?;
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", "send one JSON object"))
}

fn refused(path: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    if !error.is_data() {
        let detail = format!("the body is not valid JSON: {message}");
        return Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail);
    }
    // "unknown field `x`, …", "missing field `x`" and "duplicate field `x`" name the field, where the path cannot.
    let (message, _place) = message.rsplit_once(" at line ").unwrap_or((&message, ""));
    let quoted = message.split_once(" field `").and_then(|(_, rest)| rest.split_once('`'));
    let field = if path == "." || path == "?" { quoted.map(|(name, _)| name) } else { Some(path) };
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    match field {
        Some(field) if message.contains(&format!("`{field}`")) => {
            Problem::new(status, "invalid_field", message).about(field)
        }
        Some(field) => Problem::new(status, "invalid_field", format!("`{field}`: {message}")).about(field),
        None => Problem::new(status, "invalid_body", message),
    }
}
