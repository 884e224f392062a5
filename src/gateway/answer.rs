//! Writes answers: whole, valid, never cached, each with its correlation id.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use super::{denial::Denial, limit::Line, oauth::LoginDenial};
use crate::model::{DivisionId, EventId, Masks};

pub(super) type Answered = Response<Full<Bytes>>;

/// Genesys's own header for what it calls the correlation id.
pub(super) static CORRELATION_ID: HeaderName = HeaderName::from_static("inin-correlation-id");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("inin-ratelimit-reset");
static DIVISIONS: HeaderName = HeaderName::from_static("ringfence-divisions");
static MASKS: HeaderName = HeaderName::from_static("ringfence-masks");
/// A header that is longer is refused by many clients.
const MAX_DIVISIONS_HEADER: usize = 4_000;

/// Genesys's error model, `ErrorBody`, as far as it says nothing about anyone's data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    message: &'a str,
    code: &'a str,
    status: u16,
    context_id: &'a str,
    details: [(); 0],
    errors: [(); 0],
}

/// A JSON body with a status.
pub(super) fn json(status: StatusCode, id: &EventId, body: Bytes) -> Answered {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // All that an answer ever has, and what hyper adds: it does not grow.
    headers.reserve(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(CORRELATION_ID.clone(), id);
    }
    response
}

/// Any value as JSON.
pub(super) fn value(status: StatusCode, id: &EventId, value: &impl Serialize) -> Answered {
    match serde_json::to_vec(value) {
        Ok(body) => json(status, id, Bytes::from(body)),
        // Our own types always encode; an answer must be whole JSON even so.
        Err(_) => json(StatusCode::INTERNAL_SERVER_ERROR, id, Bytes::from_static(b"{}")),
    }
}

/// A denial, in Genesys's shape.
pub(super) fn denied(denial: &Denial, id: &EventId) -> Answered {
    let (status, code, message) = denial.shown();
    let context_id = id.as_str();
    let body = ErrorBody { message, code, status: status.as_u16(), context_id, details: [], errors: [] };
    let mut response = value(status, id, &body);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    tell_when_to_retry(&mut response, denial);
    response
}

/// Only where nothing was forwarded and waiting helps: SDKs repeat by themselves what carries it, writes too.
fn tell_when_to_retry(response: &mut Answered, denial: &Denial) {
    if let Some(limited) = denial.limited() {
        if let Some(allowed) = limited.used_up() {
            Line::used_up(allowed, limited.seconds()).show(response.headers_mut());
        }
        response.headers_mut().insert(RATE_LIMIT_RESET, limited.seconds().into());
        if !limited.was_sent() {
            response.headers_mut().insert(header::RETRY_AFTER, limited.seconds().into());
        }
    }
}

/// A denial at the login, in the shape of Genesys's login.
pub(super) fn login_denied(denial: &LoginDenial, id: &EventId) -> Answered {
    let (status, body) = denial.shown();
    let mut response = value(status, id, &body);
    if let LoginDenial::Denied(denial) = denial {
        tell_when_to_retry(&mut response, denial);
    }
    response
}

/// Says which divisions a call was narrowed to.
pub(super) fn name_divisions(response: &mut Answered, divisions: &[DivisionId]) {
    let names: Vec<_> = divisions.iter().map(DivisionId::as_str).collect();
    let names = names.join(",");
    if names.is_empty() || names.len() > MAX_DIVISIONS_HEADER {
        return;
    }
    if let Ok(names) = HeaderValue::from_str(&names) {
        response.headers_mut().insert(DIVISIONS.clone(), names);
    }
}

/// Says what is taken out of an answer.
pub(super) fn name_masks(response: &mut Answered, masks: Masks) {
    if masks.is_empty() {
        return;
    }
    if let Ok(names) = HeaderValue::from_str(&masks.to_string()) {
        response.headers_mut().insert(MASKS.clone(), names);
    }
}
