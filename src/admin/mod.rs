//! Operators' requests as JSON, under `/admin/v1`.
//!
//! Bearer tokens only: no cookie means anything here.
//!
//! The layers, outermost first: correlation id and whole answers ([`crate::web::correlated`]), then authentication, so
//! that a stranger does not even learn which paths exist. Each handler reads, calls [`crate::operator`], writes.

mod authenticate;
mod events;
mod keys;
mod operators;
mod policies;
mod refusal;
mod service_accounts;
mod tenants;

use axum::{
    Json, Router,
    extract::State,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};

use crate::{
    model::EventId,
    operator::{Desk, list_operations},
    web::{self, Problem},
};
use authenticate::{Signed, authenticate};

/// Everything that the operator listener serves. Give it the peer's address as `ConnectInfo<SocketAddr>`
/// (`into_make_service_with_connect_info`), so that events can say where a request came from.
pub fn router(desk: Desk) -> Router {
    let routes = Router::new()
        .route("/operators", post(operators::add).get(operators::list))
        .route("/operators/{id}/tokens", post(operators::issue_token))
        .route("/service-accounts", post(service_accounts::add).get(service_accounts::list))
        .route("/service-accounts/{id}", get(service_accounts::get))
        .route("/service-accounts/{id}/check", post(service_accounts::check))
        .route("/tenants", post(tenants::add).get(tenants::list))
        .route("/tenants/{id}", get(tenants::get).patch(tenants::update))
        .route("/tenants/{id}/suspend", post(tenants::suspend))
        .route("/tenants/{id}/resume", post(tenants::resume))
        .route("/tenants/{id}/keys", post(keys::issue).get(keys::list))
        .route("/tenants/{id}/policies", get(policies::list).put(policies::put))
        .route("/policies/explain", post(policies::explain))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/events", get(events::search))
        .route("/operations", get(operations));
    let clock = desk.clock.clone();
    let listener = Router::new()
        .nest("/admin/v1", routes)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(desk.clone(), authenticate))
        .with_state(desk);
    web::correlated(listener, move || EventId::at(clock.now()))
}

async fn operations(State(desk): State<Desk>, Signed(author): Signed) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "operations": list_operations(&desk, &author).await? })))
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
