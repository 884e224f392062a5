//! `/admin/v1/operators`.

use axum::{Json, extract::State};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Signed;
use crate::{
    model::{Operator, OperatorId},
    operator::{
        Desk,
        operators::{self, NewOperator, NewToken},
    },
    web::{self, PathId, Problem},
};

pub(super) async fn add(
    State(desk): State<Desk>,
    Signed(author): Signed,
    web::Json(new): web::Json<NewOperator>,
) -> Result<(StatusCode, Json<Operator>), Problem> {
    let operator = operators::add(&desk, &author, new).await?;
    Ok((StatusCode::CREATED, Json(operator)))
}

pub(super) async fn list(State(desk): State<Desk>, Signed(author): Signed) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "operators": operators::list(&desk, &author).await? })))
}

pub(super) async fn issue_token(
    State(desk): State<Desk>,
    Signed(author): Signed,
    PathId(id): PathId<OperatorId>,
    web::Json(new): web::Json<NewToken>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let issued = operators::issue_token(&desk, &author, &id, &new).await?;
    let shown = json!({
        "token": issued.token.expose_secret(),
        "token_id": issued.id,
        "operator_id": issued.operator_id,
        "created_at": issued.created_at,
        "expires_at": issued.expires_at,
    });
    Ok((StatusCode::CREATED, Json(shown)))
}
