//! `/admin/v1/signing-keys`.

use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::Signed;
use crate::{
    operator::{
        Desk,
        signing_keys::{self, SigningKeyRotation, SigningKeyView},
    },
    web::{self, Problem},
};

/// The keys that access tokens are signed with, oldest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct SigningKeys {
    signing_keys: Vec<SigningKeyView>,
}

/// Lists the keys that access tokens are signed with.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
) -> Result<Json<SigningKeys>, Problem> {
    Ok(Json(SigningKeys { signing_keys: signing_keys::list(&desk, &author).await? }))
}

/// Makes another; every replica knows it before it signs.
pub(super) async fn rotate(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(asked): web::Json<SigningKeyRotation>,
) -> Result<(StatusCode, Json<SigningKeys>), Problem> {
    let signing_keys = signing_keys::rotate(&desk, &author, &asked).await?;
    Ok((StatusCode::CREATED, Json(SigningKeys { signing_keys })))
}
