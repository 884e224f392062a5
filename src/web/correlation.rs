//! The outermost layer: each answer carries an id that its event is found by, and is whole.

use std::any::Any;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;
use uuid::Uuid;

use super::Problem;
use crate::model::EventId;

/// Genesys's own name for the header.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("inin-correlation-id");

/// Wraps a router: each request gets its [`EventId`] (an extension), each answer its headers; a panic and each
/// [`Problem`] become whole answers.
pub fn correlated(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(panicked)).layer(from_fn(correlate))
}

async fn correlate(mut request: Request, next: Next) -> Response {
    let id = EventId::from(Uuid::now_v7());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let whole = problem.answer(&id);
        // What a refusal says in headers of its own (`Allow`) stands.
        if let Some(allow) = response.headers().get(header::ALLOW).cloned() {
            response = whole;
            response.headers_mut().insert(header::ALLOW, allow);
        } else {
            response = whole;
        }
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert(CORRELATION_ID, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that the layer asks for")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = message.as_deref().unwrap_or("unknown"), "a handler panicked");
    let detail = "something went wrong here; the log has it under this correlation id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
}
