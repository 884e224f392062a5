//! `/admin/v1/service-accounts`.

use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::Signed;
use crate::{
    model::{ServiceAccount, ServiceAccountId},
    operator::{
        Desk,
        service_accounts::{
            self, Budget, NewCredentials, NewServiceAccount, RotatedAccount, ServiceAccountChange,
        },
    },
    web::{self, PathId, Problem},
};

/// All service accounts.
#[derive(Serialize, JsonSchema)]
pub(super) struct ServiceAccounts {
    service_accounts: Vec<ServiceAccount>,
}

/// A service account that works.
#[derive(Serialize, JsonSchema)]
pub(super) struct Checked {
    ok: bool,
}

/// Registers a service account; its secret is sealed at once.
pub(super) async fn add(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(new): web::Json<NewServiceAccount>,
) -> Result<(StatusCode, Json<ServiceAccount>), Problem> {
    let account = service_accounts::add(&desk, &author, new).await?;
    Ok((StatusCode::CREATED, Json(account)))
}

/// Lists the service accounts, without secrets.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
) -> Result<Json<ServiceAccounts>, Problem> {
    Ok(Json(ServiceAccounts { service_accounts: service_accounts::list(&desk, &author).await? }))
}

/// Shows a service account, without its secret.
pub(super) async fn get(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<ServiceAccountId>,
) -> Result<Json<ServiceAccount>, Problem> {
    Ok(Json(service_accounts::get(&desk, &author, &id).await?))
}

/// Changes what is named of a service account while it serves.
pub(super) async fn update(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<ServiceAccountId>,
    web::Json(change): web::Json<ServiceAccountChange>,
) -> Result<Json<ServiceAccount>, Problem> {
    Ok(Json(service_accounts::update(&desk, &author, &id, change).await?))
}

/// Gives a service account other credentials, once Genesys has taken them.
pub(super) async fn rotate(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<ServiceAccountId>,
    web::Json(asked): web::Json<NewCredentials>,
) -> Result<Json<RotatedAccount>, Problem> {
    Ok(Json(service_accounts::rotate(&desk, &author, &id, asked).await?))
}

/// Shows how a service account and its tenants stand with its budget.
pub(super) async fn budget(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<ServiceAccountId>,
) -> Result<Json<Budget>, Problem> {
    Ok(Json(service_accounts::budget(&desk, &author, &id).await?))
}

/// Logs in at Genesys with a service account and calls `tokens/me`.
pub(super) async fn check(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<ServiceAccountId>,
) -> Result<Json<Checked>, Problem> {
    service_accounts::check(&desk, &author, &id).await?;
    Ok(Json(Checked { ok: true }))
}
