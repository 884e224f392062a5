//! `/admin/v1/tenants/{id}/policies` and `/admin/v1/policies/explain`.

use axum::{
    Json,
    extract::{RawQuery, State},
};

use super::Signed;
use crate::{
    model::{PolicyVersion, TenantId},
    operator::{
        Desk,
        policies::{self, NewPolicy, PolicyAnswer, PolicyQuestion, TenantPolicies, VersionsAsked},
    },
    web::{self, PathId, Problem, Query},
};

/// Shows a tenant's policies: the template, what is in force beside it, the newest versions.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
    RawQuery(query): RawQuery,
) -> Result<Json<TenantPolicies>, Problem> {
    let asked = VersionsAsked { before: Query::read(query.as_deref(), &["before"])?.take("before")? };
    Ok(Json(policies::list(&desk, &author, &tenant, asked).await?))
}

/// Puts a version of a tenant's own policy.
pub(super) async fn put(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
    web::Json(new): web::Json<NewPolicy>,
) -> Result<Json<PolicyVersion>, Problem> {
    Ok(Json(policies::put(&desk, &author, &tenant, new).await?))
}

/// Says what would be decided about a call, and by which policies.
pub(super) async fn explain(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(question): web::Json<PolicyQuestion>,
) -> Result<Json<PolicyAnswer>, Problem> {
    Ok(Json(policies::explain(&desk, &author, question).await?))
}
