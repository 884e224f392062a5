//! `/admin/v1/tenants/{id}/registry`: what carries no division, and is the tenant's all the same.

use axum::{Json, extract::State};
use http::StatusCode;

use super::Signed;
use crate::{
    model::{Registration, TenantId},
    operator::{
        Desk,
        registry::{self, Named, Registered},
    },
    web::{self, PathId, Problem},
};

/// Lists what is a tenant's, and the calls that may have made what is nobody's.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
) -> Result<Json<Registered>, Problem> {
    Ok(Json(registry::list(&desk, &author, &tenant).await?))
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
