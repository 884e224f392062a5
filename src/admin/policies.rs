//! `/admin/v1/tenants/{id}/policies` and `/admin/v1/policies/explain`.

use axum::{Json, extract::State};

use super::Signed;
use crate::{
    model::{PolicyVersion, TenantId},
    operator::{
        Desk,
        policies::{self, Answer, NewPolicy, Policies, Question},
    },
    web::{self, PathId, Problem},
};

pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
) -> Result<Json<Policies>, Problem> {
    Ok(Json(policies::list(&desk, &author, &tenant).await?))
}

pub(super) async fn put(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
    web::Json(new): web::Json<NewPolicy>,
) -> Result<Json<PolicyVersion>, Problem> {
    Ok(Json(policies::put(&desk, &author, &tenant, new).await?))
}

pub(super) async fn explain(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(question): web::Json<Question>,
) -> Result<Json<Answer>, Problem> {
    Ok(Json(policies::explain(&desk, &author, question).await?))
}
