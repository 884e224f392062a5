//! `/admin/v1/tenants/{id}/keys` and `/admin/v1/keys`.

use axum::{Json, extract::State};
use http::StatusCode;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::Signed;
use crate::{
    model::{KeyId, TenantId},
    operator::{
        Desk,
        keys::{self, ChangedKey, IssuedKey, KeyChange, KeyRotation, KeyView, NewKey},
    },
    web::{self, PathId, Problem},
};

/// A key with its secret: written into this one answer and nowhere else.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShownKey {
    client_id: KeyId,
    client_secret: String,
    api_key: String,
    #[serde(flatten)]
    view: KeyView,
}

impl From<IssuedKey> for ShownKey {
    fn from(issued: IssuedKey) -> Self {
        Self {
            client_id: issued.view.key_id.clone(),
            client_secret: issued.client_secret.expose_secret().to_owned(),
            api_key: issued.api_key.expose_secret().to_owned(),
            view: issued.view,
        }
    }
}

/// A tenant's keys.
#[derive(Serialize, JsonSchema)]
pub(super) struct Keys {
    keys: Vec<KeyView>,
}

/// Issues a key; its secret is in this one answer.
pub(super) async fn issue(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
    web::Json(new): web::Json<NewKey>,
) -> Result<(StatusCode, Json<ShownKey>), Problem> {
    let issued = keys::issue(&desk, &author, &tenant, new).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

/// Lists a tenant's keys, ended ones included, without secrets.
pub(super) async fn list(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(tenant): PathId<TenantId>,
) -> Result<Json<Keys>, Problem> {
    Ok(Json(Keys { keys: keys::list(&desk, &author, &tenant).await? }))
}

/// Shows a key, without its secret.
pub(super) async fn get(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<KeyId>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(keys::get(&desk, &author, &id).await?))
}

/// Changes what is named of a key, and of the others of its chain that work still.
pub(super) async fn update(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<KeyId>,
    web::Json(change): web::Json<KeyChange>,
) -> Result<Json<ChangedKey>, Problem> {
    Ok(Json(keys::update(&desk, &author, &id, change).await?))
}

/// Puts another key in the place of one; the new secret is in this one answer.
pub(super) async fn rotate(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<KeyId>,
    web::Json(asked): web::Json<KeyRotation>,
) -> Result<(StatusCode, Json<ShownKey>), Problem> {
    let issued = keys::rotate(&desk, &author, &id, &asked).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

/// Ends a key, its access tokens and the keys that it made of itself for good.
pub(super) async fn revoke(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<KeyId>,
) -> Result<Json<ChangedKey>, Problem> {
    Ok(Json(keys::revoke(&desk, &author, &id).await?))
}
