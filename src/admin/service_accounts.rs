//! `/admin/v1/service-accounts`.

use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Value, json};

use super::Signed;
use crate::{
    model::{ServiceAccount, ServiceAccountId},
    operator::{
        Desk,
        service_accounts::{self, NewServiceAccount},
    },
    web::{self, PathId, Problem},
};

pub(super) async fn add(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(new): web::Json<NewServiceAccount>,
) -> Result<(StatusCode, Json<ServiceAccount>), Problem> {
    let account = service_accounts::add(&desk, &author, new).await?;
    Ok((StatusCode::CREATED, Json(account)))
}

pub(super) async fn list(State(desk): State<Desk>, Signed(author): Signed) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "service_accounts": service_accounts::list(&desk, &author).await? })))
}

pub(super) async fn get(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<ServiceAccountId>,
) -> Result<Json<ServiceAccount>, Problem> {
    Ok(Json(service_accounts::get(&desk, &author, &id).await?))
}

pub(super) async fn check(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<ServiceAccountId>,
) -> Result<Json<Value>, Problem> {
    service_accounts::check(&desk, &author, &id).await?;
    Ok(Json(json!({ "ok": true })))
}
