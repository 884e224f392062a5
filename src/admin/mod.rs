//! Operators' requests as JSON, under `/admin/v1`.
//!
//! Bearer tokens only: no cookie means anything here.
//!
//! The layers, outermost first: correlation id and whole answers ([`crate::web::correlated`]), then authentication, so
//! that a stranger does not even learn which paths exist. Each handler reads, calls [`crate::operator`], writes.

mod authenticate;
mod catalog;
mod events;
mod keys;
mod log;
mod openapi;
mod operators;
mod policies;
mod refusal;
mod registry;
mod routes;
mod service_accounts;
mod signing_keys;
mod tenants;

use std::sync::Arc;

use axum::{Extension, Json, Router, extract::State, middleware::from_fn_with_state};
use http::{Method, StatusCode, Uri};
use serde_json::Value;

use crate::{
    model::{EventId, Role},
    operator::{Desk, check_describe},
    web::{self, Problem},
};
use authenticate::{Signed, authenticate};
use routes::Routes;

/// Everything that the operator listener serves. Give it the peer's address as `ConnectInfo<SocketAddr>`
/// (`into_make_service_with_connect_info`), so that events can say where a request came from.
pub fn router(desk: Desk) -> Router {
    let document = openapi(|role, action| desk.engine.operator_may(role, action));
    let clock = desk.clock.clone();
    let listener = Router::new()
        .nest("/admin/v1", Routes::all().router)
        .layer(Extension(Document(Arc::new(document))))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(desk.clone(), authenticate))
        .with_state(desk);
    web::correlated(listener, move || EventId::at(clock.now()))
}

/// The `OpenAPI` document of these routes; `may` says what a role may do.
pub fn openapi(may: impl Fn(Role, &str) -> bool) -> Value {
    openapi::document(may)
}

/// The `OpenAPI` document, made once.
#[derive(Clone)]
struct Document(Arc<Value>);

impl Document {
    async fn show(
        State(desk): State<Desk>,
        Signed(author): Signed,
        Extension(document): Extension<Self>,
    ) -> Result<Json<Arc<Value>>, Problem> {
        check_describe(&desk, &author).await?;
        Ok(Json(document.0))
    }
}

async fn no_such_path(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("there is nothing at `{path}`; the admin API is under `/admin/v1/`");
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("`{path}` does not take {method}; see the `Allow` header");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
