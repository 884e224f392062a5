//! `/admin/v1/tenants/{id}/registry`: what carries no division, and is the tenant's all the same.

use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::Signed;
use crate::{
    model::{Registration, TenantId},
    operator::{
        Desk,
        registry::{self, Named},
    },
    web::{self, PathId, Problem},
};

/// What is a tenant's.
#[derive(Serialize, JsonSchema)]
pub(super) struct Registrations {
    registrations: Vec<Registration>,
}

/// Lists what is a tenant's.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
) -> Result<Json<Registrations>, Problem> {
    Ok(Json(Registrations { registrations: registry::list(&desk, &author, &tenant).await? }))
}

/// From now on it is the tenant's.
pub(super) async fn give(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
    web::Json(named): web::Json<Named>,
) -> Result<(StatusCode, Json<Registration>), Problem> {
    Ok((StatusCode::CREATED, Json(registry::give(&desk, &author, &tenant, named).await?)))
}

/// From now on it is the tenant's no more.
pub(super) async fn take(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
    web::Json(named): web::Json<Named>,
) -> Result<Json<Registration>, Problem> {
    Ok(Json(registry::take(&desk, &author, &tenant, named).await?))
}
