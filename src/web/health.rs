//! `/health` says alive, `/ready` says able to serve, and if not, for lack of what.

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::json;

/// Something that must be there to serve.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What it is, in one word.
    pub name: &'static str,
    /// Whether it is there now.
    pub ready: bool,
}

/// Both probes; `parts` is asked on each call of `/ready`.
pub fn router(parts: impl Fn() -> Vec<Part> + Clone + Send + Sync + 'static) -> Router {
    Router::new()
        .route("/health", get(async || Json(json!({ "status": "alive" }))))
        .route("/ready", get(async move || ready(&parts())))
}

fn ready(parts: &[Part]) -> impl IntoResponse + use<> {
    let missing: Vec<_> = parts.iter().filter(|part| !part.ready).map(|part| part.name).collect();
    if missing.is_empty() {
        (StatusCode::OK, Json(json!({ "status": "ready" })))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "missing": missing })))
    }
}
