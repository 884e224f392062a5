//! `/admin/v1/operations` and `/admin/v1/catalog`.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Signed;
use crate::{
    operator::{
        Desk,
        catalog::{self, Coverage},
    },
    web::{PathId, Problem},
};

/// The catalog.
#[derive(Serialize, JsonSchema)]
pub(super) struct Operations {
    operations: Vec<Value>,
}

/// Lists the operations.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
) -> Result<Json<Operations>, Problem> {
    Ok(Json(Operations { operations: catalog::list(&desk, &author).await? }))
}

/// Shows one operation.
pub(super) async fn get(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(catalog::get(&desk, &author, &id).await?))
}

/// Says how much of the Genesys API is classified.
pub(super) async fn coverage(
    State(desk): State<Desk>,
    Signed(author): Signed,
) -> Result<Json<Coverage>, Problem> {
    Ok(Json(catalog::coverage(&desk, &author).await?))
}
