//! `/admin/v1/tenants`. A tenant's version is its `ETag`.

use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::Signed;
use crate::{
    model::{Tenant, TenantId},
    operator::{
        Desk,
        tenants::{self, NewTenant, TenantChange},
    },
    web::{self, PathId, Problem},
};

/// All tenants.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tenants {
    tenants: Vec<Tenant>,
}

/// Registers a tenant.
pub(super) async fn add(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(new): web::Json<NewTenant>,
) -> Result<impl IntoResponse, Problem> {
    let tenant = tenants::add(&desk, &author, new).await?;
    Ok((StatusCode::CREATED, shown(tenant)))
}

/// Lists the tenants.
pub(super) async fn list(State(desk): State<Desk>, Signed(author): Signed) -> Result<Json<Tenants>, Problem> {
    Ok(Json(Tenants { tenants: tenants::list(&desk, &author).await? }))
}

/// Shows a tenant, its version as `ETag`.
pub(super) async fn get(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<TenantId>,
) -> Result<impl IntoResponse, Problem> {
    Ok(shown(tenants::get(&desk, &author, &id).await?))
}

/// Changes what is named of a tenant; with `If-Match` only that version.
pub(super) async fn update(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<TenantId>,
    headers: HeaderMap,
    web::Json(change): web::Json<TenantChange>,
) -> Result<impl IntoResponse, Problem> {
    let version = if_match(&headers)?;
    Ok(shown(tenants::update(&desk, &author, &id, change, version).await?))
}

/// From now on the calls of a tenant are refused.
pub(super) async fn suspend(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<TenantId>,
) -> Result<impl IntoResponse, Problem> {
    Ok(shown(tenants::suspend(&desk, &author, &id).await?))
}

/// From now on the calls of a tenant are served again.
pub(super) async fn resume(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<TenantId>,
) -> Result<impl IntoResponse, Problem> {
    Ok(shown(tenants::resume(&desk, &author, &id).await?))
}

fn shown(tenant: Tenant) -> impl IntoResponse {
    ([(header::ETAG, format!("\"{}\"", tenant.version))], Json(tenant))
}

/// The version that the caller has read; without the header, or with `*`, any.
fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let mut values = headers.get_all(header::IF_MATCH).iter();
    let (Some(value), repeated) = (values.next(), values.next().is_some()) else {
        return Ok(None);
    };
    let value = value.to_str().unwrap_or_default();
    if value == "*" && !repeated {
        return Ok(None);
    }
    let version = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).map(str::parse);
    match version {
        Some(Ok(version)) if !repeated => Ok(Some(version)),
        Some(_) | None => {
            let detail = "`If-Match` is not an `ETag` of a tenant: send the one that came with it, or none";
            Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail).about("If-Match"))
        }
    }
}
