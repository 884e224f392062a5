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

use super::Problem;
use crate::model::EventId;

/// Genesys's own name for the header.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("inin-correlation-id");

/// Wraps a router: each request gets its [`EventId`] (an extension), each answer its headers; a panic and each
/// [`Problem`] become whole answers.
pub fn correlated(router: Router, new_id: impl Fn() -> EventId + Clone + Send + Sync + 'static) -> Router {
    let correlate = move |request, next| correlate(new_id(), request, next);
    router.layer(CatchPanicLayer::custom(panicked)).layer(from_fn(correlate))
}

async fn correlate(id: EventId, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.answer(&id);
        // What a refused method's answer says in a header of its own stands.
        allow.map(|allow| response.headers_mut().insert(header::ALLOW, allow));
    }
    marked(response, &id)
}

/// Marks an answer with its correlation id, and as never to be kept.
pub(super) fn marked(mut response: Response, id: &EventId) -> Response {
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

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        routing::get,
    };
    use chrono::DateTime;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_whole_problem_that_tells_nothing() {
        async fn broken() -> &'static str {
            panic!("the inside of things")
        }
        let router =
            correlated(Router::new().route("/", get(broken)), || EventId::lowest(DateTime::UNIX_EPOCH));
        let response = router.oneshot(Request::<Body>::default()).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let id = response.headers()[CORRELATION_ID].to_str().unwrap().to_owned();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["code"], "internal_error");
        assert_eq!(problem["correlation_id"], id.as_str());
        assert!(!problem.to_string().contains("inside"));
    }
}
