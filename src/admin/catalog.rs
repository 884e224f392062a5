//! `/admin/v1/operations` and `/admin/v1/catalog`.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::Signed;
use crate::{
    operator::{
        Desk,
        catalog::{self, Coverage, Drift, LONGEST_DOCUMENT_BYTES},
    },
    web::{self, PathId, Problem},
};

// A document of that length, at 1 MB/s.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(64);

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

/// Says what a newer Swagger document of the Genesys API says otherwise.
pub(super) async fn drift(
    State(desk): State<Desk>,
    Signed(author): Signed,
    request: Request,
) -> Result<Json<Drift>, Problem> {
    let comparing = catalog::comparing(&desk, &author).await?;
    let document = web::read_body(request, LONGEST_DOCUMENT_BYTES, DOCUMENT_TIMEOUT).await?;
    Ok(Json(catalog::drift(&desk, comparing, document).await?))
}
